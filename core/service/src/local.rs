//! State shared by the tasks of one service, without locks.
#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::turn::{self, Turn, TurnId};

/// A cell for state that the tasks of one service share.
///
/// It needs no lock, because a service runs on one thread at a time, and it is `Sync`, because it checks exactly that:
/// each access is inside a turn of the service that used it first, or panics. The value is reached through closures,
/// so that nothing borrowed from it can be held across an `.await`.
///
/// ```
/// # use skynet_service::testing::Node;
/// use skynet_service::{Context, Local, Message, Result, Service, KIND_TEXT};
///
/// #[derive(Default)]
/// struct Counter { seen: Local<u64> }
///
/// impl Service for Counter {
///     async fn start(_cx: &Context, _args: &str) -> Result<Self> { Ok(Self::default()) }
///     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
///         let seen = self.seen.with(|seen| { *seen += 1; *seen });
///         Ok(cx.reply(&message, &seen.to_string())?)
///     }
/// }
/// # let mut node = Node::new();
/// # let counter = node.launch::<Counter>("")?;
/// # node.call(counter, KIND_TEXT, b"")?;
/// # assert_eq!(&*node.call(counter, KIND_TEXT, b"")?, b"2");
/// # Ok::<(), skynet_service::Error>(())
/// ```
pub struct Local<T> {
    /// The [`TurnId`] of the owner; 0 until the first use.
    owner: AtomicU64,
    borrowed: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: `borrowed` and `value` are touched only by `borrow`, whose callers have found this thread to be in a turn of
// the owner, which the node runs on one thread at a time, each turn after the one before it. `T: Send` because turns may
// be on different threads.
unsafe impl<T: Send> Sync for Local<T> {}

/// Marks the value as free again, also when the closure panics.
struct Release<'a>(&'a Cell<bool>);

impl Drop for Release<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<T> Local<T> {
    /// A cell that will belong to the service that uses it first.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self {
            owner: AtomicU64::new(0),
            borrowed: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// A cell of the service `owner`.
    pub(crate) const fn owned_by(owner: TurnId, value: T) -> Self {
        Self {
            owner: AtomicU64::new(owner.get()),
            borrowed: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Uses the value.
    ///
    /// # Panics
    /// Outside a turn of the owning service, and when called again from inside `f`.
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        match self.try_with(f) {
            Some(result) => result,
            None => refused(),
        }
    }

    /// Uses the value, or returns `None` where [`with`](Self::with) panics.
    #[inline]
    pub fn try_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !self.enter(turn::current_id()) {
            return None;
        }
        // SAFETY: the current turn is the owner's.
        unsafe { self.borrow(f) }
    }

    /// As [`with`](Self::with), for whoever knows the turn.
    #[inline]
    #[track_caller]
    pub(crate) fn with_in<R>(&self, turn: &Turn, f: impl FnOnce(&mut T) -> R) -> R {
        if self.enter(turn.id()) {
            // SAFETY: `turn` is the owner's, and this thread is inside it: that is what a reference to it says.
            if let Some(result) = unsafe { self.borrow(f) } {
                return result;
            }
        }
        refused()
    }

    /// Lends the value, unless a closure further up this thread has it.
    ///
    /// # Safety
    /// This thread is inside a turn of the owner.
    #[inline]
    unsafe fn borrow<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        if self.borrowed.replace(true) {
            return None;
        }
        let _release = Release(&self.borrowed);
        // SAFETY: no other thread is in a turn of the owner; `borrowed` was false, so nobody on this one has the value.
        Some(f(unsafe { &mut *self.value.get() }))
    }

    /// Replaces the value and returns the former one. Panics as [`with`](Self::with).
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        self.with(|place| std::mem::replace(place, value))
    }

    /// Sets the value; the former one is dropped outside the borrow. Panics as [`with`](Self::with).
    #[track_caller]
    pub fn set(&self, value: T) {
        drop(self.replace(value));
    }

    /// A copy of the value. Panics as [`with`](Self::with).
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        self.with(|value| *value)
    }

    /// The value, leaving the default. Panics as [`with`](Self::with).
    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.with(std::mem::take)
    }

    /// The value itself, for whoever has the cell alone.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value itself.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Whether the service `current` is the owner: 0 never is.
    #[inline]
    fn enter(&self, current: u64) -> bool {
        // Relaxed: the number alone decides, and whoever finds its own number there was told by itself. What the value
        // holds passes from turn to turn by the node's own synchronisation.
        let owner = self.owner.load(Ordering::Relaxed);
        if owner == current {
            return current != 0;
        }
        owner == 0 && current != 0 && self.claim(current)
    }

    #[cold]
    fn claim(&self, current: u64) -> bool {
        // Acquire/Release would add nothing: the cell itself reached this thread by something that synchronises.
        self.owner
            .compare_exchange(0, current, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

#[cold]
#[track_caller]
fn refused() -> ! {
    panic!("a Local was used outside a turn of the service that owns it, or while it was in use")
}

impl<T: Default> Default for Local<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}
