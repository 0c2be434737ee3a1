//! All sockets of a node by id and by owner.

use std::collections::{BTreeSet, HashMap, hash_map};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use skynet_abi::Context;

use super::entry::Socket;

const SHARDS: usize = 16;

type Map = HashMap<i32, Arc<Socket>, BuildHasherDefault<IdHasher>>;

/// Sockets by id, in shards so that looking up one does not write to what another look-up needs.
#[derive(Default)]
pub(super) struct Table {
    shards: [Shard; SHARDS],
    /// The last id given out, before it is cut to 31 bits.
    last: AtomicU32,
    count: AtomicUsize,
    max: usize,
    owners: Mutex<BTreeSet<(u64, i32)>>,
}

/// Alone on its cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Shard(RwLock<Map>);

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            ..Self::default()
        }
    }

    fn shard(&self, id: i32) -> &RwLock<Map> {
        &self.shards[id as usize % SHARDS].0
    }

    fn owners(&self) -> MutexGuard<'_, BTreeSet<(u64, i32)>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sockets there are.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Sockets there may be.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn get(&self, id: i32) -> Option<Arc<Socket>> {
        let map = self
            .shard(id)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        map.get(&id).cloned()
    }

    /// Gives a new socket the next free id. `None`: there are as many sockets as there may be.
    pub(super) fn insert(
        &self,
        owner: Context,
        make: impl FnOnce(i32) -> Socket,
    ) -> Option<Arc<Socket>> {
        // Relaxed would do to count; Acquire and Release let who sees the count see the sockets.
        let take = |count| (count < self.max).then_some(count + 1);
        self.count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()?;
        loop {
            // Relaxed: each thread only needs a number of its own.
            let next = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let id = (next & i32::MAX as u32) as i32;
            if id == 0 {
                continue;
            }
            let mut map = self
                .shard(id)
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if let hash_map::Entry::Vacant(entry) = map.entry(id) {
                let socket = Arc::clone(entry.insert(Arc::new(make(id))));
                drop(map);
                self.owners().insert((owner_key(owner), id));
                return Some(socket);
            }
        }
    }

    pub(super) fn remove(&self, id: i32, owner: Context) {
        self.disown(id, owner);
        let mut map = self
            .shard(id)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let removed = map.remove(&id);
        drop(map);
        if removed.is_some() {
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(super) fn change_owner(&self, id: i32, old: Context, new: Context) {
        let mut owners = self.owners();
        owners.remove(&(owner_key(old), id));
        owners.insert((owner_key(new), id));
    }

    /// From now on the socket belongs to nobody.
    pub(super) fn disown(&self, id: i32, owner: Context) {
        self.owners().remove(&(owner_key(owner), id));
    }

    /// The ids that belong to `owner`.
    pub(super) fn owned(&self, owner: Context) -> Vec<i32> {
        let key = owner_key(owner);
        let owners = self.owners();
        owners
            .range((key, i32::MIN)..=(key, i32::MAX))
            .map(|&(_, id)| id)
            .collect()
    }

    /// All sockets, in the order of their ids.
    pub(super) fn all(&self) -> Vec<Arc<Socket>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let map = shard.0.read().unwrap_or_else(PoisonError::into_inner);
            all.extend(map.values().cloned());
        }
        all.sort_unstable_by_key(|socket| socket.id);
        all
    }

    #[cfg(test)]
    pub(super) fn set_last_id(&self, last: u32) {
        self.last.store(last, Ordering::Relaxed);
    }
}

fn owner_key(owner: Context) -> u64 {
    u64::from(owner.handle) << 32 | u64::from(owner.generation)
}

/// Ids are numbers in sequence, which nobody outside chooses: one multiplication spreads them well.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_i32(byte.into());
        }
    }

    fn write_i32(&mut self, id: i32) {
        // 2^64 divided by the golden ratio; the map uses the top and the bottom bits, so the top ones are folded in.
        let product = (self.0 ^ id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ product >> 32;
    }
}
