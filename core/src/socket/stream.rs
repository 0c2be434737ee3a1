//! Reading and writing connections.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use skynet_abi::{SOCKET_DATA, SOCKET_LOW_PRIORITY, SOCKET_WARNING};

use super::close::shut;
use super::entry::{Input, Kind, Output, Phase, Policy, Socket, Writable};
use super::os::SEND_FLAGS;
use super::part::{Part, Parts};
use super::queue::{Lane, Slices};
use super::{SocketError, Sockets};

/// Bytes that one round of the poller sends on one socket, so that a peer that reads fast does not starve others.
const FLUSH_BUDGET: usize = 1 << 20;

/// Bytes that may wait in the owner's mailbox per socket before reading stops. One event more may be on top.
const INPUT_LIMIT: u32 = 1 << 20;
/// Bytes that a peer may go on sending after its connection was closed, before it is reset.
const DRAIN_LIMIT: u32 = 256 << 10;

fn size_of_event(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Sockets {
    /// Sends the parts, in order and not torn apart by other writes: now what the kernel takes, the rest when it can.
    /// `priority` is 0 or `SOCKET_LOW_PRIORITY`. Takes the parts, which are left empty.
    ///
    /// # Errors
    /// `Dead`; `Closed` when the socket is no longer writable, or fails now; `Full` as the output policy says; `Invalid`
    /// for a socket that is no connection. The parts are untouched then.
    pub(crate) fn write(
        &self,
        socket: i32,
        parts: &mut Parts<'_>,
        priority: u32,
    ) -> Result<(), SocketError> {
        let socket = self.get(socket)?;
        let lane = match (socket.kind, priority) {
            (Kind::Stream, 0) => Lane::High,
            (Kind::Stream, SOCKET_LOW_PRIORITY) => Lane::Low,
            (Kind::Stream, _) => {
                let text = format!("{priority} is no priority of a write (wanted: 0 or 1)");
                return Err(SocketError::invalid(text));
            }
            (kind, _) => {
                let text = format!("socket {} ({kind:?}) is no connection", socket.id);
                return Err(SocketError::invalid(text));
            }
        };
        let mut orphan = false;
        let mut output = socket.output();
        let result = self.write_locked(&socket, &mut output, parts, lane, &mut orphan);
        drop(output);
        if orphan {
            self.close_orphan(&socket);
        }
        if result.is_ok() {
            parts.clear();
        }
        result
    }

    fn write_locked(
        &self,
        socket: &Socket,
        output: &mut Output,
        parts: &mut Parts<'_>,
        lane: Lane,
        orphan: &mut bool,
    ) -> Result<(), SocketError> {
        let id = socket.id;
        match output.state {
            Writable::Void => return Err(SocketError::Dead { socket: id }),
            Writable::No => return Err(SocketError::Closed { socket: id }),
            _ if output.shut => return Err(SocketError::Closed { socket: id }),
            Writable::Later | Writable::Yes => {}
        }
        let total: usize = parts.iter().map(|part| part.bytes().len()).sum();
        if total == 0 {
            return Ok(());
        }
        let (limit, policy) = self.limit_of(output);
        let queued = output.queued();
        if policy == Policy::Pause && queued.saturating_add(total) > limit.saturating_mul(2) {
            return Err(SocketError::Full { socket: id, queued });
        }
        let mut sent = 0;
        if let (Writable::Yes, Some(fd), None) = (output.state, &output.fd, &output.queue) {
            match send_parts(fd, parts) {
                Ok(count) => sent = count,
                Err((count, error)) => {
                    output.written += count as u64;
                    self.write_failed(socket, output, &error, orphan);
                    return Err(SocketError::Closed { socket: id });
                }
            }
            output.written += sent as u64;
            output.last_write = Some(Instant::now());
        }
        let rest = total - sent;
        if rest == 0 {
            return Ok(());
        }
        if policy == Policy::Close && queued.saturating_add(rest) > limit {
            let mut input = socket.input();
            if let Some(fd) = &input.fd {
                // The peer does not read: nothing is gained by waiting for it.
                let _ = fd.set_linger(Some(std::time::Duration::ZERO));
            }
            let text = format!(
                "{} bytes wait to be sent, the limit is {limit}",
                queued + rest
            );
            self.fail(socket, output, &mut input, &text);
            *orphan |= input.orphan;
            return Err(SocketError::Full { socket: id, queued });
        }
        // A write that has begun comes first.
        let lane = if sent > 0 { Lane::High } else { lane };
        let queue = output.queue.get_or_insert_default();
        queue.push(std::mem::take(parts), sent, lane);
        let warning = queue.passed_mark(rest, limit);
        let throttle = policy == Policy::Pause && queue.bytes() >= limit;
        if sent > 0 || queued == 0 || warning.is_some() || throttle {
            let mut input = socket.input();
            input.writing = true;
            input.throttled |= throttle;
            self.update_interest(socket, &mut input);
            if let Some(size) = warning {
                self.emit(socket, &mut input, SOCKET_WARNING, size, &[]);
            }
            *orphan |= input.orphan;
        }
        Ok(())
    }

    /// The limit of the output queue and what happens there.
    pub(super) fn limit_of(&self, output: &Output) -> (usize, Policy) {
        let limit = match output.limit {
            0 => self.settings.output_limit,
            limit => limit,
        };
        (limit, output.policy.unwrap_or(self.settings.output_policy))
    }

    /// The socket can be written: sends what is queued. Returns how many bytes went out.
    pub(super) fn flush(&self, socket: &Arc<Socket>) -> usize {
        let mut output = socket.output();
        let mut orphan = false;
        let sent = self.flush_locked(socket, &mut output, &mut orphan);
        drop(output);
        if orphan {
            self.close_orphan(socket);
        }
        sent
    }

    fn flush_locked(&self, socket: &Socket, output: &mut Output, orphan: &mut bool) -> usize {
        let (limit, _) = self.limit_of(output);
        let (Some(fd), Some(queue)) = (&output.fd, &mut output.queue) else {
            return 0;
        };
        let mut count = 0;
        let mut error = None;
        while queue.bytes() > 0 && count < FLUSH_BUDGET {
            let slices = queue.slices();
            let offered: usize = slices.iter().map(|slice| slice.len()).sum();
            match send(fd, &slices) {
                Ok(sent) => {
                    drop(slices);
                    queue.advance(sent);
                    count += sent;
                    if sent < offered {
                        break;
                    }
                }
                Err(found) if found.kind() == ErrorKind::Interrupted => {}
                Err(found) if found.kind() == ErrorKind::WouldBlock => break,
                Err(found) => {
                    error = Some(found);
                    break;
                }
            }
        }
        let queued = queue.bytes();
        let warned = queue.has_warned();
        if count > 0 {
            output.written += count as u64;
            output.last_write = Some(Instant::now());
        }
        if let Some(error) = error {
            self.write_failed(socket, output, &error, orphan);
            return count;
        }
        let mut input = socket.input();
        input.throttled &= queued > limit / 2;
        if queued == 0 {
            output.queue = None;
            input.writing = false;
            if warned {
                self.emit(socket, &mut input, SOCKET_WARNING, 0, &[]);
            }
            if input.phase == Phase::Flushing {
                let until = input.deadline.unwrap_or_else(Instant::now);
                self.hang_up(socket, output, &mut input, until);
                return count;
            }
            if output.shut {
                output.state = Writable::No;
                shut(&input, Shutdown::Write);
            }
        }
        self.update_interest(socket, &mut input);
        *orphan |= input.orphan;
        count
    }

    /// Nothing can be sent any more; what the peer has sent can still be read.
    fn write_failed(
        &self,
        socket: &Socket,
        output: &mut Output,
        error: &io::Error,
        orphan: &mut bool,
    ) {
        let mut input = socket.input();
        if input.is_void() {
            return self.release(socket, output, &mut input);
        }
        output.state = Writable::No;
        output.queue = None;
        input.writing = false;
        input.throttled = false;
        shut(&input, Shutdown::Write);
        self.tell_error(socket, &mut input, &format!("cannot send: {error}"));
        input.told_error = true;
        self.update_interest(socket, &mut input);
        *orphan |= input.orphan;
    }

    /// The socket can be read: once. Returns how many bytes came.
    pub(super) fn read(&self, socket: &Arc<Socket>, buffer: &mut [u8], now: Instant) -> usize {
        let mut input = socket.input();
        if !input.wanted().read {
            return 0;
        }
        let Some(fd) = &input.fd else { return 0 };
        let count = match (&mut &**fd).read(buffer) {
            Ok(count) => count,
            Err(error) => {
                drop(input);
                let passing = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
                if !passing.contains(&error.kind()) {
                    self.read_failed(socket, &error);
                }
                return 0;
            }
        };
        match (input.phase, count) {
            (Phase::Draining, 0) => {
                drop(input);
                let mut output = socket.output();
                self.release(socket, &mut output, &mut socket.input());
                return 0;
            }
            // Thrown away, until the peer has seen the end and stops, or has gone on for too long.
            (Phase::Draining, _) => {
                input.unhandled = input.unhandled.saturating_add(size_of_event(count));
                if input.unhandled > DRAIN_LIMIT {
                    drop(input);
                    let mut output = socket.output();
                    self.release(socket, &mut output, &mut socket.input());
                    return count;
                }
            }
            (_, 0) => {
                self.tell_end(socket, &mut input);
                self.update_interest(socket, &mut input);
            }
            _ => {
                input.read += count as u64;
                input.last_read = Some(now);
                let bytes = &buffer[..count];
                self.emit(socket, &mut input, SOCKET_DATA, count as u64, &[bytes]);
                self.charge(socket, &mut input, count);
            }
        }
        self.settle(socket, input);
        count
    }

    /// An event of `bytes` went to the owner; stops reading when too much waits there.
    pub(super) fn charge(&self, socket: &Socket, input: &mut Input, bytes: usize) {
        input.unhandled = input.unhandled.saturating_add(size_of_event(bytes));
        if input.unhandled > INPUT_LIMIT && !input.flooded {
            input.flooded = true;
            self.update_interest(socket, input);
        }
    }

    /// The owner has taken an event of `bytes` out of its mailbox; goes on reading when enough is handled.
    pub(crate) fn handled(&self, socket: i32, bytes: usize) {
        let Some(socket) = self.table.get(socket) else {
            return;
        };
        let mut input = socket.input();
        if input.is_void() {
            return;
        }
        input.unhandled = input.unhandled.saturating_sub(size_of_event(bytes));
        if input.flooded && input.unhandled <= INPUT_LIMIT / 2 {
            input.flooded = false;
            self.update_interest(&socket, &mut input);
        }
        self.settle(&socket, input);
    }

    fn read_failed(&self, socket: &Arc<Socket>, error: &io::Error) {
        let mut output = socket.output();
        let mut input = socket.input();
        if input.told_error && !input.is_void() {
            // The owner knows that the connection is broken; now it has got all that came before.
            self.tell_end(socket, &mut input);
        }
        if input.ended && !input.is_void() {
            self.update_interest(socket, &mut input);
        } else {
            let text = format!("cannot receive: {error}");
            self.fail(socket, &mut output, &mut input, &text);
        }
        drop(output);
        self.settle(socket, input);
    }
}

/// Sends as much of the parts as the kernel takes. With an error comes how much was sent before it.
fn send_parts(fd: &socket2::Socket, parts: &[Part<'_>]) -> Result<usize, (usize, io::Error)> {
    let mut sent = 0;
    let mut rest = parts.iter();
    loop {
        let slices: Slices<'_> = rest
            .by_ref()
            .map(|part| IoSlice::new(part.bytes()))
            .filter(|slice| !slice.is_empty())
            .take(Slices::new().inline_size())
            .collect();
        if slices.is_empty() {
            return Ok(sent);
        }
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let count = loop {
            match send(fd, &slices) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break 0,
                Err(error) => return Err((sent, error)),
                Ok(count) => break count,
            }
        };
        sent += count;
        if count < offered {
            return Ok(sent);
        }
    }
}

fn send(fd: &socket2::Socket, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        // Cheaper than a list of one.
        [slice] => fd.send_with_flags(slice, SEND_FLAGS),
        _ => fd.send_vectored_with_flags(slices, SEND_FLAGS),
    }
}
