//! Bodies that come in pieces go right into the buffer that is sent on.

use skynet_harbor_wire::Sink;
use skynet_service::Buffer;

/// The body of a message under way.
#[derive(Debug, Default)]
pub(crate) struct Body(pub(crate) Buffer);

impl Sink for Body {
    fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}
