//! What can be wrong with the bytes of a peer.

use std::fmt;

use crate::{Flags, Fragment, HelloError};

/// Why the bytes of a peer cannot be parsed further: the connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte of a stock frame is not 0: a message of 16 MiB or more, or no node.
    FirstByte(u8),
    /// A frame is shorter than what it must have.
    TooShort {
        /// Bytes that its header tells.
        found: usize,
        /// Bytes that there must be.
        least: usize,
    },
    /// A frame is longer than what is allowed.
    TooLong {
        /// Bytes that its header tells.
        found: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Flags that are not defined or do not go together.
    Flags(Flags),
    /// A control frame of an unknown kind, or of a wrong length for it. The kind is `None` if the length alone
    /// tells that it is none.
    Control {
        /// Its first byte.
        kind: Option<u8>,
        /// Bytes without the header.
        len: usize,
    },
    /// A fragment that does not lie within its message, or of a message that cannot be.
    Fragment {
        /// What the frame tells.
        fragment: Fragment,
        /// Bytes of its body.
        len: usize,
    },
    /// A frame with a reason is no error message, or has no room for the reason.
    Reason {
        /// The type of the message.
        kind: u8,
        /// Bytes of its body.
        len: usize,
    },
    /// A HELLO or GO that cannot be read.
    Hello(HelloError),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstByte(byte) => write!(
                f,
                "frame begins with byte {byte:#04x}: a message of 16 MiB or more, or no Skynet node"
            ),
            Self::TooShort { found, least } => {
                write!(f, "frame of {found} bytes, at least {least} are needed")
            }
            Self::TooLong { found, limit } => {
                write!(f, "frame of {found} bytes, at most {limit} are allowed")
            }
            Self::Flags(flags) => write!(f, "frame with impossible flags {:#04x}", flags.0),
            Self::Control { kind: None, len } => write!(f, "control frame of {len} bytes"),
            Self::Control {
                kind: Some(kind),
                len,
            } => write!(f, "control frame of kind {kind} and {len} bytes"),
            Self::Fragment { fragment, len } => write!(
                f,
                "fragment of {len} bytes at {} of a message of {} bytes",
                fragment.offset, fragment.total
            ),
            Self::Reason { kind, len } => write!(
                f,
                "message of type {kind} and {len} bytes cannot have a reason"
            ),
            Self::Hello(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Hello(error) => Some(error),
            _ => None,
        }
    }
}

impl From<HelloError> for FrameError {
    fn from(error: HelloError) -> Self {
        Self::Hello(error)
    }
}
