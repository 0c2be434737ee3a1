//! The mailbox: many senders, one consumer, one atomic word.
//!
//! The word holds the newest envelope, how many messages are not yet delivered, and three flags, so that one
//! compare-and-swap both admits a message and says whether the service must be put into a run queue, and so that no
//! message can slip in behind a close:
//!
//! ```text
//!   63        48 47                            4 3   2      1           0
//!   | count     | newest envelope (16-aligned)  | - | LONE | SCHEDULED | OPEN |
//! ```
//! The word of a closed mailbox is 0, and nobody but who opens it writes to it: its memory may be given back to the system
//! while senders that come late still look at it (see [`Head`](crate::service::Head)).
//!
//! Senders push in front (a stack); the consumer takes the whole stack with one swap and reverses it. Whoever set
//! `SCHEDULED` put the service into exactly one run queue; only the consumer clears it, and only when nothing is left.
//!
//! # The lone message
//! Most messages find their receiver idle. Such a message is delivered while the word still points to its envelope, and one
//! compare-and-swap afterwards says both that it is gone and that the service rests, if nothing else came meanwhile. If
//! something did, the next sender has seen `LONE` and marked its link to the lone envelope, so the consumer knows where the
//! stack ends without touching an envelope that its receiver may have passed on by then, even to this very mailbox.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicPtr, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, Ordering};

use crate::buffer::{Envelope, Letter};

/// Messages are admitted. Without it the whole word is 0: the service has ended, or does not exist yet.
const OPEN: usize = 1;
/// The service is in a run queue, or in its turn, or not yet ready to run.
const SCHEDULED: usize = 2;
/// The newest envelope is the one that found the service at rest, and nothing else has come since.
const LONE: usize = 4;
/// In a link from envelope to envelope: what it points to was pushed as the lone one, and is the oldest.
const TO_LONE: usize = 1;

const COUNT_SHIFT: u32 = 48;
/// Where the count stops; beyond it the consumer learns the true number when it takes the messages.
const COUNT_MAX: usize = 0xffff;
/// The largest limit: one that a count can pass. Larger ones count as this.
pub(crate) const LIMIT_MAX: u32 = COUNT_MAX as u32;
const POINTER: usize = (1 << COUNT_SHIFT) - 16;

/// What became of a pushed message.
#[derive(Debug)]
#[must_use]
pub(crate) enum Push {
    /// It lies in the mailbox of a service that is already scheduled.
    Delivered,
    /// It lies in the mailbox, and the caller must put the service into a run queue.
    Schedule,
    /// The service has ended.
    Closed(Letter),
    /// The mailbox is at its limit.
    Full(Letter),
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Mailbox {
    word: AtomicPtr<Envelope>,
}

fn count(word: *mut Envelope) -> usize {
    word.addr() >> COUNT_SHIFT
}

fn newest(word: *mut Envelope) -> *mut Envelope {
    word.map_addr(|word| word & POINTER)
}

fn tagged(envelope: *mut Envelope, count: usize, flags: usize) -> *mut Envelope {
    debug_assert!(
        envelope.addr() & !POINTER == 0,
        "user space addresses have at most 47 bits"
    );
    envelope.map_addr(|address| address | count << COUNT_SHIFT | flags)
}

/// What the envelope pushed onto `word` links to.
fn link(word: *mut Envelope) -> *mut Envelope {
    if word.addr() & LONE != 0 {
        newest(word).map_addr(|address| address | TO_LONE)
    } else {
        newest(word)
    }
}

impl Mailbox {
    /// A mailbox that admits nothing: all zero.
    #[cfg(any(test, loom))]
    pub(crate) fn closed() -> Self {
        Self {
            word: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether nothing is admitted.
    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Relaxed).is_null()
    }

    /// Begins to admit messages without scheduling anybody: a service gets its first turn when its launch is done,
    /// with [`rest`](Self::rest).
    pub(crate) fn open(&self) {
        // Relaxed: the handle table publishes the service.
        self.word.store(
            ptr::without_provenance_mut(OPEN | SCHEDULED),
            Ordering::Relaxed,
        );
    }

