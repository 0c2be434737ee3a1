//! Bounds on what is read and written.

/// Tables that may surround a value that is written. A table inside this many tables must be empty,
/// because what it held would be one deeper. Skynet's own writer has the same bound.
pub const MAX_WRITE_DEPTH: usize = 32;

/// Tables that may surround a table that is read. Skynet writes at most [`MAX_WRITE_DEPTH`] but reads
/// any depth; readers here walk tables recursively, and this bound is what keeps hostile input
/// from overflowing the stack.
pub const MAX_READ_DEPTH: usize = 200;

/// Bytes of the longest message: Skynet's length arithmetic is signed 32-bit.
pub const MAX_BYTES: usize = i32::MAX as usize;

/// Bounds for one message, for reading and writing alike.
///
/// ```
/// use skynet_seri::{Limits, ReadError, Reader};
/// let limits = Limits::default().with_values(1);
/// let mut reader = Reader::with_limits(&[0x02, 0x02], limits);
/// assert!(reader.next().unwrap().is_ok());
/// assert_eq!(reader.next(), Some(Err(ReadError::TooManyValues { limit: 1 })));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    depth: usize,
    values: usize,
    bytes: usize,
}

impl Limits {
    /// Tables that may surround a table. More than [`MAX_READ_DEPTH`] (reading) or [`MAX_WRITE_DEPTH`]
    /// (writing) has no effect.
    #[must_use]
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// Values that are read from one message, at all depths; keys count, and so does the end of each
    /// table. It bounds the memory of a decoded message, at some 60 bytes a value at worst.
    #[must_use]
    pub const fn with_values(self, values: usize) -> Self {
        Self { values, ..self }
    }

    /// Bytes of one message. More than [`MAX_BYTES`] has no effect.
    #[must_use]
    pub const fn with_bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    pub(crate) fn read_depth(&self) -> usize {
        self.depth.min(MAX_READ_DEPTH)
    }

    pub(crate) fn write_depth(&self) -> usize {
        self.depth.min(MAX_WRITE_DEPTH)
    }

    pub(crate) const fn values(&self) -> usize {
        self.values
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.min(MAX_BYTES)
    }
}

impl Default for Limits {
    /// The greatest depths and sizes, and 2^20 values.
    fn default() -> Self {
        Self {
            depth: MAX_READ_DEPTH,
            values: 1 << 20,
            bytes: MAX_BYTES,
        }
    }
}
