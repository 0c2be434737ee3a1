//! A connection between an unmodified node and one of ours, from the unmodified side.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::frame::{self, Frame};
use super::inbox::Inbox;
use super::judge;
use crate::client::PATIENCE;

/// Long enough for something that must not come to be seen if it did.
const MOMENT: Duration = Duration::from_millis(50);

/// Whether ours may try to find one of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// It knows that this is an unmodified node.
    No,
    /// It may not know yet, and greet once, before anything else.
    Maybe,
    /// It cannot know: it must greet.
    Once,
}

/// See the module. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    own: u8,
    stream: TcpStream,
    frames: Inbox<Frame>,
}

impl Peer {
    /// As who has accepted: reads the other's id, then tells its own. Nothing may come in between, because it would be
    /// lost.
    pub(super) fn accepted(mut stream: TcpStream, own: u8, hello: Hello) -> Result<(u8, Self)> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut id = [0];
        stream
            .read_exact(&mut id)
            .context("the id of who dialled")?;
        stream.set_read_timeout(Some(MOMENT))?;
        if let Ok(count) = stream.peek(&mut [0; 16]) {
            bail!("{count} bytes came before the id of who accepts was told");
        }
        stream.write_all(&[own])?;
        Ok((id[0], Self::start(stream, own, id[0], hello)?))
    }

    /// As who has dialled: tells its id, then reads the other's.
    pub(super) fn dialled(mut stream: TcpStream, own: u8, other: u8, hello: Hello) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&[own])?;
        let mut id = [0];
        stream
            .read_exact(&mut id)
            .context("the id of who accepts")?;
        ensure!(id == [other], "found {} where {other} should be", id[0]);
        Self::start(stream, own, other, hello)
    }

    fn start(stream: TcpStream, own: u8, other: u8, hello: Hello) -> Result<Self> {
        stream.set_read_timeout(None)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut may_greet = hello != Hello::No;
        let frames = Inbox::start(format!("frames of node {other} for {own}"), move || {
            let found = match frame::read(&mut input) {
                Ok(found) => found,
                // A reset; what it means is for the scenario to know.
                Err(_) => return Ok(None),
            };
            let Some(found) = found else { return Ok(None) };
            let frame = match found {
                Ok(frame) => frame,
                Err(header) => bail!("a frame begins with {header:02x?}"),
            };
            judge::frame(&frame, other, may_greet).with_context(|| format!("{frame:?}"))?;
            may_greet = false;
            Ok(Some(frame))
        })?;
        let peer = Self {
            own,
            stream,
            frames,
        };
        if hello == Hello::Once {
            let first = peer.frames.next(PATIENCE).context("no greeting")?;
            ensure!(is_greeting(&first), "{first:?} came instead of a greeting");
        }
        Ok(peer)
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        (&self.stream)
            .write_all(bytes)
            .context("cannot send a frame")
    }

    /// The next frame that is no greeting.
    pub(crate) fn next(&self, limit: Duration) -> Result<Frame> {
        let frame = self.frames.next(limit)?;
        // The judge has let it pass: an unmodified node ignores it.
        if is_greeting(&frame) {
            return self.frames.next(limit);
        }
        Ok(frame)
    }

    /// The next frame must have these bytes.
    pub(crate) fn expect(&self, bytes: &[u8]) -> Result<()> {
        let found = self.next(PATIENCE)?;
        ensure!(
            found.bytes() == bytes,
            "found {found:?}, wanted {:?}",
            Frame::parse(bytes)
        );
        Ok(())
    }

    /// The next frame must be a call of this type and with this body; it is given for the answer.
    pub(crate) fn expect_call(&self, kind: u8, body: &[u8]) -> Result<Frame> {
        let found = self.next(PATIENCE)?;
        ensure!(
            found.kind() == kind && found.body == body && found.session != 0,
            "found {found:?}, wanted a call of type {kind} with {body:02x?}"
        );
        Ok(found)
    }

    /// Answers.
    pub(crate) fn reply(&self, request: &Frame, body: &[u8]) -> Result<()> {
        self.send(&request.reply(self.own, body))
    }

    /// Answers with an error.
    pub(crate) fn error(&self, request: &Frame) -> Result<()> {
        self.send(&request.error(self.own))
    }

    /// Waits until ours closes; nothing more may come before.
    pub(crate) fn expect_end(&self, limit: Duration) -> Result<()> {
        self.frames.end(limit)
    }

    /// Fails when anything has come that nobody has looked at: by now everything should have been.
    pub(crate) fn expect_nothing(&self) -> Result<()> {
        let mut rest = self.frames.rest()?;
        rest.retain(|frame| !is_greeting(frame));
        ensure!(rest.is_empty(), "nobody expected {rest:?}");
        Ok(())
    }
}

fn is_greeting(frame: &Frame) -> bool {
    frame.kind() == 7 && !frame.body.is_empty()
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Ends the reader too. Fails when the other one has gone.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
