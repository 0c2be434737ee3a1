//! What a gate tells its watchdog.

use std::fmt;
use std::io::Write as _;

use crate::word::{excerpt, parse_id, split_word};

/// Always behind the address of a new client, though that has a port already: watchdogs know the text so.
const ADDRESS_TAIL: &str = ":0";

/// A text message to the watchdog of a gate.
///
/// ```
/// use skynet_gate_wire::Notice;
/// let notice = Notice::Open { id: 3, address: "127.0.0.1:47924" };
/// assert_eq!(notice.to_bytes(), b"3 open 3 127.0.0.1:47924:0");
/// assert_eq!(Notice::parse(b"3 data hello"), Ok(Notice::Data { id: 3, payload: b"hello" }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// A client connected.
    Open {
        /// The socket id of the connection.
        id: u32,
        /// The client's address and port, without the tail that the text has.
        address: &'a str,
    },
    /// A packet of a connection that is not forwarded. Its session is the socket id too, and is not to be answered.
    Data {
        /// The socket id of the connection.
        id: u32,
        /// The packet: any bytes.
        payload: &'a [u8],
    },
    /// A connection ended or failed.
    Close {
        /// Its socket id.
        id: u32,
    },
}

impl<'a> Notice<'a> {
    /// Reads a text message.
    ///
    /// # Errors
    /// When it is none of the three notices.
    pub fn parse(text: &'a [u8]) -> Result<Self, NoticeError> {
        Self::read(text).ok_or_else(|| NoticeError {
            found: excerpt(text),
        })
    }

    fn read(text: &'a [u8]) -> Option<Self> {
        let (id, rest) = split_word(text);
        let id = parse_id(id)?;
        let (word, rest) = split_word(rest?);
        match (word, rest) {
            (b"data", Some(payload)) => Some(Self::Data { id, payload }),
            (b"close", None) => Some(Self::Close { id }),
            (b"open", Some(rest)) => {
                let (again, address) = split_word(rest);
                let address = std::str::from_utf8(address?).ok()?;
                let address = address.strip_suffix(ADDRESS_TAIL)?;
                (parse_id(again) == Some(id)).then_some(Self::Open { id, address })
            }
            _ => None,
        }
    }

    /// Appends the text to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = match self {
            Self::Open { id, address } => write!(out, "{id} open {id} {address}{ADDRESS_TAIL}"),
            Self::Data { id, .. } => write!(out, "{id} data "),
            Self::Close { id } => write!(out, "{id} close"),
        };
        if let Self::Data { payload, .. } = self {
            out.extend_from_slice(payload);
        }
    }

    /// The text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.encode(&mut text);
        text
    }
}

/// A text that is no notice of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeError {
    /// The text, quoted and cut.
    pub found: String,
}

impl fmt::Display for NoticeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "notice {}: wanted <id> open <id> <address>:0, <id> data <payload> or <id> close",
            self.found
        )
    }
}

impl std::error::Error for NoticeError {}
