//! Why an operation on a socket was refused.

use std::fmt;
use std::io;

use skynet_abi::{
    STATUS_CLOSED, STATUS_DEAD, STATUS_FAILED, STATUS_FULL, STATUS_INVALID, STATUS_TOO_LARGE,
};

use crate::resolver::AddressError;

/// Why an operation on a socket was refused. Nothing was done then.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum SocketError {
    /// There is no such socket.
    Dead {
        /// What was named.
        socket: i32,
    },
    /// The socket no longer works in the wanted direction.
    Closed {
        /// What was named.
        socket: i32,
    },
    /// As many sockets are open as may be.
    TooMany {
        /// How many may be.
        max: usize,
    },
    /// The output queue has reached its limit.
    Full {
        /// What was named.
        socket: i32,
        /// Bytes that wait to be sent.
        queued: usize,
    },
    /// The text is no address.
    Address(AddressError),
    /// The operation has no meaning for this socket, or an argument none for the operation.
    Invalid {
        /// What is wrong.
        text: String,
    },
    /// A datagram larger than can be sent.
    TooLarge {
        /// Its size.
        len: usize,
    },
    /// The system refused.
    Failed(io::Error),
}

impl SocketError {
    /// The status of the interface that says the same.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::Dead { .. } => STATUS_DEAD,
            Self::Closed { .. } => STATUS_CLOSED,
            Self::TooMany { .. } | Self::Full { .. } => STATUS_FULL,
            Self::Address(_) | Self::Invalid { .. } => STATUS_INVALID,
            Self::TooLarge { .. } => STATUS_TOO_LARGE,
            Self::Failed(_) => STATUS_FAILED,
        }
    }

    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid { text: text.into() }
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dead { socket } => write!(f, "there is no socket {socket}"),
            Self::Closed { socket } => write!(f, "socket {socket} is closed"),
            Self::TooMany { max } => write!(f, "{max} sockets are open, more are not allowed"),
            Self::Full { socket, queued } => {
                write!(
                    f,
                    "{queued} bytes wait to be sent on socket {socket}, its limit is reached"
                )
            }
            Self::Address(error) => error.fmt(f),
            Self::Invalid { text } => f.write_str(text),
            Self::TooLarge { len } => {
                write!(
                    f,
                    "{len} bytes do not fit into a datagram, at most 65507 do"
                )
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SocketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for SocketError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}
