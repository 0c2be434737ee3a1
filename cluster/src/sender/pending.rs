//! Who waits for which answer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use skynet_service::Handle;

use crate::session::BySession;

/// A call whose answer has not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Caller {
    pub(super) handle: Handle,
    pub(super) session: i32,
    /// When its node has told it that the time is up; 0 for never.
    pub(super) deadline: u64,
    /// It asks who has a name.
    pub(super) is_query: bool,
}

/// The calls whose answers have not come, by the session on the wire.
#[derive(Debug)]
pub(super) struct Pending {
    calls: BySession<u32, Caller>,
    /// How long those wait that do not say; zero for ever.
    limit: Duration,
    /// When they have waited long enough, in order; with some that have their answer.
    limits: VecDeque<(Duration, u32)>,
    /// Somebody comes back when the first of them is due, or before.
    is_timed: bool,
}

/// Limits of calls that have their answer are kept as long as there are no more than this many besides others.
const ANSWERED: usize = 64;

impl Pending {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            calls: HashMap::default(),
            limit,
            limits: VecDeque::new(),
            is_timed: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    #[inline]
    pub(super) fn contains(&self, session: u32) -> bool {
        self.calls.contains_key(&session)
    }

    /// Whether a call asks who has a name.
    pub(super) fn is_query(&self, session: u32) -> bool {
        self.calls
            .get(&session)
            .is_some_and(|caller| caller.is_query)
    }

    /// Adds a call. Returns after how long to look at [limits](Self::expire) if nobody does yet.
    #[inline]
    pub(super) fn insert(
        &mut self,
        session: u32,
        caller: Caller,
        now: impl FnOnce() -> Duration,
    ) -> Option<Duration> {
        self.calls.insert(session, caller);
        if self.limit.is_zero() || caller.deadline != 0 {
            return None;
        }
        if self.limits.len() >= 2 * self.calls.len() + ANSWERED {
            let calls = &self.calls;
            self.limits
                .retain(|(_, session)| calls.contains_key(session));
        }
        self.limits.push_back((now() + self.limit, session));
        (!std::mem::replace(&mut self.is_timed, true)).then_some(self.limit)
    }

    #[inline]
    pub(super) fn remove(&mut self, session: u32) -> Option<Caller> {
        self.calls.remove(&session)
    }

    /// Takes those out that have waited long enough; returns them, and how long it is to the next limit.
    pub(super) fn expire(&mut self, now: Duration) -> (Vec<(u32, Caller)>, Option<Duration>) {
        self.is_timed = false;
        let mut expired = Vec::new();
        while let Some((limit, session)) = self.limits.front().copied() {
            // Those that have their answer need no timer of their own.
            if limit > now && self.calls.contains_key(&session) {
                self.is_timed = true;
                return (expired, Some(limit - now));
            }
            self.limits.pop_front();
            if limit <= now
                && let Some(caller) = self.calls.remove(&session)
            {
                expired.push((session, caller));
            }
        }
        (expired, None)
    }

    /// Forgets those whose callers were told by their own node that the time is up.
    pub(super) fn forget_overdue(&mut self, now: Duration, mut forgotten: impl FnMut(u32)) {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.calls.retain(|session, caller| {
            let stays = caller.deadline == 0 || caller.deadline > now;
            if !stays {
                forgotten(*session);
            }
            stays
        });
    }

    /// Takes all out, in the order of their sessions.
    pub(super) fn drain(&mut self) -> Vec<Caller> {
        self.limits.clear();
        let mut calls: Vec<_> = self.calls.drain().collect();
        calls.sort_unstable_by_key(|(session, _)| *session);
        calls.into_iter().map(|(_, caller)| caller).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(session: i32, deadline: u64) -> Caller {
        Caller {
            handle: Handle(1),
            session,
            deadline,
            is_query: false,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn those_without_a_deadline_expire_in_order() {
        let mut pending = Pending::new(SECOND);
        let now = Duration::from_secs(10);
        assert_eq!(pending.insert(1, caller(11, 0), || now), Some(SECOND));
        assert_eq!(pending.insert(2, caller(12, 5), || now), None);
        assert_eq!(pending.insert(3, caller(13, 0), || now + SECOND / 2), None);
        assert_eq!(pending.insert(4, caller(14, 0), || now + SECOND / 2), None);
        pending.remove(3);
        assert_eq!(pending.expire(now), (vec![], Some(SECOND)));
        let first = (1, caller(11, 0));
        assert_eq!(
            pending.expire(now + SECOND),
            (vec![first], Some(SECOND / 2))
        );
        let last = (4, caller(14, 0));
        assert_eq!(pending.expire(now + 2 * SECOND), (vec![last], None));
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn lost_connections_leave_one_timer() {
        let mut pending = Pending::new(SECOND);
        let now = Duration::from_secs(10);
        assert_eq!(pending.insert(1, caller(1, 0), || now), Some(SECOND));
        pending.drain();
        assert_eq!(pending.insert(2, caller(2, 0), || now + SECOND / 2), None);
        assert_eq!(pending.expire(now + SECOND), (vec![], Some(SECOND / 2)));
        assert_eq!(pending.insert(3, caller(3, 0), || now + SECOND), None);
        pending.drain();
        assert_eq!(pending.expire(now + SECOND * 3 / 2), (vec![], None));
        assert_eq!(
            pending.insert(4, caller(4, 0), || now + 2 * SECOND),
            Some(SECOND)
        );
    }

    #[test]
    fn answered_calls_leave_nothing() {
        let mut pending = Pending::new(SECOND);
        pending.insert(1, caller(1, 0), || SECOND);
        for session in 2..10_000 {
            pending.insert(session, caller(2, 0), || SECOND);
            pending.remove(session);
        }
        assert!(
            pending.limits.len() <= ANSWERED + 2,
            "{}",
            pending.limits.len()
        );
        let first = (1, caller(1, 0));
        assert_eq!(pending.expire(2 * SECOND), (vec![first], None));
    }

    #[test]
    fn those_whose_callers_have_given_up_are_forgotten() {
        let mut pending = Pending::new(Duration::ZERO);
        let now = Duration::from_nanos(10);
        pending.insert(1, caller(1, 10), || now);
        pending.insert(2, caller(2, 11), || now);
        pending.insert(3, caller(3, 0), || now);
        let mut forgotten = Vec::new();
        pending.forget_overdue(now, |session| forgotten.push(session));
        assert_eq!(forgotten, [1]);
        let left: Vec<_> = pending
            .drain()
            .iter()
            .map(|caller| caller.session)
            .collect();
        assert_eq!(left, [2, 3]);
    }
}
