//! What goes to one peer: what waits, what was written, and what of that was not acknowledged yet.
//!
//! Messages become frames only when they are written, because the format is the peer's. Frames to a peer of our kind are
//! numbered by counting, and kept until it says that they lie in mailboxes; at most [`WINDOW`] bytes are kept, the rest
//! waits. After a reconnect what was not acknowledged is written again.

use std::collections::VecDeque;
use std::time::Duration;

use skynet_harbor_wire::{self as wire, Flags, Format, Fragment};
use skynet_service::{Buffer, KIND_ERROR};

use crate::item::Item;
use crate::streams::{FRAGMENT, Part, Streams};

/// Bytes that may be written and not acknowledged.
const WINDOW: usize = 8 << 20;
/// The same while fragments are written: what is small must not wait behind more than this.
const STREAM_WINDOW: usize = 1 << 20;
/// Bytes that are written at a time.
const BATCH: usize = 64 << 10;
/// Longer bodies are cut into fragments.
const LARGE: usize = 64 << 10;
/// Small messages written between two fragments, in bytes.
const SHARE: usize = FRAGMENT;
/// What a frame has around its body, about.
const FRAME_OVERHEAD: usize = 48;

/// The messages for one peer.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Item>,
    streams: Streams,
    /// Messages in `waiting` and `streams`, and their bytes.
    queued: usize,
    queued_bytes: usize,
    /// Written and not acknowledged, oldest first.
    unacked: VecDeque<Sent>,
    unacked_bytes: usize,
    /// Frames that were numbered, and how many of them are known to lie in mailboxes.
    sent: u64,
    acked: u64,
    /// Small bytes written since the last fragment.
    since_fragment: usize,
}

/// Frames that were written in one go.
#[derive(Debug)]
struct Sent {
    /// The numbers of the first and the last one.
    first: u64,
    last: u64,
    bytes: Buffer,
}

/// Something to write.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Whole frames.
    Frames(Buffer),
    /// One frame that is too large to be copied: header, body, cookie.
    Large([u8; wire::HEADER], Buffer, [u8; wire::COOKIE]),
}

/// What is left when the peer is lost.
#[derive(Debug)]
pub(crate) struct Leftover {
    /// Messages that were not written, or not to their end.
    pub(crate) items: Vec<Item>,
    /// Frames that were written, and may or may not have arrived.
    pub(crate) unacked: u64,
}

/// The peer says that it has received frames that it cannot have received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Impossible;

impl Outbox {
    /// Messages that wait.
    pub(crate) const fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes of the messages that wait.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Frames that were written and not acknowledged.
    pub(crate) const fn unacked(&self) -> u64 {
        self.sent - self.acked
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.queued += 1;
        self.queued_bytes += item.body.len();
        self.waiting.push_back(item);
    }

    /// Takes back the oldest message that has not begun and is no answer, to make room.
    pub(crate) fn drop_oldest(&mut self) -> Option<Item> {
        let place = self.waiting.iter().position(|item| !item.is_reply())?;
        let item = self.waiting.remove(place)?;
        self.forget(&item);
        Some(item)
    }

    /// The next bytes to write, as far as the window allows.
    pub(crate) fn next_chunk(&mut self, format: Format, now: Duration) -> Option<Chunk> {
        if self.queued == 0 {
            return None;
        }
        match format {
            Format::Stock => self.next_stock(),
            Format::Extended => self.next_extended(now).map(Chunk::Frames),
        }
    }

    fn next_stock(&mut self) -> Option<Chunk> {
        let mut batch = self.new_batch();
        while batch.len() < BATCH
            && let Some(item) = self.waiting.pop_front()
        {
            let body = stock_body(&item);
            let Ok(header) = wire::stock_header(body.len()) else {
                // Refused when it was sent: nothing that waits is too large for a header.
                self.forget(&item);
                continue;
            };
            if body.len() > LARGE && !batch.is_empty() {
                self.waiting.push_front(item);
                break;
            }
            self.forget(&item);
            self.sent += 1;
            // Such a peer acknowledges nothing.
            self.acked = self.sent;
            if body.len() > LARGE {
                return Some(Chunk::Large(header, item.body, item.cookie.write()));
            }
            batch.extend_from_slice(&header);
            batch.extend_from_slice(body);
            batch.extend_from_slice(&item.cookie.write());
        }
        (!batch.is_empty()).then_some(Chunk::Frames(batch))
    }

    fn next_extended(&mut self, now: Duration) -> Option<Buffer> {
        let first = self.sent + 1;
        let mut batch = Buffer::new();
        while batch.len() < BATCH && self.unacked_bytes + batch.len() < WINDOW {
            if batch.is_empty() {
                batch = self.new_batch();
            }
            let is_turn = self.since_fragment >= SHARE || self.waiting.is_empty();
            if is_turn && !self.streams.is_empty() {
                if self.unacked_bytes + batch.len() < STREAM_WINDOW {
                    self.write_part(&mut batch, now);
                    continue;
                }
                self.since_fragment = 0;
            }
            let Some(item) = self.waiting.pop_front() else {
                break;
            };
            if item.body.len() > LARGE || self.streams.holds(item.pair()) {
                self.streams.push(item);
                continue;
            }
            let before = batch.len();
            write_whole(&mut batch, &item, now);
            self.since_fragment += batch.len() - before;
            self.forget(&item);
            self.sent += 1;
        }
        if batch.is_empty() {
            return None;
        }
        self.unacked_bytes += batch.len();
        self.unacked.push_back(Sent {
            first,
            last: self.sent,
            bytes: batch.share(),
        });
        Some(batch)
    }

