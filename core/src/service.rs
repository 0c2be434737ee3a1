//! One service: what senders touch, what its turn owns, and what others ask about.
//!
//! A slot has a [`Head`], which others may touch even when its life is over, and a [`Life`], which they may touch only while
//! they [visit](crate::registry::Visit) it. Slots are used again for other lives, and between them their memory may be given
//! back.
#![allow(unsafe_code)]

mod head;

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};

use skynet_abi::Context;

use crate::accounting::Cost;
use crate::call::{Debts, OpenCalls};
use crate::loader::LoadedModule;
use crate::mailbox::{Batch, Mailbox};
use crate::pages::Zero;
use crate::trace::Trace;

pub(crate) use head::{Found, Head, Pushed};

/// How a service ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
    /// One of `REASON_*`; 0 for a normal end.
    pub(crate) reason: u32,
    /// What it said, or what happened to it.
    pub(crate) text: String,
}

/// See the [module](self).
#[repr(C, align(64))]
pub(crate) struct Service {
    head: Head,
    /// Written by `prepare` before anybody gets here, and valid from then on, between lives too: a visitor may come late.
    life: UnsafeCell<MaybeUninit<Life>>,
    #[cfg(loom)]
    is_prepared: loom::cell::UnsafeCell<bool>,
}

/// See the [module](self).
pub(crate) struct Life {
    /// Which slot this is.
    place: u32,
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

// SAFETY: everything but `turn` and `life` is atomic or locked; `turn` belongs to whoever holds the service's turn, and the
// mailbox's SCHEDULED flag hands that from thread to thread with Release and Acquire; `life` is written before the slot is
// handed out, and then only read.
unsafe impl Sync for Service {}

// SAFETY: the head consists of atomics, and of a mailbox that is closed when it is 0; everything else is in a cell.
unsafe impl Zero for Service {
    #[cfg(loom)]
    fn zero() -> Self {
        Self {
            head: Head::vacant(),
            life: UnsafeCell::new(MaybeUninit::uninit()),
            is_prepared: loom::cell::UnsafeCell::new(false),
        }
    }

    #[cfg(loom)]
    fn lose(&self) {
        assert!(self.head.is_vacant(), "a head that is not 0");
        let was_prepared = self.is_prepared.with_mut(|is_prepared| {
            // SAFETY: the model checker finds out whether anybody looks meanwhile.
            let is_prepared = unsafe { &mut *is_prepared };
            std::mem::take(is_prepared)
        });
        if was_prepared {
            // SAFETY: it was prepared, and nobody looks at it any more.
            let life = unsafe { (*self.life.get()).assume_init_ref() };
            assert!(life.shared.try_lock().is_ok(), "a lock that is held");
        }
    }
}

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

impl Life {
    fn vacant(place: u32) -> Self {
        Self {
            place,
            has_sockets: AtomicBool::new(false),
            has_names: AtomicBool::new(false),
            endless: AtomicBool::new(false),
            traced: AtomicBool::new(false),
            usage: Usage::default(),
            turn: UnsafeCell::new(Turn::new()),
            signal_module: AtomicPtr::new(std::ptr::null_mut()),
            signal_instance: AtomicPtr::new(std::ptr::null_mut()),
            shared: Mutex::new(Shared::default()),
            signal_gate: Mutex::new(()),
        }
    }
}

impl Service {
    /// A slot that is ready for a life, for ever.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn for_test() -> &'static Self {
        let [service] = crate::pages::table::<Self>(1).expect("memory") else {
            panic!("one slot");
        };
        service.prepare(7);
        service
    }

    /// Makes the slot ready for lives: after its memory is new, or was given back. Nobody else has it yet, but for senders
    /// that come late and look at its head.
    pub(crate) fn prepare(&self, place: u32) {
        debug_assert!(self.head.is_vacant(), "a free slot's head is 0");
        // SAFETY: nobody else looks at it, and what it was before owns nothing: see `finish`.
        unsafe { (*self.life.get()).write(Life::vacant(place)) };
        #[cfg(loom)]
        self.is_prepared.with_mut(|is_prepared| {
            // SAFETY: as in `lose`.
            unsafe { *is_prepared = true };
        });
    }

    /// Begins a life in this slot, which is ready: from now on messages are admitted.
    pub(crate) fn begin(&self, handle: u32, generation: u32, limit: u32) {
        self.head.begin(handle, generation, limit);
    }

    /// Ends a life: the slot is as good as new, and owns nothing. Only for who held the last turn, after the mailbox was
    /// closed.
    pub(crate) fn finish(&self) {
        self.head.finish();
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
        {
            let mut shared = self.shared();
            *shared = Shared::default();
            // Under this lock nobody says any more that the life must end: see `set_ending`.
            self.head.ending.store(false, Ordering::Relaxed);
        }
        // SAFETY: the mailbox is closed and the slot in no run queue, so this thread alone has the turn.
        let turn = unsafe { &mut *self.turn.get() };
        *turn = Turn::new();
    }

    /// Which slot of the handle table this is.
    pub(crate) fn place(&self) -> u32 {
        self.place
    }

    /// What anybody may look at.
    #[inline]
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.head.handle()
    }

    #[inline]
    pub(crate) fn context(&self) -> Context {
        self.head.context()
    }

    #[inline]
    pub(crate) fn is(&self, context: Context) -> bool {
        self.head.is(context)
    }

    #[inline]
    pub(crate) fn mailbox(&self) -> &Mailbox {
        self.head.mailbox()
    }

    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.head.is_ending()
    }

    /// Ordinary messages are admitted while fewer than `limit` wait; 0 for no limit.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.head.limit.store(limit, Ordering::Relaxed);
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
        self.head.ending.store(true, Ordering::SeqCst);
        true
    }
}

impl Deref for Service {
    type Target = Life;

    #[inline]
    fn deref(&self) -> &Life {
        #[cfg(loom)]
        self.is_prepared.with(|is_prepared| {
            // SAFETY: as in `lose`.
            let is_prepared = unsafe { *is_prepared };
            assert!(is_prepared, "a look at memory that was given back");
        });
        // SAFETY: after it was prepared, nobody writes to the cell as a whole until its memory is given back; and that is
        // not done while somebody lives there or visits.
        let life = unsafe { &*self.life.get() };
        // SAFETY: a whole service is handed out only when it is ready.
        unsafe { life.assume_init_ref() }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service(:{:08x})", self.handle())
    }
}

#[cfg(all(test, not(loom)))]
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

    #[test]
    fn a_slot_without_a_life_has_a_head_of_zeros() {
        let service = Service::for_test();
        assert!(service.head().is_vacant());
        service.begin(0x0700_0001, 3, 5);
        assert!(service.set_ending(service.context(), Ending::default()));
        assert!(!service.head().is_vacant());
        drop(service.mailbox().close());
        service.finish();
        assert!(service.head().is_vacant());
        assert_eq!(service.place(), 7);
    }
}
