//! What one service knows to be due: numbers of messages, ends of calls, timers.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use skynet_service::log;

/// Everything must have happened by then, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// Something does not hold.
pub(crate) fn violation(text: impl Display) {
    log::error!("stress violation: {text}");
}

/// Numbers of messages from each source, which must come without a gap.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    next: HashMap<u32, u64>,
}

impl Numbers {
    /// The next number for, or from, this peer.
    pub(crate) fn next(&self, peer: u32) -> u64 {
        self.next.get(&peer).copied().unwrap_or_default()
    }

    pub(crate) fn advance(&mut self, peer: u32) {
        *self.next.entry(peer).or_default() += 1;
    }

    pub(crate) fn forget(&mut self, peer: u32) {
        self.next.remove(&peer);
    }

    /// A message with this number came.
    pub(crate) fn expect(&mut self, peer: u32, found: u64) {
        let wanted = self.next(peer);
        if found != wanted {
            violation(format_args!(
                "message {found} from :{peer:08x} came where {wanted} was next"
            ));
        }
        self.next.insert(peer, found + 1);
    }
}

/// One open call.
#[derive(Debug)]
pub(crate) struct OpenCall {
    pub(crate) token: u64,
    pub(crate) callee: u32,
    pub(crate) since: Duration,
    pub(crate) deadline: Option<Duration>,
}

/// One timer that was set.
#[derive(Debug)]
pub(crate) struct OpenTimer {
    pub(crate) id: u64,
    pub(crate) due: Duration,
}

/// Fails for each call and each timer that should be over.
pub(crate) fn check_overdue(
    now: Duration,
    calls: &HashMap<i32, OpenCall>,
    timers: &HashMap<u64, OpenTimer>,
) {
    for (session, call) in calls {
        let due = call.deadline.unwrap_or(call.since);
        if now.saturating_sub(due) > PATIENCE {
            violation(format_args!(
                "call {session} of :{:08x} has no end: sent at {:?}, deadline {:?}, now {now:?}",
                call.callee, call.since, call.deadline
            ));
        }
    }
    for (value, timer) in timers {
        if now.saturating_sub(timer.due) > PATIENCE {
            violation(format_args!(
                "timer {value} did not fire: due at {:?}, now {now:?}",
                timer.due
            ));
        }
    }
}
