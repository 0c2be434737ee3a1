//! One message on its way to another node, before it is cut into frames.

use std::time::Duration;

use skynet_harbor_wire::{Cookie, Extra, Flags};
use skynet_service::{Buffer, KIND_ERROR, KIND_RESPONSE, Reason};

/// A message that waits for a connection, or for its turn on one.
#[derive(Debug)]
pub(crate) struct Item {
    /// From whom to whom, and what it is.
    pub(crate) cookie: Cookie,
    /// [`Flags::CALL`], [`Flags::REDIRECTED`], [`Flags::MOVED`].
    pub(crate) flags: Flags,
    /// Of an error: why.
    pub(crate) reason: Reason,
    /// Follows a request through services; 0 when not traced.
    pub(crate) trace: u64,
    /// When the caller stops waiting, by the node's clock; zero for never.
    pub(crate) deadline: Duration,
    /// The payload.
    pub(crate) body: Buffer,
}

impl Item {
    /// Whether somebody waits for the answer to this.
    pub(crate) fn is_call(&self) -> bool {
        self.flags.contains(Flags::CALL)
    }

    /// Whether it is an answer, for which somebody waits, or says who owes one.
    pub(crate) fn is_reply(&self) -> bool {
        let kind = u32::from(self.cookie.kind);
        self.flags.contains(Flags::MOVED)
            || (kind == KIND_RESPONSE || kind == KIND_ERROR) && self.cookie.session != 0
    }

    /// Source and destination: messages of one pair keep their order.
    pub(crate) fn pair(&self) -> u64 {
        u64::from(self.cookie.source) << 32 | u64::from(self.cookie.destination)
    }

    /// Of an error: the reason as peers of our kind are told it.
    pub(crate) fn reason_on_wire(&self) -> Option<u16> {
        (u32::from(self.cookie.kind) == KIND_ERROR)
            .then(|| u16::try_from(self.reason.0).unwrap_or(u16::MAX))
    }

    /// What an extended frame says beside the cookie.
    pub(crate) fn extra(&self, now: Duration) -> Option<Extra> {
        (self.trace != 0 || !self.deadline.is_zero()).then(|| Extra {
            trace: self.trace,
            // A deadline that has passed is the caller's to notice: 0 would mean that there is none.
            remaining: match self.deadline {
                Duration::ZERO => 0,
                deadline => nanoseconds(deadline.saturating_sub(now)).max(1),
            },
        })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
