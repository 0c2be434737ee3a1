//! Results of functions that cross the boundary.

/// Done.
pub const STATUS_OK: i32 = 0;
/// From `create`: the service goes on starting and will call [`Host::ready`](crate::Host::ready). From
/// [`Host::launch`](crate::Host::launch): the outcome arrives as the reply of the returned session.
pub const STATUS_PENDING: i32 = 1;
/// The service, socket or timer that was named has ended, or the calling context's own service has.
pub const STATUS_DEAD: i32 = -1;
/// Nothing of that name or id was ever there.
pub const STATUS_NOT_FOUND: i32 = -2;
/// A bound was reached: a mailbox, a queue, a table.
pub const STATUS_FULL: i32 = -3;
/// An argument has no meaning here.
pub const STATUS_INVALID: i32 = -4;
/// Larger than what can be sent.
pub const STATUS_TOO_LARGE: i32 = -5;
/// The allocation failed.
pub const STATUS_NO_MEMORY: i32 = -6;
/// The function is for the service's own turn and was called from elsewhere.
pub const STATUS_WRONG_TURN: i32 = -7;
/// Known, but not offered by this node.
pub const STATUS_UNSUPPORTED: i32 = -8;
/// The name or key is taken.
pub const STATUS_EXISTS: i32 = -9;
/// The peer's code panicked; the text is in the log.
pub const STATUS_PANICKED: i32 = -10;
/// Tried and failed; the text says why.
pub const STATUS_FAILED: i32 = -11;
/// The socket no longer takes data in this direction.
pub const STATUS_CLOSED: i32 = -12;
/// The node that the message is for is lost, or nobody holds its id.
pub const STATUS_NODE_LOST: i32 = -13;

/// What a status means, for error texts.
#[must_use]
pub const fn status_text(status: i32) -> &'static str {
    match status {
        STATUS_OK => "ok",
        STATUS_PENDING => "pending",
        STATUS_DEAD => "it has ended",
        STATUS_NOT_FOUND => "not found",
        STATUS_FULL => "full",
        STATUS_INVALID => "invalid argument",
        STATUS_TOO_LARGE => "too large",
        STATUS_NO_MEMORY => "out of memory",
        STATUS_WRONG_TURN => "called outside the service's own turn",
        STATUS_UNSUPPORTED => "not supported by this node",
        STATUS_EXISTS => "already exists",
        STATUS_PANICKED => "panicked",
        STATUS_FAILED => "failed",
        STATUS_CLOSED => "closed",
        STATUS_NODE_LOST => "its node is lost",
        _ => "unknown status",
    }
}
