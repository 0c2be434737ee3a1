//! What can go wrong: one enum for bytes, one for types, one for writing.

use std::fmt;

/// Why a message cannot be read. Offsets count bytes from the start of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The message ends inside a value.
    Truncated {
        /// Where the missing bytes should have begun.
        offset: usize,
        /// Bytes that the value needs at least.
        wanted: usize,
        /// Bytes that are left.
        found: usize,
    },
    /// A tag byte that no value begins with.
    BadTag {
        /// Where it was found.
        offset: usize,
        /// The byte.
        tag: u8,
    },
    /// The length of an array is negative or not an integer.
    BadLength {
        /// Where the length begins.
        offset: usize,
    },
    /// A table key is not a number (NaN).
    NanKey {
        /// Where the key begins.
        offset: usize,
    },
    /// Tables are nested too deeply.
    TooDeep {
        /// Where the content of the offending table begins.
        offset: usize,
        /// The depth that is allowed.
        limit: usize,
    },
    /// The message has more values than [`Limits::with_values`](crate::Limits::with_values) allows.
    TooManyValues {
        /// The number that is allowed.
        limit: usize,
    },
    /// The message has more bytes than [`Limits::with_bytes`](crate::Limits::with_bytes) allows.
    TooLong {
        /// Bytes of the message.
        found: usize,
        /// The number that is allowed.
        limit: usize,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated {
                offset,
                wanted,
                found,
            } => {
                write!(
                    f,
                    "message ends at offset {offset}: wanted {wanted} more bytes, found {found}"
                )
            }
            Self::BadTag { offset, tag } => {
                write!(f, "byte {tag:#04x} at offset {offset} begins no value")
            }
            Self::BadLength { offset } => {
                write!(
                    f,
                    "array length at offset {offset} is not an integer from 0 up"
                )
            }
            Self::NanKey { offset } => write!(f, "table key at offset {offset} is NaN"),
            Self::TooDeep { offset, limit } => {
                write!(
                    f,
                    "table with content at offset {offset} is inside more than {limit} tables"
                )
            }
            Self::TooManyValues { limit } => write!(f, "message has more than {limit} values"),
            Self::TooLong { found, limit } => {
                write!(f, "message has {found} bytes, at most {limit} are read")
            }
        }
    }
}

impl std::error::Error for ReadError {}

/// Why a message cannot be turned into the wanted types.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnpackError {
    /// The bytes are no valid message.
    Read(ReadError),
    /// A value has another type, or another range, than the wanted one.
    Mismatch {
        /// Which value of the message, counted from 1; 0 when that is not known.
        position: usize,
        /// What was wanted.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// A message from the `Deserialize` implementation.
    Custom(String),
}

impl UnpackError {
    pub(crate) fn mismatch(wanted: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Mismatch {
            position: 0,
            wanted: wanted.into(),
            found: found.into(),
        }
    }

    /// Says which value of the message the error is about.
    pub(crate) fn at(self, index: usize) -> Self {
        match self {
            Self::Mismatch {
                position: 0,
                wanted,
                found,
            } => Self::Mismatch {
                position: index,
                wanted,
                found,
            },
            other => other,
        }
    }
}

impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Mismatch {
                position: 0,
                wanted,
                found,
            } => {
                write!(f, "wanted {wanted}, found {found}")
            }
            Self::Mismatch {
                position,
                wanted,
                found,
            } => {
                write!(f, "value {position}: wanted {wanted}, found {found}")
            }
            Self::Custom(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for UnpackError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ReadError> for UnpackError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl serde::de::Error for UnpackError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
}

/// Why a value cannot be written. What the sink holds by then is part of a message: throw it away.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// A value is inside too many tables.
    TooDeep {
        /// The depth that is allowed.
        limit: usize,
    },
    /// The message would be longer than [`Limits::with_bytes`](crate::Limits::with_bytes) allows.
    TooLong {
        /// The number of bytes that is allowed.
        limit: usize,
    },
    /// The sink takes no more.
    Full(SinkFull),
    /// nil, NaN or (with serde) a table as a table key.
    BadKey {
        /// What the key is.
        found: &'static str,
    },
    /// An integer that does not fit into 64 bits with a sign.
    OutOfRange {
        /// The integer.
        found: String,
    },
    /// A table was ended, or the message finished, with something missing or too much.
    Unbalanced {
        /// What is wrong.
        reason: &'static str,
    },
    /// A message from the `Serialize` implementation.
    Custom(String),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep { limit } => write!(f, "value is inside more than {limit} tables"),
            Self::TooLong { limit } => write!(f, "message would be longer than {limit} bytes"),
            Self::Full(full) => full.fmt(f),
            Self::BadKey { found } => write!(f, "{found} cannot be the key of a table"),
            Self::OutOfRange { found } => {
                write!(f, "integer {found} does not fit into 64 bits with a sign")
            }
            Self::Unbalanced { reason } => write!(f, "table is not complete: {reason}"),
            Self::Custom(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Full(full) => Some(full),
            _ => None,
        }
    }
}

impl serde::ser::Error for WriteError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Custom(text.to_string())
    }
}

/// A [`Sink`](crate::Sink) had no room for what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkFull {
    /// Bytes that were to be written.
    pub wanted: usize,
    /// Bytes for which there was room.
    pub found: usize,
}

impl fmt::Display for SinkFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "buffer is full: wanted room for {} bytes, found {}",
            self.wanted, self.found
        )
    }
}

impl std::error::Error for SinkFull {}

impl From<SinkFull> for WriteError {
    fn from(full: SinkFull) -> Self {
        Self::Full(full)
    }
}
