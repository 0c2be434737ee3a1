//! A connection of a cluster, from either end and to the byte: frames of any kind, right and wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::client;
use crate::deadline::Deadline;

/// The session of what our nodes ask to find out who is there.
pub(crate) const PROBE: u32 = 0x7fff_ffff;

/// A connection. Reads and writes have the patience of a client.
#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    /// What was read and is no whole frame yet.
    unread: Vec<u8>,
}

/// A frame of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) session: u32,
    pub(crate) kind: u8,
    pub(crate) data: Vec<u8>,
}

impl Link {
    /// Connects to a node.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            stream: client::connect(address)?,
            unread: Vec::new(),
        })
    }

    /// Waits for a node that connects.
    pub(crate) fn accept(listener: &TcpListener, limit: Duration) -> Result<Self> {
        let deadline = Deadline::after(limit);
        listener.set_nonblocking(true)?;
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    deadline.remaining("a node that connects")?;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(client::PATIENCE))?;
        Ok(Self {
            stream,
            unread: Vec::new(),
        })
    }

    /// As an unmodified server: it does not know the name that our nodes ask for first.
    pub(crate) fn accept_as_stock(listener: &TcpListener, limit: Duration) -> Result<Self> {
        let mut link = Self::accept(listener, limit)?;
        let first = link.frame(limit)?;
        ensure!(
            first.starts_with(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]),
            "the first frame asks for no name: {first:02x?}"
        );
        link.respond(PROBE, 0, b"name not found")?;
        Ok(link)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot send")
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<()> {
        self.send_bytes(&framed(payload))
    }

    /// Answers.
    pub(crate) fn respond(&mut self, session: u32, kind: u8, data: &[u8]) -> Result<()> {
        self.send(&[&session.to_le_bytes()[..], &[kind], data].concat())
    }

    /// The next frame.
    pub(crate) fn frame(&mut self, limit: Duration) -> Result<Vec<u8>> {
        let deadline = Deadline::after(limit);
        let mut buffer = [0; 64 << 10];
        loop {
            if let Some(length) = self.unread.first_chunk::<2>() {
                let end = 2 + usize::from(u16::from_be_bytes(*length));
                if self.unread.len() >= end {
                    let rest = self.unread.split_off(end);
                    let frame = std::mem::replace(&mut self.unread, rest);
                    return Ok(frame[2..].to_vec());
                }
            }
            let left = deadline.remaining("a frame")?;
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("closed, with {} bytes of a frame", self.unread.len()),
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if is_pause(error.kind()) => {}
                Err(error) => return Err(error).context("cannot read"),
            }
        }
    }

    /// The next frame of a server.
    pub(crate) fn response(&mut self, limit: Duration) -> Result<Response> {
        let frame = self.frame(limit)?;
        let (Some(session), Some(kind)) = (frame.first_chunk(), frame.get(4)) else {
            bail!("a response of {} bytes", frame.len());
        };
        Ok(Response {
            session: u32::from_le_bytes(*session),
            kind: *kind,
            data: frame[5..].to_vec(),
        })
    }

    /// Reads on until the other end closes, in whichever way. Tells how long that took.
    pub(crate) fn expect_closed(&mut self, limit: Duration) -> Result<Duration> {
        let (begin, deadline) = (Instant::now(), Deadline::after(limit));
        let mut buffer = [0; 64 << 10];
        loop {
            let left = deadline.remaining("the end of a connection")?;
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(begin.elapsed()),
                Ok(_) => {}
                Err(error) if is_pause(error.kind()) => {}
                // A reset, which is an end.
                Err(_) => return Ok(begin.elapsed()),
            }
        }
    }

    /// The connection itself, for what has no frames.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// A frame of this payload.
pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    [&len[..], payload].concat()
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To<'a> {
    Handle(u32),
    Name(&'a str),
}

impl To<'_> {
    /// The type of a request, which has a bit for names, and where it goes.
    fn head(self, kind: u8) -> Vec<u8> {
        match self {
            Self::Handle(handle) => [&[kind][..], &handle.to_le_bytes()].concat(),
            Self::Name(name) => {
                let len = name.len() as u8;
                [&[kind | 0x80, len][..], name.as_bytes()].concat()
            }
        }
    }
}

/// A small request; session 0 is a push.
pub(crate) fn small(to: To<'_>, session: u32, body: &[u8]) -> Vec<u8> {
    [&to.head(0)[..], &session.to_le_bytes(), body].concat()
}

/// The start of a call in parts.
pub(crate) fn begin(to: To<'_>, session: u32, total: u32) -> Vec<u8> {
    [
        &to.head(1)[..],
        &session.to_le_bytes(),
        &total.to_le_bytes(),
    ]
    .concat()
}

/// The start of a push in parts.
pub(crate) fn begin_push(to: To<'_>, session: u32, total: u32) -> Vec<u8> {
    let mut frame = begin(to, session, total);
    frame[0] |= 0x40;
    frame
}

/// A part.
pub(crate) fn part(session: u32, bytes: &[u8], is_last: bool) -> Vec<u8> {
    let kind = if is_last { 3 } else { 2 };
    [&[kind][..], &session.to_le_bytes(), bytes].concat()
}

/// A small request that must be one of a node: its session and its body.
pub(crate) fn small_body(frame: &[u8]) -> Result<(u32, &[u8])> {
    let at = match frame {
        [0, ..] => 5,
        [0x80, len, ..] => 2 + usize::from(*len),
        _ => bail!("no small request: {:02x?}", &frame[..frame.len().min(32)]),
    };
    let session = frame.get(at..at + 4).context("a session")?;
    let session = u32::from_le_bytes(session.try_into()?);
    Ok((session, &frame[at + 4..]))
}

/// A text of up to 31 bytes, as `skynet.pack` writes it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    debug_assert!(text.len() < 32, "{text} is too long for one byte");
    [&[(text.len() as u8) << 3 | 4][..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::vectors::bytes;

    #[test]
    fn frames_are_as_they_were_captured() {
        let check = |found: Vec<u8>, wanted: &str| assert_eq!(framed(&found), bytes(wanted));
        let hello = [&text("HELLO")[..], &[0x0a, 1]].concat();
        check(
            small(To::Name("@svc"), 1, &hello),
            "00 12 | 80 | 04 40 73 76 63 | 01 00 00 00 | 2c 48 45 4c 4c 4f 0a 01",
        );
        check(
            small(To::Handle(0), 4, &text("svc")),
            "00 0d | 00 | 00 00 00 00 | 04 00 00 00 | 1c 73 76 63",
        );
        check(
            begin(To::Name("@svc"), 8, 0x8001),
            "00 0e | 81 | 04 40 73 76 63 | 08 00 00 00 | 01 80 00 00",
        );
        check(
            begin_push(To::Handle(0x11), 9, 0x9c43),
            "00 0d | 41 | 11 00 00 00 | 09 00 00 00 | 43 9c 00 00",
        );
        check(part(8, b"a", true), "00 06 | 03 | 08 00 00 00 | 61");
        let small = small(To::Name("@svc"), 7, b"body");
        assert_eq!(small_body(&small).unwrap(), (7, &b"body"[..]));
    }
}
