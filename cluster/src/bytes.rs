//! Frames and bodies go right into the buffers that are sent on.

use skynet_cluster_wire::Sink;
use skynet_service::Buffer;

/// A buffer of the node that the wire crate can write into.
#[derive(Debug, Default)]
pub(crate) struct Bytes(pub(crate) Buffer);

impl Bytes {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Buffer::with_capacity(capacity))
    }
}

impl Sink for Bytes {
    fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
