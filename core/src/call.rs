//! Who waits for whom: the bookkeeping that gives every call exactly one end.
//!
//! The caller's side ([`OpenCalls`]) is the truth: a reply is delivered only if its session is open, and closes it.
//! The callee's side ([`Debts`]) is an index for the common end of a service: whom it still owes an answer. Where that
//! index cannot be reached (a killed service that never leaves its callback, a lost node), the callers' side is
//! searched instead.

use crate::hash::IntMap;

/// One unanswered call, as its caller knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenCall {
    /// Who must answer; changes when the request is redirected.
    pub(crate) callee: u32,
    /// The timer that fails the call, as bits; 0 for none.
    pub(crate) timer: u64,
}

/// The unanswered calls of one service by session.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    calls: IntMap<i32, OpenCall>,
}

impl OpenCalls {
    /// False: a call with this session is open already, and stays as it is.
    pub(crate) fn open(&mut self, session: i32, call: OpenCall) -> bool {
        match self.calls.entry(session) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(call);
                true
            }
        }
    }

    pub(crate) fn get(&self, session: i32) -> Option<OpenCall> {
        self.calls.get(&session).copied()
    }

    /// Closes a call if its callee is on the node of `source`.
    pub(crate) fn close_matching(&mut self, session: i32, source: u32) -> Option<OpenCall> {
        let call = self.calls.get(&session)?;
        (call.callee >> 24 == source >> 24)
            .then(|| self.close(session))
            .flatten()
    }

    pub(crate) fn close(&mut self, session: i32) -> Option<OpenCall> {
        let call = self.calls.remove(&session);
        // A service that once had many calls in the air does not hold their space for ever.
        if self.calls.is_empty() && self.calls.capacity() > 1024 {
            self.calls.shrink_to(0);
        }
        call
    }

    /// Notes the timer that fails a call. False: the call is over already.
    pub(crate) fn set_timer(&mut self, session: i32, timer: u64) -> bool {
        let call = self.calls.get_mut(&session);
        let is_open = call.is_some();
        if let Some(call) = call {
            call.timer = timer;
        }
        is_open
    }

    /// The request was passed on: somebody else must answer it now. Returns who had to before, if the call is open.
    pub(crate) fn redirect(&mut self, session: i32, callee: u32) -> Option<u32> {
        let call = self.calls.get_mut(&session)?;
        Some(std::mem::replace(&mut call.callee, callee))
    }

    /// Sessions of calls that wait on a callee that `is_lost` picks.
    pub(crate) fn waiting_on(&self, is_lost: impl Fn(u32) -> bool) -> Vec<(i32, u32)> {
        self.calls
            .iter()
            .filter(|(_, call)| is_lost(call.callee))
            .map(|(&session, call)| (session, call.callee))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = OpenCall> {
        std::mem::take(&mut self.calls).into_values()
    }
}

/// The calls that one service has received and not answered: caller and session.
#[derive(Debug, Default)]
pub(crate) struct Debts {
    debts: IntMap<(u32, i32), ()>,
}

impl Debts {
    pub(crate) const fn new() -> Self {
        Self {
            debts: IntMap::with_hasher(std::hash::BuildHasherDefault::new()),
        }
    }

    pub(crate) fn owe(&mut self, caller: u32, session: i32) {
        self.debts.insert((caller, session), ());
    }

    /// Answered, or passed on.
    pub(crate) fn settle(&mut self, caller: u32, session: i32) -> bool {
        let owed = self.debts.remove(&(caller, session)).is_some();
        if self.debts.is_empty() && self.debts.capacity() > 1024 {
            self.debts.shrink_to(0);
        }
        owed
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (u32, i32)> {
        std::mem::take(&mut self.debts).into_keys()
    }
}
