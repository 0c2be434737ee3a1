//! Services as texts name them.

use std::fmt;
use std::str::FromStr;

/// A service: `:0100000a` is a handle in hexadecimal digits, `.gate` a local name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A handle, never 0.
    Handle(u32),
    /// A name that the service has on this node, without the dot.
    Local(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handle(handle) => write!(f, ":{handle:08x}"),
            Self::Local(name) => write!(f, ".{name}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError {
            found: crate::word::excerpt(text.as_bytes()),
        };
        if let Some(digits) = text.strip_prefix(':') {
            return parse_handle(digits).map(Self::Handle).ok_or_else(error);
        }
        let name = text
            .strip_prefix('.')
            .filter(|name| !name.is_empty() && !name.contains(' '));
        name.map(|name| Self::Local(name.to_owned()))
            .ok_or_else(error)
    }
}

fn parse_handle(digits: &str) -> Option<u32> {
    // `from_str_radix` would take a plus sign.
    let digits =
        Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|handle| *handle != 0)
}

/// A text that names no service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError {
    /// The text, quoted.
    pub found: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "address {}: wanted :handle in hexadecimal digits, not 0, or .name",
            self.found
        )
    }
}

impl std::error::Error for AddressError {}
