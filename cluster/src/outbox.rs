//! What waits to be written on one connection.
//!
//! A small message becomes its frame at once. A large one is cut into parts, between which small ones and parts of others
//! pass. Messages of one *lane* keep their order: while one of them is being cut, what follows in its lane waits behind
//! it.

use std::collections::{HashMap, VecDeque};

use skynet_cluster_wire::Sink;
use skynet_service::Buffer;

use crate::bytes::Bytes;

/// Bytes that are written at a time, about.
const BATCH: usize = 64 << 10;
/// Bytes of a part.
const PART: usize = skynet_cluster_wire::PART;
/// Large messages that have begun at a time: it bounds what the peer has to put together.
const ACTIVE: usize = 16;
/// What the frames of a message have around its body, about.
const OVERHEAD: usize = 64;

/// How a message is written.
pub(crate) trait Head {
    /// The most bytes of a body that is written in one frame.
    const SINGLE_MAX: usize;
    /// The whole message.
    fn single(&self, out: &mut Bytes, body: &[u8]);
    /// Says that parts of so many bytes follow.
    fn begin(&self, out: &mut Bytes, total: usize);
    /// A part.
    fn part(&self, out: &mut Bytes, bytes: &[u8], last: bool);
}

/// A body as a piece of the buffer that it came in.
#[derive(Debug)]
pub(crate) struct Body {
    buffer: Buffer,
    start: usize,
}

impl Body {
    /// The bytes of `buffer` from `start` on.
    pub(crate) fn new(buffer: Buffer, start: usize) -> Self {
        Self { buffer, start }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Item<H> {
    head: H,
    body: Body,
    /// It must not be written before so many bytes of frames have been taken: those that came before it.
    after: u64,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    lane: u64,
    /// Bytes of its first message that were written.
    offset: usize,
}

/// The messages for one connection.
#[derive(Debug)]
pub(crate) struct Outbox<H> {
    /// Frames, in chunks that are full, and one that is not.
    full: VecDeque<Bytes>,
    open: Bytes,
    /// Bytes of frames that ever waited, and that were taken to be written.
    framed: u64,
    taken: u64,
    /// What each lane waits with.
    lanes: HashMap<u64, VecDeque<Item<H>>>,
    /// Lanes whose first message has begun, or may; the front one has its turn.
    active: VecDeque<Active>,
    /// Lanes that wait until others are through.
    idle: VecDeque<u64>,
    /// Bytes of all that waits.
    bytes: usize,
}

impl<H> Default for Outbox<H> {
    fn default() -> Self {
        Self {
            full: VecDeque::new(),
            open: Bytes::default(),
            framed: 0,
            taken: 0,
            lanes: HashMap::new(),
            active: VecDeque::new(),
            idle: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl<H: Head> Outbox<H> {
    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.open.len() == 0 && self.lanes.is_empty()
    }

    /// Frames that wait, in pieces of whole ones.
    pub(crate) fn frames_that_wait(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.full.iter().chain([&self.open]);
        chunks.map(|chunk| &chunk.0[..])
    }

    /// The messages that wait as they are, or in part.
    pub(crate) fn heads_that_wait(&self) -> impl Iterator<Item = &H> {
        self.lanes.values().flatten().map(|item| &item.head)
    }

    /// Bytes that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is as much as is written at a time.
    pub(crate) fn is_batch(&self) -> bool {
        !self.full.is_empty()
    }

    /// Whether what follows in this lane must wait.
    #[inline]
    pub(crate) fn holds(&self, lane: u64) -> bool {
        !self.lanes.is_empty() && self.lanes.contains_key(&lane)
    }

    /// Writes frames that wait for nothing.
    #[inline]
    pub(crate) fn frames(&mut self, write: impl FnOnce(&mut Bytes)) {
        let before = self.open.len();
        write(&mut self.open);
        let added = self.open.len() - before;
        self.bytes += added;
        self.framed += added as u64;
        if self.open.len() >= BATCH {
            // Enough of them come for the next one to be as large.
            let next = Bytes::with_capacity(BATCH + OVERHEAD);
            self.full.push_back(std::mem::replace(&mut self.open, next));
        }
    }

    /// Takes a message whose body is at hand: it is written at once if it can be.
    pub(crate) fn push(&mut self, lane: u64, head: H, body: Body) {
        let len = body.as_slice().len();
        if len <= H::SINGLE_MAX && !self.holds(lane) {
            return self.frames(|out| head.single(out, body.as_slice()));
        }
        self.bytes += len;
        let queue = self.lanes.entry(lane).or_default();
        queue.push_back(Item {
            head,
            body,
            after: self.framed,
        });
        if queue.len() == 1 {
            self.idle.push_back(lane);
        }
    }

    /// The next bytes to write.
    pub(crate) fn next_chunk(&mut self) -> Option<Buffer> {
        let mut chunk = match self.full.pop_front() {
            Some(chunk) => chunk,
            None => std::mem::take(&mut self.open),
        };
        self.bytes -= chunk.len();
        self.taken += chunk.len() as u64;
        if !self.lanes.is_empty() {
            chunk.0.reserve(self.bytes.min(BATCH) + PART + OVERHEAD);
            // However many small ones there are, each chunk has room for a part.
            while self.write_part(&mut chunk) && chunk.len() < BATCH {}
        }
        (chunk.len() > 0).then_some(chunk.0)
    }

    /// Writes the next part of the lane whose turn it is, or a whole message that has waited in it. False if there is
    /// none that may be written now.
    fn write_part(&mut self, out: &mut Bytes) -> bool {
        while self.active.len() < ACTIVE
            && let Some(lane) = self.idle.pop_front()
        {
            self.active.push_back(Active { lane, offset: 0 });
        }
        for _ in 0..self.active.len() {
            let Some(turn) = self.active.pop_front() else {
                break;
            };
            if self.may_go_on(turn) {
                self.advance(turn, out);
                return true;
            }
            self.active.push_back(turn);
        }
        false
    }

    fn may_go_on(&self, turn: Active) -> bool {
        let first = self.lanes.get(&turn.lane).and_then(VecDeque::front);
        first.is_some_and(|item| item.after <= self.taken)
    }

    fn advance(&mut self, mut turn: Active, out: &mut Bytes) {
        let Some(queue) = self.lanes.get_mut(&turn.lane) else {
            return;
        };
        let Some(Item { head, body, .. }) = queue.front() else {
            return;
        };
        let body = body.as_slice();
        if body.len() <= H::SINGLE_MAX {
            head.single(out, body);
            self.bytes -= body.len();
        } else {
            if turn.offset == 0 {
                head.begin(out, body.len());
            }
            let rest = body.get(turn.offset..).unwrap_or_default();
            let part = rest.get(..PART).unwrap_or(rest);
            let is_last = part.len() == rest.len();
            head.part(out, part, is_last);
            self.bytes -= part.len();
            if !is_last {
                turn.offset += part.len();
                self.active.push_back(turn);
                return;
            }
        }
        queue.pop_front();
        if queue.is_empty() {
            self.lanes.remove(&turn.lane);
        } else {
            self.idle.push_back(turn.lane);
        }
    }
}

#[cfg(test)]
mod tests;
