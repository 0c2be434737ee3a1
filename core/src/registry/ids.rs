//! Ids: which comes next, and which pages of the table of ids are in use.
//!
//! Ids only grow, so lives come and go along the table, and behind them its pages are given back.

use super::{ID_MASK, Table};
use crate::pages;

/// Ids in a page of the table: 4 KiB.
const PAGE: usize = if cfg!(loom) { 2 } else { 512 };
/// Pages that nobody uses any more are given back so many at a time: mostly neighbours.
const BATCH: usize = if cfg!(loom) { 2 } else { 64 };

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ids {
    pub(super) next: u32,
    live: u32,
    /// Ids in use, for each page.
    used: Box<[u16]>,
    /// Pages without any, but perhaps used again since.
    left: Vec<usize>,
}

impl Ids {
    pub(super) fn new(first: u32) -> Self {
        Self {
            next: first,
            live: 0,
            used: vec![0; (ID_MASK as usize + 1).div_ceil(PAGE)].into_boxed_slice(),
            left: Vec::with_capacity(BATCH),
        }
    }

    /// The next id that nobody has. `None`: all are in use.
    pub(super) fn next_free(&mut self, is_free: impl Fn(u32) -> bool) -> Option<u32> {
        if self.live == ID_MASK {
            return None;
        }
        loop {
            let id = self.next;
            self.next = (id + 1) & ID_MASK;
            if id != 0 && is_free(id) {
                return Some(id);
            }
        }
    }

    /// Somebody has `id` from now on.
    pub(super) fn claim(&mut self, id: u32) {
        self.used[id as usize / PAGE] += 1;
        self.live += 1;
    }

    /// Nobody has `id` any more, and the table says so.
    pub(super) fn release(&mut self, id: u32, table: &'static Table) {
        let page = id as usize / PAGE;
        self.used[page] -= 1;
        self.live -= 1;
        // The page that is being filled will be used again at once.
        if self.used[page] == 0 && page != self.next as usize / PAGE {
            self.left.push(page);
            if self.left.len() == BATCH {
                self.give_back(table);
            }
        }
    }

    fn give_back(&mut self, table: &'static Table) {
        self.left.sort_unstable();
        self.left.dedup();
        self.left.retain(|&page| self.used[page] == 0);
        for run in self.left.chunk_by(|&page, &next| page + 1 == next) {
            let (first, end) = (run[0] * PAGE, (run[0] + run.len()) * PAGE);
            // SAFETY: nobody has any of these ids, so their entries are null; as the caller has the table locked, they
            // stay so, and others only read them.
            unsafe { pages::give_back(&table[first..end]) };
        }
        self.left.clear();
    }

    /// The pages with ids in use, as ranges of ids.
    pub(super) fn ranges(&self) -> Vec<std::ops::Range<usize>> {
        let used = self.used.iter().enumerate().filter(|&(_, &used)| used != 0);
        used.map(|(page, _)| page * PAGE..(page + 1) * PAGE)
            .collect()
    }
}
