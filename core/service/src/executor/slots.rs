//! Where tasks are kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::Result;
use crate::call::CountedMap;
use crate::executor::wake::TaskWake;
use crate::shared::{BoxedTask, Lazy, Shared, Tasks};
use crate::turn::Orphan;

/// The place of a request's future. The memory is used again and again.
type Place<F> = Pin<Box<Option<F>>>;

/// What a task runs.
pub(super) enum Body<S, F> {
    /// No task; the free slot after this one, or [`NONE`].
    Free(u32),
    /// The start of the service.
    Start(Pin<Box<dyn Future<Output = Result<S>> + Send>>),
    /// The service's own task, with whose error it ends.
    Run(BoxedTask),
    /// One request.
    Request(Place<F>),
    /// A spawned task.
    Spawned(BoxedTask),
}

/// No slot.
const NONE: u32 = u32::MAX;

struct Slot<S, F> {
    body: Body<S, F>,
    wake: Arc<TaskWake>,
    waker: Waker,
    /// The call that a request's task answers.
    request: Option<Orphan>,
    /// How the handle of a spawned task calls it; 0 for none.
    ticket: u64,
    /// Of a free slot: the place of a former request.
    spare: Option<Place<F>>,
}

/// The tasks of a service.
pub(super) struct Slots<S, F> {
    slots: Vec<Slot<S, F>>,
    /// The slot that became free last, or [`NONE`].
    free: u32,
    /// How many slots have a task.
    used: u32,
    tickets: Lazy<CountedMap<u64, u32>>,
}

/// The slots that keep their place. More are needed only while more requests than this wait at once.
const SPARE_PLACES: u32 = 32;

impl<S, F> Default for Slots<S, F> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            used: 0,
            tickets: Lazy::default(),
        }
    }
}

impl<S, F> Slots<S, F> {
    /// Adds the task of a request; returns its slot.
    #[inline]
    pub(super) fn insert_request(
        &mut self,
        shared: &Arc<Shared>,
        future: F,
        request: Option<Orphan>,
    ) -> u32 {
        let spare = self.slots.get_mut(self.free as usize);
        let place = match spare.and_then(|slot| slot.spare.take()) {
            Some(mut place) => {
                place.set(Some(future));
                place
            }
            None => Box::pin(Some(future)),
        };
        let slot = self.insert(shared, Body::Request(place));
        self.slots[slot as usize].request = request;
        slot
    }

    /// Adds a spawned task.
    pub(super) fn insert_spawned(
        &mut self,
        shared: &Arc<Shared>,
        ticket: u64,
        body: BoxedTask,
    ) -> u32 {
        let slot = self.insert(shared, Body::Spawned(body));
        self.slots[slot as usize].ticket = ticket;
        self.tickets.get().insert(ticket, slot);
        slot
    }

    /// Adds a task; returns its slot.
    #[inline]
    pub(super) fn insert(&mut self, shared: &Arc<Shared>, body: Body<S, F>) -> u32 {
        self.used += 1;
        let index = self.free;
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return self.add(shared, body);
        };
        if let Body::Free(next) = std::mem::replace(&mut slot.body, body) {
            self.free = next;
        }
        // Somebody who kept a waker of a former task must not go on waking this one.
        if Arc::strong_count(&slot.wake) > TaskWake::OWN {
            slot.wake.retire();
            slot.wake = Arc::new(TaskWake::new(Arc::clone(shared), index));
            slot.waker = Waker::from(Arc::clone(&slot.wake));
        }
        index
    }

    #[cold]
    fn add(&mut self, shared: &Arc<Shared>, body: Body<S, F>) -> u32 {
        let index = u32::try_from(self.slots.len())
            .ok()
            .filter(|index| *index != NONE)
            .expect("fewer than 2^32 - 1 tasks at once");
        if self.slots.len() == self.slots.capacity() {
            // From one slot on, where a vector would begin with four: many services never need more.
            self.slots.reserve_exact(self.slots.len().max(1));
        }
        let wake = Arc::new(TaskWake::new(Arc::clone(shared), index));
        let waker = Waker::from(Arc::clone(&wake));
        self.slots.push(Slot {
            body,
            wake,
            waker,
            request: None,
            ticket: 0,
            spare: None,
        });
        index
    }

    /// The task to poll with its waker; `None` if none is there (any more).
    #[inline]
    pub(super) fn begin_poll(
        &mut self,
        tasks: &Tasks,
        index: u32,
    ) -> Option<(&mut Body<S, F>, &Waker)> {
        let slot = self.slots.get_mut(index as usize)?;
        slot.wake.begin_poll();
        tasks.polling.begin(&slot.waker, index);
        match slot.body {
            Body::Free(_) => None,
            _ => Some((&mut slot.body, &slot.waker)),
        }
    }

    /// The call that a slot's task answers, if it is that of a request.
    pub(super) fn request(&self, index: u32) -> Option<Orphan> {
        self.slots.get(index as usize)?.request
    }

    /// A task has ended: drops it and frees its slot.
    #[inline]
    pub(super) fn finish(&mut self, index: u32) {
        match self.vacate(index) {
            Some(Body::Request(mut place)) => {
                place.set(None);
                if index < SPARE_PLACES {
                    self.slots[index as usize].spare = Some(place);
                }
            }
            body => drop(body),
        }
    }

    /// Takes a spawned task out, to be dropped.
    pub(super) fn remove_ticket(&mut self, ticket: u64) -> Option<Body<S, F>> {
        let index = *self.tickets.if_used()?.get(&ticket)?;
        self.vacate(index)
    }

    /// Frees the slot before its task is dropped, so that a panicking drop leaves nothing half done.
    #[inline]
    fn vacate(&mut self, index: u32) -> Option<Body<S, F>> {
        let slot = &mut self.slots[index as usize];
        if let Body::Free(_) = slot.body {
            return None;
        }
        let body = std::mem::replace(&mut slot.body, Body::Free(self.free));
        self.free = index;
        self.used -= 1;
        slot.request = None;
        let ticket = std::mem::take(&mut slot.ticket);
        if ticket != 0 {
            self.tickets.get().remove(&ticket);
        }
        Some(body)
    }

    /// Takes one task out, to be dropped, until none is left.
    pub(super) fn take_any(&mut self) -> Option<Body<S, F>> {
        self.free = NONE;
        while let Some(slot) = self.slots.pop() {
            slot.wake.retire();
            if !matches!(slot.body, Body::Free(_)) {
                self.used -= 1;
                return Some(slot.body);
            }
        }
        None
    }

    /// Gives the memory of all slots back, unless one has a task.
    pub(super) fn shrink(&mut self) {
        if self.used > 0 {
            return;
        }
        for slot in std::mem::take(&mut self.slots) {
            // Somebody who kept a waker must not wake what comes later.
            slot.wake.retire();
        }
        self.free = NONE;
        self.tickets = Lazy::default();
    }
}
