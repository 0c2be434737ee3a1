//! One end of a connection, as senders and agents have it: its socket, and how frames are written to it.

use std::time::Duration;

use skynet_cluster_wire::Framer;
use skynet_service::abi::{SOCKET_OPTION_DEAD_AFTER, SOCKET_OPTION_NODELAY};
use skynet_service::socket::SocketId;
use skynet_service::{Buffer, Context, log};

use crate::outbox::{Head, Outbox};
use crate::transport::Transport;

/// Bytes that are written before others have their turn.
const BURST: usize = 256 << 10;
/// How long what was written may take to leave when this end closes.
const LINGER: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) socket: SocketId,
    pub(crate) transport: Transport,
    pub(crate) framer: Framer,
    /// When something came last.
    pub(crate) heard: Duration,
    /// Bytes of frames that were written.
    pub(crate) written: u64,
    /// When it was last looked at how long that is ago.
    looked: Duration,
}

impl Line {
    /// A new connection, of which TCP notices within `silence` that nobody takes what is written.
    pub(crate) fn new(
        cx: &Context,
        socket: SocketId,
        transport: Transport,
        silence: Duration,
    ) -> Self {
        // Both hold, or the connection is about to end.
        let _ = cx.socket_set(socket, SOCKET_OPTION_NODELAY, 1);
        let silence = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        let _ = cx.socket_set(socket, SOCKET_OPTION_DEAD_AFTER, silence);
        let now = cx.now();
        let mut line = Self {
            socket,
            transport,
            framer: Framer::new(),
            heard: now,
            written: 0,
            looked: now,
        };
        line.transport.begin(cx, socket);
        line
    }

    /// For how long nothing has come. To be asked every `pause`.
    pub(crate) fn silence(&mut self, now: Duration, pause: Duration) -> Duration {
        // This node was stopped, or very busy: what has come meanwhile may not have been read yet.
        if now.saturating_sub(self.looked) > pause * 2 {
            self.heard = self.heard.max(now.saturating_sub(pause));
        }
        self.looked = now;
        now.saturating_sub(self.heard)
    }

    fn write(&mut self, cx: &Context, frames: Buffer) -> bool {
        self.written += frames.len() as u64;
        let written = self.transport.write(cx, self.socket, frames);
        // If it failed, the connection's end comes as an event of its own.
        written
            .inspect_err(|error| log::debug!("socket {}: {error}", self.socket))
            .is_ok()
    }

    /// Closes it, after what was written.
    pub(crate) fn close(mut self, cx: &Context) {
        self.transport.end(cx, self.socket);
        if let Err(error) = cx.socket_close(self.socket, LINGER) {
            log::debug!("{error}");
        }
    }
}

/// What is to be written, and when.
#[derive(Debug)]
pub(crate) struct Output<H> {
    pub(crate) outbox: Outbox<H>,
    /// The socket has more to write than is good.
    pub(crate) congested: bool,
    /// Whether the message that makes what waits be written is on its way.
    flushing: bool,
}

impl<H: Head> Output<H> {
    pub(crate) fn new() -> Self {
        Self {
            outbox: Outbox::default(),
            congested: false,
            flushing: false,
        }
    }

    /// Something waits to be written: soon, together with what comes until then.
    #[inline]
    pub(crate) fn mark(&mut self, cx: &Context, line: Option<&mut Line>) {
        if self.outbox.is_batch() && !self.congested {
            self.write_chunk(cx, line);
        }
        self.flush_later(cx);
    }

    fn flush_later(&mut self, cx: &Context) {
        if !self.flushing {
            // It goes to the end of the mailbox: what is there already is written together.
            self.flushing = cx.wake(0);
        }
    }

    /// The message that makes what waits be written is here.
    pub(crate) fn on_wake(&mut self, cx: &Context, line: Option<&mut Line>) {
        self.flushing = false;
        self.flush(cx, line);
    }

    /// Writes what there is, as far as the connection takes it and others have waited.
    pub(crate) fn flush(&mut self, cx: &Context, mut line: Option<&mut Line>) {
        let mut written = 0;
        while !self.congested && written < BURST {
            let before = self.outbox.bytes();
            if !self.write_chunk(cx, line.as_deref_mut()) {
                return;
            }
            written += before - self.outbox.bytes();
        }
        if !self.congested {
            self.flush_later(cx);
        }
    }

    /// Writes all there is, as far as the connection takes it: this end is about to close.
    pub(crate) fn drain(&mut self, cx: &Context, mut line: Option<&mut Line>) {
        while !self.congested && self.write_chunk(cx, line.as_deref_mut()) {}
    }

    /// What waits is for nobody any more.
    pub(crate) fn clear(&mut self) {
        self.outbox = Outbox::default();
        self.congested = false;
    }

    /// Writes the next bytes; false if there is nothing to write, or nowhere.
    fn write_chunk(&mut self, cx: &Context, line: Option<&mut Line>) -> bool {
        let Some(line) = line else {
            return false;
        };
        let chunk = self.outbox.next_chunk();
        chunk.is_some_and(|chunk| line.write(cx, chunk))
    }
}
