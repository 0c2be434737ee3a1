//! What travels on a connection: the request's line, put together from what comes, and the answer.

/// What a request is answered: a text, or what went wrong.
pub(crate) type Answer = Result<String, String>;

/// The longest request.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// What a client has sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    Complete(String),
    Refused(String),
    /// It has closed without a word.
    Gone,
}

/// The bytes of a line that has not ended yet.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    bytes: Vec<u8>,
}

impl Assembly {
    /// Adds what has come; answers once that decides. What follows the line's end is not looked at.
    pub(crate) fn add(&mut self, piece: &[u8]) -> Option<Line> {
        let end = piece.iter().position(|&byte| byte == b'\n');
        let part = &piece[..end.unwrap_or(piece.len())];
        if part.len() > MAX_LINE - self.bytes.len() {
            let reason = format!("the request is longer than {MAX_LINE} bytes");
            return Some(Line::Refused(reason));
        }
        self.bytes.extend_from_slice(part);
        end?;
        Some(match String::from_utf8(std::mem::take(&mut self.bytes)) {
            Ok(line) => Line::Complete(line),
            Err(_) => Line::Refused("the request is not UTF-8".to_owned()),
        })
    }

    /// No more will come.
    pub(crate) fn end(self) -> Line {
        if self.bytes.is_empty() {
            Line::Gone
        } else {
            Line::Refused("the request has no line feed".to_owned())
        }
    }
}

/// The answer as the client gets it: a line `ok` or `error`, then the text, which ends with a line feed if there is any.
pub(crate) fn encode(answer: &Answer) -> String {
    let (word, text) = match answer {
        Ok(text) => ("ok", text),
        Err(text) => ("error", text),
    };
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{word}\n{text}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]], expected: Option<&str>) {
        let mut assembly = Assembly::default();
        let found = pieces.iter().find_map(|piece| assembly.add(piece));
        match (found, expected) {
            (None, None) => {}
            (Some(Line::Complete(line)), Some(expected)) => assert_eq!(line, expected),
            (Some(Line::Refused(reason)), Some(expected)) => {
                assert!(reason.contains(expected), "{reason}");
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn lines_are_put_together() {
        check(&[b"list\n"], Some("list"));
        check(&[b"li", b"", b"st\nlist\n"], Some("list"));
        check(&["\u{e9}\n".as_bytes()], Some("\u{e9}"));
        check(&[b"\xc3", b"\xa9\n"], Some("\u{e9}"));
        check(&[b"\xc3\n", b"\xa9\n"], Some("not UTF-8"));
        check(&[b"list"], None);
    }

    #[test]
    fn the_longest_line_fits_and_no_longer_one() {
        let longest = vec![b'x'; MAX_LINE];
        check(&[&longest], None);
        let text = "x".repeat(MAX_LINE);
        check(&[&longest, b"\n"], Some(&text));
        check(&[&longest, b"x"], Some("65536 bytes"));
        check(&[&[b'x'; MAX_LINE + 1]], Some("65536 bytes"));
    }

    #[test]
    fn what_has_no_end_is_refused_or_nothing() {
        assert_eq!(Assembly::default().end(), Line::Gone);
        let mut assembly = Assembly::default();
        assert_eq!(assembly.add(b"list"), None);
        assert!(matches!(assembly.end(), Line::Refused(reason) if reason.contains("line feed")));
    }

    #[test]
    fn answers_end_with_their_line() {
        let check = |answer: Answer, expected: &str| assert_eq!(encode(&answer), expected);
        check(Ok(String::new()), "ok\n");
        check(Ok("one".to_owned()), "ok\none\n");
        check(Err("wrong\n".to_owned()), "error\nwrong\n");
    }
}
