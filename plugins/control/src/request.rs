//! What people ask for, in a line of words.

use std::fmt;

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    List,
    /// Of one service, or of all.
    Stat(Option<String>),
    Kill(String),
    /// A module and its arguments.
    Launch(String),
    /// To set, or to show.
    LogLevel(Option<String>),
    Sockets,
    Node,
    Signal {
        address: String,
        number: i32,
    },
    /// A call with a text.
    Call {
        address: String,
        text: String,
    },
    /// A call with values over the lua protocol.
    Lua {
        address: String,
        values: Vec<String>,
    },
    Stop,
}

/// A line is no request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub(crate) enum RequestError {
    Unknown(String),
    Usage(&'static str),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(found) => write!(
                f,
                "there is no command {found:?}, only list, stat, kill, launch, log-level, sockets, node, signal, call, lua and stop"
            ),
            Self::Usage(usage) => write!(f, "usage: {usage}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// The command is not known, or its words are not those it wants.
    pub(crate) fn parse(line: &str) -> Result<Self, RequestError> {
        let line = line.trim();
        let (command, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        let usage = |usage| Err(RequestError::Usage(usage));
        match (command, words.as_slice()) {
            ("list", []) => Ok(Self::List),
            ("list", _) => usage("list"),
            ("stat", []) => Ok(Self::Stat(None)),
            ("stat", [address]) => Ok(Self::Stat(Some((*address).to_owned()))),
            ("stat", _) => usage("stat [ADDRESS]"),
            ("kill", [address]) => Ok(Self::Kill((*address).to_owned())),
            ("kill", _) => usage("kill ADDRESS"),
            ("launch", [_, ..]) => Ok(Self::Launch(rest.trim().to_owned())),
            ("launch", _) => usage("launch MODULE [ARGS...]"),
            ("log-level", []) => Ok(Self::LogLevel(None)),
            ("log-level", [level]) => Ok(Self::LogLevel(Some((*level).to_owned()))),
            ("log-level", _) => usage("log-level [off|error|warn|info|debug|trace]"),
            ("sockets", []) => Ok(Self::Sockets),
            ("sockets", _) => usage("sockets"),
            ("node", []) => Ok(Self::Node),
            ("node", _) => usage("node"),
            ("signal", [address, number @ ..]) if number.len() <= 1 => {
                let number = number.first().map_or(Ok(0), |number| number.parse());
                number
                    .map(|number| Self::Signal {
                        address: (*address).to_owned(),
                        number,
                    })
                    .or_else(|_| usage("signal ADDRESS [NUMBER]"))
            }
            ("signal", _) => usage("signal ADDRESS [NUMBER]"),
            ("call", [address, ..]) => Ok(Self::Call {
                address: (*address).to_owned(),
                text: rest.trim()[address.len()..].trim_start().to_owned(),
            }),
            ("call", _) => usage("call ADDRESS [TEXT...]"),
            ("lua", [address, values @ ..]) => Ok(Self::Lua {
                address: (*address).to_owned(),
                values: values.iter().map(|&value| value.to_owned()).collect(),
            }),
            ("lua", _) => usage("lua ADDRESS [VALUE...]"),
            ("stop", []) => Ok(Self::Stop),
            ("stop", _) => usage("stop"),
            _ => Err(RequestError::Unknown(command.chars().take(40).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let check = |line: &str, expected: Request| {
            assert_eq!(Request::parse(line), Ok(expected), "{line}");
        };
        let text = str::to_owned;
        check("list", Request::List);
        check("  list \r", Request::List);
        check("stat", Request::Stat(None));
        check("stat .db", Request::Stat(Some(text(".db"))));
        check("kill :0000000a", Request::Kill(text(":0000000a")));
        check("launch gate  L ! :0", Request::Launch(text("gate  L ! :0")));
        check("log-level", Request::LogLevel(None));
        check("log-level debug", Request::LogLevel(Some(text("debug"))));
        check("sockets", Request::Sockets);
        check("node", Request::Node);
        let signal = |number| Request::Signal {
            address: text(".db"),
            number,
        };
        check("signal .db", signal(0));
        check("signal .db 1", signal(1));
        let call = |words: &str| Request::Call {
            address: text(".demo"),
            text: text(words),
        };
        check("call .demo", call(""));
        check("call  .demo  two  words", call("two  words"));
        let values = vec![text("SET"), text("a"), text("1")];
        let address = text(".db");
        check("lua .db SET a 1", Request::Lua { address, values });
        check("stop", Request::Stop);
    }

    #[test]
    fn other_lines_are_refused() {
        let check = |line: &str, expected: &str| {
            let error = Request::parse(line).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("", "no command \"\"");
        check("fly", "no command \"fly\"");
        check(&"x".repeat(1000), "no command");
        check("list all", "usage: list");
        check("kill", "usage: kill ADDRESS");
        check("kill .a .b", "usage: kill ADDRESS");
        check("launch", "usage: launch");
        check("signal .a x", "usage: signal");
        check("signal .a 1 2", "usage: signal");
        check("stop now", "usage: stop");
        check("\u{1b}[2J", "\\u{1b}");
    }
}
