//! One service: what senders touch, what its turn owns, and what others ask about.
//!
//! Slots of services are never unmapped, only used again, so a sender that found a service may push into its mailbox
//! without holding anything: a message that reaches a later user of the slot carries the wrong handle and is bounced
//! (see [`turn`](crate::turn)).
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skynet_abi::Context;

use crate::accounting::Cost;
use crate::buffer::Letter;
use crate::call::{Debts, OpenCalls};
use crate::loader::LoadedModule;
use crate::mailbox::{Batch, Mailbox, Push};
use crate::trace::Trace;

/// How a service ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    /// One of `REASON_*`; 0 for a normal end.
    pub(crate) reason: u32,
    /// What it said, or what happened to it.
    pub(crate) text: String,
}

/// See the [module](self).
#[repr(align(64))]
pub(crate) struct Service {
    mailbox: Mailbox,
    handle: AtomicU32,
    generation: AtomicU32,
    /// Most messages in the mailbox; 0 for no limit.
    pub(crate) limit: AtomicU32,
    /// The turn must stop and the service end.
    ending: AtomicBool,
    /// Something of this service must be looked for elsewhere when it ends.
    pub(crate) has_sockets: AtomicBool,
    pub(crate) has_names: AtomicBool,
    /// The monitor saw it in one callback for too long; read and cleared by `STAT endless`.
    pub(crate) endless: AtomicBool,
    /// Messages are written to a file (`LOGON`).
    pub(crate) traced: AtomicBool,
    pub(crate) usage: Usage,
    turn: UnsafeCell<Turn>,
    /// Module and instance for `signal`, which does not run in the turn. Set once the instance exists, cleared under
    /// the gate before it is released.
    signal_module: AtomicPtr<LoadedModule>,
    signal_instance: AtomicPtr<c_void>,
    shared: Mutex<Shared>,
    /// Held while `signal` runs, and by whoever releases the instance: the two never overlap.
    pub(crate) signal_gate: Mutex<()>,
}

// SAFETY: everything but `turn` is atomic or locked; `turn` belongs to whoever holds the service's turn, and the
// mailbox's SCHEDULED flag hands that from thread to thread with Release and Acquire.
unsafe impl Sync for Service {}

/// What a service uses up. Written in its own turn, read by anyone.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Messages handled.
    pub(crate) messages: AtomicU64,
    /// Messages sent.
    pub(crate) sent: AtomicU64,
    /// Nanoseconds that workers spent in its turns.
    pub(crate) worker_ns: AtomicU64,
    /// When the current turn began, in nanoseconds of the node's clock; 0 outside of turns.
    pub(crate) turn_began: AtomicU64,
    /// Bytes of payloads that it was given and has neither freed nor sent on.
    pub(crate) kept: AtomicI64,
}

/// Adds in the only thread that writes `counter`, without a locked instruction.
pub(crate) fn add_own(counter: &AtomicU64, amount: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(amount),
        Ordering::Relaxed,
    );
}

/// What only the holder of the turn touches.
pub(crate) struct Turn {
    pub(crate) module: Option<&'static LoadedModule>,
    pub(crate) instance: *mut c_void,
    /// Taken out of the mailbox, not yet delivered.
    pub(crate) pending: Batch,
    pub(crate) session: i32,
    /// Calls that were delivered to this service and are not answered yet.
    pub(crate) debts: Debts,
    /// The call of the launcher that waits until this service is ready.
    pub(crate) starting: Option<(u32, i32)>,
    /// Mailbox length at which the next overload warning is due.
    pub(crate) overload_mark: u32,
    /// What its messages cost, as measured.
    pub(crate) cost: Cost,
}

impl Turn {
    const fn new() -> Self {
        Self {
            module: None,
            instance: std::ptr::null_mut(),
            pending: Batch::EMPTY,
            session: 0,
            debts: Debts::new(),
            starting: None,
            overload_mark: OVERLOAD_FIRST,
            cost: Cost::UNKNOWN,
        }
    }

    /// The next number of this service's sessions: 1 to 2^31 - 1, then 1 again.
    pub(crate) fn next_session(&mut self) -> i32 {
        self.session = if self.session == i32::MAX {
            1
        } else {
            self.session + 1
        };
        self.session
    }
}

/// The first mailbox length that is reported.
pub(crate) const OVERLOAD_FIRST: u32 = 1024;

/// What others may look at or change, one at a time.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Calls of this service that are not answered yet.
    pub(crate) calls: OpenCalls,
    /// Who gets a message when this service ends.
    pub(crate) watchers: Vec<Context>,
    /// `module args`, as launched.
    pub(crate) command: String,
    pub(crate) ending: Option<Ending>,
    /// The file that messages are traced to.
    pub(crate) trace: Option<Trace>,
}

