//! Frames that cannot be read.

use std::fmt;

/// Why a frame cannot be read. An unmodified server ignores such a frame and goes on with the next one; a client
/// closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It has no bytes, or a response not even a session and a type.
    TooShort {
        /// Its bytes.
        found: usize,
    },
    /// It is of a type that is not defined.
    Type(u8),
    /// It has not the bytes that its type needs.
    Length {
        /// Its type.
        kind: u8,
        /// Its bytes.
        found: usize,
    },
    /// The name in it has no bytes.
    EmptyName,
    /// Its type needs an answer, and its session is 0.
    NoSession,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { found } => write!(f, "frame of {found} bytes"),
            Self::Type(kind) => write!(f, "frame of unknown type {kind:#04x}"),
            Self::Length { kind, found } => {
                write!(f, "frame of type {kind:#04x} with {found} bytes")
            }
            Self::EmptyName => f.write_str("request for an empty name"),
            Self::NoSession => f.write_str("request without a session that wants an answer"),
        }
    }
}

impl std::error::Error for Malformed {}
