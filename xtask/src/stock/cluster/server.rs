//! An unmodified server of a cluster, moved step by step.

use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::frame;
use super::requests::{Judge, Request, Seen};
use super::{NOT_FOUND, PROBE};
use crate::client::{PATIENCE, fixed_address};
use crate::deadline::eventually;
use crate::stock::inbox::Inbox;
use crate::stock::link::framed;

/// Long enough for something that must not come to be seen if it did.
const MOMENT: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(crate) struct ClusterServer {
    address: SocketAddr,
    listener: TcpListener,
}

/// One connection of a client of ours. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    stream: TcpStream,
    /// Shared with the reader, which answers questions for names of ours.
    out: Out,
    frames: Inbox<Frame>,
    probes: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
struct Out(Arc<Mutex<TcpStream>>);

/// A frame without its length, and the request that it completes.
#[derive(Debug)]
struct Frame {
    bytes: Vec<u8>,
    request: Option<Request>,
}

impl ClusterServer {
    /// Listens on an address of its own.
    pub(crate) fn start() -> Result<Self> {
        let address = fixed_address()?;
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { address, listener })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a client in. It must ask for a name of ours, and nothing else until it has the answer.
    pub(crate) fn accept(&self) -> Result<Served> {
        let (mut stream, _) = eventually("a client of the cluster", PATIENCE, || {
            Ok(self.listener.accept().ok())
        })?;
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut judge = Judge::default();
        let first = frame::read(&mut stream)?.context("it has ended before it said anything")?;
        let seen = judge.take(&first).with_context(|| shown(&first))?;
        ensure!(seen == Seen::Probe, "{} is the first frame", shown(&first));
        stream.set_read_timeout(Some(MOMENT))?;
        if let Ok(count) = stream.peek(&mut [0; 16]) {
            bail!("{count} bytes came before the answer to the first question");
        }
        stream.set_read_timeout(None)?;
        Served::start(stream, judge)
    }
}

impl Served {
    fn start(stream: TcpStream, mut judge: Judge) -> Result<Self> {
        let mut input = BufReader::new(stream.try_clone()?);
        let out = Out(Arc::new(Mutex::new(stream.try_clone()?)));
        out.not_found()?;
        let probes = Arc::new(AtomicU64::new(1));
        let (answer, counted) = (out.clone(), Arc::clone(&probes));
        let frames = Inbox::start("a client of the cluster".to_owned(), move || {
            loop {
                let bytes = match frame::read(&mut input) {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => {
                        judge.end()?;
                        return Ok(None);
                    }
                    // A reset; what it means is for the scenario to know.
                    Err(_) => return Ok(None),
                };
                match judge.take(&bytes).with_context(|| shown(&bytes))? {
                    Seen::Frame(request) => return Ok(Some(Frame { bytes, request })),
                    Seen::Probe => {
                        counted.fetch_add(1, Ordering::Relaxed);
                        // Fails when the connection has ended, which shows in the next read.
                        let _ = answer.not_found();
                    }
                }
            }
        })?;
        Ok(Self {
            stream,
            out,
            frames,
            probes,
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        self.out.write(bytes)
    }

    /// Answers, in as many frames as it takes.
    pub(crate) fn ok(&self, session: u32, body: &[u8]) -> Result<()> {
        self.send(&frame::answer(session, body).concat())
    }

    /// Answers that the call has failed.
    pub(crate) fn error(&self, session: u32, text: &[u8]) -> Result<()> {
        self.out.respond(session, 0, text)
    }

    /// Sends any frame of a server.
    pub(crate) fn respond(&self, session: u32, kind: u8, data: &[u8]) -> Result<()> {
        self.out.respond(session, kind, data)
    }

    /// The next frames must be these bytes.
    pub(crate) fn expect(&self, bytes: &[u8]) -> Result<()> {
        for wanted in frame::split(bytes)? {
            let found = self.frames.next(PATIENCE)?.bytes;
            ensure!(
                found == wanted,
                "found {}, wanted {}",
                shown(&found),
                shown(&wanted)
            );
        }
        Ok(())
    }

    /// The next frame, without its length.
    pub(crate) fn frame(&self) -> Result<Vec<u8>> {
        Ok(self.frames.next(PATIENCE)?.bytes)
    }

    /// The next request that is complete.
    pub(crate) fn request(&self) -> Result<Request> {
        loop {
            if let Some(request) = self.frames.next(PATIENCE)?.request {
                return Ok(request);
            }
        }
    }

    /// How many questions for names of ours have come.
    pub(crate) fn probes(&self) -> u64 {
        self.probes.load(Ordering::Relaxed)
    }

    /// Fails when anything has come that nobody has looked at: by now everything should have been.
    pub(crate) fn expect_nothing(&self) -> Result<()> {
        let rest = self.frames.rest()?;
        ensure!(rest.is_empty(), "nobody expected {rest:?}");
        Ok(())
    }

    /// Waits until ours closes; nothing may come before.
    pub(crate) fn expect_end(&self) -> Result<()> {
        self.frames.end(PATIENCE)
    }
}

impl Out {
    fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.write_all(bytes).context("cannot answer")
    }

    fn respond(&self, session: u32, kind: u8, data: &[u8]) -> Result<()> {
        self.write(&framed(
            &[&session.to_le_bytes()[..], &[kind], data].concat(),
        ))
    }

    fn not_found(&self) -> Result<()> {
        self.respond(PROBE, 0, NOT_FOUND)
    }
}

/// A frame for an error.
pub(super) fn shown(frame: &[u8]) -> String {
    let part = &frame[..frame.len().min(48)];
    format!("frame of {} bytes {part:02x?}", frame.len())
}

impl Drop for Served {
    fn drop(&mut self) {
        // Ends the reader too. Fails when the other one has gone.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