    fn write_part(&mut self, batch: &mut Buffer, now: Duration) {
        self.since_fragment = 0;
        self.sent += 1;
        let sent = self.streams.advance(|part| match part {
            Part::Whole(item) => write_whole(batch, item, now),
            Part::Fragment(item, fragment, bytes) => {
                write(batch, item, now, Some(fragment), bytes);
            }
        });
        if let Some(item) = sent {
            self.forget(&item);
        }
    }

    /// The peer has put all frames up to this one into mailboxes.
    pub(crate) fn acknowledge(&mut self, last: u64) -> Result<(), Impossible> {
        if last > self.sent {
            return Err(Impossible);
        }
        // An old one that was written again says nothing new.
        self.acked = self.acked.max(last);
        while self
            .unacked
            .front()
            .is_some_and(|sent| sent.last <= self.acked)
        {
            let sent = self.unacked.pop_front();
            self.unacked_bytes -= sent.map_or(0, |sent| sent.bytes.len());
        }
        Ok(())
    }

    /// There is a connection again: what the peer has not received, `last` being the last frame that it has. Frames are
    /// as they were; the first buffer begins with the first frame that is missing.
    pub(crate) fn resend(&mut self, last: u64) -> Result<Vec<Buffer>, Impossible> {
        if last < self.acked {
            return Err(Impossible);
        }
        self.acknowledge(last)?;
        let acked = self.acked;
        let again = self.unacked.iter_mut().map(|sent| {
            // Only the oldest can have arrived in part.
            match skip_frames(&sent.bytes, (acked + 1).saturating_sub(sent.first)) {
                0 => sent.bytes.share(),
                skip => Buffer::from(sent.bytes.get(skip..).unwrap_or_default()),
            }
        });
        Ok(again.collect())
    }

    /// The peer cannot be reached, but may come back in the same life: what waits and has not begun is given up.
    pub(crate) fn give_up_waiting(&mut self) -> Vec<Item> {
        let mut items = self.streams.drain_idle();
        items.extend(self.waiting.drain(..));
        for item in &items {
            self.queued -= 1;
            self.queued_bytes -= item.body.len();
        }
        items
    }

    /// The peer, or this life of it, is lost: what is for the next one begins anew.
    pub(crate) fn reset(&mut self) -> Leftover {
        let old = std::mem::take(self);
        let unacked = old.unacked();
        let mut streams = old.streams;
        Leftover {
            items: streams.drain().chain(old.waiting).collect(),
            unacked,
        }
    }

    /// Counts a message out.
    fn forget(&mut self, item: &Item) {
        self.queued -= 1;
        self.queued_bytes -= item.body.len();
    }

    fn new_batch(&self) -> Buffer {
        let likely = self.queued_bytes + self.queued * FRAME_OVERHEAD;
        Buffer::with_capacity(likely.clamp(128, BATCH + FRAGMENT + FRAME_OVERHEAD))
    }
}

/// How many bytes the first `count` frames are.
fn skip_frames(bytes: &[u8], count: u64) -> usize {
    let mut place = 0;
    for _ in 0..count {
        let Some([_, len @ ..]) = bytes.get(place..).and_then(<[u8]>::first_chunk::<4>) else {
            break;
        };
        let [high, middle, low] = *len;
        place += wire::HEADER + u32::from_be_bytes([0, high, middle, low]) as usize;
    }
    place
}

/// Unmodified nodes expect errors without a text.
fn stock_body(item: &Item) -> &[u8] {
    if u32::from(item.cookie.kind) == KIND_ERROR {
        return &[];
    }
    &item.body
}

fn write_whole(batch: &mut Buffer, item: &Item, now: Duration) {
    write(batch, item, now, None, &item.body);
}

fn write(batch: &mut Buffer, item: &Item, now: Duration, fragment: Option<Fragment>, bytes: &[u8]) {
    let reason = item.reason_on_wire().filter(|_| fragment.is_none());
    let prefix = reason.map(u16::to_le_bytes);
    let prefix = prefix.as_ref().map_or(&[][..], |prefix| &prefix[..]);
    let mut flags = item.flags;
    if reason.is_some() {
        flags |= Flags::REASON;
    }
    let Ok(head) = wire::data_head(flags, item.extra(now), fragment, prefix.len() + bytes.len())
    else {
        // What is written in one go is far shorter than a header can tell.
        return;
    };
    batch.extend_from_slice(&head);
    batch.extend_from_slice(prefix);
    batch.extend_from_slice(bytes);
    batch.extend_from_slice(&item.cookie.write());
}
