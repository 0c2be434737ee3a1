//! Queues of timers, linked through the slab.
//!
//! Where a queue ends, the link holds the number of the queue instead of an index. So a node can be
//! taken out without knowing where it waits, and one in the middle without touching its queue.

use super::slab::{INDEX_BITS, Index, Slab};

/// Links from here on are numbers of queues; indices are below.
const FIRST_END: Index = 1 << INDEX_BITS;

/// The number of the queue that ends with this link; `None` when the link leads to a node.
fn ended(link: Index) -> Option<usize> {
    link.checked_sub(FIRST_END).map(|list| list as usize)
}

/// Where one queue begins and ends: 1 + the index of its first and of its last node, or 0 when it
/// is empty, so that fresh memory is a set of empty queues and costs nothing until it is used.
type Ends = [u32; 2];

const EMPTY: Ends = [0; 2];
const HEAD: usize = 0;
const TAIL: usize = 1;

/// See the module.
pub(super) struct Lists {
    ends: Box<[Ends]>,
}

impl Lists {
    /// So many empty queues.
    pub(super) fn new(count: usize) -> Self {
        Self {
            ends: vec![EMPTY; count].into_boxed_slice(),
        }
    }

    /// The node that has been in the queue for longest.
    pub(super) fn head(&self, list: usize) -> Option<Index> {
        self.ends[list][HEAD].checked_sub(1)
    }

    pub(super) fn is_empty(&self, list: usize) -> bool {
        self.ends[list] == EMPTY
    }

    /// Puts a node that is in no queue at the end of this one.
    pub(super) fn append<T>(&mut self, slab: &mut Slab<T>, list: usize, index: Index) {
        let end = FIRST_END + list as Index;
        let ends = &mut self.ends[list];
        let prev = match ends[TAIL].checked_sub(1) {
            None => {
                ends[HEAD] = index + 1;
                end
            }
            Some(tail) => {
                slab[tail].next = index;
                tail
            }
        };
        ends[TAIL] = index + 1;
        let node = &mut slab[index];
        node.prev = prev;
        node.next = end;
    }

    /// Takes a node out of its queue. Returns the number of the queue if that is empty now.
    pub(super) fn unlink<T>(&mut self, slab: &mut Slab<T>, index: Index) -> Option<usize> {
        let node = &slab[index];
        let (prev, next) = (node.prev, node.next);
        match (ended(prev), ended(next)) {
            (Some(list), Some(_)) => {
                self.ends[list] = EMPTY;
                return Some(list);
            }
            (Some(list), None) => {
                self.ends[list][HEAD] = next + 1;
                slab[next].prev = prev;
            }
            (None, Some(list)) => {
                self.ends[list][TAIL] = prev + 1;
                slab[prev].next = next;
            }
            (None, None) => {
                slab[prev].next = next;
                slab[next].prev = prev;
            }
        }
        None
    }

    /// The nodes of a queue in order, for a check that the links lead there and back.
    #[cfg(test)]
    pub(super) fn walk<T>(&self, slab: &Slab<T>, list: usize) -> Vec<Index> {
        let end = FIRST_END + list as Index;
        let (mut nodes, mut prev, mut next) = (Vec::new(), end, self.head(list).unwrap_or(end));
        while ended(next).is_none() {
            assert_eq!(slab[next].prev, prev);
            nodes.push(next);
            (prev, next) = (next, slab[next].next);
        }
        assert_eq!(next, end);
        assert_eq!(
            self.ends[list][TAIL],
            nodes.last().map_or(0, |last| last + 1)
        );
        nodes
    }
}
