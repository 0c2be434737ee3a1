//! An unmodified client of a cluster, moved step by step.

use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::NOT_FOUND;
use super::frame;
use super::responses::{Judge, Response};
use super::server::shown;
use crate::client::{self, PATIENCE};
use crate::stock::inbox::Inbox;
use crate::stock::link::{To, framed, small, text};

/// See the module. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct ClusterClient {
    stream: TcpStream,
    frames: Inbox<Frame>,
}

/// A frame without its length, and the response that it completes.
#[derive(Debug)]
struct Frame {
    bytes: Vec<u8>,
    response: Option<Response>,
}

impl ClusterClient {
    /// Connects, and says nothing.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = client::connect(address)?;
        stream.set_read_timeout(None)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut judge = Judge::default();
        let frames = Inbox::start(format!("the server at {address}"), move || {
            // A reset is an end; what it means is for the scenario to know.
            let Ok(Some(bytes)) = frame::read(&mut input) else {
                return Ok(None);
            };
            let response = judge.take(&bytes).with_context(|| shown(&bytes))?;
            Ok(Some(Frame { bytes, response }))
        })?;
        Ok(Self { stream, frames })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        (&self.stream).write_all(bytes).context("cannot ask")
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

    /// The next response that is complete.
    pub(crate) fn response(&self) -> Result<Response> {
        loop {
            if let Some(response) = self.frames.next(PATIENCE)?.response {
                return Ok(response);
            }
        }
    }

    /// The next response must be an error of this session; its text.
    pub(crate) fn expect_error(&self, session: u32) -> Result<String> {
        let found = self.response()?;
        match found.result {
            Err(text) if found.session == session => Ok(String::from_utf8(text)?),
            other => bail!(
                "session {}: found {other:02x?}, wanted an error of {session}",
                found.session
            ),
        }
    }

    /// What was sent so far has brought nothing that nobody has looked at, and the connection is good.
    pub(crate) fn fence(&self, session: u32) -> Result<()> {
        let nobody = small(To::Handle(0), session, &text("nobody"));
        self.send(&framed(&nobody))?;
        let error = [&session.to_le_bytes()[..], &[0], NOT_FOUND].concat();
        self.expect(&framed(&error))
    }

    /// Nothing comes for so long, and the connection stays.
    pub(crate) fn expect_silence(&self, time: Duration) -> Result<()> {
        let found = self.frames.wait(time)?;
        ensure!(found.is_none(), "nobody asked for {found:?}");
        Ok(())
    }
}

impl Drop for ClusterClient {
    fn drop(&mut self) {
        // Ends the reader too. Fails when the other one has gone.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
