//! Wakers of tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Wake;

use crate::shared::Shared;

/// What the wakers of one slot's tasks refer to. It outlives tasks and service: waking then is harmless.
pub(crate) struct TaskWake {
    shared: Arc<Shared>,
    slot: u32,
    /// The slot is in the ready queue, or on its way there.
    scheduled: AtomicBool,
}

impl TaskWake {
    /// References of the slot itself.
    pub(crate) const OWN: usize = 2;

    pub(crate) const fn new(shared: Arc<Shared>, slot: u32) -> Self {
        Self {
            shared,
            slot,
            scheduled: AtomicBool::new(false),
        }
    }

    pub(crate) const fn slot(&self) -> u32 {
        self.slot
    }

    /// Marks as scheduled; returns whether it was not.
    #[inline]
    pub(crate) fn schedule(&self) -> bool {
        // Release: what was written before waking is seen by the poll, which acquires in `begin_poll`.
        !self.scheduled.swap(true, Ordering::AcqRel)
    }

    /// Has wakers do nothing from now on.
    pub(crate) fn retire(&self) {
        // The mark is never taken away again, so each waker finds its work done. Relaxed: nothing is read for it.
        self.scheduled.store(true, Ordering::Relaxed);
    }

    /// As [`schedule`](Self::schedule), in the service's own turn.
    #[inline]
    fn schedule_here(&self) -> bool {
        // No swap: should another thread do the same at this moment, the task is polled twice, which harms nobody.
        let before = self.scheduled.load(Ordering::Relaxed);
        self.scheduled.store(true, Ordering::Relaxed);
        !before
    }

    /// From here on, waking schedules anew. In the service's own turn.
    #[inline]
    pub(crate) fn begin_poll(self: &Arc<Self>) {
        if Arc::strong_count(self) == Self::OWN {
            // Nobody else has a waker. Whoever had one has released its count, which this acquires, with all that was
            // written before.
            fence(Ordering::Acquire);
            self.scheduled.store(false, Ordering::Relaxed);
        } else {
            // A swap, not a store: it must acquire what wakers that found the mark set have written before.
            self.scheduled.swap(false, Ordering::AcqRel);
        }
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.with_own_turn(|turn| match turn {
            Some(turn) => {
                if self.schedule_here() {
                    self.shared.make_ready(turn, self.slot);
                }
            }
            None => {
                if self.schedule() {
                    self.shared.wake_remotely(Arc::clone(self));
                }
            }
        });
    }
}
