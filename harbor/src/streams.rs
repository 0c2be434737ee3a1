//! Large messages on their way out: cut into fragments, so that small ones of other pairs pass in between.
//!
//! While a pair of services has a large message here, what follows between the two waits behind it: order is kept. Pairs
//! take turns, one fragment each; no more than [`ACTIVE`] of them have begun at a time, which bounds what the peer has to
//! put together.

use std::collections::{HashMap, VecDeque};

use skynet_harbor_wire::Fragment;

use crate::item::Item;

/// Messages that have begun at a time.
const ACTIVE: usize = 16;
/// Bytes of a fragment.
pub(crate) const FRAGMENT: usize = 32 << 10;

/// The large messages of one peer, and what must not overtake them.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// What each pair waits with, in order.
    pairs: HashMap<u64, VecDeque<Item>>,
    /// Pairs whose first message has begun, or may; the front one has its turn.
    active: VecDeque<Active>,
    /// Pairs that wait until others are through.
    idle: VecDeque<u64>,
    last_stream: u32,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    pair: u64,
    /// Names the message that has begun to the peer.
    stream: u32,
    /// Bytes of it that were sent.
    offset: usize,
}

/// What is to be sent next.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// Some bytes of a large message.
    Fragment(&'a Item, Fragment, &'a [u8]),
    /// A message that had to wait behind a large one.
    Whole(&'a Item),
}

impl Streams {
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether a message of this pair must wait here.
    pub(crate) fn holds(&self, pair: u64) -> bool {
        self.pairs.contains_key(&pair)
    }

    pub(crate) fn push(&mut self, item: Item) {
        let pair = item.pair();
        let queue = self.pairs.entry(pair).or_default();
        queue.push_back(item);
        if queue.len() == 1 {
            self.idle.push_back(pair);
        }
    }

    /// Gives `send` the next part of the pair whose turn it is. Returns the message if that was all of it; `None` when
    /// there is nothing, or more to come of this message.
    pub(crate) fn advance(&mut self, send: impl FnOnce(Part<'_>)) -> Option<Item> {
        while self.active.len() < ACTIVE
            && let Some(pair) = self.idle.pop_front()
        {
            let stream = self.next_stream();
            self.active.push_back(Active {
                pair,
                stream,
                offset: 0,
            });
        }
        let mut turn = self.active.pop_front()?;
        let queue = self.pairs.get_mut(&turn.pair)?;
        let item = queue.front()?;
        let rest = item.body.get(turn.offset..).unwrap_or_default();
        let bytes = rest.get(..FRAGMENT).unwrap_or(rest);
        if turn.offset == 0 && bytes.len() == rest.len() {
            send(Part::Whole(item));
        } else {
            let fragment = Fragment {
                stream: turn.stream,
                total: length(item.body.len()),
                offset: length(turn.offset),
            };
            send(Part::Fragment(item, fragment, bytes));
        }
        if bytes.len() < rest.len() {
            turn.offset += bytes.len();
            self.active.push_back(turn);
            return None;
        }
        let sent = queue.pop_front();
        if queue.is_empty() {
            self.pairs.remove(&turn.pair);
        } else {
            self.idle.push_back(turn.pair);
        }
        sent
    }

    /// What has not begun, given up: in order for each pair.
    pub(crate) fn drain_idle(&mut self) -> Vec<Item> {
        self.idle.clear();
        let mut items = Vec::new();
        self.pairs.retain(|pair, queue| {
            let begun = self.active.iter().any(|active| active.pair == *pair);
            items.extend(queue.drain(usize::from(begun)..));
            begun
        });
        items
    }

    /// Everything, given up: in order for each pair.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Item> {
        self.active.clear();
        self.idle.clear();
        std::mem::take(&mut self.pairs).into_values().flatten()
    }

    fn next_stream(&mut self) -> u32 {
        self.last_stream = self.last_stream.wrapping_add(1);
        self.last_stream
    }
}

/// No message is longer than 24 bits say.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
