//! What waits to be sent on one connection: two lanes, of which the low one is used only when the high one is empty.

use std::collections::VecDeque;
use std::io::IoSlice;

use smallvec::SmallVec;

use super::part::{OwnedPart, Part, Parts};

/// Slices that one system call sends.
const MAX_SLICES: usize = 64;

/// The first size of the queue that is worth a warning.
const FIRST_MARK: usize = 1 << 20;

/// Copied writes are gathered into pieces of about this size.
const GATHERED: usize = 16 << 10;

/// What one system call sends.
pub(super) type Slices<'a> = SmallVec<[IoSlice<'a>; MAX_SLICES]>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    High,
    Low,
}

/// The output queue of a connection. It exists only while something waits.
#[derive(Debug)]
pub(super) struct Queue {
    high: VecDeque<Piece>,
    low: VecDeque<Piece>,
    /// Bytes that wait in both lanes.
    bytes: usize,
    /// Bytes sent of the first piece of the lane in use.
    sent: usize,
    /// A write of the low lane has been sent in part: it is completed before the high lane is looked at.
    in_low: bool,
    /// The size that brings the next warning.
    mark: usize,
    /// A warning was given since the queue was last empty.
    warned: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            high: VecDeque::new(),
            low: VecDeque::new(),
            bytes: 0,
            sent: 0,
            in_low: false,
            mark: FIRST_MARK,
            warned: false,
        }
    }
}

#[derive(Debug)]
struct Piece {
    data: Data,
    /// The write ends here.
    last: bool,
}

#[derive(Debug)]
enum Data {
    Owned(OwnedPart),
    Copied(Vec<u8>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Owned(part) => part.bytes(),
            Data::Copied(bytes) => bytes,
        }
    }
}

impl Queue {
    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends one write without its first `skip` bytes, which are sent. Something must be left of it.
    pub(super) fn push(&mut self, parts: Parts<'_>, mut skip: usize, lane: Lane) {
        let pieces = match lane {
            Lane::High => &mut self.high,
            Lane::Low => &mut self.low,
        };
        let first = pieces.len();
        for part in parts {
            let len = part.bytes().len();
            if len <= skip {
                skip -= len;
                continue;
            }
            self.bytes += len - skip;
            match part {
                Part::Borrowed(bytes) => {
                    // A piece of the high lane may hold several writes: only whole low ones may be overtaken.
                    let may_join = lane == Lane::High || pieces.len() > first;
                    match pieces.back_mut() {
                        Some(Piece {
                            data: Data::Copied(tail),
                            ..
                        }) if may_join && tail.len() + len <= GATHERED => {
                            tail.extend_from_slice(&bytes[skip..]);
                        }
                        _ => pieces.push_back(Piece {
                            data: Data::Copied(bytes[skip..].to_vec()),
                            last: false,
                        }),
                    }
                }
                Part::Owned(mut part) => {
                    part.skip(skip);
                    pieces.push_back(Piece {
                        data: Data::Owned(part),
                        last: false,
                    });
                }
            }
            skip = 0;
        }
        if let Some(piece) = pieces.back_mut() {
            piece.last = true;
        }
    }

    /// What to send next.
    pub(super) fn slices(&self) -> Slices<'_> {
        // The rest of a low write that has begun, the high lane, the rest of the low lane.
        let begun = match self.in_low {
            true => self
                .low
                .iter()
                .position(|piece| piece.last)
                .map_or(0, |last| last + 1),
            false => 0,
        };
        let pieces = self
            .low
            .range(..begun)
            .chain(&self.high)
            .chain(self.low.range(begun..));
        let mut slices = Slices::new();
        let mut sent = self.sent;
        for piece in pieces.take(MAX_SLICES) {
            slices.push(IoSlice::new(&piece.bytes()[sent..]));
            sent = 0;
        }
        slices
    }

    /// Takes out `count` bytes of what [`slices`](Self::slices) gave: they are sent.
    pub(super) fn advance(&mut self, mut count: usize) {
        self.bytes -= count;
        while count > 0 {
            let is_low = self.in_low || self.high.is_empty();
            let lane = if is_low {
                &mut self.low
            } else {
                &mut self.high
            };
            let Some(piece) = lane.front() else { return };
            let left = piece.bytes().len() - self.sent;
            if count < left {
                self.sent += count;
                self.in_low = is_low;
                return;
            }
            count -= left;
            self.sent = 0;
            self.in_low = is_low && !piece.last;
            lane.pop_front();
        }
    }

    /// Whether the queue has passed a mark since the last look, or `limit` by the last `added` bytes: its size in KiB,
    /// for a warning.
    pub(super) fn passed_mark(&mut self, added: usize, limit: usize) -> Option<u64> {
        let passed_limit = self.bytes >= limit && self.bytes - added < limit;
        if self.bytes < self.mark && !passed_limit {
            return None;
        }
        while self.mark <= self.bytes {
            self.mark *= 2;
        }
        self.warned = true;
        Some(self.bytes.div_ceil(1024) as u64)
    }

    /// Whether a warning was given since the queue was last empty.
    pub(super) fn has_warned(&self) -> bool {
        self.warned
    }
}

#[cfg(test)]
mod tests;
