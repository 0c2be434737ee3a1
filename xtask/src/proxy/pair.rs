//! The two connections of which a proxy makes one.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags};

use super::flow::{Broken, Flow, Manner};
use super::{Cut, Way};

/// How long the target may take to let a connection in. It is on this machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Pair {
    client: TcpStream,
    server: TcpStream,
    pub(super) forth: Flow,
    pub(super) back: Flow,
    /// What is to be done when a flow has passed what it may.
    last: Option<Cut>,
}

/// What has become of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    Over,
    Cut(Cut),
}

impl Pair {
    /// Connects a client that was let in to the target.
    pub(super) fn connect(client: TcpStream, target: SocketAddr) -> Result<Self> {
        let server = match TcpStream::connect_timeout(&target, PATIENCE) {
            Ok(server) => server,
            Err(error) => {
                reset(&client);
                return Err(error.into());
            }
        };
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok(Self {
            client,
            server,
            forth: Flow::default(),
            back: Flow::default(),
            last: None,
        })
    }

    /// Its sockets, with what they are waited for.
    pub(super) fn polled(&self, now: Instant) -> [PollFd<'_>; 2] {
        let flags = |reads: &Flow, writes: &Flow| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, reads.wants_input());
            flags.set(PollFlags::OUT, writes.wants_output(now));
            flags
        };
        [
            PollFd::new(&self.client, flags(&self.forth, &self.back)),
            PollFd::new(&self.server, flags(&self.back, &self.forth)),
        ]
    }

    /// When it will want to write, if not at this moment.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.forth
            .due(now)
            .into_iter()
            .chain(self.back.due(now))
            .min()
    }

    /// Cuts when so many more bytes have passed.
    pub(super) fn cut_after(&mut self, way: Way, bytes: u64, how: Cut) {
        let flow = match way {
            Way::Forth => &mut self.forth,
            Way::Back => &mut self.back,
        };
        flow.allowed = Some(bytes);
        self.last = Some(how);
    }

    /// Takes [`cut_after`](Self::cut_after) back.
    pub(super) fn allow_all(&mut self) {
        self.forth.allowed = None;
        self.back.allowed = None;
        self.last = None;
    }

    /// Whether it has passed what it may.
    pub(super) fn is_spent(&self) -> bool {
        self.forth.is_spent() || self.back.is_spent()
    }

    /// Moves what can be moved.
    pub(super) fn advance(&mut self, ready: [PollFlags; 2], manner: &mut Manner) -> Fate {
        match self.try_advance(ready, manner) {
            // An error of one end is one for the other.
            Err(Broken) => Fate::Cut(Cut::Reset),
            Ok(()) if self.is_spent() => Fate::Cut(self.last.unwrap_or(Cut::Fin)),
            Ok(()) if self.forth.is_over() && self.back.is_over() => Fate::Over,
            Ok(()) => Fate::Lives,
        }
    }

    fn try_advance(&mut self, ready: [PollFlags; 2], manner: &mut Manner) -> Result<(), Broken> {
        let failed = PollFlags::ERR | PollFlags::NVAL;
        let Self {
            client,
            server,
            forth,
            back,
            ..
        } = self;
        for (flow, from, to, at_from, at_to) in [
            (forth, &*client, &*server, ready[0], ready[1]),
            (back, &*server, &*client, ready[1], ready[0]),
        ] {
            if at_from.intersects(failed) {
                return Err(Broken);
            }
            if flow.wants_input() && at_from.intersects(PollFlags::IN | PollFlags::HUP) {
                flow.read(from, manner)?;
            }
            let now = Instant::now();
            // What has just been read may go at once, when the other end takes it.
            if flow.wants_output(now) && !at_to.contains(PollFlags::HUP) {
                flow.write(to, manner)?;
            }
            flow.finish(to);
        }
        Ok(())
    }

    /// Ends it.
    pub(super) fn cut(self, how: Cut) {
        if how == Cut::Reset {
            reset(&self.client);
            reset(&self.server);
        }
    }
}

/// Makes the end of a connection one with an error, when it is dropped.
fn reset(stream: &TcpStream) {
    // Without it the end is a common one.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
