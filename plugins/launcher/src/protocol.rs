//! What the launcher is asked, as `skynet.pack` values: the words and results of Skynet's launcher.

use skynet_seri::{Reader, Table, Value, ValueRef};
use skynet_service::{Error, Handle, Result};

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// `LIST`: what runs.
    List,
    /// `STAT`: figures of what runs.
    Stat,
    /// `KILL address`: ends a service.
    Kill(Address),
    /// `LAUNCH module argument…`: launches a service, as this line.
    Launch(String),
}

/// How a request names a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    Handle(Handle),
    /// `.name`.
    Name(String),
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// What was found, and what was wanted.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut values = Reader::new(bytes);
        let command = values.next().transpose()?;
        let Some(command) = command.and_then(|command| command.as_str()) else {
            return Err(Error::refused(
                "the launcher got no command, wanted LIST, STAT, KILL or LAUNCH",
            ));
        };
        match command {
            "LIST" => Ok(Self::List),
            "STAT" => Ok(Self::Stat),
            "KILL" => values.next().transpose()?.map_or_else(
                || Err(Error::refused("KILL got no address")),
                |address| Address::parse(&address).map(Self::Kill),
            ),
            "LAUNCH" => launch_line(values).map(Self::Launch),
            _ => Err(Error::unsupported(format_args!(
                "the launcher has no command {command:?}, only LIST, STAT, KILL and LAUNCH"
            ))),
        }
    }
}

impl Address {
    fn parse(value: &ValueRef<'_>) -> Result<Self> {
        if let Some(number) = value.as_integer() {
            let handle = u32::try_from(number)
                .map_err(|_| Error::refused(format_args!("KILL got {number}, no handle")))?;
            return Ok(Self::Handle(Handle(handle)));
        }
        let text = value.as_str().ok_or_else(|| {
            Error::refused(format_args!(
                "KILL got {}, wanted a handle, \":hex\" or \".name\"",
                value.kind()
            ))
        })?;
        if text.starts_with('.') {
            return Ok(Self::Name(text.to_owned()));
        }
        Ok(Self::Handle(text.parse()?))
    }
}

/// The values as one line, with blanks between them. Numbers are written as Lua writes them.
fn launch_line(values: Reader<'_>) -> Result<String> {
    let mut words = Vec::new();
    for value in values {
        let value = value?;
        words.push(match value {
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Number(number) => number.to_string(),
            _ => value
                .as_str()
                .ok_or_else(|| {
                    let kind = value.kind();
                    Error::refused(format_args!("LAUNCH got {kind}, wanted texts and numbers"))
                })?
                .to_owned(),
        });
    }
    if words.is_empty() {
        return Err(Error::refused("LAUNCH got no module"));
    }
    Ok(words.join(" "))
}

/// A table of services: `":0000000a"` to a value.
pub(crate) fn by_handle(entries: impl Iterator<Item = (Handle, Value)>) -> Value {
    let pairs = entries
        .map(|(handle, value)| (Value::from(handle.to_string()), value))
        .collect();
    Value::from(Table {
        array: Vec::new(),
        pairs,
    })
}

/// `key:value key:value …` as a table, numbers as numbers.
pub(crate) fn figures(text: &str) -> Value {
    let pairs = text
        .split_whitespace()
        .filter_map(|figure| figure.split_once(':'))
        .map(|(key, value)| (Value::from(key), number(value)))
        .collect();
    Value::from(Table {
        array: Vec::new(),
        pairs,
    })
}

fn number(text: &str) -> Value {
    let integer = text.parse::<i64>().map(Value::Integer);
    integer
        .or_else(|_| text.parse::<f64>().map(Value::Number))
        .unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use skynet_seri::pack;

    use super::*;

    fn check(message: &[u8], expected: Request) {
        assert_eq!(Request::parse(message).unwrap(), expected);
    }

    #[test]
    fn requests_are_read() {
        check(&pack!("LIST").unwrap(), Request::List);
        // Skynet's callers add a time-out, which the node's own figures do not need.
        check(&pack!("STAT", 300).unwrap(), Request::Stat);
        let kill = |address| Request::Kill(Address::Handle(Handle(address)));
        check(&pack!("KILL", 10).unwrap(), kill(10));
        check(&pack!("KILL", ":1000000a").unwrap(), kill(0x1000_000a));
        let db = Request::Kill(Address::Name(".db".to_owned()));
        check(&pack!("KILL", ".db").unwrap(), db);
        let launch = |line: &str| Request::Launch(line.to_owned());
        check(&pack!("LAUNCH", "echo").unwrap(), launch("echo"));
        check(
            &pack!("LAUNCH", "gate", "L ! 127.0.0.1:1", 100, 1.5).unwrap(),
            launch("gate L ! 127.0.0.1:1 100 1.5"),
        );
    }

    #[test]
    fn wrong_requests_are_refused_with_a_reason() {
        let check = |message: &[u8], expected: &str| {
            let error = Request::parse(message).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "no command");
        check(&pack!(1).unwrap(), "no command");
        check(&pack!("FLY").unwrap(), "\"FLY\"");
        check(&pack!("KILL").unwrap(), "no address");
        check(&pack!("KILL", true).unwrap(), "wanted a handle");
        check(&pack!("KILL", "x").unwrap(), "\"x\"");
        check(&pack!("KILL", -1).unwrap(), "-1");
        check(&pack!("LAUNCH").unwrap(), "no module");
        check(&pack!("LAUNCH", "echo", true).unwrap(), "texts and numbers");
        check(b"\xff\xff\xff", "");
    }

    #[test]
    fn figures_become_a_table() {
        let Value::Table(table) = figures("cpu:0.5 message:3 odd:x") else {
            panic!("no table");
        };
        assert_eq!(table.get("cpu"), Some(&Value::Number(0.5)));
        assert_eq!(table.get("message"), Some(&Value::Integer(3)));
        assert_eq!(table.get("odd"), Some(&Value::from("x")));
    }
}
