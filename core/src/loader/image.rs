//! The plugin symbol as bytes of a file, whatever the file's format.

use std::ops::Range;

use skynet_abi::SHORT_TEXT;

/// The plugin symbol's bytes before any relocation.
#[derive(Debug)]
pub(super) struct Image<'data> {
    /// The whole symbol, by its size in the symbol table.
    pub(super) bytes: &'data [u8],
    /// Its distance from the library's first mapped byte.
    pub(super) offset: u64,
    /// Where inside it the loader stores addresses, in order.
    pub(super) relocated: Vec<u64>,
}

impl Image<'_> {
    /// The integer at `at`, or `None` behind the end.
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_ne_bytes)
    }

    /// The integer at `at`, or `None` behind the end.
    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }

    /// The integer at `at`, or `None` behind the end.
    pub(super) fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_ne_bytes)
    }

    /// The inline text at `at`, or `None` behind the end.
    pub(super) fn short_text(&self, at: usize) -> Option<[u8; SHORT_TEXT]> {
        self.array(at)
    }

    /// Whether the pointer at `at` will be anything but null.
    pub(super) fn has_pointer(&self, at: usize) -> bool {
        let range: Range<u64> = at as u64..(at + size_of::<usize>()) as u64;
        self.array::<{ size_of::<usize>() }>(at)
            .is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0))
            || self.is_relocated(range)
    }

    /// Whether the loader stores an address that begins in `range`.
    fn is_relocated(&self, range: Range<u64>) -> bool {
        let first = self.relocated.partition_point(|place| *place < range.start);
        let place = self.relocated.get(first);
        place.is_some_and(|place| *place < range.end)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}