    /// Admits `letter`, unless the mailbox is closed or holds `limit` messages or more (0: no limit).
    #[inline]
    pub(crate) fn push(&self, letter: Letter, limit: u32) -> Push {
        let envelope = letter.into_raw().as_ptr();
        // The consumer comes to it by its address alone: see `Batch::take_newer`.
        let _ = envelope.expose_provenance();
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word.addr() & OPEN == 0 {
                return Push::Closed(take(envelope));
            }
            if limit != 0 && count(word) >= limit.min(LIMIT_MAX) as usize {
                return Push::Full(take(envelope));
            }
            let new = if word.addr() & SCHEDULED == 0 {
                // Who rests has no messages.
                debug_assert_eq!(word.addr(), OPEN);
                // SAFETY: the envelope is ours until the exchange succeeds.
                unsafe { (*envelope).next = ptr::null_mut() };
                tagged(envelope, 1, OPEN | SCHEDULED | LONE)
            } else {
                // SAFETY: as above.
                unsafe { (*envelope).next = link(word) };
                let count = (count(word) + 1).min(COUNT_MAX);
                tagged(envelope, count, OPEN | SCHEDULED)
            };
            // Release: the consumer, which takes with Acquire, sees the message. Later exchanges by other senders
            // continue this release sequence, as do ours that of the consumer's last `rest`.
            match self
                .word
                .compare_exchange_weak(word, new, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) if word.addr() & SCHEDULED != 0 => return Push::Delivered,
                Ok(_) => return Push::Schedule,
                Err(now) => word = now,
            }
        }
    }

    /// Marks the service as scheduled. True: it was not, and the caller must put it into a run queue.
    ///
    /// The caller says first (with SeqCst) why the service must run, then calls this; the consumer calls
    /// [`rest`](Self::rest) first and looks for such reasons second. In the one order of all SeqCst operations at least
    /// one of the two sees the other.
    pub(crate) fn schedule(&self) -> bool {
        model_fence();
        let mut word = self.word.load(Ordering::SeqCst);
        loop {
            if word.addr() & (OPEN | SCHEDULED) != OPEN {
                return false;
            }
            let new = word.map_addr(|word| word | SCHEDULED);
            match self
                .word
                .compare_exchange_weak(word, new, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// The lone message, if there is one, to be delivered before anything else is asked of the mailbox but
    /// [`rest_after`](Self::rest_after) or [`take_after`](Self::take_after). Consumer only, while scheduled.
    pub(crate) fn lone(&self) -> Option<Letter> {
        // Acquire: sees what the sender wrote into the message, and the turns before. The word is not older than the push
        // that made the service run: whoever pushed has put it into the run queue since, which hands that over.
        let word = self.word.load(Ordering::Acquire);
        if word.addr() & LONE == 0 {
            return None;
        }
        let envelope = NonNull::new(newest(word))?;
        // SAFETY: senders only link to a pushed envelope and the consumer, who is here, takes it once: a lone one is
        // not taken again by `rest_after` and `take_after`.
        Some(unsafe { Letter::from_raw(envelope) })
    }

    /// The [lone](Self::lone) message was delivered and nothing else came: the service is no longer scheduled. False:
    /// something came, [`take_after`](Self::take_after) gives it.
    pub(crate) fn rest_after(&self) -> bool {
        let rests = self.try_rest_after();
        model_fence();
        rests
    }

    fn try_rest_after(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        // Whether it is the same envelope does not matter: only a push onto a service at rest sets the flag.
        while word.addr() & LONE != 0 {
            match self.word.compare_exchange_weak(
                word,
                ptr::without_provenance_mut(OPEN),
                // As in `rest`.
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes what came after the [lone](Self::lone) message, which was delivered and counts no more; as
    /// [`take`](Self::take).
    pub(crate) fn take_after(&self) -> Batch {
        self.take_all(1, Batch::after_lone)
    }

    /// Takes all messages, oldest first. They still count, until [`delivered`](Self::delivered) or [`rest`](Self::rest).
    /// Consumer only, while scheduled.
    pub(crate) fn take(&self) -> Batch {
        self.take_all(0, Batch::all)
    }

    fn take_all(&self, delivered: usize, batch: impl FnOnce(*mut Envelope) -> Batch) -> Batch {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if newest(word).is_null() {
                return Batch::EMPTY;
            }
            let left = match count(word) {
                COUNT_MAX => COUNT_MAX,
                known => known - delivered,
            };
            let flags = word.addr() & (OPEN | SCHEDULED);
            let new = tagged(ptr::null_mut(), left, flags);
            // Acquire: sees what the senders wrote into their messages.
            match self
                .word
                .compare_exchange_weak(word, new, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return batch(link(word)),
                Err(now) => word = now,
            }
        }
    }

    /// The turn is over and `delivered` of the taken messages were; `left` were not. Consumer only, while scheduled.
    pub(crate) fn delivered(&self, delivered: u32, left: u32) {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let left = match count(word) {
                // Nobody knows how many came meanwhile.
                COUNT_MAX => (left as usize).min(COUNT_MAX),
                known => known.saturating_sub(delivered as usize),
            };
            let flags = word.addr() & (OPEN | SCHEDULED);
            let new = tagged(newest(word), left, flags);
            // Relaxed: only the number changes. Being an exchange, it continues the senders' release sequences.
            match self
                .word
                .compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// The consumer has nothing left: the service is no longer scheduled. False: messages came meanwhile, it stays
    /// scheduled and must run again.
    pub(crate) fn rest(&self) -> bool {
        let rests = self.try_rest();
        model_fence();
        rests
    }

    fn try_rest(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if !newest(word).is_null() {
                return false;
            }
            // Release, and more (see `schedule`): the next consumer, on whichever thread, sees this turn's effects.
            match self.word.compare_exchange_weak(
                word,
                ptr::without_provenance_mut(OPEN),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Admits nothing from now on and takes what is left. Consumer only.
    pub(crate) fn close(&self) -> Batch {
        // AcqRel: sees the senders' messages.
        let word = self.word.swap(ptr::null_mut(), Ordering::AcqRel);
        Batch::all(link(word))
    }

    /// Messages waiting. Those of the current turn count until it ends.
    pub(crate) fn len(&self) -> usize {
        count(self.word.load(Ordering::Relaxed))
    }
}

/// The order of SeqCst operations, for the model checker, which takes them for AcqRel but knows fences.
fn model_fence() {
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

fn take(envelope: *mut Envelope) -> Letter {
    let envelope = NonNull::new(envelope).expect("an envelope is never null");
    // SAFETY: the push did not succeed, so the envelope is still the sender's.
    unsafe { Letter::from_raw(envelope) }
}

/// Messages that the consumer owns, oldest first.
#[derive(Debug)]
pub(crate) struct Batch {
    first: *mut Envelope,
    len: u32,
}

// SAFETY: a batch owns its messages, which are `Send`.
unsafe impl Send for Batch {}

impl Batch {
    /// No messages.
    pub(crate) const EMPTY: Batch = Batch {
        first: ptr::null_mut(),
        len: 0,
    };

    /// The whole stack that begins with `link`.
    fn all(link: *mut Envelope) -> Self {
        let mut batch = Self::EMPTY;
        let link = batch.take_newer(link);
        if !link.is_null() {
            let lone = link.map_addr(|address| address & !TO_LONE);
            batch.put_first(lone);
        }
        batch
    }

    /// The stack that begins with `link` without the lone envelope at its end, which the consumer had before.
    fn after_lone(link: *mut Envelope) -> Self {
        let mut batch = Self::EMPTY;
        let end = batch.take_newer(link);
        debug_assert!(
            end.addr() & TO_LONE != 0,
            "the lone envelope ends the stack"
        );
        batch
    }

    /// Takes everything that is newer than the end or the lone envelope; returns the link to that.
    ///
    /// A link says where an envelope is, not which one it is: between a sender's look at the word and its exchange the newest
    /// envelope may have been taken and freed, and the next one pushed at the same address. The exchange succeeds then, and
    /// the link is right, but it was made from the pointer to the former one. So the pointer is made from the address.
    fn take_newer(&mut self, mut link: *mut Envelope) -> *mut Envelope {
        while !link.is_null() && link.addr() & TO_LONE == 0 {
            // SAFETY: the consumer owns every envelope of the stack it took.
            let older = unsafe { (*link).next };
            self.put_first(link);
            link = ptr::with_exposed_provenance_mut(older.addr());
        }
        link
    }

    fn put_first(&mut self, envelope: *mut Envelope) {
        // SAFETY: the consumer owns every envelope of the stack it took.
        unsafe { (*envelope).next = self.first };
        self.first = envelope;
        self.len += 1;
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }
}

impl Iterator for Batch {
    type Item = Letter;

    fn next(&mut self) -> Option<Letter> {
        let envelope = NonNull::new(self.first)?;
        // SAFETY: the batch owns it.
        self.first = unsafe { envelope.as_ref() }.next;
        self.len -= 1;
        // SAFETY: it has just left the batch.
        Some(unsafe { Letter::from_raw(envelope) })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
