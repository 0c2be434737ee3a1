//! Memory that the caller chooses.

/// Something that bytes are added to at the end: a `Vec<u8>`, or a wrapper around a message's own buffer.
///
/// A reassembler fills one of these, and frames are written to one, so that nothing need be copied again.
pub trait Sink {
    /// Makes room for `additional` bytes more, in one step and not much more than that.
    fn reserve(&mut self, additional: usize);
    /// Adds `bytes` at the end.
    fn append(&mut self, bytes: &[u8]);
    /// Bytes that are in it.
    fn len(&self) -> usize;
    /// Whether nothing is in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Sink for Vec<u8> {
    fn reserve(&mut self, additional: usize) {
        self.reserve_exact(additional);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn len(&self) -> usize {
        self.len()
    }
}
