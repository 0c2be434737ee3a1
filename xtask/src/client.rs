//! Outside TCP clients of a node. Every read and write has a deadline.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use skynet_gate_wire::{Decoder, Framing};

use crate::deadline::Deadline;
use crate::say;

/// How many of the last lines an error shows.
const SHOWN: usize = 15;

/// How long one operation of a client may take when a scenario does not say.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An address on which nobody listens at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// An address on which nobody listens at the moment, and which the system gives to nobody else: it lies below the ports
/// of outgoing connections. For what must be listened on again and again.
pub(crate) fn fixed_address() -> Result<SocketAddr> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Several such programs may run at once.
    let start = std::process::id().wrapping_mul(101);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + start.wrapping_add(step) % COUNT) as u16;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port from {FIRST} on is free")
}

/// Connects and sets [`PATIENCE`] for everything that follows.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A client that speaks lines, as a person with `nc` would.
#[derive(Debug)]
pub(crate) struct LineClient {
    stream: BufReader<TcpStream>,
    /// The part of a line that came before a deadline passed.
    partial: Vec<u8>,
}

impl LineClient {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            stream: BufReader::new(connect(address)?),
            partial: Vec::new(),
        })
    }

    /// Sends one line.
    pub(crate) fn send(&mut self, line: &str) -> Result<()> {
        self.send_bytes(format!("{line}\n").as_bytes())
    }

    /// Sends bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream
            .get_mut()
            .write_all(bytes)
            .context("cannot send")
    }

    /// The next line, without its end. `None`: the peer has closed the connection.
    pub(crate) fn next(&mut self, limit: Duration) -> Result<Option<String>> {
        let deadline = Deadline::after(limit);
        loop {
            let left = deadline.remaining("a line")?;
            self.stream.get_ref().set_read_timeout(Some(left))?;
            match self.stream.read_until(b'\n', &mut self.partial) {
                // What is left without an end is a line too.
                Ok(0) if self.partial.is_empty() => return Ok(None),
                Ok(_) => return Ok(Some(take_line(&mut self.partial))),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error).context("cannot read a line"),
            }
        }
    }

    /// The next line; an error when there is none.
    pub(crate) fn line(&mut self, limit: Duration) -> Result<String> {
        self.next(limit)?
            .context("the connection was closed instead of a line")
    }

    /// Reads lines until one contains `pattern`, and gives that one.
    pub(crate) fn expect(&mut self, pattern: &str, limit: Duration) -> Result<String> {
        let deadline = Deadline::after(limit);
        let mut skipped = VecDeque::new();
        loop {
            let line = deadline
                .remaining(format_args!("{pattern:?}"))
                .and_then(|left| self.line(left))
                .with_context(|| {
                    format!("no line with {pattern:?} came; the last ones were {skipped:?}")
                })?;
            if line.contains(pattern) {
                return Ok(line);
            }
            if skipped.len() == SHOWN {
                skipped.pop_front();
            }
            skipped.push_back(line);
        }
    }

    /// Reads until the peer closes the connection.
    pub(crate) fn expect_closed(&mut self, limit: Duration) -> Result<()> {
        expect_closed(&mut self.stream, limit)
    }
}

fn take_line(bytes: &mut Vec<u8>) -> String {
    let line = String::from_utf8_lossy(bytes)
        .trim_end_matches(['\r', '\n'])
        .to_owned();
    bytes.clear();
    line
}

/// A client that speaks packets, of any framing that a gate has.
#[derive(Debug)]
pub(crate) struct FramedClient {
    stream: TcpStream,
    framing: Framing,
    decoder: Decoder,
    /// What was read and not decoded yet.
    unread: Vec<u8>,
}

