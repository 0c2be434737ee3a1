//! What an unmodified server takes as if it came from an unmodified client, and nothing else.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail, ensure};

use super::frame::number;
use super::{PART, PROBE};

/// The largest body of a request in one frame.
const SINGLE: usize = 0x7fff;
/// Bytes of the longest trace tag.
const TAG: usize = 0x8000;

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Handle(u32),
    Name(String),
}

/// A request, put together.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) whom: Whom,
    /// 0 for a small push.
    pub(crate) session: u32,
    pub(crate) is_push: bool,
    pub(crate) body: Vec<u8>,
    /// The trace tag that came before it.
    pub(crate) tag: Option<Vec<u8>>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.body[..self.body.len().min(32)];
        let Self {
            whom,
            session,
            is_push,
            ..
        } = self;
        write!(
            f,
            "request to {whom:?}, session {session}, push {is_push}, {} bytes {shown:02x?}",
            self.body.len()
        )
    }
}

/// What a frame was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A question for a name that begins with a 0 byte.
    Probe,
    /// Something that an unmodified client sends, and the request that it completes.
    Frame(Option<Request>),
}

/// Judges one connection.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// The first question has come.
    greeted: bool,
    /// Sessions that were used: none comes twice, because they count.
    used: HashSet<u32>,
    /// A tag whose request has not come.
    tag: Option<Vec<u8>>,
    open: HashMap<u32, Open>,
}

#[derive(Debug)]
struct Open {
    request: Request,
    total: usize,
}

impl Judge {
    /// A frame, without its length.
    pub(super) fn take(&mut self, frame: &[u8]) -> Result<Seen> {
        let (&kind, rest) = frame.split_first().context("an empty frame")?;
        if !self.greeted {
            let session = number(rest, 4);
            ensure!(
                kind == 0 && number(rest, 0) == Some(0) && session == Some(PROBE),
                "the first frame asks for no name of ours"
            );
            ensure!(rest.len() > 8 + 16, "the first question has no nonce");
            self.greeted = true;
        }
        match kind {
            0x00 | 0x80 => self.small(kind == 0x80, rest),
            0x01 | 0x41 | 0x81 | 0xc1 => self.begin(kind & 0x80 != 0, kind & 0x40 != 0, rest),
            0x02 | 0x03 => self.part(rest, kind == 0x03),
            0x04 => self.tag(rest),
            other => bail!("an unmodified server does not know type {other:#04x}"),
        }
    }

    /// Fails when something was begun and not ended.
    pub(super) fn end(&self) -> Result<()> {
        ensure!(
            self.open.is_empty() && self.tag.is_none(),
            "requests were cut off"
        );
        Ok(())
    }

    fn small(&mut self, named: bool, rest: &[u8]) -> Result<Seen> {
        let (whom, rest) = whom(named, rest)?;
        let session = number(rest, 0).context("a request without a session")?;
        let body = &rest[4..];
        ensure!(body.len() <= SINGLE, "{} bytes in one frame", body.len());
        if session == PROBE {
            ensure!(whom == Whom::Handle(0), "session {session:#x} for {whom:?}");
            ensure!(self.tag.is_none(), "a tag for a question of ours");
            ensure!(name(body)?.starts_with(&[0]), "it asks for a real name");
            return Ok(Seen::Probe);
        }
        if whom == Whom::Handle(0) {
            let name = name(body)?;
            ensure!(
                session != 0 && !name.starts_with(&[0]) && !name.starts_with(b"@"),
                "a question for {:?} with session {session}",
                name.escape_ascii().to_string()
            );
        }
        if session != 0 {
            self.use_session(session)?;
        }
        Ok(Seen::Frame(Some(Request {
            whom,
            session,
            is_push: session == 0,
            body: body.to_vec(),
            tag: self.tag.take(),
        })))
    }

    fn begin(&mut self, named: bool, is_push: bool, rest: &[u8]) -> Result<Seen> {
        let (whom, rest) = whom(named, rest)?;
        ensure!(rest.len() == 8, "a start with {} bytes behind", rest.len());
        let (session, total) = (number(rest, 0), number(rest, 4));
        let session = session.context("a session")?;
        let total = total.context("a total")? as usize;
        ensure!(total > SINGLE, "{total} bytes go in one frame");
        ensure!(whom != Whom::Handle(0), "a question in parts");
        self.use_session(session)?;
        let request = Request {
            whom,
            session,
            is_push,
            body: Vec::new(),
            tag: self.tag.take(),
        };
        self.open.insert(session, Open { request, total });
        Ok(Seen::Frame(None))
    }

