//! Learning of the end of other services.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::call::CountedMap;
use crate::shared::Garbage;
use crate::{Context, Exit, Handle};

enum Waiter {
    Waiting(Option<Waker>),
    Ended(Exit),
}

#[derive(Default)]
struct Watched {
    waiters: Vec<(u64, Waiter)>,
    /// The service's own hook wants to know.
    monitored: bool,
}

/// Whom a service watches.
#[derive(Default)]
pub(crate) struct Watches {
    next: u64,
    watched: CountedMap<u32, Watched>,
}

impl Watches {
    /// Adds a waiter; returns its ticket and whether it is the first one.
    fn add_waiter(&mut self, handle: u32) -> (u64, bool) {
        self.next += 1;
        let watched = self.watched.entry(handle).or_default();
        let running = watched.monitored
            || watched
                .waiters
                .iter()
                .any(|(_, waiter)| matches!(waiter, Waiter::Waiting(_)));
        watched.waiters.push((self.next, Waiter::Waiting(None)));
        (self.next, !running)
    }

    /// Whether this is the first one who wants to know.
    pub(crate) fn monitor(&mut self, handle: u32) -> bool {
        let watched = self.watched.entry(handle).or_default();
        let running = watched.monitored
            || watched
                .waiters
                .iter()
                .any(|(_, waiter)| matches!(waiter, Waiter::Waiting(_)));
        watched.monitored = true;
        !running
    }

    /// Whether it was the last one who wanted to know.
    pub(crate) fn unmonitor(&mut self, handle: u32) -> bool {
        let Some(watched) = self.watched.get_mut(&handle) else {
            return false;
        };
        let was = std::mem::take(&mut watched.monitored);
        let last = was && watched.waiters.is_empty();
        if last {
            self.watched.remove(&handle);
        }
        last
    }

    /// Removes a waiter; returns its waker, and whether nobody wants to know any more.
    pub(crate) fn remove_waiter(&mut self, handle: u32, ticket: u64) -> (Option<Waker>, bool) {
        let Some(watched) = self.watched.get_mut(&handle) else {
            return (None, false);
        };
        let Some(place) = watched
            .waiters
            .iter()
            .position(|(found, _)| *found == ticket)
        else {
            return (None, false);
        };
        let (_, waiter) = watched.waiters.swap_remove(place);
        let last = watched.waiters.is_empty() && !watched.monitored;
        if last {
            self.watched.remove(&handle);
        }
        match waiter {
            Waiter::Waiting(waker) => (waker, last),
            Waiter::Ended(_) => (None, false),
        }
    }

    /// A watched service has ended: whom to wake, and whether the hook wants to know.
    pub(crate) fn ended(&mut self, exit: &Exit) -> (Vec<Waker>, bool) {
        let Some(watched) = self.watched.get_mut(&exit.handle.0) else {
            return (Vec::new(), false);
        };
        let mut wakers = Vec::new();
        for (_, waiter) in &mut watched.waiters {
            if let Waiter::Waiting(waker) = std::mem::replace(waiter, Waiter::Ended(exit.clone())) {
                wakers.extend(waker);
            }
        }
        let monitored = std::mem::take(&mut watched.monitored);
        if watched.waiters.is_empty() {
            self.watched.remove(&exit.handle.0);
        }
        (wakers, monitored)
    }

    fn poll(&mut self, handle: u32, ticket: u64, waker: &Waker) -> (Poll<Exit>, Option<Waker>) {
        let waiter = self.watched.get_mut(&handle).and_then(|watched| {
            watched
                .waiters
                .iter_mut()
                .find(|(found, _)| *found == ticket)
        });
        match waiter {
            Some((_, Waiter::Waiting(place))) => (Poll::Pending, place.replace(waker.clone())),
            Some((_, Waiter::Ended(exit))) => (Poll::Ready(exit.clone()), None),
            // Only a watch of a service that has been closed meanwhile gets here.
            None => (Poll::Pending, None),
        }
    }
}

/// Resolves when a service ends; see [`Context::watch`]. Dropping it takes the wish back.
#[must_use = "a watch does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Watch<'cx> {
    cx: &'cx Context,
    handle: Handle,
    ticket: u64,
}

impl<'cx> Watch<'cx> {
    /// Registers; the flag says whether the node must be asked.
    pub(crate) fn new(cx: &'cx Context, handle: Handle) -> (Self, bool) {
        let watches = &cx.shared().tasks().watches;
        let (ticket, first) = watches.with(|watches| watches.get().add_waiter(handle.0));
        (Self { cx, handle, ticket }, first)
    }
}

impl Future for Watch<'_> {
    type Output = Exit;

    fn poll(self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Exit> {
        let watches = &self.cx.shared().tasks().watches;
        let (outcome, old) = watches.with(|watches| {
            let watches = watches.get();
            watches.poll(self.handle.0, self.ticket, task.waker())
        });
        drop(old);
        outcome
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.cx
            .shared()
            .discard(Garbage::Watch(self.handle.0, self.ticket));
    }
}