impl Service {
    pub(crate) fn vacant() -> Self {
        Self {
            mailbox: Mailbox::closed(),
            handle: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            limit: AtomicU32::new(0),
            ending: AtomicBool::new(false),
            has_sockets: AtomicBool::new(false),
            has_names: AtomicBool::new(false),
            endless: AtomicBool::new(false),
            traced: AtomicBool::new(false),
            usage: Usage {
                messages: AtomicU64::new(0),
                sent: AtomicU64::new(0),
                worker_ns: AtomicU64::new(0),
                turn_began: AtomicU64::new(0),
                kept: AtomicI64::new(0),
            },
            turn: UnsafeCell::new(Turn::new()),
            signal_module: AtomicPtr::new(std::ptr::null_mut()),
            signal_instance: AtomicPtr::new(std::ptr::null_mut()),
            shared: Mutex::new(Shared {
                calls: OpenCalls::new(),
                watchers: Vec::new(),
                command: String::new(),
                ending: None,
                trace: None,
            }),
            signal_gate: Mutex::new(()),
        }
    }

    /// Begins a life in this slot: from now on messages are admitted.
    pub(crate) fn begin(&self, handle: u32, generation: u32, limit: u32) {
        self.generation.store(generation, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
        self.ending.store(false, Ordering::Relaxed);
        // Release: a sender that sees the handle sees the rest.
        self.handle.store(handle, Ordering::Release);
        self.mailbox.open();
    }

    /// Ends a life: the slot is as good as new. Only for who held the last turn, after the mailbox was closed.
    pub(crate) fn finish(&self) {
        self.handle.store(0, Ordering::Relaxed);
        for flag in [
            &self.has_sockets,
            &self.has_names,
            &self.endless,
            &self.traced,
        ] {
            flag.store(false, Ordering::Relaxed);
        }
        for counter in [
            &self.usage.messages,
            &self.usage.sent,
            &self.usage.worker_ns,
            &self.usage.turn_began,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.usage.kept.store(0, Ordering::Relaxed);
        *self.shared() = Shared::default();
        // SAFETY: the mailbox is closed and the slot in no run queue, so this thread alone has the turn.
        let turn = unsafe { &mut *self.turn.get() };
        *turn = Turn::new();
    }

    pub(crate) fn handle(&self) -> u32 {
        self.handle.load(Ordering::Acquire)
    }

    pub(crate) fn context(&self) -> Context {
        Context {
            handle: self.handle(),
            generation: self.generation.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn is(&self, context: Context) -> bool {
        self.context() == context
    }

    /// The turn-owned part.
    ///
    /// # Safety
    /// The caller holds the service's turn (it took the service from a run queue, is launching it, or runs inside
    /// one of its callbacks), and no other reference from here is in use.
    #[expect(
        clippy::mut_from_ref,
        reason = "the turn is handed over by the mailbox's flag"
    )]
    pub(crate) unsafe fn turn(&self) -> &mut Turn {
        // SAFETY: the caller vouches for exclusive access.
        unsafe { &mut *self.turn.get() }
    }

    pub(crate) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Admits a message; ordinary ones only below the service's limit.
    #[inline]
    pub(crate) fn push(&self, letter: Letter, limited: bool) -> Push {
        let limit = if limited {
            self.limit.load(Ordering::Relaxed)
        } else {
            0
        };
        self.mailbox.push(letter, limit)
    }

    /// From now on `signal` finds the instance; or, with `None`, no longer.
    pub(crate) fn set_signal_target(&self, target: Option<(&'static LoadedModule, *mut c_void)>) {
        let (module, instance) = match target {
            Some((module, instance)) => (std::ptr::from_ref(module).cast_mut(), instance),
            None => (std::ptr::null_mut(), std::ptr::null_mut()),
        };
        self.signal_instance.store(instance, Ordering::Relaxed);
        // Release: who sees the module sees the instance.
        self.signal_module.store(module, Ordering::Release);
    }

    /// What `signal` is called on. Stays valid while the caller holds the signal gate.
    pub(crate) fn signal_target(&self) -> Option<(&'static LoadedModule, *mut c_void)> {
        // SAFETY: modules are never unloaded.
        let module = unsafe { self.signal_module.load(Ordering::Acquire).as_ref() }?;
        Some((module, self.signal_instance.load(Ordering::Relaxed)))
    }

    /// Says that the life `context` of this slot must end: this decides between several who end it. False: it was
    /// ending already, or is over.
    pub(crate) fn set_ending(&self, context: Context, ending: Ending) -> bool {
        let mut shared = self.shared();
        // Under the lock that `finish` takes after it has cleared the handle.
        if shared.ending.is_some() || !self.is(context) {
            return false;
        }
        shared.ending = Some(ending);
        // SeqCst: see `Mailbox::schedule`.
        self.ending.store(true, Ordering::SeqCst);
        true
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service(:{:08x})", self.handle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_service_is_small() {
        // Five cache lines and the table's eight bytes: far below the limit for an idle service of 640 bytes in all.
        assert!(
            size_of::<Service>() <= 320,
            "{} bytes",
            size_of::<Service>()
        );
    }
}
