//! The control socket: lines in pieces, requests, and answers as `skynet ctl` reads them.

use super::sources::answer::Answer;
use super::sources::control_line::{Assembly, Line, MAX_LINE, encode};
use super::sources::control_request::{Request, RequestError};
use crate::input::{Input, pieces};
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "control",
    about: "plugins/control and skynet ctl: lines, requests, answers",
    run,
    seeds,
    tokens: &[
        b"list",
        b"stat ",
        b"kill ",
        b"launch ",
        b"log-level ",
        b"sockets",
        b"node",
        b"signal ",
        b"call ",
        b"lua ",
        b"stop",
        b"\n",
        b"\r\n",
        b"\xc3",
        b"\xa9",
        b" .db",
        b" :0000000a",
        b"\xe3\x80\x80",
        b"\t",
        b"ok\n",
        b"error\n",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 1 << 14,
        per_byte: 60,
    },
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let cuts = input.bytes(8);
    let stream = input.rest();
    let whole = read(&[stream]);
    assert_eq!(read(&pieces(stream, cuts)), whole, "in pieces");
    if stream.len() < 4096 {
        let single: Vec<_> = stream.chunks(1).collect();
        assert_eq!(read(&single), whole, "byte by byte");
    }
    check_line(stream, &whole);
    if let Line::Complete(line) = &whole {
        check_request(line);
    }
    let text = String::from_utf8_lossy(stream);
    check_request(&text);
    check_answers(&text);
}

fn read(pieces: &[&[u8]]) -> Line {
    // Its buffer grows by doubling; for a moment both are there.
    within(4 * MAX_LINE, "a line", || {
        let mut line = Assembly::default();
        let found = pieces.iter().find_map(|piece| line.add(piece));
        found.unwrap_or_else(|| line.end())
    })
}

/// What all of the bytes together say.
fn check_line(stream: &[u8], line: &Line) {
    let end = stream.iter().position(|byte| *byte == b'\n');
    let first = &stream[..end.unwrap_or(stream.len())];
    match line {
        Line::Complete(text) => assert!(end.is_some() && text.as_bytes() == first),
        Line::Gone => assert!(stream.is_empty()),
        Line::Refused(reason) => {
            let wrong =
                first.len() > MAX_LINE || end.is_none() || std::str::from_utf8(first).is_err();
            assert!(wrong, "{reason}");
            assert!(
                first.len() <= MAX_LINE || reason.contains("longer"),
                "{reason}"
            );
        }
    }
    assert!(first.len() <= MAX_LINE || matches!(line, Line::Refused(_)));
}

fn check_request(line: &str) {
    match Request::parse(line) {
        Ok(request) => {
            let again = Request::parse(&text_of(&request));
            assert_eq!(again.as_ref(), Ok(&request), "{line:?}");
        }
        Err(error) => {
            assert!(matches!(
                error,
                RequestError::Unknown(_) | RequestError::Usage(_)
            ));
            // Forty characters of the line are quoted, each in up to ten.
            let text = error.to_string();
            assert!(
                text.len() <= 600 && !text.chars().any(char::is_control),
                "{text:?}"
            );
        }
    }
}

/// A line that means the request.
fn text_of(request: &Request) -> String {
    match request {
        Request::List => "list".to_owned(),
        Request::Stat(address) => format!("stat {}", address.as_deref().unwrap_or_default()),
        Request::Kill(address) => format!("kill {address}"),
        Request::Launch(line) => format!("launch {line}"),
        Request::LogLevel(level) => format!("log-level {}", level.as_deref().unwrap_or_default()),
        Request::Sockets => "sockets".to_owned(),
        Request::Node => "node".to_owned(),
        Request::Signal { address, number } => format!("signal {address} {number}"),
        Request::Call { address, text } => format!("call {address} {text}"),
        Request::Lua { address, values } => format!("lua {address} {}", values.join(" ")),
        Request::Stop => "stop".to_owned(),
    }
}

/// What the service writes, `ctl` reads; and whatever else comes, it reads or refuses.
fn check_answers(text: &str) {
    let closed = match text {
        "" => String::new(),
        text if text.ends_with('\n') => text.to_owned(),
        text => format!("{text}\n"),
    };
    let encoded = encode(&Ok(text.to_owned()));
    assert_eq!(Answer::parse(&encoded), Some(Answer::Done(&closed)));
    let encoded = encode(&Err(text.to_owned()));
    assert_eq!(
        Answer::parse(&encoded),
        Some(Answer::Failed(text.trim_end()))
    );
    if let Some(Answer::Done(shown) | Answer::Failed(shown)) = Answer::parse(text) {
        assert!(text.contains(shown));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "list\n",
        "  stat .db \r\n",
        "kill :0000000a\n",
        "launch gate  L ! :0\n",
        "log-level debug\n",
        "signal .db -2147483648\n",
        "signal .db 1 2\n",
        "call .demo  two  words\n",
        "call\u{3000}.demo\u{3000}é\n",
        "lua .db SET a 1\n",
        "stop\nlist\n",
        "ok\none\ntwo\n",
        "error\nno\n",
        "list",
    ];
    let mut seeds: Vec<_> = lines
        .map(|line| seed(b"\x01\x03\x40", line.as_bytes()))
        .into();
    seeds.push(seed(b"\x96", &[&[b'x'; MAX_LINE][..], b"\n"].concat()));
    seeds.push(seed(
        b"\xff\x01",
        &[&[b'x'; MAX_LINE + 1][..], b"\n"].concat(),
    ));
    seeds.push(seed(b"", b"\xff\n"));
    seeds
}

/// An input as [`run`] takes it apart.
fn seed(cuts: &[u8], stream: &[u8]) -> Vec<u8> {
    [&(cuts.len() as u16).to_le_bytes()[..], cuts, stream].concat()
}
