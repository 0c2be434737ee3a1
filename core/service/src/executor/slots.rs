//! Where tasks are kept.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::Result;
use crate::call::CountedMap;
use crate::executor::place::Place;
use crate::executor::wake::TaskWake;
use crate::shared::{BoxedTask, Lazy, Shared, Tasks};
use crate::turn::Orphan;

/// What a task runs.
pub(super) enum Body<S> {
    /// No task; the free slot after this one, or [`NONE`].
    Free(u32),
    /// One request, whose future is in the slot's place.
    Request,
    /// The start of the service.
    Start(Pin<Box<dyn Future<Output = Result<S>> + Send>>),
    /// The service's own task, with whose error it ends.
    Run(BoxedTask),
    /// A spawned task.
    Spawned(BoxedTask),
}

/// No slot.
const NONE: u32 = u32::MAX;

/// What a poll needs: a task, the future if it is a request's, and the waker.
type Polled<'a, S, F> = (&'a mut Body<S>, Option<Pin<&'a mut F>>, &'a Waker);

struct Slot<S, F> {
    body: Body<S>,
    /// For requests; kept from one to the next.
    place: Option<Place<F>>,
    wake: Arc<TaskWake>,
    waker: Waker,
    /// The call that a request's task answers.
    request: Option<Orphan>,
    /// How the handle of a spawned task calls it; 0 for none.
    ticket: u64,
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

/// The slots that keep their place. More of them are needed only while more requests than this wait at once.
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
    /// Adds the task of a request; returns its slot, and the place to make its future in.
    #[inline]
    pub(super) fn insert_request(
        &mut self,
        shared: &Arc<Shared>,
        request: Option<Orphan>,
    ) -> (u32, &mut Place<F>) {
        let (index, slot) = self.occupy(shared);
        slot.request = request;
        slot.body = Body::Request;
        (index, slot.place.get_or_insert_with(Place::new))
    }

    /// Adds a spawned task.
    pub(super) fn insert_spawned(
        &mut self,
        shared: &Arc<Shared>,
        ticket: u64,
        body: BoxedTask,
    ) -> u32 {
        let index = self.insert(shared, Body::Spawned(body));
        self.slots[index as usize].ticket = ticket;
        self.tickets.get().insert(ticket, index);
        index
    }

    /// Adds a task; returns its slot.
    pub(super) fn insert(&mut self, shared: &Arc<Shared>, body: Body<S>) -> u32 {
        let (index, slot) = self.occupy(shared);
        slot.body = body;
        index
    }

    /// Takes a slot for a task, which the caller puts into it.
    #[inline]
    fn occupy(&mut self, shared: &Arc<Shared>) -> (u32, &mut Slot<S, F>) {
        if self.free == NONE {
            self.add(shared);
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        if let Body::Free(next) = slot.body {
            self.free = next;
        }
        self.used += 1;
        // Somebody who kept a waker of a former task must not go on waking this one.
        if Arc::strong_count(&slot.wake) > TaskWake::OWN {
            slot.wake.retire();
            slot.wake = Arc::new(TaskWake::new(Arc::clone(shared), index));
            slot.waker = Waker::from(Arc::clone(&slot.wake));
        }
        (index, slot)
    }

    /// Adds a free slot.
    #[cold]
    fn add(&mut self, shared: &Arc<Shared>) {
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
            body: Body::Free(self.free),
            place: None,
            wake,
            waker,
            request: None,
            ticket: 0,
        });
        self.free = index;
    }

    /// The task to poll; `None` if none is there (any more).
    #[inline]
    pub(super) fn begin_poll(&mut self, tasks: &Tasks, index: u32) -> Option<Polled<'_, S, F>> {
        let slot = self.slots.get_mut(index as usize)?;
        slot.wake.begin_poll();
        tasks.polling.begin(&slot.waker, index);
        let place = match (&slot.body, &mut slot.place) {
            (Body::Request, Some(place)) => place.get(),
            _ => None,
        };
        Some((&mut slot.body, place, &slot.waker))
    }

    /// The call that a slot's task answers, if it is that of a request.
    pub(super) fn request(&self, index: u32) -> Option<Orphan> {
        self.slots.get(index as usize)?.request
    }

    /// A task has ended: drops it and frees its slot. It is free before the task is dropped, so that a panicking drop
    /// leaves nothing half done.
    #[inline]
    pub(super) fn finish(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !matches!(slot.body, Body::Request) {
            return drop(self.vacate(index));
        }
        slot.body = Body::Free(self.free);
        slot.request = None;
        self.free = index;
        self.used -= 1;
        if let Some(place) = &mut slot.place {
            place.clear();
        }
        if index >= SPARE_PLACES {
            slot.place = None;
        }
    }

    /// Takes a spawned task out, to be dropped.
    pub(super) fn remove_ticket(&mut self, ticket: u64) -> Option<Body<S>> {
        let index = *self.tickets.if_used()?.get(&ticket)?;
        self.vacate(index)
    }

    /// Takes a task out that is not a request's, to be dropped.
    fn vacate(&mut self, index: u32) -> Option<Body<S>> {
        let slot = &mut self.slots[index as usize];
        if let Body::Free(_) = slot.body {
            return None;
        }
        let body = std::mem::replace(&mut slot.body, Body::Free(self.free));
        self.free = index;
        self.used -= 1;
        let ticket = std::mem::take(&mut slot.ticket);
        if ticket != 0 {
            self.tickets.get().remove(&ticket);
        }
        Some(body)
    }

    /// Takes one task out, to be dropped, until none is left.
    pub(super) fn take_any(&mut self) -> Option<(Body<S>, Option<Place<F>>)> {
        self.free = NONE;
        while let Some(slot) = self.slots.pop() {
            slot.wake.retire();
            if !matches!(slot.body, Body::Free(_)) {
                self.used -= 1;
                return Some((slot.body, slot.place));
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
