//! The handle table: from 32-bit handles to services, looked up without locks or shared writes.
//!
//! Ids only grow, so a stale handle reaches nobody until 2^24 - 1 further launches have been made. The table is a radix
//! tree of two levels whose leaves are used again for later ids once all their services are gone; a reader that still
//! looks into such a leaf finds a service with another handle, which it compares.
#![allow(unsafe_code)]

use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::service::Service;

const LEAF: usize = 512;
const ID_MASK: u32 = 0x00ff_ffff;
const LEAVES: usize = (ID_MASK as usize + 1) / LEAF;
/// Services allocated at a time.
const CHUNK: usize = 64;

type Leaf = [AtomicPtr<Service>; LEAF];

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Registry {
    harbor: u32,
    leaves: Box<[AtomicPtr<Leaf>]>,
    live: AtomicUsize,
    ids: Mutex<Ids>,
}

#[derive(Debug)]
struct Ids {
    next: u32,
    generation: u32,
    live: u32,
    /// Services in each leaf.
    used: Box<[u16]>,
    free_leaves: Vec<&'static Leaf>,
    free_services: Vec<&'static Service>,
}

/// All 2^24 - 1 handles are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Registry {
    /// An empty table of node `harbor`. In a harbor network each life of a node starts at a random id, so that a handle
    /// of a former life finds nobody (with n services alive the chance that it does is about n / 2^24).
    pub(crate) fn new(harbor: u8) -> Self {
        let first = if harbor == 0 {
            1
        } else {
            RandomState::new().hash_one(harbor) as u32 & ID_MASK
        };
        Self {
            harbor: u32::from(harbor) << 24,
            leaves: (0..LEAVES)
                .map(|_| AtomicPtr::new(ptr::null_mut()))
                .collect(),
            live: AtomicUsize::new(0),
            ids: Mutex::new(Ids {
                next: first,
                generation: 0,
                live: 0,
                used: vec![0; LEAVES].into_boxed_slice(),
                free_leaves: Vec::new(),
                free_services: Vec::new(),
            }),
        }
    }

    /// Whether `handle` belongs to this node.
    pub(crate) fn is_local(&self, handle: u32) -> bool {
        let harbor = handle & !ID_MASK;
        harbor == self.harbor || harbor == 0
    }

    /// The living service with this handle.
    #[inline]
    pub(crate) fn find(&self, handle: u32) -> Option<&'static Service> {
        let id = (handle & ID_MASK) as usize;
        // Acquire: sees the leaf's and the service's contents.
        let leaf = self.leaves[id / LEAF].load(Ordering::Acquire);
        // SAFETY: leaves are leaked, so a pointer that was ever published stays valid.
        let leaf = unsafe { leaf.as_ref() }?;
        let service = leaf[id % LEAF].load(Ordering::Acquire);
        // SAFETY: services are leaked too.
        let service: &'static Service = unsafe { service.as_ref() }?;
        (service.handle() == handle).then_some(service)
    }

    /// Takes a free slot and begins a life in it: it can be found and admits messages from now on.
    pub(crate) fn insert(&self, limit: u32) -> Result<&'static Service, Exhausted> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.live == ID_MASK {
            return Err(Exhausted);
        }
        let id = self.next_free(&mut ids);
        let service = ids.free_services.pop().unwrap_or_else(|| {
            let chunk: Vec<Service> = (0..CHUNK).map(|_| Service::vacant()).collect();
            let chunk: &'static [Service] = Box::leak(chunk.into_boxed_slice());
            ids.free_services.extend(chunk[1..].iter().rev());
            &chunk[0]
        });
        ids.generation = ids.generation.wrapping_add(1);
        ids.live += 1;
        service.begin(self.harbor | id, ids.generation, limit);
        let leaf = self.leaf(&mut ids, id);
        // Release: whoever finds the service sees it begun.
        leaf[id as usize % LEAF].store(ptr::from_ref(service).cast_mut(), Ordering::Release);
        self.live.fetch_add(1, Ordering::Relaxed);
        Ok(service)
    }

    fn next_free(&self, ids: &mut Ids) -> u32 {
        loop {
            let id = ids.next;
            ids.next = (ids.next + 1) & ID_MASK;
            if id != 0 && self.find(self.harbor | id).is_none() {
                return id;
            }
        }
    }

    fn leaf(&self, ids: &mut Ids, id: u32) -> &'static Leaf {
        let index = id as usize / LEAF;
        ids.used[index] += 1;
        // SAFETY: leaves are leaked.
        if let Some(leaf) = unsafe { self.leaves[index].load(Ordering::Relaxed).as_ref() } {
            return leaf;
        }
        let leaf = ids.free_leaves.pop().unwrap_or_else(|| {
            Box::leak(Box::new([const { AtomicPtr::new(ptr::null_mut()) }; LEAF]))
        });
        self.leaves[index].store(ptr::from_ref(leaf).cast_mut(), Ordering::Release);
        leaf
    }

    /// Takes the service out of the table: from now on its handle finds nobody. False: somebody did so before.
    pub(crate) fn remove(&self, service: &'static Service, handle: u32) -> bool {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if self
            .find(handle)
            .is_none_or(|found| !ptr::eq(found, service))
        {
            return false;
        }
        let id = (handle & ID_MASK) as usize;
        // SAFETY: leaves are leaked.
        let leaf: &'static Leaf =
            unsafe { self.leaves[id / LEAF].load(Ordering::Relaxed).as_ref() }
                .expect("the service was found in this leaf");
        leaf[id % LEAF].store(ptr::null_mut(), Ordering::Release);
        ids.used[id / LEAF] -= 1;
        if ids.used[id / LEAF] == 0 && id / LEAF != ids.next as usize / LEAF {
            self.leaves[id / LEAF].store(ptr::null_mut(), Ordering::Release);
            ids.free_leaves.push(leaf);
        }
        ids.live -= 1;
        true
    }

    /// Gives a slot back whose life is [finished](Service::finish). Returns how many services are left.
    pub(crate) fn recycle(&self, service: &'static Service) -> usize {
        self.ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .free_services
            .push(service);
        self.live.fetch_sub(1, Ordering::Relaxed) - 1
    }

    /// Services that are not yet released, including those that can no longer be found.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// The living services, in the order of their ids.
    pub(crate) fn services(&self) -> Vec<&'static Service> {
        let mut services = Vec::with_capacity(self.live());
        for leaf in &self.leaves {
            // SAFETY: leaves are leaked.
            let Some(leaf) = (unsafe { leaf.load(Ordering::Acquire).as_ref() }) else {
                continue;
            };
            services.extend(leaf.iter().filter_map(|service| {
                // SAFETY: services are leaked.
                let service: Option<&'static Service> =
                    unsafe { service.load(Ordering::Acquire).as_ref() };
                service
            }));
        }
        services
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(registry: &Registry, service: &'static Service) {
        assert!(registry.remove(service, service.handle()));
        drop(service.mailbox().close());
        service.finish();
        registry.recycle(service);
    }

    #[test]
    fn ids_grow_and_are_found_until_removed() {
        let registry = Registry::new(0);
        let services: Vec<_> = (0..2000).map(|_| registry.insert(0).unwrap()).collect();
        for (index, service) in services.iter().enumerate() {
            assert_eq!(service.handle(), index as u32 + 1);
            assert!(ptr::eq(registry.find(service.handle()).unwrap(), *service));
        }
        let third = services[2];
        end(&registry, third);
        assert!(registry.find(3).is_none());
        assert!(!registry.remove(third, 3));
        // The slot is used again, under a new handle.
        let next = registry.insert(0).unwrap();
        assert_eq!(next.handle(), 2001);
        assert!(ptr::eq(next, third));
        assert_eq!(registry.live(), 2000);
        assert_eq!(registry.services().len(), 2000);
    }

    #[test]
    fn leaves_and_slots_are_used_again() {
        let registry = Registry::new(0);
        let resident = registry.insert(0).unwrap();
        for _ in 0..3 * LEAF {
            let service = registry.insert(0).unwrap();
            end(&registry, service);
        }
        let ids = registry.ids.lock().unwrap();
        assert_eq!(ids.free_services.len(), CHUNK - 1);
        assert!(ids.free_leaves.len() <= 1);
        assert!(ptr::eq(registry.find(1).unwrap(), resident));
    }

    #[test]
    fn handles_carry_the_harbor() {
        let registry = Registry::new(7);
        let service = registry.insert(0).unwrap();
        let handle = service.handle();
        assert_eq!(handle >> 24, 7);
        assert!(registry.is_local(handle));
        assert!(!registry.is_local(0x0800_0001));
        assert!(registry.find(handle & ID_MASK | 0x0800_0000).is_none());
    }

    #[test]
    fn ids_wrap_and_skip_those_in_use() {
        let registry = Registry::new(0);
        let first = registry.insert(0).unwrap();
        registry.ids.lock().unwrap().next = ID_MASK;
        assert_eq!(registry.insert(0).unwrap().handle(), ID_MASK);
        assert_eq!(registry.insert(0).unwrap().handle(), first.handle() + 1);
    }
}
