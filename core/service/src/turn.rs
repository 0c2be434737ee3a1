//! Whose turn it is on this thread.
//!
//! The node runs one service at a time on a thread, and a service on one thread at a time. Each entry from the node
//! puts a mark here for its duration; everything that may only happen in a service's own turn compares with it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use skynet_abi as abi;

/// Tells one life of one service from all others in this process. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TurnId(u64);

impl TurnId {
    const NONE: u64 = 0;

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
        MARK.with(|mark| mark.id.get() == self.0)
    }
}

/// A request that was dropped without an answer during the current turn. Who ran at that moment decides the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Orphan {
    pub(crate) caller: u32,
    pub(crate) session: i32,
}

struct Mark {
    id: Cell<u64>,
    context: Cell<abi::Context>,
    orphan: Cell<Option<Orphan>>,
}

const NOBODY: abi::Context = abi::Context {
    handle: 0,
    generation: 0,
};

thread_local! {
    static MARK: Mark = const {
        Mark { id: Cell::new(TurnId::NONE), context: Cell::new(NOBODY), orphan: Cell::new(None) }
    };
    /// Orphans before the one in the mark; empty when there is none in the mark.
    static MORE: Cell<Vec<Orphan>> = const { Cell::new(Vec::new()) };
}

/// The id of the service whose turn it is, 0 for none.
#[inline]
pub(crate) fn current_id() -> u64 {
    MARK.with(|mark| mark.id.get())
}

/// The token of the service that runs on this thread, for log records; handle 0 outside a turn.
pub(crate) fn current_context() -> abi::Context {
    MARK.with(|mark| mark.context.get())
}

/// Leaves a request behind for the executor to answer.
pub(crate) fn leave_orphan(orphan: Orphan) {
    let before = MARK.with(|mark| mark.orphan.replace(Some(orphan)));
    if let Some(before) = before {
        MORE.with(|more| {
            let mut list = more.take();
            list.push(before);
            more.set(list);
        });
    }
}

/// Takes what [`leave_orphan`] left: the last one, and those before it.
#[inline]
pub(crate) fn take_orphans() -> Option<(Orphan, Vec<Orphan>)> {
    MARK.with(Mark::take_orphans)
}

impl Mark {
    #[inline]
    fn take_orphans(&self) -> Option<(Orphan, Vec<Orphan>)> {
        let last = self.orphan.take()?;
        Some((last, MORE.with(Cell::take)))
    }
}

/// A turn that has been entered; leaving it restores what was before (turns nest when a service launches another).
pub(crate) struct Turn {
    id: u64,
    context: abi::Context,
    orphans: Option<(Orphan, Vec<Orphan>)>,
}

impl Turn {
    /// Enters the turn of a service.
    #[inline]
    pub(crate) fn enter(id: TurnId, context: abi::Context) -> Self {
        Self::swap(id.0, context)
    }

    /// Enters something that speaks for a service but is not its turn: a signal.
    pub(crate) fn enter_outside(context: abi::Context) -> Self {
        Self::swap(TurnId::NONE, context)
    }

    #[inline]
    fn swap(id: u64, context: abi::Context) -> Self {
        MARK.with(|mark| Self {
            id: mark.id.replace(id),
            context: mark.context.replace(context),
            orphans: mark.take_orphans(),
        })
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        MARK.with(|mark| {
            mark.id.set(self.id);
            mark.context.set(self.context);
            // What is left now belongs to a service that has ended: the node answers for it.
            drop(mark.take_orphans());
            if let Some((last, before)) = self.orphans.take() {
                mark.orphan.set(Some(last));
                MORE.with(|more| more.set(before));
            }
        });
    }
}
