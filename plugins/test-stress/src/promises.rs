//! What one service knows to be due: numbers of messages, ends of calls, timers, wake-ups.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use skynet_service::{Context, log};

use crate::trail;

/// Everything must have happened by then, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
/// Of so many violations the trails are written too.
const WITH_TRAILS: u32 = 8;

static VIOLATIONS: AtomicU32 = AtomicU32::new(0);

/// The promise named `rule` does not hold; `peer` (or 0) is who else is involved.
pub(crate) fn violation(cx: &Context, rule: &str, peer: u32, text: impl Display) {
    let me = cx.handle().0;
    log::error!("stress violation [{rule}] {text}");
    if VIOLATIONS.fetch_add(1, Ordering::Relaxed) < WITH_TRAILS {
        let mut trails = trail::of(me);
        if peer != 0 && peer != me {
            trails.push_str(&trail::of(peer));
        }
        trails.lines().for_each(|line| log::error!("{line}"));
    }
}

/// Numbers of messages to or from each peer, which must come without a gap.
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
    pub(crate) fn expect(&mut self, cx: &Context, peer: u32, found: u64) {
        let wanted = self.next(peer);
        if found != wanted {
            violation(
                cx,
                "order",
                peer,
                format_args!("message {found} from :{peer:08x} came where {wanted} was next"),
            );
        }
        self.next.insert(peer, found + 1);
    }

    /// The peer says that it has sent so many.
    pub(crate) fn expect_all(&self, cx: &Context, peer: u32, sent: u64) {
        let came = self.next(peer);
        if came != sent {
            violation(
                cx,
                "nothing lost",
                peer,
                format_args!(":{peer:08x} has sent {sent} messages and {came} came"),
            );
        }
    }

    /// Peers and how many messages so far.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, u64)> {
        self.next.iter().map(|(&peer, &count)| (peer, count))
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

/// Fails for each call, timer and wake-up that should be over.
pub(crate) fn check_overdue(
    cx: &Context,
    calls: &HashMap<i32, OpenCall>,
    timers: &HashMap<u64, OpenTimer>,
    wakes: &HashMap<u64, Duration>,
) {
    let now = cx.now();
    for (session, call) in calls {
        let due = call.deadline.unwrap_or(call.since);
        if now.saturating_sub(due) > PATIENCE {
            let OpenCall {
                callee,
                since,
                deadline,
                ..
            } = call;
            violation(
                cx,
                "calls end",
                *callee,
                format_args!(
                    "call {session} of :{callee:08x} has no end: sent at {since:?}, deadline {deadline:?}, now {now:?}"
                ),
            );
        }
    }
    for (value, timer) in timers {
        if now.saturating_sub(timer.due) > PATIENCE {
            violation(
                cx,
                "timers",
                0,
                format_args!(
                    "timer {value} did not fire: due at {:?}, now {now:?}",
                    timer.due
                ),
            );
        }
    }
    for (value, &since) in wakes {
        if now.saturating_sub(since) > PATIENCE {
            violation(
                cx,
                "wakes",
                0,
                format_args!("wake-up {value} did not come: asked for at {since:?}, now {now:?}"),
            );
        }
    }
}
