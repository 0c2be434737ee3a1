//! The lines that clients send.

use super::text;

/// Bytes of the longest line that a client may send.
pub(crate) const MAX_LINE: usize = 1024;

/// What a line asks for. Names are as the client wrote them, texts are clean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Line<'a> {
    /// An empty line.
    Nothing,
    /// Text for the current room.
    Say(String),
    /// To be called something.
    Nick(&'a str),
    /// To enter a room.
    Join(&'a str),
    /// To leave a room; the current one if none is named.
    Leave(Option<&'a str>),
    /// Which rooms there are.
    Rooms,
    /// Who is in a room; the current one if none is named.
    Who(Option<&'a str>),
    /// What can be asked for.
    Help,
    /// To be disconnected.
    Quit,
    /// A command that there is not, or with what it does not take.
    Wrong(String),
}

impl<'a> Line<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// It is not UTF-8 or too long; the text is for the client.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.len() > MAX_LINE {
            return Err(format!(
                "that line has {} bytes; at most {MAX_LINE} are allowed",
                bytes.len()
            ));
        }
        let line = std::str::from_utf8(bytes)
            .map_err(|_| "that line is not text (UTF-8), nobody got it".to_owned())?
            .trim();
        Ok(match line.strip_prefix('/') {
            None => said(line),
            // Two slashes: a text that begins with one.
            Some(text) if text.starts_with('/') => said(text),
            Some(command) => Self::command(command),
        })
    }

    fn command(line: &'a str) -> Self {
        let (word, rest) = line
            .split_once(char::is_whitespace)
            .map_or((line, ""), |(word, rest)| (word, rest.trim_start()));
        let name = (!rest.is_empty()).then_some(rest);
        match (word.to_ascii_lowercase().as_str(), name) {
            ("say", _) => said(rest),
            ("nick", Some(name)) => Self::Nick(name),
            ("nick", None) => Self::Wrong("/nick needs a name: /nick NAME".to_owned()),
            ("join", Some(room)) => Self::Join(room),
            ("join", None) => Self::Wrong("/join needs a room: /join ROOM".to_owned()),
            ("leave", room) => Self::Leave(room),
            ("who", room) => Self::Who(room),
            ("rooms", None) => Self::Rooms,
            ("help", None) => Self::Help,
            ("quit", _) => Self::Quit,
            ("rooms" | "help", Some(_)) => Self::Wrong(format!("/{word} stands alone on its line")),
            _ => Self::Wrong(format!(
                "there is no command \"/{}\"; /help lists those that there are",
                text::clean(word)
            )),
        }
    }
}

fn said<'a>(text: &str) -> Line<'a> {
    match text::clean(text) {
        text if text.is_empty() => Line::Nothing,
        text => Line::Say(text),
    }
}

/// What `/help` prints.
pub(crate) const HELP: &str = "\
* /nick NAME     change your name
* /join ROOM     enter a room, or go back to one that you are in
* /leave [ROOM]  leave a room
* /say TEXT      talk in your room; a line without a slash does the same
* /rooms         the rooms that there are
* /who [ROOM]    who is in a room
* /help          this list
* /quit          leave
";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read() {
        let check = |line: &str, expected: Line<'_>| {
            assert_eq!(Line::parse(line.as_bytes()), Ok(expected), "{line:?}");
        };
        let say = |text: &str| Line::Say(text.to_owned());
        check("", Line::Nothing);
        check("  \r", Line::Nothing);
        check("\u{1b}", Line::Nothing);
        check("hello", say("hello"));
        check("  hello / you ", say("hello / you"));
        check("/say hello", say("hello"));
        check("/say  /nick is a command", say("/nick is a command"));
        check("/say", Line::Nothing);
        check("//etc/passwd", say("/etc/passwd"));
        check("/nick bob\r", Line::Nick("bob"));
        check("/NICK  bob marley", Line::Nick("bob marley"));
        check("/join\tlobby", Line::Join("lobby"));
        check("/leave", Line::Leave(None));
        check("/leave lobby", Line::Leave(Some("lobby")));
        check("/who", Line::Who(None));
        check("/who lobby", Line::Who(Some("lobby")));
        check("/rooms", Line::Rooms);
        check("/help", Line::Help);
        check("/quit now", Line::Quit);
    }

    #[test]
    fn wrong_lines_are_explained() {
        let check = |line: &[u8], expected: &str| {
            let text = match Line::parse(line) {
                Ok(Line::Wrong(text)) | Err(text) => text,
                other => panic!("{other:?}"),
            };
            assert!(text.contains(expected), "{text:?}");
        };
        check(b"/nick", "/nick NAME");
        check(b"/join  ", "/join ROOM");
        check(b"/rooms all", "/rooms stands alone");
        check(b"/", "no command \"/\"");
        check("/d\u{1b}ance now".as_bytes(), "no command \"/dance\"");
        check(b"\xff\xfe", "not text");
        check(&[b'x'; MAX_LINE + 1], "1025 bytes");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            // Whether it is a line is not the question: what comes back is fit to be printed.
            if let Ok(Line::Say(text) | Line::Wrong(text)) | Err(text) = Line::parse(&bytes) {
                prop_assert!(!text.chars().any(char::is_control));
            }
        }
    }
}
