//! The part of a service that anybody may touch at any time, even after its life and while its memory is given back.
//!
//! A sender that found a service holds nothing. Its slot may end this life and begin another before the sender has pushed
//! its message, or the system may have taken the slot's memory, in which case all bytes are 0. Both must be harmless:
//!
//! - In a slot without a life every byte of the head is 0, which means a closed mailbox of nobody.
//! - Whoever does not own the life only loads these fields, or exchanges the mailbox's word for another when it is not 0.
//!   So nothing is ever written to a free slot by others, and nothing is lost when its memory is given back.
//! - What reaches the mailbox of a later life carries another handle, and is bounced (see [`turn`](crate::turn)).

use std::fmt;
use std::ops::Deref;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use skynet_abi::Context;

use super::Service;
use crate::buffer::Letter;
use crate::mailbox::{Mailbox, Push};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Head {
    mailbox: Mailbox,
    handle: AtomicU32,
    generation: AtomicU32,
    /// Most messages in the mailbox; 0 for no limit.
    pub(super) limit: AtomicU32,
    /// The turn must stop and the service end.
    pub(super) ending: AtomicBool,
}

impl Head {
    /// Of a slot without a life: zero.
    #[cfg(loom)]
    pub(super) fn vacant() -> Self {
        Self {
            mailbox: Mailbox::closed(),
            handle: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            limit: AtomicU32::new(0),
            ending: AtomicBool::new(false),
        }
    }

    /// Whether all of it is 0, as in every slot without a life.
    pub(super) fn is_vacant(&self) -> bool {
        self.mailbox.is_closed()
            && self.handle.load(Ordering::Relaxed) == 0
            && self.generation.load(Ordering::Relaxed) == 0
            && self.limit.load(Ordering::Relaxed) == 0
            && !self.ending.load(Ordering::Relaxed)
    }

    /// A life begins: from now on messages are admitted.
    pub(super) fn begin(&self, handle: u32, generation: u32, limit: u32) {
        // Relaxed: the handle table publishes the service, to those who look for this handle.
        self.generation.store(generation, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
        self.handle.store(handle, Ordering::Relaxed);
        self.mailbox.open();
    }

    /// The life is over, as far as others can see; its mailbox was closed before.
    pub(super) fn finish(&self) {
        self.handle.store(0, Ordering::Relaxed);
        self.generation.store(0, Ordering::Relaxed);
        self.limit.store(0, Ordering::Relaxed);
    }

    /// Whose life this is; 0 for nobody's.
    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.handle.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn context(&self) -> Context {
        Context {
            handle: self.handle(),
            generation: self.generation.load(Ordering::Relaxed),
        }
    }

    #[inline]
    pub(crate) fn is(&self, context: Context) -> bool {
        self.context() == context
    }

    #[inline]
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }
}

/// A service that was found by its handle, and may have ended since.
#[derive(Clone, Copy)]
pub(crate) struct Found(&'static Service);

/// What became of a message for a service that was found.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed {
    /// It lies in the mailbox.
    Delivered,
    /// It lies in the mailbox, and the caller must put this service into a run queue.
    Schedule(&'static Service),
    /// The service has ended.
    Closed(Letter),
    /// The mailbox is at its limit.
    Full(Letter),
}

impl Found {
    pub(crate) fn new(service: &'static Service) -> Self {
        Self(service)
    }

    /// Admits a message; ordinary ones only below the service's limit.
    #[inline]
    pub(crate) fn push(self, letter: Letter, limited: bool) -> Pushed {
        let limit = if limited {
            self.limit.load(Ordering::Relaxed)
        } else {
            0
        };
        match self.mailbox.push(letter, limit) {
            Push::Delivered => Pushed::Delivered,
            // Whoever marks a service as scheduled has made its life last until the turn that comes of it: perhaps the
            // next life of its slot, which gets a turn in vain.
            Push::Schedule => Pushed::Schedule(self.0),
            Push::Closed(letter) => Pushed::Closed(letter),
            Push::Full(letter) => Pushed::Full(letter),
        }
    }

    /// Marks the service as scheduled, after the caller has said (with SeqCst) why it must run. The caller must put the
    /// result into a run queue. `None`: it is scheduled already, or has ended.
    pub(crate) fn schedule(self) -> Option<&'static Service> {
        // As in `push`.
        self.mailbox.schedule().then_some(self.0)
    }
}

impl Deref for Found {
    type Target = Head;

    #[inline]
    fn deref(&self) -> &Head {
        self.0.head()
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
