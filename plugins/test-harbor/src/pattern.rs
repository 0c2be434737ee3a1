//! Payloads that both ends can compute.

use std::sync::OnceLock;

/// The kind of numbered messages.
pub(crate) const KIND_NUMBERED: u32 = 210;
/// The kind of requests with one large payload: seed, then the payload. Answered by its length.
pub(crate) const KIND_BLOCK: u32 = 211;

/// One in so many messages is as large as any may be.
const LARGEST: u64 = 1000;
/// One in so many is of any size.
const ANY: u64 = 16;
/// The others are small.
const SMALL: u64 = 256;
/// Where in the table a payload begins.
const STARTS: usize = 251;

/// So long is the table.
const TABLE: usize = 1 << 16;

fn table() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes = (0..TABLE + STARTS).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        bytes.collect()
    })
}

fn mix(seed: u64, number: u64) -> u64 {
    let mut mixed = seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

/// What the messages of one source look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    pub(crate) seed: u64,
    /// Bytes of the largest message, up to 64 KiB.
    pub(crate) most: u64,
}

impl Pattern {
    /// From the words `SEED MOST`.
    pub(crate) fn parse(seed: &str, most: &str) -> skynet_service::Result<Self> {
        let most = most.parse::<u64>()?.clamp(1, TABLE as u64);
        Ok(Self {
            seed: seed.parse()?,
            most,
        })
    }

    /// Bytes of a message; at least one.
    fn len(self, number: u64) -> usize {
        let mixed = mix(self.seed, number);
        let len = if number % LARGEST == 1 {
            self.most
        } else if mixed.is_multiple_of(ANY) {
            // Each power of two is as likely as any other.
            let powers = u64::from(self.most.ilog2()) + 1;
            let least = 1 << ((mixed >> 8) % powers);
            least + (mixed >> 16) % least
        } else {
            1 + (mixed >> 8) % SMALL
        };
        len.min(self.most) as usize
    }

    /// The payload of a message. Its number stands in front, as far as there is room.
    pub(crate) fn write(self, number: u64, out: &mut Vec<u8>) {
        let start = (mix(self.seed, number) >> 40) as usize % STARTS;
        let len = self.len(number);
        out.clear();
        out.extend_from_slice(&table()[start..start + len]);
        let head = len.min(8);
        out[..head].copy_from_slice(&number.to_le_bytes()[..head]);
    }
}

/// Fills a large payload, and does it again to check one.
pub(crate) fn fill(seed: u64, mut out: &mut [u8]) {
    let start = (mix(seed, 0) >> 40) as usize % STARTS;
    while !out.is_empty() {
        let len = out.len().min(TABLE);
        let (part, rest) = out.split_at_mut(len);
        part.copy_from_slice(&table()[start..start + len]);
        out = rest;
    }
}
