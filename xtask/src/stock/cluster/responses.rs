//! What an unmodified client takes as if it came from an unmodified server, and nothing else.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::PART;
use super::frame::number;

/// Bytes of the longest text of an error.
const TEXT: usize = 0x8000;

/// A response, put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) session: u32,
    /// The body, or the text of the error.
    pub(crate) result: Result<Vec<u8>, Vec<u8>>,
}

/// Judges one connection.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// The total of what is under way, and what came.
    open: HashMap<u32, (usize, Vec<u8>)>,
}

impl Judge {
    /// A frame, without its length. Returns the response that it completes.
    pub(super) fn take(&mut self, frame: &[u8]) -> Result<Option<Response>> {
        let session = number(frame, 0).context("a response without a session")?;
        let (&kind, data) = frame[4..].split_first().context("no type")?;
        ensure!(
            (1..super::PROBE).contains(&session),
            "session {session:#x}, which nobody has used"
        );
        let result = match kind {
            0 => {
                ensure!(data.len() <= TEXT, "a text of {} bytes", data.len());
                Err(data.to_vec())
            }
            1 => {
                ensure!(data.len() <= PART, "{} bytes in one frame", data.len());
                Ok(data.to_vec())
            }
            2 => {
                let total = number(data, 0).filter(|_| data.len() == 4);
                let total = total.context("a start of a wrong length")? as usize;
                ensure!(total > PART, "{total} bytes go in one frame");
                let before = self.open.insert(session, (total, Vec::new()));
                ensure!(before.is_none(), "session {session} is begun twice");
                return Ok(None);
            }
            3 | 4 => match self.part(session, data, kind == 4)? {
                Some(body) => Ok(body),
                None => return Ok(None),
            },
            other => bail!("an unmodified client does not know type {other}"),
        };
        Ok(Some(Response { session, result }))
    }

    fn part(&mut self, session: u32, bytes: &[u8], is_last: bool) -> Result<Option<Vec<u8>>> {
        let open = self.open.get_mut(&session);
        let (total, body) = open.with_context(|| format!("session {session} is not open"))?;
        body.extend_from_slice(bytes);
        let (sum, total) = (body.len(), *total);
        let fits = if is_last {
            (1..=PART).contains(&bytes.len()) && sum == total
        } else {
            bytes.len() == PART && sum < total
        };
        ensure!(
            fits,
            "a part of {} bytes (last: {is_last}) makes {sum} of {total}",
            bytes.len()
        );
        let done = is_last.then(|| self.open.remove(&session)).flatten();
        Ok(done.map(|(_, body)| body))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PROBE, frame, vectors};
    use super::*;
    use crate::stock::vectors::bytes;

    fn judged(frames: &[Vec<u8>]) -> Result<Vec<Response>> {
        let mut judge = Judge::default();
        let taken: Result<Vec<_>> = frames.iter().map(|frame| judge.take(frame)).collect();
        Ok(taken?.into_iter().flatten().collect())
    }

    #[test]
    fn captured_responses_pass() {
        let mut stream = bytes(vectors::OK);
        stream.extend(bytes(vectors::ERROR));
        stream.extend(vectors::answer_in_parts());
        let found = judged(&frame::split(&stream).unwrap()).unwrap();
        let response = |session, result| Response { session, result };
        let wanted = [
            response(1, Ok(bytes("14 72 65 0a 01"))),
            response(5, Err(super::super::NOT_FOUND.to_vec())),
            response(22, Ok(vec![0x78; 32769])),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn everything_else_fails() {
        let frame = |session: u32, kind: u8, data: &[u8]| {
            [&session.to_le_bytes()[..], &[kind], data].concat()
        };
        let full = vec![1; PART];
        let more = vec![1; PART + 1];
        let begin = |total: u32| frame(7, 2, &total.to_le_bytes());
        let fails = |what: &str, frames: &[Vec<u8>]| {
            assert!(judged(frames).is_err(), "{what}");
        };
        fails("empty", &[vec![]]);
        fails("no type", &[vec![1, 0, 0, 0]]);
        fails("our own error", &[frame(7, 5, b"\x03\0\0\0text")]);
        fails("a type", &[frame(7, 6, b"")]);
        fails("session 0", &[frame(0, 1, b"")]);
        fails(
            "the session of probes",
            &[frame(PROBE, 0, b"name not found")],
        );
        fails("a long text", &[frame(7, 0, &more)]);
        fails("a long body", &[frame(7, 1, &more)]);
        fails("in parts for nothing", &[begin(PART as u32)]);
        fails("a start that is too long", &[frame(7, 2, &[0, 0, 1, 0, 0])]);
        fails("twice", &[begin(70000), begin(70000)]);
        fails("a part of nothing", &[frame(7, 3, &full)]);
        fails("a short part", &[begin(70000), frame(7, 3, b"a")]);
        fails(
            "less",
            &[begin(70000), frame(7, 3, &full), frame(7, 4, b"a")],
        );
        fails(
            "more",
            &[begin(32769), frame(7, 3, &full), frame(7, 4, b"ab")],
        );
        fails(
            "a total that was reached",
            &[begin(32769), frame(7, 3, &full), frame(7, 3, &full)],
        );
    }
}
