//! What a discovery service says of nodes: names with their addresses, and options.

mod address;

use std::collections::BTreeMap;

use skynet_seri::{Table, Value};
use skynet_service::{Error, Result};

pub(crate) use address::{Address, Scheme, bind_address};

/// The longest name of a node, in bytes.
pub(crate) const LONGEST_NAME: usize = 255;
/// The most nodes that a table may name.
pub(crate) const MOST_NODES: usize = 65_536;

/// Options have names that begin so.
const OPTION: &str = "__";
/// Whether requests to unknown nodes wait.
const NOWAITING: &str = "__nowaiting";

/// What is said of one node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Whereabouts {
    /// It is there.
    At(Address),
    /// It is down: `false`.
    Down,
}

/// A table of nodes: what changes, or all there is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct NodeTable {
    /// Where each node is.
    pub(crate) nodes: BTreeMap<String, Whereabouts>,
    /// `__nowaiting`, when the table says something of it.
    pub(crate) nowaiting: Option<bool>,
    /// Options that nobody knows.
    pub(crate) unknown: Vec<String>,
}

impl NodeTable {
    /// Reads TOML: `name = "host:port"` or `name = false`, and `__nowaiting = true`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(crate) fn from_toml(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            Error::refused(format_args!("{line}{}", error.message()))
        })?;
        let mut read = Self::default();
        for (name, value) in &table {
            let said = match value {
                toml::Value::String(text) => Said::Text(text),
                toml::Value::Boolean(value) => Said::Truth(*value),
                other => Said::Other(other.type_str()),
            };
            read.add(name, said)?;
        }
        Ok(read)
    }

    /// Reads a table of a message: the same as its keys and values.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn from_value(table: &Table) -> Result<Self> {
        let mut read = Self::default();
        let first = table.array.first().map(|_| &Value::Integer(1));
        let keys = table.pairs.iter().map(|(key, _)| key);
        if let Some(key) = first
            .into_iter()
            .chain(keys)
            .find(|key| key.as_str().is_none())
        {
            return Err(Error::refused(format_args!(
                "a table of nodes has the key {key:?}, wanted names"
            )));
        }
        for (key, value) in &table.pairs {
            let said = match value {
                Value::String(_) => value.as_str().map_or(Said::Other("no text"), Said::Text),
                Value::Boolean(value) => Said::Truth(*value),
                Value::Integer(_) | Value::Number(_) => Said::Other("a number"),
                _ => Said::Other("something else"),
            };
            read.add(key.as_str().unwrap_or_default(), said)?;
        }
        Ok(read)
    }

    /// The same table for a message.
    pub(crate) fn to_value(&self) -> Value {
        let nodes = self.nodes.iter().map(|(name, node)| {
            let value = match node {
                Whereabouts::At(address) => Value::from(address.text()),
                Whereabouts::Down => Value::from(false),
            };
            (Value::from(name.as_str()), value)
        });
        let nowaiting = self
            .nowaiting
            .map(|value| (Value::from(NOWAITING), Value::from(value)));
        let unknown = self
            .unknown
            .iter()
            .map(|name| (Value::from(name.as_str()), Value::from(true)));
        Value::from(Table {
            array: Vec::new(),
            pairs: nodes.chain(nowaiting).chain(unknown).collect(),
        })
    }

    fn add(&mut self, name: &str, said: Said<'_>) -> Result<()> {
        if name.starts_with(OPTION) {
            return self.add_option(name, said);
        }
        check_name(name)?;
        let node = match said {
            Said::Text(text) => Address::parse(text)
                .map(Whereabouts::At)
                .map_err(|error| Error::refused(format_args!("cluster node {name}: {error}")))?,
            Said::Truth(false) => Whereabouts::Down,
            Said::Truth(true) | Said::Other(_) => {
                return Err(Error::refused(format_args!(
                    "cluster node {name} is {said}, wanted \"host:port\", or false when it is down"
                )));
            }
        };
        self.nodes.insert(name.to_owned(), node);
        if self.nodes.len() > MOST_NODES {
            return Err(Error::refused(format_args!(
                "a table of nodes names more than {MOST_NODES}"
            )));
        }
        Ok(())
    }

    fn add_option(&mut self, name: &str, said: Said<'_>) -> Result<()> {
        if name != NOWAITING {
            self.unknown.push(name.to_owned());
            return Ok(());
        }
        let Said::Truth(value) = said else {
            return Err(Error::refused(format_args!(
                "{NOWAITING} is {said}, wanted true or false"
            )));
        };
        self.nowaiting = Some(value);
        Ok(())
    }
}