impl FramedClient {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr, framing: Framing) -> Result<Self> {
        let stream = connect(address)?;
        let decoder = Decoder::new(framing, framing.max_len());
        Ok(Self {
            stream,
            framing,
            decoder,
            unread: Vec::new(),
        })
    }

    /// Sends one packet.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<()> {
        let mut packet = Vec::new();
        self.framing.encode(payload, &mut packet)?;
        self.send_bytes(&packet)
    }

    /// Sends bytes as they are: torn, glued or wrong packets.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot send")
    }

    /// The next packet.
    pub(crate) fn packet(&mut self, limit: Duration) -> Result<Vec<u8>> {
        let deadline = Deadline::after(limit);
        let mut buffer = [0; 16 * 1024];
        loop {
            let mut chunk = self.unread.as_slice();
            let packet = self.decoder.decode(&mut chunk)?.map(<[u8]>::to_vec);
            let used = self.unread.len() - chunk.len();
            self.unread.drain(..used);
            if let Some(packet) = packet {
                return Ok(packet);
            }
            self.stream
                .set_read_timeout(Some(deadline.remaining("a packet")?))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("closed with {} bytes of a packet", self.decoder.pending()),
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error).context("cannot read a packet"),
            }
        }
    }

    /// Reads the next packet and compares it.
    pub(crate) fn expect(&mut self, payload: &[u8], limit: Duration) -> Result<()> {
        let found = self.packet(limit)?;
        ensure!(
            found == payload,
            "a packet of {} bytes is {:?}, wanted {:?} of {} bytes",
            found.len(),
            String::from_utf8_lossy(&found[..found.len().min(80)]),
            String::from_utf8_lossy(&payload[..payload.len().min(80)]),
            payload.len()
        );
        Ok(())
    }

    /// Reads until the peer closes the connection.
    pub(crate) fn expect_closed(&mut self, limit: Duration) -> Result<()> {
        expect_closed(&mut self.stream, limit)
    }

    /// The connection, for what packets cannot say.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) -> Result<()> {
        self.stream
            .shutdown(Shutdown::Write)
            .context("cannot half-close")
    }
}

/// Reads whatever still comes until the connection is closed, in whichever way.
fn expect_closed(stream: &mut (impl Read + AsTcp), limit: Duration) -> Result<()> {
    let deadline = Deadline::after(limit);
    let mut buffer = [0; 4096];
    let mut count = 0;
    loop {
        let Some(left) = deadline.left() else {
            bail!(
                "not closed after {}; {count} bytes came",
                say::duration(limit)
            );
        };
        stream.tcp().set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error).context("cannot read"),
        }
    }
}

/// What a TCP connection lies in.
trait AsTcp {
    fn tcp(&self) -> &TcpStream;
}

impl AsTcp for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl AsTcp for BufReader<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// Which of the two a passed read time-out gives depends on the platform.
fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn pair() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn lines_survive_a_deadline_in_their_middle() {
        let (listener, address) = pair();
        let mut client = LineClient::connect(address).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b"one\r\ntw").unwrap();
        assert_eq!(client.line(PATIENCE).unwrap(), "one");
        assert!(client.line(SHORT).is_err());
        peer.write_all(b"o\nthree").unwrap();
        assert_eq!(client.expect("two", PATIENCE).unwrap(), "two");
        drop(peer);
        assert_eq!(client.line(PATIENCE).unwrap(), "three");
        assert_eq!(client.next(PATIENCE).unwrap(), None);
        client.expect_closed(PATIENCE).unwrap();
    }

    #[test]
    fn packets_are_framed() {
        let check = |framing, bytes: &[u8]| {
            let (listener, address) = pair();
            let mut client = FramedClient::connect(address, framing).unwrap();
            let (mut peer, _) = listener.accept().unwrap();
            client.send(b"abc").unwrap();
            let mut sent = vec![0; bytes.len()];
            peer.read_exact(&mut sent).unwrap();
            assert_eq!(sent, bytes);
            peer.write_all(&[bytes, &bytes[..1]].concat()).unwrap();
            client.expect(b"abc", PATIENCE).unwrap();
            assert!(client.packet(SHORT).is_err());
            peer.write_all(&bytes[1..]).unwrap();
            assert!(client.expect(b"abd", PATIENCE).is_err());
            assert!(client.expect_closed(SHORT).is_err());
        };
        check(Framing::Length2, b"\x00\x03abc");
        check(Framing::Length4, b"\x00\x00\x00\x03abc");
        check(Framing::Line, b"abc\n");
    }
}
