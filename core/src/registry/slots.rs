//! The memory of services: slots in chunks, of which those at the end are given back once nobody lives there.
//!
//! A new life gets the lowest free slot, so that the highest chunks become empty first. A chunk is a whole number of
//! pages. Some empty ones are kept, so that a node whose services come and go does not ask the system for memory all
//! the time.

use super::bits::{self, Bits};
use crate::pages;
use crate::service::Service;

/// Slots in a chunk; the model checker's are small.
const CHUNK: usize = if cfg!(loom) { 2 } else { 64 };
/// The free slots of an empty chunk.
const ALL: u64 = u64::MAX >> (64 - CHUNK);
/// Chunks that are asked of the system at a time.
const SEGMENT: usize = if cfg!(loom) { 1 } else { 64 };
/// Empty chunks that are kept at least (1.25 MiB), and else one for so many inhabited ones.
const SPARE: usize = if cfg!(loom) { 0 } else { 64 };
const SPARE_PART: usize = 8;
/// Chunks that are given back at a time (320 KiB): so much is done while others wait for the table.
pub(super) const BATCH: usize = if cfg!(loom) { 1 } else { 16 };

const _: () = assert!((CHUNK * size_of::<Service>()).is_multiple_of(4096) || cfg!(loom));
const _: () = assert!(bits::MOST * CHUNK > super::ID_MASK as usize || cfg!(loom));

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Slots {
    segments: Vec<&'static [Service]>,
    chunks: Vec<Chunk>,
    /// Chunks with a free slot.
    open: Bits,
    /// Chunks that nobody lives in but that hold memory.
    empty: Bits,
    empties: usize,
    /// Chunks that hold memory.
    held: usize,
}

/// A bit for each slot.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    free: u64,
    /// Have been [prepared](Service::prepare) and not given back since.
    ready: u64,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            segments: Vec::new(),
            chunks: Vec::new(),
            open: Bits::new(),
            empty: Bits::new(),
            empties: 0,
            held: 0,
        }
    }

    /// The lowest free slot, ready for a life. `None`: the system has no memory for more.
    pub(super) fn take(&mut self) -> Option<&'static Service> {
        let index = match self.open.least() {
            Some(index) => index,
            None => self.grow()?,
        };
        let chunk = &mut self.chunks[index];
        let is_empty = chunk.free == ALL;
        let slot = chunk.free.trailing_zeros() as usize;
        chunk.free &= chunk.free - 1;
        if chunk.free == 0 {
            self.open.remove(index);
        }
        if chunk.ready == 0 {
            self.held += 1;
        } else if is_empty {
            self.empty.remove(index);
            self.empties -= 1;
        }
        let is_ready = chunk.ready & 1 << slot != 0;
        chunk.ready |= 1 << slot;
        let service = &self.segments[index / SEGMENT][index % SEGMENT * CHUNK + slot];
        if !is_ready {
            service.prepare((index * CHUNK + slot) as u32);
        }
        Some(service)
    }

    /// More chunks; returns the first of them.
    fn grow(&mut self) -> Option<usize> {
        self.segments.push(pages::table(SEGMENT * CHUNK)?);
        let first = self.chunks.len();
        for index in first..first + SEGMENT {
            self.chunks.push(Chunk {
                free: ALL,
                ready: 0,
            });
            self.open.insert(index);
        }
        Some(first)
    }

    /// Takes a slot back whose life is finished.
    pub(super) fn put(&mut self, service: &'static Service) {
        let place = service.place() as usize;
        let (index, slot) = (place / CHUNK, place % CHUNK);
        let chunk = &mut self.chunks[index];
        if chunk.free == 0 {
            self.open.insert(index);
        }
        chunk.free |= 1 << slot;
        if chunk.free == ALL {
            self.empty.insert(index);
            self.empties += 1;
        }
    }

    /// Empty chunks beyond those that are kept.
    pub(super) fn surplus(&self) -> usize {
        if !pages::GIVES_BACK {
            return 0;
        }
        let inhabited = self.held - self.empties;
        self.empties
            .saturating_sub(SPARE.max(inhabited / SPARE_PART))
    }

    /// Gives the memory of so many empty chunks back, the highest first.
    ///
    /// # Safety
    /// There was a moment since the last [`put`](Self::put) at which nobody who had found a service before that
    /// looked at more of it than its [`Head`](crate::service::Head).
    pub(super) unsafe fn give_back(&mut self, chunks: usize) {
        let mut left = chunks.min(self.empties);
        while left != 0 {
            let run = self.last_run(left);
            left -= run.len();
            self.held -= run.len();
            self.empties -= run.len();
            for index in run.clone() {
                self.empty.remove(index);
                self.chunks[index].ready = 0;
            }
            let segment = self.segments[run.start / SEGMENT];
            let start = run.start % SEGMENT * CHUNK;
            let part = &segment[start..start + run.len() * CHUNK];
            // SAFETY: nobody lives in these chunks, so their heads are 0 and late senders only read them; the caller
            // vouches that nobody looks at the rest, and `take` prepares it before it is used again.
            unsafe { pages::give_back(part) };
        }
    }

    /// The highest empty chunk and those right below it, of the same segment, `most` in all.
    fn last_run(&self, most: usize) -> std::ops::Range<usize> {
        let last = self.empty.greatest().expect("there are empty chunks");
        let lowest = (last / SEGMENT * SEGMENT).max((last + 1).saturating_sub(most));
        let mut first = last;
        while first > lowest && self.empty.contains(first - 1) {
            first -= 1;
        }
        first..last + 1
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn segments(&self) -> &[&'static [Service]] {
        &self.segments
    }

    /// Chunks that hold memory, and those of them that nobody lives in.
    #[cfg(test)]
    pub(super) fn chunks(&self) -> (usize, usize) {
        (self.held, self.empties)
    }
}
