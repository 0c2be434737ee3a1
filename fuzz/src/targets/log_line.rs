//! Records of the log: what services say, as lines that harm neither the log nor a terminal.

use skynet_service::Handle;

use super::sources::log_line::append;
use crate::input::Input;
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "log_line",
    about: "plugins/logger: any text as records",
    run,
    seeds,
    tokens: &[
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"\x1b[2J",
        b"\xc2\x9b",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        b"\xff",
        b"\xc3",
        b"2026-11-21 04:45:00.123 ERROR [:00000001] ",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 1 << 13,
        per_byte: 60,
    },
};

const STAMP: &str = "2026-11-21 04:45:00.123";
/// Bytes of a text that are written.
const MOST: usize = 64 << 10;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (level, source) = (input.any(), Handle(input.any()));
    let text = input.rest();
    let mut out = String::new();
    // Ten characters for one at worst, and the string grows by doubling.
    let shown = text.len().min(MOST);
    within(40 * shown + 1024, "a record", || {
        append(&mut out, STAMP, level, source, text);
    });
    assert!(out.starts_with(STAMP) && out.ends_with('\n'));
    let body = &out[..out.len() - 1];
    assert!(body.contains(&format!("[{source}] ")));
    for (number, line) in body.split('\n').enumerate() {
        assert_eq!(line.starts_with("    "), number > 0, "{line:?}");
        let harmful = |c: char| {
            c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!line.contains(harmful), "{line:?}");
    }
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let more = text.len() - text.iter().rev().take_while(|byte| is_end(byte)).count();
    if more > MOST {
        let left = format!(" ... ({} more bytes)", more - MOST);
        assert!(body.ends_with(&left), "too long, and all of it is written");
    }
    if let Ok(text) = std::str::from_utf8(text)
        && text.len() < MOST
        && !text.contains(char::is_control)
        && text.is_ascii()
    {
        assert!(body.ends_with(text), "a plain text is not changed");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let fields = [3, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0];
    let mut seeds: Vec<Vec<u8>> = [
        "plain text",
        "ends\n\r\n",
        "one\ntwo\n\nfour",
        "over\rwritten",
        "\x1b[2J \u{9b}2J a\u{2028}b\u{202e}c",
        "x\n2026-11-21 04:45:00.123 ERROR [:00000001] forged",
    ]
    .map(|text| [&fields, text.as_bytes()].concat())
    .into();
    seeds.push([&fields[..], b"a\xff\xfeb"].concat());
    seeds.push([&fields[..], &vec![b'x'; MOST + 5]].concat());
    seeds.push([&fields[..], &vec![b'\n'; MOST]].concat());
    seeds
}
