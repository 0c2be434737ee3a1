//! Visits: looking at more of a service than its head, while its life may end.
//!
//! Whoever does so says so first and looks the service up second. Memory is given back only at a moment at which
//! nobody visits, and only that of services that could not be found any more before. Both sides use read-modify-writes of
//! the same counter, which have one order: if the visitor's comes second, it sees what came before the other's, so it does
//! not find the service; if it comes first, the other one sees that somebody visits, or all that the visitor did.
//!
//! So a visit never waits, and one that takes long only keeps memory from being given back.

use std::cell::Cell;
use std::ops::Deref;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::service::{Found, Service};

/// Threads are spread over so many counters, which share no cache line.
const COUNTERS: usize = if cfg!(loom) { 1 } else { 8 };

/// Who visits now.
#[derive(Debug)]
pub(super) struct Visitors([Counter; COUNTERS]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Counter(AtomicUsize);

impl Visitors {
    pub(super) fn new() -> Self {
        Self(Default::default())
    }

    /// The calling thread visits, until the result is dropped.
    pub(super) fn enter(&self) -> Stay<'_> {
        let counter = &self.0[my_counter()].0;
        // Acquire: see the module.
        counter.fetch_add(1, Ordering::Acquire);
        Stay(counter)
    }

    /// Whether for each counter there was a moment in this call at which nobody visited.
    pub(super) fn were_gone(&self) -> bool {
        // Acquire and Release: see the module.
        self.0
            .iter()
            .all(|counter| counter.0.fetch_add(0, Ordering::AcqRel) == 0)
    }
}

fn my_counter() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    MINE.get().unwrap_or_else(|| {
        let mine = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % COUNTERS;
        MINE.set(Some(mine));
        mine
    })
}

/// Keeps memory of services from being given back.
#[derive(Debug)]
pub(super) struct Stay<'a>(&'a AtomicUsize);

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        // Release: see the module.
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// A service of somebody else, all of it, while this guard lives. Its life may end meanwhile: what matters must be checked
/// under the lock that its end takes.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    service: &'static Service,
    stay: Stay<'a>,
}

impl<'a> Visit<'a> {
    pub(super) fn new(service: &'static Service, stay: Stay<'a>) -> Self {
        Self { service, stay }
    }

    /// For the stop of the node: no memory of services is given back any more.
    pub(crate) fn for_good(self) -> &'static Service {
        std::mem::forget(self.stay);
        self.service
    }

    /// What remains of it without a visit.
    pub(crate) fn found(&self) -> Found {
        Found::new(self.service)
    }
}

impl Deref for Visit<'_> {
    type Target = Service;

    fn deref(&self) -> &Service {
        self.service
    }
}

/// The services that lived at one moment, while this guard lives.
#[derive(Debug)]
pub(crate) struct Services<'a> {
    services: Vec<&'static Service>,
    stay: Stay<'a>,
}

impl<'a> Services<'a> {
    pub(super) fn new(services: Vec<&'static Service>, stay: Stay<'a>) -> Self {
        Self { services, stay }
    }

    /// In the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().copied()
    }

    /// For the stop of the node: no memory of services is given back any more.
    pub(crate) fn for_good(self) -> Vec<&'static Service> {
        std::mem::forget(self.stay);
        self.services
    }
}
