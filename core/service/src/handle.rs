//! Addresses of services.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The address of a service: the harbor id of its node in the top byte, a local number below.
///
/// Written `:0000000a`, which is also how it is parsed (with or without leading zeros). 0 is the node itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Handle(pub u32);

impl Handle {
    /// The node itself: the source of timers and of what nobody sent.
    pub const SYSTEM: Handle = Handle(0);

    /// The harbor id of the service's node; 0 in a node without harbor.
    #[must_use]
    pub const fn harbor(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// Whether this is the node itself.
    #[must_use]
    pub const fn is_system(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{:08x}", self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<u32> for Handle {
    fn from(raw: u32) -> Self {
        Self(raw)
    }
}

/// A text is not a handle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseHandleError {
    found: String,
    source: Option<ParseIntError>,
}

impl fmt::Display for ParseHandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a handle: found {:?}, wanted a colon and 1 to 8 hexadecimal digits",
            self.found
        )
    }
}

impl std::error::Error for ParseHandleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl FromStr for Handle {
    type Err = ParseHandleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |source| ParseHandleError {
            found: text.to_owned(),
            source,
        };
        let digits = text.strip_prefix(':').ok_or_else(|| refuse(None))?;
        if digits.starts_with('+') {
            return Err(refuse(None));
        }
        u32::from_str_radix(digits, 16)
            .map(Handle)
            .map_err(|error| refuse(Some(error)))
    }
}

/// Where a message goes: a handle, or a name that the node looks up (`.local`, `:hex`, or a global name).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Destination<'a> {
    /// A service by its handle.
    Handle(Handle),
    /// A service by its name.
    Name(&'a str),
}

impl From<Handle> for Destination<'_> {
    fn from(handle: Handle) -> Self {
        Self::Handle(handle)
    }
}

impl From<&Handle> for Destination<'_> {
    fn from(handle: &Handle) -> Self {
        Self::Handle(*handle)
    }
}

impl<'a> From<&'a str> for Destination<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for Destination<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

/// Whom an error is about: the name that was used, the handle, or both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The name that was used, if one was.
    pub name: Option<Box<str>>,
    /// The handle, if it is known.
    pub handle: Option<Handle>,
}

impl From<Destination<'_>> for Peer {
    #[inline]
    fn from(destination: Destination<'_>) -> Self {
        match destination {
            Destination::Handle(handle) => Self {
                name: None,
                handle: Some(handle),
            },
            Destination::Name(name) => Self {
                name: Some(name.into()),
                handle: None,
            },
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.handle) {
            (Some(name), Some(handle)) => write!(f, "{name} ({handle})"),
            (Some(name), None) => f.write_str(name),
            (None, Some(handle)) => handle.fmt(f),
            (None, None) => f.write_str("nobody"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(text.parse::<Handle>().ok(), expected.map(Handle), "{text}");
    }

    #[test]
    fn handles_are_parsed_and_shown() {
        check(":0000000a", Some(10));
        check(":a", Some(10));
        check(":FF00000b", Some(0xff00_000b));
        check("a", None);
        check(":", None);
        check(":+1", None);
        check(":123456789", None);
        check(":xyz", None);
        assert_eq!(Handle(0x0100_000a).to_string(), ":0100000a");
        assert_eq!(Handle(0x0100_000a).harbor(), 1);
    }

    #[test]
    fn peers_are_shown_by_what_is_known() {
        let mut peer = Peer::from(Destination::from(".db"));
        assert_eq!(peer.to_string(), ".db");
        peer.handle = Some(Handle(10));
        assert_eq!(peer.to_string(), ".db (:0000000a)");
    }
}
