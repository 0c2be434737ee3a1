//! A fast hasher for small integer keys that no outsider chooses in bulk.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Multiplies once: handles and sessions are counters, so their low bits already differ.
#[derive(Default, Debug, Clone, Copy)]
pub(crate) struct IntHasher(u64);

impl Hasher for IntHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_i32(&mut self, value: i32) {
        self.write_u64(value as u32 as u64);
    }

    fn write_u64(&mut self, value: u64) {
        // Fibonacci hashing; the swap brings the well-mixed high bits to where tables look first.
        self.0 = (self.0 ^ value)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .swap_bytes();
    }
}

/// A map keyed by such integers, or by small tuples of them.
pub(crate) type IntMap<K, V> = HashMap<K, V, BuildHasherDefault<IntHasher>>;