    fn part(&mut self, rest: &[u8], is_last: bool) -> Result<Seen> {
        ensure!(self.tag.is_none(), "a tag for a part: it would be lost");
        let session = number(rest, 0).context("a part without a session")?;
        let bytes = &rest[4..];
        let open = self.open.get_mut(&session);
        let open =
            open.with_context(|| format!("a part of session {session}, which is not open"))?;
        open.request.body.extend_from_slice(bytes);
        let (sum, total) = (open.request.body.len(), open.total);
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
        Ok(Seen::Frame(done.map(|open| open.request)))
    }

    fn tag(&mut self, tag: &[u8]) -> Result<Seen> {
        ensure!(self.tag.is_none(), "two tags for one request");
        ensure!(
            tag.starts_with(b"(") && tag.len() <= TAG,
            "the tag {}",
            tag.escape_ascii()
        );
        self.tag = Some(tag.to_vec());
        Ok(Seen::Frame(None))
    }

    fn use_session(&mut self, session: u32) -> Result<()> {
        ensure!(
            (1..PROBE).contains(&session) && self.used.insert(session),
            "session {session:#x} is none, or came before"
        );
        Ok(())
    }
}

fn whom(named: bool, rest: &[u8]) -> Result<(Whom, &[u8])> {
    if !named {
        let handle = number(rest, 0).context("a request without an address")?;
        return Ok((Whom::Handle(handle), &rest[4..]));
    }
    let (&len, rest) = rest.split_first().context("a name without a length")?;
    let name = rest.get(..len.into()).filter(|name| !name.is_empty());
    let name = name.context("a name without its bytes")?;
    let text = String::from_utf8(name.to_vec()).context("a name")?;
    Ok((Whom::Name(text), &rest[name.len()..]))
}

