//! The thread of a proxy: waits for sockets and orders, and moves bytes.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Instant;

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::flow::{Dice, Manner};
use super::pair::{Fate, Pair};
use super::{Answer, Cut, Order, Traffic, Way};

/// See the module.
#[derive(Debug)]
pub(super) struct Engine {
    /// `None`: new connections are refused.
    listener: Option<TcpListener>,
    address: SocketAddr,
    target: SocketAddr,
    rings: UnixStream,
    inbox: Receiver<(Order, Answer)>,
    pairs: Vec<Pair>,
    manner: Manner,
    is_silent: bool,
    /// A cut that the next bytes bring about, on whichever connection.
    awaited: Option<(Way, u64, Cut)>,
    accepted: u64,
    /// Of pairs that have ended.
    past: Traffic,
}

impl Engine {
    pub(super) fn new(
        listener: TcpListener,
        target: SocketAddr,
        rings: UnixStream,
        inbox: Receiver<(Order, Answer)>,
    ) -> Result<Self> {
        listener.set_nonblocking(true)?;
        rings.set_nonblocking(true)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            target,
            rings,
            inbox,
            pairs: Vec::new(),
            manner: Manner::default(),
            is_silent: false,
            awaited: None,
            accepted: 0,
            past: Traffic::default(),
        })
    }

    /// Until nobody gives orders any more.
    pub(super) fn run(mut self) {
        loop {
            let ready = self.wait();
            // Whatever woke it: a bell that is rung twice before it is heard is one ring.
            let _ = self.rings.read(&mut [0; 64]);
            loop {
                match self.inbox.try_recv() {
                    Ok((order, answer)) => {
                        let done = self.obey(order).map(|()| self.traffic());
                        // Who asked may have given up.
                        let _ = answer.send(done);
                    }
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            if !self.is_silent {
                self.advance(&ready);
                self.accept();
            }
        }
    }

    /// Waits until something can be done. Returns what is ready at both ends of each pair.
    fn wait(&self) -> Vec<[PollFlags; 2]> {
        let now = Instant::now();
        let mut fds = vec![PollFd::new(&self.rings, PollFlags::IN)];
        let mut due = None;
        if !self.is_silent {
            fds.extend(self.pairs.iter().flat_map(|pair| pair.polled(now)));
            if let Some(listener) = &self.listener {
                fds.push(PollFd::new(listener, PollFlags::IN));
            }
            due = self.pairs.iter().filter_map(|pair| pair.due(now)).min();
        }
        let left = due.and_then(|due| Timespec::try_from(due - now).ok());
        if poll(&mut fds, left.as_ref()).is_err() {
            return Vec::new();
        }
        fds[1..]
            .chunks_exact(2)
            .take(self.pairs.len())
            .map(|ends| [ends[0].revents(), ends[1].revents()])
            .collect()
    }

    fn advance(&mut self, ready: &[[PollFlags; 2]]) {
        let mut is_spent = false;
        let mut ready = ready.iter().copied();
        let pairs = std::mem::take(&mut self.pairs);
        for mut pair in pairs {
            if let Some((way, bytes, how)) = self.awaited.take() {
                pair.cut_after(way, bytes, how);
            }
            let flags = ready.next().unwrap_or([PollFlags::empty(); 2]);
            match pair.advance(flags, &mut self.manner) {
                Fate::Lives => self.pairs.push(pair),
                Fate::Over => self.end(pair, Cut::Fin),
                Fate::Cut(how) => {
                    is_spent |= pair.is_spent();
                    self.end(pair, how);
                }
            }
        }
        if is_spent {
            // One was wanted.
            self.pairs.iter_mut().for_each(Pair::allow_all);
        }
    }

    fn end(&mut self, pair: Pair, how: Cut) {
        self.past.forth += pair.forth.passed;
        self.past.back += pair.back.passed;
        pair.cut(how);
    }

    fn accept(&mut self) {
        while let Some((client, _)) = self.listener.as_ref().and_then(|it| it.accept().ok()) {
            self.accepted += 1;
            // A target that is not there ends the connection, as told to the client.
            if let Ok(pair) = Pair::connect(client, self.target) {
                self.pairs.push(pair);
            }
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Look => {}
            Order::Cut(how) => {
                for pair in std::mem::take(&mut self.pairs) {
                    self.end(pair, how);
                }
            }
            Order::CutAfter(way, bytes, how) => {
                for pair in &mut self.pairs {
                    pair.cut_after(way, bytes, how);
                }
                if self.pairs.is_empty() {
                    self.awaited = Some((way, bytes, how));
                }
            }
            Order::Silence(is_silent) => self.is_silent = is_silent,
            Order::Delay(time) => self.manner.delay = time,
            Order::Chop(seed) => self.manner.dice = seed.map(Dice::new),
            Order::Admit(false) => self.listener = None,
            Order::Admit(true) => {
                let listener = TcpListener::bind(self.address)?;
                listener.set_nonblocking(true)?;
                self.listener = Some(listener);
            }
            Order::Inject(way, bytes) => {
                for pair in &mut self.pairs {
                    match way {
                        Way::Forth => pair.forth.add(&bytes),
                        Way::Back => pair.back.add(&bytes),
                    }
                }
            }
            Order::Target(target) => self.target = target,
            Order::Replace(from, to) => self.manner.replaced.push((from, to)),
        }
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        let sum = |of: fn(&Pair) -> u64| self.pairs.iter().map(of).sum::<u64>();
        Traffic {
            open: self.pairs.len(),
            accepted: self.accepted,
            forth: self.past.forth + sum(|pair| pair.forth.passed),
            back: self.past.back + sum(|pair| pair.back.passed),
        }
    }
}
