//! How frames are written.

use std::fmt;

use crate::{Address, HEADER, NAME_MAX, Sink};

/// The bytes of a frame before its body: at most a length, a type, an address of a handle, a session and a total.
pub(crate) struct Head {
    bytes: [u8; HEADER + 1 + 4 + 4 + 4],
    len: usize,
}

impl Head {
    /// Of a frame with so many bytes; they fit into 16 bits.
    #[inline]
    pub(crate) fn new(frame: usize) -> Self {
        let mut bytes = [0; HEADER + 1 + 4 + 4 + 4];
        bytes[..HEADER].copy_from_slice(&(frame as u16).to_be_bytes());
        Self { bytes, len: HEADER }
    }

    #[inline]
    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.bytes[self.len] = byte;
        self.len += 1;
        self
    }

    #[inline]
    pub(crate) fn number(mut self, number: u32) -> Self {
        self.bytes[self.len..self.len + 4].copy_from_slice(&number.to_le_bytes());
        self.len += 4;
        self
    }

    #[inline]
    pub(crate) fn write(&self, out: &mut impl Sink) {
        out.append(&self.bytes[..self.len]);
    }
}

/// `bytes`, unless there are more than `limit`.
#[inline]
pub(crate) fn bounded(bytes: &[u8], limit: usize) -> Result<&[u8], Unwritable> {
    if bytes.len() <= limit {
        Ok(bytes)
    } else {
        Err(Unwritable::Bytes {
            found: bytes.len(),
            limit,
        })
    }
}

/// The first bytes, at most `limit`.
#[inline]
pub(crate) fn cut(bytes: &[u8], limit: usize) -> &[u8] {
    &bytes[..bytes.len().min(limit)]
}

/// Bytes that an address takes in a frame.
#[inline]
pub(crate) fn address_len(address: Address<'_>) -> Result<usize, Unwritable> {
    match address {
        Address::Handle(_) => Ok(4),
        Address::Name(name) if (1..=NAME_MAX).contains(&name.len()) => Ok(1 + name.len()),
        Address::Name(name) => Err(Unwritable::Name { found: name.len() }),
    }
}

/// What cannot be said in a frame; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unwritable {
    /// A name that is empty or has more than [`NAME_MAX`] bytes.
    Name {
        /// Its bytes.
        found: usize,
    },
    /// A body or a part of one that is too long for one frame.
    Bytes {
        /// Its bytes.
        found: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A request that wants an answer has session 0.
    NoSession,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { found } => {
                write!(f, "name of {found} bytes, 1 to {NAME_MAX} are wanted")
            }
            Self::Bytes { found, limit } => {
                write!(
                    f,
                    "{found} bytes for one frame, at most {limit} are allowed"
                )
            }
            Self::NoSession => f.write_str("request that wants an answer without a session"),
        }
    }
}

impl std::error::Error for Unwritable {}
