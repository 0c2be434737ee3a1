//! What clusterd is asked: commands as `skynet.pack` values.

use skynet_seri::{Reader, Table, TableRef, Value, ValueRef};
use skynet_service::{Error, Handle, Result};

use crate::clusterd::exports::Export;
use crate::clusterd::listeners::Expose;
use crate::table::{NodeTable, check_name};

/// One request.
#[derive(PartialEq, Debug)]
pub(crate) enum Request {
    /// Something of a node that may not be known yet.
    OfNode(String, Wanted),
    /// `senders`: those that run.
    Senders,
    /// `nodes`: all nodes, and how they are.
    Nodes,
    /// `register name[, handle]`; without a handle whoever asks.
    Register(Vec<u8>, Option<Handle>),
    /// `unregister name`.
    Unregister(Vec<u8>),
    /// `queryname name`.
    QueryName(Vec<u8>),
    /// `listen` or `open`.
    Open(Place, Options),
    /// `close where`.
    Close(Place),
    /// `reload` of what the discovery service says, of a file if there is one.
    Reload(Option<String>),
    /// `reload table` or `update table`.
    Update(NodeTable),
    /// `export` (true) or `unexport` of a service.
    Export(Export, bool),
    /// `proven`, from an agent.
    Proven,
}

/// What is wanted of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// The handle of its sender.
    Sender,
    /// The handle of a proxy for a service.
    Proxy(String),
    /// That its sender gets this command, and the values that begin at this byte.
    Pass(&'static str, usize),
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// On this port of 127.0.0.1.
    Port(u16),
    /// The name of a node, or an address.
    Text(String),
}

/// How to listen, as far as somebody said so.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Options {
    pub(crate) max_clients: Option<usize>,
    pub(crate) expose: Option<Expose>,
    pub(crate) secret: Option<bool>,
    pub(crate) tls: Option<bool>,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// What was found, and what was wanted.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut values = Values {
            reader: Reader::new(bytes),
            command: "",
        };
        let Some(command) = values.next()?.and_then(|command| command.as_str()) else {
            return Err(Error::refused("clusterd got no command"));
        };
        values.command = command;
        match command {
            "sender" => Ok(Self::OfNode(values.node()?, Wanted::Sender)),
            "proxy" => values.proxy(),
            "req" => values.pass("req", bytes.len()),
            "push" => values.pass("push", bytes.len()),
            "ack" => values.pass("ack", bytes.len()),
            "query" => values.pass("query", bytes.len()),
            "senders" => Ok(Self::Senders),
            "nodes" => Ok(Self::Nodes),
            "register" => Ok(Self::Register(values.name()?, values.handle()?)),
            "unregister" => values.name().map(Self::Unregister),
            "queryname" => values.name().map(Self::QueryName),
            "open" => Ok(Self::Open(values.place()?, values.options()?)),
            "listen" => values.listen(),
            "close" => values.place().map(Self::Close),
            "reload" => values.reload(),
            "update" => values.update(),
            "export" => Ok(Self::Export(values.export()?, true)),
            "unexport" => Ok(Self::Export(values.export()?, false)),
            "proven" => Ok(Self::Proven),
            _ => Err(Error::unsupported(format_args!(
                "clusterd has no command {:?}",
                shown(command)
            ))),
        }
    }
}

/// The values of a message, behind its command.
struct Values<'a> {
    reader: Reader<'a>,
    command: &'a str,
}