/// The one string that the body of a question is.
fn name(body: &[u8]) -> Result<&[u8]> {
    let (len, name) = match body {
        [head, name @ ..] if head & 7 == 4 => (usize::from(head >> 3), name),
        [0x15, a, b, name @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), name),
        _ => bail!("a question for {body:02x?}"),
    };
    ensure!(len == name.len(), "a question for {body:02x?}");
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::super::{frame, vectors};
    use super::*;
    use crate::stock::link::{To, begin, begin_push, part, small, text};
    use crate::stock::vectors::bytes;

    fn hello() -> Vec<u8> {
        let mut name = b"\0SKYNET\x01\x01".to_vec();
        name.resize(30, 7);
        let body = [&[30 << 3 | 4][..], &name].concat();
        small(To::Handle(0), PROBE, &body)
    }

    /// Greeted, and then given these; the first error, or the requests.
    fn judged(frames: &[Vec<u8>]) -> Result<Vec<Request>> {
        let mut judge = Judge::default();
        assert_eq!(judge.take(&hello())?, Seen::Probe);
        let mut requests = Vec::new();
        for frame in frames {
            match judge.take(frame)? {
                Seen::Frame(Some(request)) => requests.push(request),
                Seen::Frame(None) | Seen::Probe => {}
            }
        }
        judge.end()?;
        Ok(requests)
    }

    #[test]
    fn captured_requests_pass() {
        let mut stream = Vec::new();
        for vector in [vectors::HELLO, vectors::HELLO2, vectors::HELLO3] {
            stream.extend(bytes(vector));
        }
        stream.extend(bytes(vectors::QUERY));
        stream.extend(bytes(vectors::PUSH));
        stream.extend(vectors::call_in_parts());
        stream.extend(vectors::push_in_parts());
        stream.extend(bytes(vectors::TRACE));
        let traced = bytes("00 0d | 80 | 04 40 73 76 63 | 0b 00 00 00 | 14 68 69");
        stream.extend(traced);
        let requests = judged(&frame::split(&stream).unwrap()).unwrap();
        let sessions: Vec<_> = requests.iter().map(|request| request.session).collect();
        assert_eq!(sessions, [1, 2, 3, 4, 0, 8, 9, 11]);
        assert_eq!(requests[0].whom, Whom::Name("@svc".to_owned()));
        assert_eq!(requests[2].whom, Whom::Handle(0x11));
        let pushes = requests.iter().filter(|request| request.is_push);
        assert_eq!(pushes.count(), 2);
        assert_eq!(requests[5].body, vectors::call_in_parts_body());
        assert_eq!(requests[6].body.len(), 40003);
        assert_eq!(requests[7].tag.as_deref(), Some(vectors::TAG.as_bytes()));
        assert!(requests[..7].iter().all(|request| request.tag.is_none()));
    }

    #[test]
    fn parts_of_several_requests_come_in_any_mix() {
        let to = To::Name("@svc");
        let full = vec![1; PART];
        let requests = judged(&[
            begin(to, 5, 32770),
            part(5, &full, false),
            begin_push(To::Handle(9), 6, 32768),
            small(to, 7, b""),
            part(6, &full, true),
            part(5, b"ab", true),
        ]);
        let sessions: Vec<_> = requests.unwrap().iter().map(|r| r.session).collect();
        assert_eq!(sessions, [7, 6, 5]);
    }

    #[test]
    fn everything_else_fails() {
        let to = To::Name("@svc");
        let full = vec![1; PART];
        let fails = |what: &str, frames: &[Vec<u8>]| {
            assert!(judged(frames).is_err(), "{what}");
        };
        fails("empty", &[vec![]]);
        for kind in [0x05, 0x20, 0x21, 0x40, 0x82, 0x84, 0xa0, 0xa1] {
            let mut frame = small(to, 1, b"body");
            frame[0] = kind;
            fails("a type", &[frame]);
        }
        fails("no session", &[vec![0x80, 1, b'a', 1, 0, 0]]);
        fails("no name", &[vec![0x80, 0, 1, 0, 0, 0]]);
        fails("too large", &[small(to, 1, &full)]);
        fails("in parts for nothing", &[begin(to, 1, 32767)]);
        fails(
            "a start that is too long",
            &[[begin(to, 1, 40000), vec![0]].concat()],
        );
        fails("no push has session 0 there", &[begin_push(to, 0, 40000)]);
        fails("a session twice", &[small(to, 1, b""), small(to, 1, b"")]);
        fails("the session of probes", &[small(to, PROBE, b"")]);
        fails("a part of nothing", &[part(1, &full, true)]);
        fails(
            "a short part",
            &[begin(to, 1, 40000), part(1, &full[1..], false)],
        );
        fails("cut off", &[begin(to, 1, 40000)]);
        let sum = [
            begin(to, 1, 40000),
            part(1, &full, false),
            part(1, b"a", true),
        ];
        fails("less than the total", &sum);
        let sum = [
            begin(to, 1, 32769),
            part(1, &full, false),
            part(1, b"ab", true),
        ];
        fails("more than the total", &sum);
        let empty = [
            begin(to, 1, 32768),
            part(1, &full, false),
            part(1, b"", true),
        ];
        fails("an empty part", &empty);
        let tag = |text: &str| [&[4], text.as_bytes()].concat();
        fails("a tag alone", &[tag("(a)")]);
        fails("two tags", &[tag("(a)"), tag("(a)"), small(to, 1, b"")]);
        fails("a tag of another form", &[tag("a"), small(to, 1, b"")]);
        let lost = [begin(to, 1, 32768), tag("(a)"), part(1, &full, true)];
        fails("a tag that gets lost", &lost);
        let question = |session, name: &str| small(To::Handle(0), session, &text(name));
        fails("a push to the names", &[question(0, "svc")]);
        fails("a real name, asked by a probe", &[question(PROBE, "svc")]);
        fails(
            "a name of ours, asked as a real one",
            &[question(1, "\0SKYNET")],
        );
        fails("a name with its sign", &[question(1, "@svc")]);
        assert!(Judge::default().take(&small(to, 1, b"")).is_err());
        assert!(Judge::default().take(&question(PROBE, "\0SKYNET")).is_err());
    }
}
