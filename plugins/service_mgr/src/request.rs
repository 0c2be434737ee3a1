//! What a service manager is asked, as `skynet.pack` values.

use skynet_seri::{Reader, ValueRef};
use skynet_service::{Error, Handle, Result};

/// The most bytes of a name.
const LONGEST_NAME: usize = 255;

/// The module that runs other services by name, in Skynet: what its first argument names is one.
const SNAX: &str = "snaxd";

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// `LAUNCH name argument…`, with the arguments as they are packed.
    Launch(Target, Vec<u8>),
    /// `QUERY name`.
    Query(Target),
    /// `LIST`.
    List,
    /// `REPORT handle`.
    Report(Handle),
}

/// A service of which there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// The module.
    pub(crate) name: String,
    /// Which of the services that this module runs.
    sub: Option<String>,
    /// One per network, not one per node.
    pub(crate) is_global: bool,
}

impl Target {
    /// What it is called in lists.
    pub(crate) fn key(&self) -> String {
        let name = self.word();
        match &self.sub {
            Some(sub) => format!("{name}.{sub}"),
            None => name,
        }
    }

    /// How another service manager is asked for it.
    pub(crate) fn word(&self) -> String {
        let mark = if self.is_global { "@" } else { "" };
        format!("{mark}{}", self.name)
    }

    /// The arguments of a question for it.
    pub(crate) fn sub(&self) -> Option<&str> {
        self.sub.as_deref()
    }
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
            return Err(Error::refused("the service manager got no command"));
        };
        match command {
            "LAUNCH" => launch(values, false),
            "GLAUNCH" => launch(values, true),
            "QUERY" => target(&mut values, false).map(Self::Query),
            "GQUERY" => target(&mut values, true).map(Self::Query),
            "LIST" => Ok(Self::List),
            "REPORT" => report(values.next().transpose()?),
            _ => Err(Error::unsupported(format_args!(
                "the service manager has no command {command:?}, only LAUNCH, QUERY, GLAUNCH, GQUERY, LIST and REPORT"
            ))),
        }
    }
}

fn launch(mut values: Reader<'_>, is_global: bool) -> Result<Request> {
    let mut arguments = values.clone();
    let target = target(&mut values, is_global)?;
    // The name of what a module runs is one of its arguments.
    arguments.next();
    let packed = arguments.rest().to_vec();
    arguments.try_for_each(|argument| argument.map(drop))?;
    Ok(Request::Launch(target, packed))
}

fn target(values: &mut Reader<'_>, is_global: bool) -> Result<Target> {
    let name = values.next().transpose()?;
    let name = name_of(name, "name of a service")?;
    let (name, is_global) = match name.strip_prefix('@') {
        Some(name) => (name, true),
        None => (name, is_global),
    };
    check_name(name)?;
    let sub = if name == SNAX {
        let sub = values.next().transpose()?;
        let sub = name_of(sub, "name of a snax service")?;
        check_name(sub)?;
        Some(sub.to_owned())
    } else {
        None
    };
    Ok(Target {
        name: name.to_owned(),
        sub,
        is_global,
    })
}

fn name_of<'a>(value: Option<ValueRef<'a>>, what: &str) -> Result<&'a str> {
    let value = value.unwrap_or(ValueRef::Nil);
    value.as_str().ok_or_else(|| {
        Error::refused(format_args!(
            "{what}: found {}, wanted a text",
            value.kind()
        ))
    })
}

fn check_name(name: &str) -> Result<()> {
    let is_word = !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if (1..=LONGEST_NAME).contains(&name.len()) && is_word {
        return Ok(());
    }
    let start: String = name.chars().take(32).collect();
    Err(Error::refused(format_args!(
        "name of a service: found {start:?} ({} bytes), wanted one word of 1 to {LONGEST_NAME} bytes",
        name.len()
    )))
}

fn report(value: Option<ValueRef<'_>>) -> Result<Request> {
    let handle = value.as_ref().and_then(ValueRef::as_integer);
    let handle = handle.and_then(|handle| u32::try_from(handle).ok());
    handle
        .map(|handle| Request::Report(Handle(handle)))
        .ok_or_else(|| Error::refused("REPORT got no handle"))
}

#[cfg(test)]
mod tests {
    use skynet_seri::pack;

    use super::*;

    fn check(message: &[u8], expected: Request) {
        assert_eq!(Request::parse(message).unwrap(), expected);
    }

    fn one(name: &str, is_global: bool) -> Target {
        Target {
            name: name.to_owned(),
            sub: None,
            is_global,
        }
    }

    #[test]
    fn requests_are_read() {
        check(
            &pack!("LAUNCH", "db", 1, "x").unwrap(),
            Request::Launch(one("db", false), pack!(1, "x").unwrap()),
        );
        let global = Request::Launch(one("db", true), Vec::new());
        check(&pack!("GLAUNCH", "db").unwrap(), global.clone());
        check(&pack!("LAUNCH", "@db").unwrap(), global);
        check(
            &pack!("QUERY", "db").unwrap(),
            Request::Query(one("db", false)),
        );
        let global = Request::Query(one("db", true));
        check(&pack!("GQUERY", "db").unwrap(), global.clone());
        check(&pack!("QUERY", "@db").unwrap(), global);
        check(&pack!("LIST").unwrap(), Request::List);
        // As a slave of Skynet's sends it.
        check(
            b"\x34REPORT\x22\x06\x00\x00\x02",
            Request::Report(Handle(0x0200_0006)),
        );
    }

    #[test]
    fn what_a_module_runs_is_one_each() {
        let request = Request::parse(&pack!("GLAUNCH", "snaxd", "ping", 1).unwrap()).unwrap();
        let Request::Launch(target, arguments) = request else {
            panic!("{request:?}");
        };
        assert_eq!(target.key(), "@snaxd.ping");
        assert_eq!(target.word(), "@snaxd");
        assert_eq!(arguments, pack!("ping", 1).unwrap());
        let query = Request::parse(&pack!("QUERY", "@snaxd", "ping").unwrap()).unwrap();
        assert_eq!(query, Request::Query(target));
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
        check(&pack!("LAUNCH").unwrap(), "wanted a text");
        check(&pack!("LAUNCH", 1).unwrap(), "an integer");
        check(&pack!("LAUNCH", "").unwrap(), "0 bytes");
        check(&pack!("LAUNCH", "@").unwrap(), "0 bytes");
        check(&pack!("LAUNCH", "a b").unwrap(), "one word");
        check(&pack!("QUERY", "x".repeat(256)).unwrap(), "256 bytes");
        check(&pack!("QUERY", "snaxd").unwrap(), "snax service");
        check(&pack!("REPORT").unwrap(), "no handle");
        check(&pack!("REPORT", -1).unwrap(), "no handle");
        check(b"\x34REPO", "");
        check(b"\x34LAUNCH\x0ca\x07", "");
    }
}
