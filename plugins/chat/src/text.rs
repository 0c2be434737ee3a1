//! What clients may write: names, and texts that leave other people's terminals alone.

use std::fmt;

/// Characters of the longest nick or room name.
pub(crate) const MAX_NAME: usize = 32;

/// Characters that have a meaning in what the chat prints or reads.
const RESERVED: &str = "/<>[]*,:\"'`\\";

/// A client's text as others may see it: one line, nothing that moves a cursor, changes colours or
/// turns the direction of writing round.
///
/// Blanks of any kind become spaces; characters that print nothing are dropped, except the two joiners
/// that some scripts and emoji are written with.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200c}' | '\u{200d}' => clean.push(c),
            _ if c.is_whitespace() => clean.push(' '),
            _ if is_printable(c) => clean.push(c),
            _ => {}
        }
    }
    let trimmed = clean.trim();
    if trimmed.len() == clean.len() {
        clean
    } else {
        trimmed.to_owned()
    }
}

/// A nick.
///
/// # Errors
/// It is none, and why.
pub(crate) fn nick(text: &str) -> Result<&str, NameError> {
    name("nick", text)
}

/// A room's name: in small letters, since `Lobby` and `lobby` are one room.
///
/// # Errors
/// It is none, and why.
pub(crate) fn room(text: &str) -> Result<String, NameError> {
    // The small letter of one character may be several: what is checked is what will be used.
    let folded = fold(text);
    name("room", &folded)?;
    Ok(folded)
}

/// How names are compared: `Bob` and `bob` are one name.
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn name<'a>(what: &'static str, text: &'a str) -> Result<&'a str, NameError> {
    let refuse = |wrong| Err(NameError { what, wrong });
    let Some(first) = text.chars().next() else {
        return refuse(Wrong::Empty);
    };
    let length = text.chars().count();
    if length > MAX_NAME {
        return refuse(Wrong::TooLong(length));
    }
    let wrong = |c: &char| c.is_whitespace() || RESERVED.contains(*c) || !is_printable(*c);
    if let Some(found) = text.chars().find(wrong) {
        return refuse(Wrong::Character(found));
    }
    // An accent needs a letter to stand on, or it lands on what is printed before the name.
    if !prints_alone(first) {
        return refuse(Wrong::Character(first));
    }
    Ok(text)
}

/// Whether a character prints something, at least together with the one before it.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The standard library knows what prints, and tells it by not escaping it. Behind another character
    // accents are not escaped.
    let pair = String::from_iter(['a', c]);
    pair.escape_debug().eq(pair.chars())
}

/// Whether a character prints something that stands by itself.
fn prints_alone(c: char) -> bool {
    c.is_ascii_graphic() || (!c.is_ascii() && c.escape_debug().eq([c]))
}

/// A text is no name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NameError {
    what: &'static str,
    wrong: Wrong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    Empty,
    TooLong(usize),
    Character(char),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what;
        match self.wrong {
            Wrong::Empty => write!(f, "a {what} needs a name"),
            Wrong::TooLong(length) => write!(
                f,
                "a {what} has at most {MAX_NAME} characters, not {length}"
            ),
            Wrong::Character(c) if c.is_whitespace() => write!(f, "a {what} has no blanks"),
            Wrong::Character(c) => write!(f, "a {what} has no {c:?} in this place"),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cleaned() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text), expected, "{text:?}");
        check("hello there", "hello there");
        check("  hello\t\u{a0}there \r", "hello  there");
        check(
            "\u{1b}[2J\u{1b}[Hyour password:\u{7}",
            "[2J[Hyour password:",
        );
        check("a\u{9b}31mred", "a31mred");
        check("\u{202e}drow\u{2066}ssap", "drowssap");
        check("say \"hi\" \\ 'there'", "say \"hi\" \\ 'there'");
        check("größe ñandú हिन्दी 日本語", "größe ñandú हिन्दी 日本語");
        check(
            "e\u{301} \u{1f468}\u{200d}\u{1f469}",
            "e\u{301} \u{1f468}\u{200d}\u{1f469}",
        );
        check("a\u{2028}b\u{feff}c\u{e000}", "a bc");
        check("\u{1b}\0\u{7f}", "");
    }

    #[test]
    fn names_are_checked() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(room(text).ok().as_deref(), expected, "{text:?}");
            assert_eq!(nick(text).is_ok(), expected.is_some(), "{text:?}");
        };
        check("lobby", Some("lobby"));
        check("Lobby-2.x_y", Some("lobby-2.x_y"));
        check("Zürich", Some("zürich"));
        check("日本", Some("日本"));
        check("\u{1f600}", Some("\u{1f600}"));
        check(&"x".repeat(MAX_NAME), Some(&"x".repeat(MAX_NAME)));
        check(&"x".repeat(MAX_NAME + 1), None);
        check("", None);
        check("a b", None);
        check("a\u{3000}b", None);
        check("<bob>", None);
        check("/bob", None);
        check("bob:", None);
        check("\u{301}bob", None);
        check("b\u{200d}ob", None);
        check("b\u{1b}ob", None);
        check("b\u{202e}ob", None);
        // Its small letters are two characters: it fits before, and not behind.
        assert!(room(&"İ".repeat(MAX_NAME)).is_err());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let check = |text: &str, expected: &str| {
            assert_eq!(nick(text).unwrap_err().to_string(), expected);
        };
        check("", "a nick needs a name");
        check("a b", "a nick has no blanks");
        check("a:b", "a nick has no ':' in this place");
        check("\u{7}", "a nick has no '\\u{7}' in this place");
        check(&"x".repeat(40), "a nick has at most 32 characters, not 40");
    }

    proptest! {
        #[test]
        fn whatever_is_cleaned_is_one_harmless_line(text in any::<String>()) {
            let clean = clean(&text);
            prop_assert!(!clean.chars().any(char::is_control));
            prop_assert_eq!(super::clean(&clean), clean.clone());
            prop_assert!(clean.len() <= text.len());
        }

        #[test]
        fn names_survive_cleaning(text in any::<String>()) {
            if let Ok(name) = room(&text) {
                prop_assert_eq!(clean(&name), name.clone());
                prop_assert_eq!(room(&name), Ok(name));
            }
        }
    }
}
