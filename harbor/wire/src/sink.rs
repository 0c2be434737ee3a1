//! Memory that the caller chooses.

/// Something that bytes are added to at the end: a `Vec<u8>`, or a wrapper around a message's own buffer.
///
/// A parser and a reassembler fill one of these with a body that came in pieces, so that it need not be copied
/// again.
pub trait Sink: Default {
    /// Makes room for `additional` bytes more, in one step and not much more than that.
    fn reserve(&mut self, additional: usize);
    /// Adds `bytes` at the end.
    fn append(&mut self, bytes: &[u8]);
    /// What is in it.
    fn as_slice(&self) -> &[u8];
}

impl Sink for Vec<u8> {
    fn reserve(&mut self, additional: usize) {
        self.reserve_exact(additional);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn as_slice(&self) -> &[u8] {
        self
    }
}

/// Room that is made for the first bytes of something large.
const FIRST_ROOM: usize = 64 * 1024;
/// How much room is made, as a multiple of what came.
const GROWTH: usize = 4;

/// Adds a part of something that will have `total` bytes. Room is made as bytes come, not because a header claims
/// them: at most 64 KiB or four times what came.
pub(crate) fn grow<B: Sink>(sink: &mut B, room: &mut usize, part: &[u8], total: usize) {
    let wanted = sink.as_slice().len() + part.len();
    if wanted > *room {
        let capacity = (wanted * GROWTH).max(FIRST_ROOM).min(total).max(wanted);
        sink.reserve(capacity - sink.as_slice().len());
        *room = capacity;
    }
    sink.append(part);
}
