//! The handle table: from 32-bit handles to services, looked up without locks or shared writes.
//!
//! Ids only grow, so a stale handle reaches nobody until 2^24 - 1 further launches have been made. A look-up loads the
//! id's entry in a flat table and compares the handle of the service that it finds. Slots of services are used again, and
//! their memory is given back when many are free (`slots.rs`), but their addresses stay valid, so that nobody needs to hold
//! anything for a look-up and a send: see [`Found`]. Whoever wants more of a service pays a [`Visit`].
#![allow(unsafe_code)]

mod bits;
mod ids;
mod slots;
mod visit;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
use loom::sync::atomic::AtomicPtr;
#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};

use crate::config::HarborId;
use crate::memory::Peaks;
use crate::pages::{self, Zero};
use crate::service::{Found, Service};
use ids::Ids;
use slots::Slots;
use visit::Visitors;

pub(crate) use visit::{Services, Visit};

/// The part of a handle that says which service of its node is meant. The model checker's is small.
const ID_MASK: u32 = if cfg!(loom) { 7 } else { 0x00ff_ffff };
const HARBOR_MASK: u32 = 0xff00_0000;

/// The service with each id, or null.
type Table = [AtomicPtr<Service>; ID_MASK as usize + 1];

/// See the [module](self).
pub(crate) struct Registry {
    /// The node's id in the top byte; 0 in a node that is in no harbor network, or not yet.
    harbor: AtomicU32,
    table: &'static Table,
    live: AtomicUsize,
    visitors: Visitors,
    /// There is more free memory than is kept.
    has_surplus: AtomicBool,
    /// Those after which memory was given back.
    pub(crate) peaks: Peaks,
    free: Mutex<Free>,
}

/// What a new life takes from, and an ended one goes back to.
#[derive(Debug)]
struct Free {
    ids: Ids,
    slots: Slots,
    generation: u32,
}

// SAFETY: the null pointer, and atomic.
unsafe impl Zero for AtomicPtr<Service> {
    #[cfg(loom)]
    fn zero() -> Self {
        Self::new(ptr::null_mut())
    }

    #[cfg(loom)]
    fn lose(&self) {
        assert!(self.load(Ordering::Relaxed).is_null(), "an entry in use");
    }
}

/// Why there is no room for another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Exhausted {
    /// All 2^24 - 1 handles are in use.
    Handles,
    /// The system has no memory for it.
    Memory,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handles => "all handles of this node are in use",
            Self::Memory => "there is no memory for another service",
        })
    }
}

impl std::error::Error for Exhausted {}

