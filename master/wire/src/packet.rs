//! What all packets have in common.

use std::fmt;

use skynet_seri::{PackArgs, Reader, Unpack, UnpackError, ValueRef, WriteError};

/// Bytes of the longest packet, its length byte not counted.
pub const MAX_PACKET: usize = 255;

/// Bytes of the longest address that fits into every packet that tells of a node.
pub const MAX_ADDRESS: usize = 240;

/// Bytes of the longest text in a packet; longer ones are cut.
const MAX_TEXT: usize = 200;

/// A packet cannot be read or written.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PacketError {
    /// It holds no values.
    Empty,
    /// Its values are not those that its type has.
    Values {
        /// The type, if it could be read.
        packet: String,
        /// What is wrong.
        source: UnpackError,
    },
    /// It would be too long to be sent.
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A value cannot be written.
    Write(WriteError),
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the packet is empty, wanted its type"),
            Self::Values { packet, source } if packet.is_empty() => {
                write!(f, "the packet has no type: {source}")
            }
            Self::Values { packet, source } => write!(f, "packet {packet:?}: {source}"),
            Self::TooLong { found } => write!(
                f,
                "a packet of {found} bytes is too long, at most {MAX_PACKET} go into one"
            ),
            Self::Write(_) => f.write_str("a value of the packet cannot be written"),
        }
    }
}

impl std::error::Error for PacketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            _ => None,
        }
    }
}

/// A packet with its length byte.
pub(crate) fn write<A: PackArgs>(values: &A) -> Result<Vec<u8>, PacketError> {
    let payload = skynet_seri::pack(values).map_err(PacketError::Write)?;
    let Ok(length) = u8::try_from(payload.len()) else {
        return Err(PacketError::TooLong {
            found: payload.len(),
        });
    };
    let mut packet = Vec::with_capacity(1 + payload.len());
    packet.push(length);
    packet.extend_from_slice(&payload);
    Ok(packet)
}

/// The values of a packet that is being read.
pub(crate) struct Values<'a> {
    packet: &'a str,
    position: usize,
    reader: Reader<'a>,
}

impl<'a> Values<'a> {
    /// Reads the type.
    pub(crate) fn new(payload: &'a [u8]) -> Result<(&'a str, Self), PacketError> {
        if payload.is_empty() {
            return Err(PacketError::Empty);
        }
        let mut values = Self {
            packet: "",
            position: 0,
            reader: Reader::new(payload),
        };
        values.packet = values.next()?;
        Ok((values.packet, values))
    }

    /// The next value; nil where there is none.
    pub(crate) fn next<T: Unpack<'a>>(&mut self) -> Result<T, PacketError> {
        self.position += 1;
        let value = match self.reader.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(self.wrong(error.into())),
            None => ValueRef::Nil,
        };
        T::unpack(value).map_err(|error| self.wrong(error))
    }

    /// A string of exactly `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], PacketError> {
        // A value of another length is as wrong as one of another type.
        let bytes: &[u8] = self.next()?;
        bytes.try_into().map_err(|_| {
            self.wrong(UnpackError::Mismatch {
                position: self.position,
                wanted: format!("a string of {N} bytes"),
                found: format!("one of {} bytes", bytes.len()),
            })
        })
    }

    /// What is behind the values that Skynet knows: nil where it cannot be read, because it may be of another version.
    pub(crate) fn extra<T: Unpack<'a>>(&mut self) -> Option<T> {
        self.next().ok()
    }

    fn wrong(&self, source: UnpackError) -> PacketError {
        let source = match source {
            UnpackError::Mismatch { wanted, found, .. } => UnpackError::Mismatch {
                position: self.position,
                wanted,
                found,
            },
            source => source,
        };
        PacketError::Values {
            packet: self.packet.to_owned(),
            source,
        }
    }
}

/// A text that fits into any packet.
pub(crate) fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
