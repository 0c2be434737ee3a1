//! What services ask of `.cslave`, as `skynet.pack` values.

use skynet_seri::{Reader, ValueRef};
use skynet_service::{Error, Result};

/// The commands, for people.
const COMMANDS: &str =
    "REGISTER, QUERYNAME, LINK, CONNECT, LINKMASTER, UNREGISTER, MOVE, NODES and MASTER";

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// `REGISTER name handle`: binds a global name.
    Register { name: String, handle: u32 },
    /// `MOVE name handle`: binds a global name, whoever has it.
    Move { name: String, handle: u32 },
    /// `UNREGISTER name`: frees a global name.
    Unregister(String),
    /// `QUERYNAME name`: who has a name; waits until somebody does.
    QueryName(String),
    /// `LINK id`: waits until a node is gone.
    Link(u8),
    /// `CONNECT id`: waits until a node is there.
    Connect(u8),
    /// `LINKMASTER`: waits until the connection to the master ends.
    LinkMaster,
    /// `NODES`: the other nodes.
    Nodes,
    /// `MASTER`: how the connection to the master is.
    Master,
}

impl Request {
    /// Whether it is of no use to who does not wait for the answer.
    pub(crate) const fn only_asks(&self) -> bool {
        !matches!(
            self,
            Self::Register { .. } | Self::Move { .. } | Self::Unregister(_)
        )
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What was found, and what was wanted.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut values = Reader::new(bytes);
        let command = values.next().transpose()?;
        let Some(command) = command.and_then(|command| command.as_str()) else {
            return Err(Error::refused(format_args!(
                "found no command, wanted one of {COMMANDS}"
            )));
        };
        let mut arguments = Arguments { command, values };
        let request = match command {
            "REGISTER" => Self::Register {
                name: arguments.name()?,
                handle: arguments.handle()?,
            },
            "MOVE" => Self::Move {
                name: arguments.name()?,
                handle: arguments.handle()?,
            },
            "UNREGISTER" => Self::Unregister(arguments.name()?),
            "QUERYNAME" => Self::QueryName(arguments.name()?),
            "LINK" => Self::Link(arguments.id()?),
            "CONNECT" => Self::Connect(arguments.id()?),
            "LINKMASTER" => Self::LinkMaster,
            "NODES" => Self::Nodes,
            "MASTER" => Self::Master,
            _ => {
                return Err(Error::unsupported(format_args!(
                    "there is no command {command:?}, only {COMMANDS}"
                )));
            }
        };
        Ok(request)
    }
}

/// What follows a command.
struct Arguments<'a> {
    command: &'a str,
    values: Reader<'a>,
}

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Result<ValueRef<'a>> {
        Ok(self.values.next().transpose()?.unwrap_or(ValueRef::Nil))
    }

    fn wrong(&self, found: &ValueRef<'_>, wanted: &str) -> Error {
        let found = match found.as_integer() {
            Some(number) => number.to_string(),
            None => found.kind().to_owned(),
        };
        Error::refused(format_args!(
            "{} got {found}, wanted {wanted}",
            self.command
        ))
    }

    fn name(&mut self) -> Result<String> {
        let value = self.next()?;
        let name = value.as_str().ok_or_else(|| self.wrong(&value, "a name"))?;
        Ok(name.to_owned())
    }

    fn handle(&mut self) -> Result<u32> {
        let value = self.next()?;
        let handle = value
            .as_integer()
            .and_then(|number| u32::try_from(number).ok());
        // A handle without its number is no service's.
        handle
            .filter(|handle| handle & 0x00ff_ffff != 0)
            .ok_or_else(|| self.wrong(&value, "the handle of a service"))
    }

    fn id(&mut self) -> Result<u8> {
        let value = self.next()?;
        let id = value
            .as_integer()
            .and_then(|number| u8::try_from(number).ok());
        id.filter(|id| *id != 0)
            .ok_or_else(|| self.wrong(&value, "a harbor id from 1 to 255"))
    }
}

#[cfg(test)]
mod tests {
    use skynet_seri::pack;

    use super::*;

    #[test]
    fn requests_are_read() {
        let check = |message: Vec<u8>, expected: Request| {
            assert_eq!(Request::parse(&message).unwrap(), expected);
        };
        let name = || "ECHO".to_owned();
        let handle = 0x8000_0009_u32;
        check(
            pack!("REGISTER", "ECHO", handle).unwrap(),
            Request::Register {
                name: name(),
                handle,
            },
        );
        check(
            pack!("MOVE", "ECHO", handle).unwrap(),
            Request::Move {
                name: name(),
                handle,
            },
        );
        check(
            pack!("UNREGISTER", "ECHO").unwrap(),
            Request::Unregister(name()),
        );
        check(
            pack!("QUERYNAME", "ECHO").unwrap(),
            Request::QueryName(name()),
        );
        check(pack!("LINK", 255).unwrap(), Request::Link(255));
        check(pack!("CONNECT", 1.0).unwrap(), Request::Connect(1));
        check(pack!("LINKMASTER").unwrap(), Request::LinkMaster);
        check(pack!("NODES").unwrap(), Request::Nodes);
        check(pack!("MASTER").unwrap(), Request::Master);
    }

    #[test]
    fn wrong_requests_are_refused_with_a_reason() {
        let check = |message: &[u8], expected: &str| {
            let error = Request::parse(message).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "no command");
        check(&pack!(7).unwrap(), "no command");
        check(&pack!("FLY").unwrap(), "\"FLY\"");
        check(
            &pack!("QUERYNAME").unwrap(),
            "QUERYNAME got nil, wanted a name",
        );
        check(&pack!("REGISTER", "A").unwrap(), "wanted the handle");
        check(&pack!("REGISTER", "A", -1).unwrap(), "REGISTER got -1");
        check(
            &pack!("REGISTER", "A", 0x0100_0000).unwrap(),
            "wanted the handle",
        );
        check(&pack!("LINK", 0).unwrap(), "LINK got 0, wanted a harbor id");
        check(&pack!("CONNECT", 256).unwrap(), "CONNECT got 256");
        check(&pack!("LINK", "x").unwrap(), "LINK got a string");
        check(b"\xff\xff\xff", "");
    }
}