impl Registry {
    /// An empty table of a node of this id. In a harbor network each life of a node starts at a random id, so that a
    /// handle of a former life finds nobody (with n services alive the chance that it does is about n / 2^24). `None`:
    /// the system has no room for it.
    pub(crate) fn new(harbor: HarborId) -> Option<Self> {
        let first = match harbor {
            HarborId::Fixed(0) => 1,
            _ => RandomState::new().hash_one(0) as u32 & ID_MASK,
        };
        let harbor = match harbor {
            HarborId::Fixed(id) => u32::from(id) << 24,
            HarborId::Auto => 0,
        };
        let table = pages::table(ID_MASK as usize + 1)?;
        Some(Self {
            harbor: AtomicU32::new(harbor),
            table: table.try_into().ok()?,
            live: AtomicUsize::new(0),
            visitors: Visitors::new(),
            has_surplus: AtomicBool::new(false),
            peaks: Peaks::default(),
            free: Mutex::new(Free {
                ids: Ids::new(first),
                slots: Slots::new(),
                generation: 0,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node's id in the top byte of handles, 0 for none.
    pub(crate) fn harbor(&self) -> u32 {
        // Relaxed: it is set once, and a launch or a send at that very moment may see either.
        self.harbor.load(Ordering::Relaxed)
    }

    /// The node gets its id, which the configuration left open. False: it has another one.
    pub(crate) fn take_id(&self, id: u8) -> bool {
        let harbor = u32::from(id) << 24;
        let taken = self
            .harbor
            .compare_exchange(0, harbor, Ordering::Relaxed, Ordering::Relaxed);
        taken.is_ok() || taken == Err(harbor)
    }

    /// Whether `handle` belongs to this node.
    pub(crate) fn is_local(&self, handle: u32) -> bool {
        let harbor = handle & HARBOR_MASK;
        harbor == 0 || harbor == self.harbor()
    }

    /// The handle that the service has whom other nodes know by `handle`: the same, but for services that are older than
    /// the node's id.
    pub(crate) fn own_form(&self, handle: u32) -> u32 {
        let harbor = handle & HARBOR_MASK;
        let early = handle & ID_MASK;
        let is_early = harbor != 0
            && harbor == self.harbor()
            && self.find(handle).is_none()
            && self.find(early).is_some();
        if is_early { early } else { handle }
    }

    fn entry(&self, handle: u32) -> &AtomicPtr<Service> {
        &self.table[(handle & ID_MASK) as usize]
    }

    /// The living service with this handle. Only its head may be looked at: it may not be ready for more, or no more.
    #[inline]
    fn look_up(&self, handle: u32) -> Option<&'static Service> {
        // Acquire: sees the service begun.
        let service = self.entry(handle).load(Ordering::Acquire);
        // SAFETY: only slots are entered, whose addresses stay valid.
        let service: &'static Service = unsafe { service.as_ref() }?;
        (service.handle() == handle).then_some(service)
    }

    /// The living service with this handle, to send to.
    #[inline]
    pub(crate) fn find(&self, handle: u32) -> Option<Found> {
        self.look_up(handle).map(Found::new)
    }

    /// The living service with this handle, all of it. Dearer than [`find`](Self::find).
    pub(crate) fn visit(&self, handle: u32) -> Option<Visit<'_>> {
        let stay = self.visitors.enter();
        self.look_up(handle)
            .map(|service| Visit::new(service, stay))
    }

    /// Takes a free slot and begins a life in it: it can be found and admits messages from now on.
    pub(crate) fn insert(&self, limit: u32) -> Result<&'static Service, Exhausted> {
        let mut free = self.lock();
        // Relaxed: entries change under the lock.
        let is_free = |id| self.entry(id).load(Ordering::Relaxed).is_null();
        let id = free.ids.next_free(is_free).ok_or(Exhausted::Handles)?;
        let service = free.slots.take().ok_or(Exhausted::Memory)?;
        free.ids.claim(id);
        free.generation = free.generation.wrapping_add(1);
        service.begin(self.harbor() | id, free.generation, limit);
        // Release: whoever finds the service sees it begun.
        self.entry(id)
            .store(ptr::from_ref(service).cast_mut(), Ordering::Release);
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(service)
    }

    /// Takes the service out of the table: from now on its handle finds nobody. False: somebody did so before.
    pub(crate) fn remove(&self, service: &Service, handle: u32) -> bool {
        let mut free = self.lock();
        let entry = self.entry(handle);
        // Relaxed: entries change under the lock.
        let found = entry.load(Ordering::Relaxed);
        if !ptr::eq(found, service) || service.handle() != handle {
            return false;
        }
        entry.store(ptr::null_mut(), Ordering::Release);
        free.ids.release(handle & ID_MASK, self.table);
        true
    }

    /// Gives a slot back whose life is [finished](Service::finish). Returns how many services are left.
    pub(crate) fn recycle(&self, service: &'static Service) -> usize {
        let mut free = self.lock();
        free.slots.put(service);
        if free.slots.surplus() >= slots::BATCH {
            self.give_back(&mut free);
        }
        self.has_surplus
            .store(free.slots.surplus() != 0, Ordering::Relaxed);
        drop(free);
        self.live.fetch_sub(1, Ordering::Relaxed) - 1
    }

    /// Gives memory of free slots back to the system, for somebody who has nothing else to do. One look if there is
    /// none to give.
    pub(crate) fn tidy(&self) {
        while self.has_surplus.load(Ordering::Relaxed) {
            let mut free = self.lock();
            if !self.give_back(&mut free) {
                return;
            }
            self.has_surplus
                .store(free.slots.surplus() != 0, Ordering::Relaxed);
        }
    }

    /// False: somebody visits.
    fn give_back(&self, free: &mut Free) -> bool {
        let were_gone = self.visitors.were_gone();
        if were_gone {
            let chunks = free.slots.surplus().min(slots::BATCH);
            // SAFETY: free slots are out of the table, which is locked. So whoever visits from the moment on at which
            // nobody did does not find them; and without a visit nobody reaches more than a head.
            unsafe { free.slots.give_back(chunks) };
            self.peaks.pass();
        }
        were_gone
    }

    /// Services that are not yet released, including those that can no longer be found.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// The living services, in the order of their ids.
    pub(crate) fn services(&self) -> Services<'_> {
        let stay = self.visitors.enter();
        let ranges = self.lock().ids.ranges();
        let services = ranges
            .into_iter()
            .flat_map(|ids| &self.table[ids])
            .filter_map(|entry| {
                // SAFETY: only slots are entered, whose addresses stay valid.
                let service: Option<&'static Service> =
                    unsafe { entry.load(Ordering::Acquire).as_ref() };
                service
            })
            .collect();
        Services::new(services, stay)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("harbor", &(self.harbor() >> 24))
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod models;

#[cfg(all(test, not(loom)))]
mod tests;
