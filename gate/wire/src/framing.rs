//! How packets are told apart on a connection.

use std::fmt;
use std::str::FromStr;

/// How packets are told apart on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A 2-byte big-endian length in front of each packet: what Skynet's clients speak. Text: `length2` or `S`.
    Length2,
    /// A 4-byte big-endian length in front of each packet. Text: `length4` or `L`.
    Length4,
    /// A line feed behind each packet; a carriage return before it is no part of the packet. Text: `line`.
    Line,
    /// No packets: bytes go on in the chunks they come in. Text: `raw`.
    Raw,
}

impl Framing {
    /// Bytes of the largest packet that can be told apart.
    #[must_use]
    pub const fn max_len(self) -> usize {
        match self {
            Self::Length2 => u16::MAX as usize,
            Self::Length4 => u32::MAX as usize,
            Self::Line | Self::Raw => usize::MAX,
        }
    }

    /// What goes in front of a packet of `len` bytes; nothing for lines and raw bytes.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the length does not fit.
    pub fn encode_header(self, len: usize) -> Result<Header, EncodeError> {
        let too_long = EncodeError::TooLong {
            found: len,
            limit: self.max_len(),
        };
        Ok(match self {
            Self::Length2 => {
                let [a, b] = u16::try_from(len).map_err(|_| too_long)?.to_be_bytes();
                Header {
                    bytes: [a, b, 0, 0],
                    len: 2,
                }
            }
            Self::Length4 => {
                let bytes = u32::try_from(len).map_err(|_| too_long)?.to_be_bytes();
                Header { bytes, len: 4 }
            }
            Self::Line | Self::Raw => Header {
                bytes: [0; 4],
                len: 0,
            },
        })
    }

    /// What goes behind every packet.
    #[must_use]
    pub const fn terminator(self) -> &'static [u8] {
        match self {
            Self::Line => b"\n",
            Self::Length2 | Self::Length4 | Self::Raw => b"",
        }
    }

    /// Appends a framed packet to `out`; on an error `out` stays as it was.
    ///
    /// A line that ends with a carriage return is written as it is, and loses it at the receiver.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when the length does not fit, [`EncodeError::LineFeed`] when a line has
    /// a line feed inside.
    pub fn encode(self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if let (Self::Line, Some(offset)) = (self, packet.iter().position(|&byte| byte == b'\n')) {
            return Err(EncodeError::LineFeed { offset });
        }
        let header = self.encode_header(packet.len())?;
        out.reserve(header.len() + packet.len() + self.terminator().len());
        out.extend_from_slice(&header);
        out.extend_from_slice(packet);
        out.extend_from_slice(self.terminator());
        Ok(())
    }
}

/// The long name, which [`FromStr`] reads back.
impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length2 => "length2",
            Self::Length4 => "length4",
            Self::Line => "line",
            Self::Raw => "raw",
        })
    }
}

impl FromStr for Framing {
    type Err = FramingError;

    fn from_str(name: &str) -> Result<Self, FramingError> {
        match name {
            "length2" | "S" => Ok(Self::Length2),
            "length4" | "L" => Ok(Self::Length4),
            "line" => Ok(Self::Line),
            "raw" => Ok(Self::Raw),
            other => Err(FramingError {
                found: other.to_owned(),
            }),
        }
    }
}

/// What goes in front of a packet: up to 4 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; 4],
    len: u8,
}

impl std::ops::Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Why a packet cannot be framed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The framing has no way to write such a length.
    TooLong {
        /// Bytes of the packet.
        found: usize,
        /// The number that can be written.
        limit: usize,
    },
    /// The packet would be received as two lines.
    LineFeed {
        /// Where in the packet the line feed is.
        offset: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { found, limit } => {
                write!(
                    f,
                    "packet of {found} bytes cannot be framed, at most {limit} can"
                )
            }
            Self::LineFeed { offset } => {
                write!(f, "line has a line feed inside, at offset {offset}")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// A name that no framing has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramingError {
    /// The name.
    pub found: String,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "framing {:?}: wanted length2 (S), length4 (L), line or raw",
            self.found
        )
    }
}

impl std::error::Error for FramingError {}
