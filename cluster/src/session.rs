//! Maps by session.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Spreads sessions, which are counted up by this node: nobody else chooses them to collide.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct SessionHasher(u64);

impl Hasher for SessionHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte) ^ self.0.rotate_left(8) as u32);
        }
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        // The golden ratio: neighbours land far apart, and the top bits differ.
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn write_i32(&mut self, number: i32) {
        self.write_u32(number.cast_unsigned());
    }
}

/// A map whose keys are sessions.
pub(crate) type BySession<K, V> = HashMap<K, V, BuildHasherDefault<SessionHasher>>;
