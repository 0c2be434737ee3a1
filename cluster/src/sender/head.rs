//! How requests are written.

use skynet_cluster_wire::{self as wire, Address, Kind};
use skynet_service::log;

use crate::bytes::Bytes;
use crate::outbox::Head;
use crate::target::Target;

/// What comes before the body of a request.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) target: Target,
    pub(super) kind: Kind,
    pub(super) session: u32,
    /// Frames that go before it: its tag and its deadline.
    pub(super) before: Vec<u8>,
}

impl Head for RequestHead {
    const SINGLE_MAX: usize = wire::REQUEST_SINGLE_MAX;

    fn single(&self, out: &mut Bytes, body: &[u8]) {
        write_single(
            out,
            self.target.address(),
            self.kind,
            self.session,
            &self.before,
            body,
        );
    }

    fn begin(&self, out: &mut Bytes, total: usize) {
        out.0.extend_from_slice(&self.before);
        // Longer ones were refused when they came.
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let begun = wire::begin(out, self.target.address(), self.session, self.kind, total);
        written(begun);
    }

    fn part(&self, out: &mut Bytes, bytes: &[u8], last: bool) {
        written(wire::part(out, self.session, bytes, last));
    }
}

/// Writes a request in one frame.
#[inline]
pub(super) fn write_single(
    out: &mut Bytes,
    address: Address<'_>,
    kind: Kind,
    session: u32,
    before: &[u8],
    body: &[u8],
) {
    out.0.extend_from_slice(before);
    // A push in one frame has no session: nobody answers it.
    let session = if matches!(kind, Kind::Push) {
        0
    } else {
        session
    };
    let is_ack = matches!(kind, Kind::Ack);
    written(wire::small_request(out, address, session, is_ack, body));
}

/// What cannot be written was refused when it came: this tells of a mistake of our own.
fn written(written: Result<(), wire::Unwritable>) {
    if let Err(error) = written {
        log::error!("a request was not written: {error}");
    }
}
