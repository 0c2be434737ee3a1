//! One record as lines of text.

use std::fmt::Write as _;

use skynet_service::{Handle, abi};

/// How many bytes of a record's text are written; the rest is counted.
const MAX_TEXT: usize = 64 << 10;

/// What continued lines begin with. Records never do, so no text can pass for a record.
const INDENT: &str = "\n    ";

/// Appends one record: `<stamp> INFO  [:0000000a] text`.
///
/// Whatever the text holds, it makes no line that looks like a record and sends a terminal no commands: further lines
/// are indented, control characters and bytes that are not UTF-8 are escaped.
pub(crate) fn append(out: &mut String, stamp: &str, level: u64, source: Handle, text: &[u8]) {
    let _ = write!(out, "{stamp} {} [{source}] ", level_name(level));
    let end = text
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'))
        .map_or(0, |last| last + 1);
    let shown = &text[..end.min(MAX_TEXT)];
    for chunk in shown.utf8_chunks() {
        append_text(out, chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if shown.len() < end {
        let _ = write!(out, " ... ({} more bytes)", end - shown.len());
    }
    out.push('\n');
}

fn append_text(out: &mut String, text: &str) {
    let mut clean_from = 0;
    for (at, character) in text.char_indices() {
        if !is_risky(character) {
            continue;
        }
        out.push_str(&text[clean_from..at]);
        clean_from = at + character.len_utf8();
        match character {
            '\n' => out.push_str(INDENT),
            // A line end from another system.
            '\r' if text[clean_from..].starts_with('\n') => {}
            _ => out.extend(character.escape_default()),
        }
    }
    out.push_str(&text[clean_from..]);
}

/// Whether a character could end a line, command a terminal, or show a line in another order than it has.
fn is_risky(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The name of a level, as wide as the widest. Texts that come without one, such as those of services that send to the
/// log service directly, are information.
fn level_name(level: u64) -> &'static str {
    match u32::try_from(level).unwrap_or(0) {
        abi::LEVEL_ERROR => "ERROR",
        abi::LEVEL_WARN => "WARN ",
        abi::LEVEL_DEBUG => "DEBUG",
        abi::LEVEL_TRACE => "TRACE",
        _ => "INFO ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: impl AsRef<[u8]>, expected: &str) {
        let mut out = String::new();
        append(&mut out, "now", 3, Handle(10), text.as_ref());
        let start = "now INFO  [:0000000a] ";
        assert_eq!(out, format!("{start}{expected}\n"));
    }

    #[test]
    fn texts_are_made_harmless() {
        check("", "");
        check(
            "plain text, größer als nötig",
            "plain text, größer als nötig",
        );
        check("ends\n\r\n", "ends");
        check("one\ntwo\n\nfour", "one\n    two\n    \n    four");
        check("one\r\ntwo", "one\n    two");
        check("over\rwritten", "over\\rwritten");
        check("a\tb", "a\\tb");
        check("\x1b[2J", "\\u{1b}[2J");
        check("\u{9b}2J", "\\u{9b}2J");
        check("a\u{2028}b\u{202e}c", "a\\u{2028}b\\u{202e}c");
        check(b"a\xff\xfeb", "a\\xff\\xfeb");
        check("zero\0", "zero\\u{0}");
    }

    #[test]
    fn no_text_makes_a_line_that_begins_like_a_record() {
        let forged = "x\n2026-11-21 04:45:00.123 ERROR [:00000001] forged";
        let mut out = String::new();
        append(
            &mut out,
            "2026-11-21 04:45:00.123",
            3,
            Handle(1),
            forged.as_bytes(),
        );
        let records = out.lines().filter(|line| line.starts_with("2026"));
        assert_eq!(records.count(), 1);
    }

    #[test]
    fn long_texts_are_cut() {
        let text = "x".repeat(MAX_TEXT + 5);
        check(&text, &format!("{} ... (5 more bytes)", &text[..MAX_TEXT]));
        check(&text[..MAX_TEXT], &text[..MAX_TEXT]);
    }

    #[test]
    fn levels_have_names() {
        let check = |level, expected| assert_eq!(level_name(level), expected);
        check(1, "ERROR");
        check(2, "WARN ");
        check(3, "INFO ");
        check(4, "DEBUG");
        check(5, "TRACE");
        check(0, "INFO ");
        check(u64::MAX, "INFO ");
    }
}
