//! Storage of the wheel's timers: indexed nodes in chunks that are returned when they are empty.
//!
//! An index stays valid as long as its node is in use, so nodes cannot be moved together. To let
//! memory follow the number of timers down all the same, a new node goes to the lowest chunk with
//! room, which lets the upper chunks drain, and an empty chunk gives its memory back, all but one
//! that is kept against taking and returning the same chunk over and over.

use super::TimerId;
use std::ops;

/// Index of a node.
pub(super) type Index = u32;

/// No node.
const NIL: Index = Index::MAX;

/// Width of an index inside a [`TimerId`].
pub(super) const INDEX_BITS: u32 = 28;

/// Nodes in a chunk.
pub(super) const CHUNK: usize = 512;

const MAX_CHUNKS: usize = (1 << INDEX_BITS) / CHUNK;

/// One timer, linked to its neighbours in a queue of the wheel; or a free place, linked through
/// `next` to the next free place of its chunk.
pub(super) struct Node<T> {
    id: TimerId,
    pub(super) deadline: u64,
    pub(super) prev: Index,
    pub(super) next: Index,
    /// `None` in a free place.
    value: Option<T>,
}

impl<T> Node<T> {
    /// Whether this is the timer that `id` was given to, and it still waits.
    pub(super) fn is(&self, id: TimerId) -> bool {
        self.id == id && self.value.is_some()
    }
}

struct Chunk<T> {
    /// Grows up to [`CHUNK`] nodes. Capacity 0: the chunk holds no memory.
    nodes: Vec<Node<T>>,
    free: Index,
    used: usize,
}

impl<T> Chunk<T> {
    const NEW: Self = Self {
        nodes: Vec::new(),
        free: NIL,
        used: 0,
    };
}

/// See the module.
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// Bit `c` is set when chunk `c` has room. At least one bit per chunk.
    open: Vec<u64>,
    /// No word of `open` before this one has a bit set.
    lowest: usize,
    /// The one empty chunk that keeps its memory.
    spare: Option<usize>,
    len: usize,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            open: Vec::new(),
            lowest: 0,
            spare: None,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.nodes.capacity()).sum()
    }

    /// Stores a timer, unlinked, under the id that `name` makes of its index.
    pub(super) fn insert(
        &mut self,
        deadline: u64,
        value: T,
        name: impl FnOnce(Index) -> TimerId,
    ) -> (Index, TimerId) {
        let at = self.open_chunk();
        let chunk = &mut self.chunks[at];
        if chunk.used == 0 {
            if self.spare == Some(at) {
                self.spare = None;
            }
            // Nothing to do for the spare chunk, which has it all.
            chunk.nodes.reserve_exact(CHUNK - chunk.nodes.len());
        }
        chunk.used += 1;
        self.len += 1;
        let (index, id) = match chunk.free {
            NIL => {
                let index = (at * CHUNK + chunk.nodes.len()) as Index;
                let id = name(index);
                chunk.nodes.push(Node {
                    id,
                    deadline,
                    prev: NIL,
                    next: NIL,
                    value: Some(value),
                });
                (index, id)
            }
            index => {
                let id = name(index);
                let node = &mut chunk.nodes[index as usize % CHUNK];
                chunk.free = node.next;
                *node = Node {
                    id,
                    deadline,
                    prev: NIL,
                    next: NIL,
                    value: Some(value),
                };
                (index, id)
            }
        };
        if chunk.free == NIL && chunk.nodes.len() == CHUNK {
            self.open[at / 64] &= !(1 << (at % 64));
        }
        (index, id)
    }

    /// Frees an unlinked node. `None` when it is free already.
    pub(super) fn remove(&mut self, index: Index) -> Option<T> {
        let at = index as usize / CHUNK;
        let chunk = &mut self.chunks[at];
        let node = &mut chunk.nodes[index as usize % CHUNK];
        let value = node.value.take()?;
        node.next = chunk.free;
        chunk.free = index;
        chunk.used -= 1;
        self.len -= 1;
        self.open[at / 64] |= 1 << (at % 64);
        self.lowest = self.lowest.min(at / 64);
        if chunk.used == 0 {
            self.keep_one_spare(at);
        }
        Some(value)
    }

    pub(super) fn get(&self, index: Index) -> Option<&Node<T>> {
        self.chunks
            .get(index as usize / CHUNK)?
            .nodes
            .get(index as usize % CHUNK)
    }

    /// The lowest chunk with room.
    fn open_chunk(&mut self) -> usize {
        while let Some(word) = self.open.get(self.lowest) {
            if *word != 0 {
                return self.lowest * 64 + word.trailing_zeros() as usize;
            }
            self.lowest += 1;
        }
        let at = self.chunks.len();
        assert!(
            at < MAX_CHUNKS,
            "{} timers wait, which is the most a wheel can hold",
            self.len
        );
        self.chunks.push(Chunk::NEW);
        if at / 64 == self.open.len() {
            self.open.push(0);
        }
        self.open[at / 64] |= 1 << (at % 64);
        self.lowest = at / 64;
        at
    }

    /// Keeps the lower of two empty chunks, because it will be filled first.
    fn keep_one_spare(&mut self, empty: usize) {
        let surplus = match self.spare {
            None => {
                self.spare = Some(empty);
                return;
            }
            Some(spare) => {
                self.spare = Some(spare.min(empty));
                spare.max(empty)
            }
        };
        self.chunks[surplus] = Chunk::NEW;
        while self
            .chunks
            .last()
            .is_some_and(|last| last.nodes.capacity() == 0)
        {
            self.chunks.pop();
            let at = self.chunks.len();
            self.open[at / 64] &= !(1 << (at % 64));
        }
        if self.chunks.capacity() > 4 * self.chunks.len().max(16) {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }
}

impl<T> ops::Index<Index> for Slab<T> {
    type Output = Node<T>;

    fn index(&self, index: Index) -> &Node<T> {
        &self.chunks[index as usize / CHUNK].nodes[index as usize % CHUNK]
    }
}

impl<T> ops::IndexMut<Index> for Slab<T> {
    fn index_mut(&mut self, index: Index) -> &mut Node<T> {
        &mut self.chunks[index as usize / CHUNK].nodes[index as usize % CHUNK]
    }
}
