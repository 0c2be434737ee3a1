//! Where written bytes go.

use crate::SinkFull;

/// Takes the bytes of a message in order: a vector, a slice of memory that somebody else owns, or a counter.
///
/// A host whose messages live in buffers of its own implements this for such a buffer, and the message is
/// written where it will be sent from, without a copy in between.
pub trait Sink {
    /// Appends `bytes`, all or nothing.
    ///
    /// # Errors
    /// When there is no room for them.
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull>;
}

impl Sink for Vec<u8> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        (**self).write(bytes)
    }
}

/// Counts bytes and keeps none: tells how large a buffer must be.
///
/// ```
/// use skynet_seri::{Measure, Writer};
/// let mut writer = Writer::with_sink(Measure::default());
/// writer.string("hello")?;
/// assert_eq!(writer.finish()?.len(), 6);
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Measure {
    len: usize,
}

impl Measure {
    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Sink for Measure {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        self.len += bytes.len();
        Ok(())
    }
}

/// Fills a borrowed slice from its start; full when the slice ends.
#[derive(Debug)]
pub struct SliceSink<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> SliceSink<'a> {
    /// Writes to `buffer`, of which the former content does not matter.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The part of the slice that was written.
    #[must_use]
    pub fn into_written(self) -> &'a mut [u8] {
        &mut self.buffer[..self.len]
    }
}

impl Sink for SliceSink<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        let room = &mut self.buffer[self.len..];
        let full = SinkFull {
            wanted: bytes.len(),
            found: room.len(),
        };
        room.get_mut(..bytes.len())
            .ok_or(full)?
            .copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(())
    }
}
