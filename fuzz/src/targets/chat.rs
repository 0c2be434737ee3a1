//! The chat's clients: lines, names and texts.

use super::sources::chat_line::{Line, MAX_LINE};
use super::sources::text::{MAX_NAME, clean, fold, nick, room};
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "chat",
    about: "plugins/chat: lines of clients, names, texts",
    run,
    seeds,
    tokens: &[
        b"/",
        b"/nick ",
        b"/join ",
        b"/leave",
        b"/say ",
        b"/who ",
        b"/rooms",
        b"/help",
        b"/quit",
        b"\x1b[2J",
        b"\xc2\x9b",
        b"\xe2\x80\xae",
        b"\xe2\x80\x8d",
        b"\xcc\x81",
        b"\xc4\xb0",
        b"\xe3\x80\x80",
        b"\xff",
        b"\r",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 13,
        per_byte: 40,
    },
};

fn run(bytes: &[u8]) {
    match Line::parse(bytes) {
        Ok(line) => {
            assert!(bytes.len() <= MAX_LINE);
            check_line(&line);
        }
        Err(text) => {
            assert!(bytes.len() > MAX_LINE || std::str::from_utf8(bytes).is_err());
            check_text(&text);
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let cleaned = clean(&text);
    check_text(&cleaned);
    assert_eq!(clean(&cleaned), cleaned);
    assert!(cleaned.len() <= text.len());
    check_names(&text);
}

fn check_line(line: &Line<'_>) {
    match line {
        Line::Say(text) => {
            check_text(text);
            assert!(!text.is_empty());
            // It can be said again.
            let again = format!("/say {text}");
            assert!(again.len() > MAX_LINE || Line::parse(again.as_bytes()).as_ref() == Ok(line));
        }
        Line::Wrong(text) => check_text(text),
        Line::Nick(name) | Line::Join(name) | Line::Leave(Some(name)) | Line::Who(Some(name)) => {
            assert!(!name.is_empty() && name.trim() == *name);
        }
        _ => {}
    }
}

/// One line that does nothing to a terminal.
fn check_text(text: &str) {
    let harmful =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(harmful), "{text:?}");
}

fn check_names(text: &str) {
    match nick(text) {
        Ok(name) => {
            assert_eq!(name, text);
            assert!((1..=MAX_NAME).contains(&name.chars().count()));
            assert!(!name.contains(char::is_whitespace));
            assert_eq!(clean(name), name);
        }
        Err(error) => check_text(&error.to_string()),
    }
    match room(text) {
        Ok(name) => {
            assert_eq!(name, fold(text));
            assert_eq!(room(&name).as_ref(), Ok(&name));
            assert_eq!(nick(&name), Ok(name.as_str()));
        }
        Err(error) => check_text(&error.to_string()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "hello",
        "//etc/passwd",
        "/nick bob\r",
        "/NICK  bob marley",
        "/join\tlobby",
        "/leave",
        "/who Zürich",
        "/say  /nick is a command",
        "/rooms all",
        "/d\u{1b}ance now",
        "a\u{9b}31mred \u{202e}drow\u{2066}ssap",
        "e\u{301} \u{1f468}\u{200d}\u{1f469}",
        "İstanbul",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    seeds.extend([MAX_LINE, MAX_LINE + 1, MAX_NAME, MAX_NAME + 1].map(|len| vec![b'x'; len]));
    seeds.push("İ".repeat(MAX_NAME).into_bytes());
    seeds
}
