//! The end of a socket: closed, shut down, reset, failed, or left by its owner.

use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use skynet_abi::{Context, SOCKET_ABORT, SOCKET_BOTH, SOCKET_CLOSE, SOCKET_READ, SOCKET_WRITE};

use super::entry::{Input, Kind, Output, Phase, Socket, Writable};
use super::os::Interest;
use super::{SocketError, Sockets, later};

/// How long a peer may go on sending after everything was sent to it and it was told that nobody listens.
const DRAIN: Duration = Duration::from_secs(2);

impl Sockets {
    /// Sends what is queued, for at most `linger` (zero: as the node's settings say), then closes. The id is void at
    /// once. `SOCKET_CLOSE` goes to the owner if it has not got one.
    ///
    /// # Errors
    /// `Dead`.
    pub(crate) fn close(&self, socket: i32, linger: Duration) -> Result<(), SocketError> {
        let linger = if linger.is_zero() {
            self.settings.linger
        } else {
            linger
        };
        let socket = self.get(socket)?;
        let mut output = socket.output();
        let mut input = socket.input();
        if input.is_void() {
            return Err(SocketError::Dead { socket: socket.id });
        }
        self.tell_end(&socket, &mut input);
        self.close_locked(&socket, &mut output, &mut input, linger);
        Ok(())
    }

    /// Stops one direction or both, or resets the connection: one of `SOCKET_READ`, `SOCKET_WRITE`, `SOCKET_BOTH`,
    /// `SOCKET_ABORT`. `SOCKET_CLOSE` goes to the owner if it has not got one and will read no more.
    ///
    /// # Errors
    /// `Dead`; `Closed` when the socket failed; `Invalid` for another direction, or one that this kind of socket does
    /// not have.
    pub(crate) fn shutdown(&self, socket: i32, direction: u32) -> Result<(), SocketError> {
        let socket = self.get(socket)?;
        let mut output = socket.output();
        let mut input = socket.input();
        if input.is_void() {
            return Err(SocketError::Dead { socket: socket.id });
        }
        if direction == SOCKET_ABORT {
            if let (Some(fd), Kind::Stream) = (&input.fd, socket.kind) {
                // Without it the peer would see a proper end. A socket that cannot do it is closed all the same.
                let _ = fd.set_linger(Some(Duration::ZERO));
            }
            self.tell_end(&socket, &mut input);
            self.release(&socket, &mut output, &mut input);
            return Ok(());
        }
        let (read, write) = match direction {
            SOCKET_READ => (true, false),
            SOCKET_WRITE => (false, true),
            SOCKET_BOTH => (true, true),
            _ => {
                let text = format!("{direction} is no direction to shut down (wanted: 1 to 4)");
                return Err(SocketError::invalid(text));
            }
        };
        if socket.kind != Kind::Stream || (read && input.phase == Phase::Opening) {
            let text = format!("socket {} cannot be shut down in parts", socket.id);
            return Err(SocketError::invalid(text));
        }
        if input.phase == Phase::Failed {
            return Err(SocketError::Closed { socket: socket.id });
        }
        if read {
            shut(&input, Shutdown::Read);
            self.tell_end(&socket, &mut input);
        }
        if write && output.state != Writable::No {
            output.shut = true;
            if output.queue.is_none() && output.state == Writable::Yes {
                output.state = Writable::No;
                shut(&input, Shutdown::Write);
            }
        }
        self.update_interest(&socket, &mut input);
        drop(output);
        self.settle(&socket, input);
        Ok(())
    }

    /// Closes all sockets of a service that has ended. It gets no more events.
    pub(crate) fn close_owned(&self, owner: Context) {
        for id in self.table.owned(owner) {
            let Some(socket) = self.table.get(id) else {
                continue;
            };
            let mut output = socket.output();
            let mut input = socket.input();
            // It may have got another owner since the look.
            if input.owner == owner && !input.is_void() {
                self.close_locked(
                    &socket,
                    &mut output,
                    &mut input,
                    self.settings.orphan_linger,
                );
            }
        }
    }

