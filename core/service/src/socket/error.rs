//! What can go wrong with sockets.

use std::fmt;

use skynet_abi as abi;

/// An operation on a socket failed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// The node refused.
    Refused {
        /// What was tried.
        what: Box<str>,
        /// The `STATUS_*` of the ABI.
        status: i32,
    },
    /// The socket failed; it is of no further use.
    Failed {
        /// What the node said about it.
        text: Box<str>,
    },
    /// The socket is closed on this side.
    Closed,
    /// The peer closed in the middle of what was read.
    UnexpectedEnd {
        /// Bytes that came.
        found: usize,
        /// Bytes that were wanted.
        wanted: usize,
    },
    /// A line did not end within the limit.
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

impl SocketError {
    pub(crate) fn host(what: impl Into<Box<str>>, status: i32) -> Self {
        match status {
            abi::STATUS_DEAD | abi::STATUS_CLOSED => Self::Closed,
            status => Self::Refused {
                what: what.into(),
                status,
            },
        }
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { what, status } => write!(f, "{what}: {}", abi::status_text(*status)),
            Self::Failed { text } => f.write_str(text),
            Self::Closed => f.write_str("the socket is closed"),
            Self::UnexpectedEnd { found, wanted } => write!(
                f,
                "the peer closed the connection after {found} bytes, wanted {wanted}"
            ),
            Self::LineTooLong { limit } => {
                write!(f, "a line is too long: found more than {limit} bytes")
            }
        }
    }
}

impl std::error::Error for SocketError {}
