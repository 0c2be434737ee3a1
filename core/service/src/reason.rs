//! Why a call failed or a service ended.

use std::fmt;

use skynet_abi as abi;

/// Why a call failed or a service ended; a number that travels with error replies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reason(pub u32);

impl Reason {
    /// No reason given; of an exit: a normal end.
    pub const NONE: Reason = Reason(abi::REASON_NONE);
    /// The handler failed.
    pub const FAILED: Reason = Reason(abi::REASON_FAILED);
    /// The handler panicked.
    pub const PANICKED: Reason = Reason(abi::REASON_PANICKED);
    /// The callee ended before it answered.
    pub const DEAD: Reason = Reason(abi::REASON_DEAD);
    /// The callee was killed before it answered.
    pub const KILLED: Reason = Reason(abi::REASON_KILLED);
    /// There is no such service or name.
    pub const UNKNOWN: Reason = Reason(abi::REASON_UNKNOWN);
    /// The callee or the node refused.
    pub const REFUSED: Reason = Reason(abi::REASON_REFUSED);
    /// The deadline passed.
    pub const TIMED_OUT: Reason = Reason(abi::REASON_TIMED_OUT);
    /// The node of the callee was lost.
    pub const NODE_LOST: Reason = Reason(abi::REASON_NODE_LOST);
    /// The callee dropped the request without an answer.
    pub const DROPPED: Reason = Reason(abi::REASON_DROPPED);
    /// The message is larger than what can be sent.
    pub const TOO_LARGE: Reason = Reason(abi::REASON_TOO_LARGE);
    /// The callee has no handler for messages of this kind.
    pub const UNSUPPORTED: Reason = Reason(abi::REASON_UNSUPPORTED);
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(abi::reason_text(self.0))
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({}: {self})", self.0)
    }
}