impl<'a> Values<'a> {
    /// The next value, nil if there is none.
    fn next(&mut self) -> Result<Option<ValueRef<'a>>> {
        let value = self.reader.next().transpose()?;
        Ok(value.filter(|value| *value != ValueRef::Nil))
    }

    fn wrong(&self, found: Option<ValueRef<'_>>, wanted: &str) -> Error {
        let found = match found {
            None => "nothing".to_owned(),
            Some(ValueRef::String(bytes)) => {
                format!("{:?}", shown(&String::from_utf8_lossy(bytes)))
            }
            Some(ValueRef::Integer(number)) => number.to_string(),
            Some(ValueRef::Boolean(value)) => value.to_string(),
            Some(other) => other.kind().to_owned(),
        };
        Error::refused(format_args!(
            "{} of clusterd found {found}, wanted {wanted}",
            self.command
        ))
    }

    fn text(&mut self, wanted: &str) -> Result<&'a str> {
        let value = self.next()?;
        value
            .and_then(|value| value.as_str())
            .ok_or_else(|| self.wrong(value, wanted))
    }

    fn node(&mut self) -> Result<String> {
        let name = self.text("the name of a node")?;
        check_name(name)?;
        Ok(name.to_owned())
    }

    fn proxy(&mut self) -> Result<Request> {
        let first = self.text("the name of a node")?;
        let value = self.next()?;
        let (node, service) = match value {
            // `node@name` and `node.name`: the sign is a part of the service's name.
            None => first
                .find(['@', '.'])
                .map(|place| first.split_at(place))
                .map(|(node, service)| (node, service.to_owned()))
                .ok_or_else(|| {
                    self.wrong(None, "a node and a service, \"node@name\" or \"node.name\"")
                })?,
            Some(ValueRef::String(_)) => {
                let service = value.and_then(|value| value.as_str());
                (first, service.unwrap_or_default().to_owned())
            }
            Some(other) => {
                let handle = as_handle(&other);
                let handle = handle.ok_or_else(|| self.wrong(value, "a service"))?;
                (first, handle.to_string())
            }
        };
        check_name(node)?;
        let is_word = !service.contains(|c: char| c.is_whitespace() || c.is_control());
        // With its length in one byte it stands in each request.
        if !(1..=255).contains(&service.len()) || !is_word {
            return Err(Error::refused(format_args!(
                "{:?} is no service that a proxy can stand for: wanted 1 to 255 bytes without blanks",
                shown(&service)
            )));
        }
        Ok(Request::OfNode(node.to_owned(), Wanted::Proxy(service)))
    }

    /// Checks no more than the node: the rest is for the sender.
    fn pass(&mut self, command: &'static str, len: usize) -> Result<Request> {
        let node = self.node()?;
        let place = len - self.reader.rest().len();
        Ok(Request::OfNode(node, Wanted::Pass(command, place)))
    }

    fn name(&mut self) -> Result<Vec<u8>> {
        let value = self.next()?;
        value
            .and_then(|value| value.as_bytes())
            .map(<[u8]>::to_vec)
            .ok_or_else(|| self.wrong(value, "a name"))
    }

    fn handle(&mut self) -> Result<Option<Handle>> {
        let Some(value) = self.next()? else {
            return Ok(None);
        };
        let handle = as_handle(&value);
        let handle = handle.ok_or_else(|| self.wrong(Some(value), "a handle"))?;
        Ok(Some(handle))
    }

    fn place(&mut self) -> Result<Place> {
        let wanted = "the name of a node, \"host:port\" or a port";
        let value = self.next()?;
        let place = match value {
            Some(ValueRef::String(_)) => value
                .and_then(|value| value.as_str())
                .filter(|text| !text.is_empty())
                .map(|text| Place::Text(text.to_owned())),
            Some(value) => as_port(&value).map(Place::Port),
            None => None,
        };
        place.ok_or_else(|| self.wrong(value, wanted))
    }

    /// `listen` is `open` by another name; and has Skynet's form, `listen address port [max clients]`, too.
    fn listen(&mut self) -> Result<Request> {
        let place = self.place()?;
        let before = self.reader.clone();
        let port = self.next()?;
        let Place::Text(host) = &place else {
            self.reader = before;
            return Ok(Request::Open(place, self.options()?));
        };
        let place = match port {
            None => place,
            Some(ValueRef::Table(_)) => {
                self.reader = before;
                place
            }
            Some(value) => {
                let port = as_port(&value).ok_or_else(|| self.wrong(port, "a port"))?;
                let is_bare = host.contains(':') && !host.starts_with('[');
                Place::Text(if is_bare {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                })
            }
        };
        Ok(Request::Open(place, self.options()?))
    }

    /// A table, or the number of clients alone.
    fn options(&mut self) -> Result<Options> {
        let value = self.next()?;
        match value {
            None => Ok(Options::default()),
            Some(ValueRef::Table(table)) => self.read_options(table),
            Some(value) => Ok(Options {
                max_clients: Some(self.max_clients(&value)?),
                ..Options::default()
            }),
        }
    }

    fn read_options(&self, table: TableRef<'_>) -> Result<Options> {
        let mut options = Options::default();
        for (key, value) in table.entries() {
            let truth = || match value {
                ValueRef::Boolean(value) => Ok(Some(value)),
                other => Err(self.wrong(Some(other), "true or false")),
            };
            match key.as_str() {
                Some("maxclient") => options.max_clients = Some(self.max_clients(&value)?),
                Some("secret") => options.secret = truth()?,
                Some("tls") => options.tls = truth()?,
                Some("expose") => {
                    let expose = value.as_str().and_then(Expose::parse);
                    let wrong = || self.wrong(Some(value), "\"names\" or \"all\" for expose");
                    options.expose = Some(expose.ok_or_else(wrong)?);
                }
                _ => {
                    let wanted = "the options maxclient, expose, secret and tls";
                    return Err(self.wrong(Some(key), wanted));
                }
            }
        }
        Ok(options)
    }

    fn max_clients(&self, value: &ValueRef<'_>) -> Result<usize> {
        let number = value
            .as_integer()
            .and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| *number > 0)
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| self.wrong(Some(*value), "the most clients, from 1 to 4294967295"))
    }

    fn reload(&mut self) -> Result<Request> {
        let value = self.next()?;
        match value {
            None => Ok(Request::Reload(None)),
            Some(ValueRef::Table(table)) => node_table(&table.to_table()).map(Request::Update),
            Some(value) => {
                let file = value.as_str().filter(|file| !file.is_empty());
                let file = file.ok_or_else(|| self.wrong(Some(value), "a table or a file"))?;
                Ok(Request::Reload(Some(file.to_owned())))
            }
        }
    }

    fn update(&mut self) -> Result<Request> {
        let value = self.next()?;
        let table = value.and_then(|value| value.as_table());
        let table = table.ok_or_else(|| self.wrong(value, "a table of nodes"))?;
        node_table(&table.to_table()).map(Request::Update)
    }

    fn export(&mut self) -> Result<Export> {
        let value = self.next()?;
        let wanted = "\".name\" or a handle";
        let found = value.ok_or_else(|| self.wrong(None, wanted))?;
        if let Some(text) = found.as_str() {
            return Export::parse(text);
        }
        let handle = as_handle(&found);
        handle
            .map(Export::Handle)
            .ok_or_else(|| self.wrong(value, wanted))
    }
}

/// A table of nodes of a message.
pub(crate) fn node_table(table: &Table) -> Result<NodeTable> {
    NodeTable::from_value(table)
}

/// The table of nodes that an answer is.
///
/// # Errors
/// It is something else, or says something wrong.
pub(crate) fn answered_table(answer: &[u8]) -> Result<NodeTable> {
    let values = skynet_seri::decode(answer)?;
    match values.first() {
        Some(Value::Table(table)) => node_table(table),
        Some(Value::Nil) | None => Ok(NodeTable::default()),
        Some(_) => Err(Error::refused("the answer is no table of nodes")),
    }
}

/// An integer, or `:0000000a`; never 0.
fn as_handle(value: &ValueRef<'_>) -> Option<Handle> {
    let handle = match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value
            .as_integer()
            .and_then(|number| u32::try_from(number).ok())
            .map(Handle),
    };
    handle.filter(|handle| !handle.is_system())
}

fn as_port(value: &ValueRef<'_>) -> Option<u16> {
    value.as_integer().and_then(|port| u16::try_from(port).ok())
}

/// As much of a text as an error shows.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
