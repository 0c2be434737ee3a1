//! Whose turn it is on this thread.
//!
//! The node runs one service at a time on a thread, and a service on one thread at a time. Each entry from the node
//! makes a [`Turn`] for its duration; everything that may only happen in a service's own turn compares with it.
//!
//! The turn lies on the stack and the thread knows where. In a shared library that costs a call of the dynamic linker
//! each time, so whoever has the turn at hand is given it by reference.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use skynet_abi as abi;

/// Tells one life of one service from all others in this process. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TurnId(u64);

impl TurnId {
    const NONE: Self = Self(0);

    /// An id that nobody has had before.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Only uniqueness matters: nothing else is published by this counter.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// Whether this thread is inside a turn of this service.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        current_id() == self.0
    }
}

/// A request that was dropped without an answer during a turn. Who ran at that moment decides the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Orphan {
    pub(crate) caller: u32,
    pub(crate) session: i32,
}

/// A turn of a service on this thread. Whoever has a reference to one is inside it: only [`enter`](Self::enter) makes
/// them, and they cannot go to another thread.
pub(crate) struct Turn {
    id: TurnId,
    context: abi::Context,
    /// The request that was dropped last.
    orphan: Cell<Option<Orphan>>,
    /// Those before it; empty when there is none in `orphan`.
    more: Cell<Vec<Orphan>>,
}

const NOBODY: abi::Context = abi::Context {
    handle: 0,
    generation: 0,
};

thread_local! {
    /// The innermost turn of this thread, or null: turns nest when a service launches another.
    static CURRENT: Cell<*const Turn> = const { Cell::new(ptr::null()) };
}

/// The place of [`CURRENT`] on this thread. A function of its own, so that it is not compiled into others by a detour.
#[inline(never)]
fn current_cell() -> NonNull<Cell<*const Turn>> {
    CURRENT.with(|current| NonNull::from(current))
}

/// As [`current_cell`].
#[inline(never)]
fn current_turn() -> *const Turn {
    CURRENT.get()
}

/// Has the thread go back to the outer turn, also when a panic goes through.
struct Leave<'a> {
    current: &'a Cell<*const Turn>,
    outer: *const Turn,
}

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        self.current.set(self.outer);
    }
}

impl Turn {
    /// Runs `f` as a turn of the service `id`. Requests that are left behind when it ends belong to a service that has
    /// ended: the node answers for them.
    #[inline]
    pub(crate) fn enter<R>(id: TurnId, context: abi::Context, f: impl FnOnce(&Self) -> R) -> R {
        let turn = Self {
            id,
            context,
            orphan: Cell::new(None),
            more: Cell::new(Vec::new()),
        };
        // SAFETY: this is the thread that the cell belongs to, and it has no destructor, so it is there to the end.
        let current = unsafe { current_cell().as_ref() };
        let outer = current.replace(&raw const turn);
        let _leave = Leave { current, outer };
        f(&turn)
    }

    /// Runs `f` as something that speaks for a service but is not its turn: a signal.
    pub(crate) fn enter_outside<R>(context: abi::Context, f: impl FnOnce() -> R) -> R {
        Self::enter(TurnId::NONE, context, |_| f())
    }

    /// Works on this thread's turn; `None` outside of all turns.
    #[inline]
    pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        let current = current_turn();
        // SAFETY: null, or a turn of this thread whose `enter` has not returned: `Leave` sees to it. What lies further
        // down the stack stays there while `f` runs.
        f(unsafe { current.as_ref() })
    }

    /// Whose turn this is: [`TurnId::get`], 0 when it is nobody's.
    #[inline]
    pub(crate) const fn id(&self) -> u64 {
        self.id.0
    }

    /// Leaves a request behind for the executor to answer.
    fn leave_orphan(&self, orphan: Orphan) {
        if let Some(before) = self.orphan.replace(Some(orphan)) {
            let mut list = self.more.take();
            list.push(before);
            self.more.set(list);
        }
    }

    /// Whether [`leave_orphan`] left something.
    #[inline]
    pub(crate) fn has_orphans(&self) -> bool {
        self.orphan.get().is_some()
    }

    /// Takes what [`leave_orphan`] left: the last one, and those before it.
    pub(crate) fn take_orphans(&self) -> Option<(Orphan, Vec<Orphan>)> {
        let last = self.orphan.take()?;
        Some((last, self.more.take()))
    }
}

/// The id of the service whose turn it is, 0 for none.
#[inline]
pub(crate) fn current_id() -> u64 {
    Turn::with_current(|turn| turn.map_or(TurnId::NONE.0, Turn::id))
}

/// The token of the service that runs on this thread, for log records; handle 0 outside a turn.
pub(crate) fn current_context() -> abi::Context {
    Turn::with_current(|turn| turn.map_or(NOBODY, |turn| turn.context))
}

/// Leaves a request behind in the current turn, if that is one of the service `id`. Returns whether it is.
pub(crate) fn leave_orphan(id: TurnId, orphan: Orphan) -> bool {
    Turn::with_current(|turn| match turn {
        Some(turn) if turn.id == id => {
            turn.leave_orphan(orphan);
            true
        }
        _ => false,
    })
}