    /// Closes all sockets; what they have queued is sent for at most `linger`. With zero it is dropped, and no events
    /// are given. Go on polling until [`is_idle`](Self::is_idle) if that is to happen.
    pub(crate) fn close_all(&self, linger: Duration) {
        for socket in self.table.all() {
            let mut output = socket.output();
            let mut input = socket.input();
            if linger.is_zero() {
                self.release(&socket, &mut output, &mut input);
            } else if !input.is_void() {
                self.tell_end(&socket, &mut input);
                self.close_locked(&socket, &mut output, &mut input, linger);
            }
        }
    }

    /// Gives the input lock back, and closes the socket if an event found its owner dead.
    pub(super) fn settle(&self, socket: &Arc<Socket>, input: MutexGuard<'_, Input>) {
        let orphan = input.orphan && !input.is_void();
        drop(input);
        if orphan {
            self.close_orphan(socket);
        }
    }

    /// The same where the caller has given the lock back already.
    pub(super) fn close_orphan(&self, socket: &Arc<Socket>) {
        let mut output = socket.output();
        let mut input = socket.input();
        // `start` may have given it to a living service since.
        if input.orphan && !input.is_void() {
            self.close_locked(socket, &mut output, &mut input, self.settings.orphan_linger);
        }
    }

    fn close_locked(
        &self,
        socket: &Socket,
        output: &mut Output,
        input: &mut Input,
        linger: Duration,
    ) {
        if socket.kind != Kind::Stream || input.phase != Phase::Open {
            return self.release(socket, output, input);
        }
        self.table.disown(socket.id, input.owner);
        output.state = Writable::Void;
        let until = later(Instant::now(), linger);
        if output.queue.is_none() {
            return self.hang_up(socket, output, input, until);
        }
        input.phase = Phase::Flushing;
        self.set_deadline(socket, input, Some(until));
        self.update_interest(socket, input);
    }

    /// Everything is sent, and the id is void.
    pub(super) fn hang_up(
        &self,
        socket: &Socket,
        output: &mut Output,
        input: &mut Input,
        until: Instant,
    ) {
        let unread = input.fd.as_ref().is_some_and(|fd| {
            let mut byte = [MaybeUninit::uninit()];
            matches!(fd.peek(&mut byte), Ok(1))
        });
        if !unread {
            return self.release(socket, output, input);
        }
        // Closing now would reset the connection, as there is unread data, and what was sent last might be lost.
        shut(input, Shutdown::Write);
        input.phase = Phase::Draining;
        input.unhandled = 0;
        self.set_deadline(socket, input, Some(until.min(later(Instant::now(), DRAIN))));
        self.update_interest(socket, input);
    }

    /// Closes the file and forgets the socket.
    pub(super) fn release(&self, socket: &Socket, output: &mut Output, input: &mut Input) {
        if input.phase == Phase::Closed {
            return;
        }
        self.drop_files(output, input);
        self.set_deadline(socket, input, None);
        input.phase = Phase::Closed;
        output.state = Writable::Void;
        self.table.remove(socket.id, input.owner);
    }

    /// The socket is of no more use. Its owner is told why and keeps the id until it closes it.
    pub(super) fn fail(&self, socket: &Socket, output: &mut Output, input: &mut Input, text: &str) {
        if input.is_void() {
            return self.release(socket, output, input);
        }
        self.drop_files(output, input);
        self.set_deadline(socket, input, None);
        input.phase = Phase::Failed;
        output.state = Writable::No;
        self.tell_error(socket, input, text);
    }

    fn drop_files(&self, output: &mut Output, input: &mut Input) {
        if let Some(connecting) = input.connecting.take() {
            connecting.cancel(&self.selector);
        }
        if let (Some(fd), true) = (&input.fd, input.registered != Interest::NONE) {
            // Nothing is left to be done about an error: closing takes the file out of the poller as well.
            let _ = self.selector.delete(fd);
        }
        input.registered = Interest::NONE;
        input.fd = None;
        output.fd = None;
        output.queue = None;
        output.datagrams = None;
    }

    /// `SOCKET_CLOSE`, once.
    pub(super) fn tell_end(&self, socket: &Socket, input: &mut Input) {
        if !input.ended {
            input.ended = true;
            self.emit(socket, input, SOCKET_CLOSE, 0, &[]);
        }
    }
}

pub(super) fn shut(input: &Input, direction: Shutdown) {
    if let Some(fd) = &input.fd {
        // It fails only where the peer has already ended the connection.
        let _ = fd.shutdown(direction);
    }
}
