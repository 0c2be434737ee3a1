//! What a data center is asked, as `skynet.pack` values.

use skynet_seri::Value;
use skynet_service::{Error, Result};

use super::key::Key;
use super::tree::Node;

/// One request. Paths have at least one key.
#[derive(PartialEq, Debug)]
pub(crate) enum Request {
    /// `QUERY key…`.
    Query(Vec<Key>),
    /// `UPDATE key… value`; none takes away what is there.
    Update(Vec<Key>, Option<Node>),
    /// `WAIT key…`.
    Wait(Vec<Key>),
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// What was found, and what was wanted.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut values = skynet_seri::decode(bytes)?.into_iter();
        let command = values.next().unwrap_or_default();
        let Some(command) = command.as_str() else {
            return Err(Error::refused("the data center got no command"));
        };
        match command {
            "QUERY" | "GET" => path(values).map(Self::Query),
            "UPDATE" | "SET" => update(values),
            "WAIT" => path(values).map(Self::Wait),
            _ => Err(Error::unsupported(format_args!(
                "the data center has no command {command:?}, only QUERY, UPDATE and WAIT"
            ))),
        }
    }
}

fn path(values: impl Iterator<Item = Value>) -> Result<Vec<Key>> {
    let keys: Vec<Key> = values.map(Key::from_value).collect::<Result<_>>()?;
    if keys.is_empty() {
        return Err(Error::refused("the data center got no key"));
    }
    Ok(keys)
}

/// The last value is what is set; one alone is a key, whose value is taken away.
fn update(values: impl Iterator<Item = Value>) -> Result<Request> {
    let mut values: Vec<Value> = values.collect();
    let value = if values.len() > 1 { values.pop() } else { None };
    let node = Node::from_value(value.unwrap_or_default())?;
    Ok(Request::Update(path(values.into_iter())?, node))
}

#[cfg(test)]
mod tests {
    use skynet_seri::pack;

    use super::*;

    fn path(words: &[&str]) -> Vec<Key> {
        let words = words.iter();
        words
            .map(|word| Key::String(word.as_bytes().into()))
            .collect()
    }

    #[test]
    fn requests_are_read() {
        let check = |message: &[u8], expected: Request| {
            assert_eq!(Request::parse(message).unwrap(), expected);
        };
        // As nodes of Skynet's send them.
        check(
            b"\x2cQUERY\x4cMCCHANNEL",
            Request::Query(path(&["MCCHANNEL"])),
        );
        let keys = [path(&["multicast"]), vec![Key::Integer(2)]].concat();
        check(
            b"\x34UPDATE\x4cmulticast\x0a\x02\x22\x08\x00\x00\x02",
            Request::Update(keys, Some(Node::Leaf(Value::Integer(0x0200_0008)))),
        );
        check(
            &pack!("GET", "a", "b").unwrap(),
            Request::Query(path(&["a", "b"])),
        );
        check(&pack!("WAIT", "a").unwrap(), Request::Wait(path(&["a"])));
        let none: Option<i64> = None;
        for message in [
            pack!("SET", "a", none).unwrap(),
            pack!("UPDATE", "a").unwrap(),
        ] {
            check(&message, Request::Update(path(&["a"]), None));
        }
    }

    #[test]
    fn wrong_requests_are_refused() {
        let check = |message: &[u8], expected: &str| {
            let error = Request::parse(message).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "no command");
        check(&pack!(1).unwrap(), "no command");
        check(&pack!("FLY").unwrap(), "\"FLY\"");
        check(&pack!("QUERY").unwrap(), "no key");
        check(&pack!("UPDATE").unwrap(), "no key");
        check(&pack!("WAIT").unwrap(), "no key");
        check(&pack!("QUERY", [1]).unwrap(), "a table");
        check(&pack!("UPDATE", [1], 1).unwrap(), "a table");
        let none: Option<i64> = None;
        check(&pack!("UPDATE", "a", none, 1).unwrap(), "a key is nil");
        check(b"\xff\xff", "");
        // Tables in tables, hostile.
        let mut deep = pack!("UPDATE", "a").unwrap();
        deep.extend(std::iter::repeat_n(0x0e, 100_000));
        check(&deep, "");
    }
}