/// One value, wherever it comes from.
enum Said<'a> {
    Text(&'a str),
    Truth(bool),
    /// Something of this kind.
    Other(&'a str),
}

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Truth(value) => value.fmt(f),
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

/// Checks the name of a node: it is a word of a launch line.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_word = !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if (1..=LONGEST_NAME).contains(&name.len()) && is_word {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    Err(Error::refused(format_args!(
        "{shown:?} is no name of a cluster node: wanted 1 to {LONGEST_NAME} bytes without blanks"
    )))
}

/// The number of the line that a byte is in.
fn line_of(text: &str, place: usize) -> usize {
    let before = text.as_bytes().iter().take(place);
    before.filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Whereabouts {
        Whereabouts::At(Address::parse(text).unwrap())
    }

    #[test]
    fn tables_are_read_from_both_sources() {
        let read = NodeTable::from_toml(
            "db = \"127.0.0.1:2528\"\nold = false\n__nowaiting = true\n\"a.b\" = \"tls://[::1]:1\"\n__new = 1",
        )
        .unwrap();
        let nodes = [
            ("a.b", at("tls://[::1]:1")),
            ("db", at("127.0.0.1:2528")),
            ("old", Whereabouts::Down),
        ];
        let expected = NodeTable {
            nodes: nodes.map(|(name, node)| (name.to_owned(), node)).into(),
            nowaiting: Some(true),
            unknown: vec!["__new".to_owned()],
        };
        assert_eq!(read, expected);
        let Value::Table(table) = read.to_value() else {
            panic!("no table");
        };
        assert_eq!(NodeTable::from_value(&table).unwrap(), expected);
        assert_eq!(NodeTable::from_toml("").unwrap(), NodeTable::default());
    }

    #[test]
    fn wrong_files_are_refused_with_a_reason() {
        let check = |text: &str, expected: &str| {
            let error = NodeTable::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        };
        check("a = \"h:1\"\nb = = 1", "line 2");
        check("a = \"h:1\"\na = \"h:2\"", "line 2");
        check("a = \"nowhere\"", "cluster node a: address \"nowhere\"");
        check("a = true", "a is true");
        check("a = 1", "a is integer");
        check("[a]\nx = 1", "a is table");
        check("\"\" = false", "no name");
        check("\"a b\" = false", "\"a b\" is no name");
        check("__nowaiting = 1", "__nowaiting is integer");
        check(&format!("{} = false", "x".repeat(256)), "no name");
    }

    #[test]
    fn wrong_values_are_refused_with_a_reason() {
        let check = |key: Value, value: Value, expected: &str| {
            let table = Table {
                array: Vec::new(),
                pairs: vec![(key, value)],
            };
            let error = NodeTable::from_value(&table).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(Value::Integer(1), Value::from("h:1"), "wanted names");
        check(Value::from("a"), Value::Integer(1), "a is a number");
        check(Value::from("a"), Value::string([0xff]), "a is no text");
        check(Value::from("a"), Table::default().into(), "something else");
        let array = Table {
            array: vec![Value::from("h:1")],
            pairs: Vec::new(),
        };
        assert!(NodeTable::from_value(&array).is_err());
    }
}
