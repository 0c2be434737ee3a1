//! Memory for one future after another.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::pin::Pin;

/// The place of a request's future. Its memory is allocated once; a future is made in it, and never moves.
pub(super) struct Place<F> {
    future: Box<MaybeUninit<F>>,
    /// Whether a future is there.
    full: bool,
}

impl<F> Place<F> {
    pub(super) fn new() -> Self {
        Self {
            future: Box::new_uninit(),
            full: false,
        }
    }

    /// Makes a future here, in place of one that may be there.
    #[inline(always)]
    pub(super) fn fill(&mut self, make: impl FnOnce() -> F) {
        if self.full {
            self.clear();
        }
        self.future.write(make());
        self.full = true;
    }

    /// The future, if there is one.
    #[inline]
    pub(super) fn get(&mut self) -> Option<Pin<&mut F>> {
        if !self.full {
            return None;
        }
        // SAFETY: `full` says that `fill` has written it.
        let future = unsafe { self.future.assume_init_mut() };
        // SAFETY: it stays in its box until `clear` drops it there.
        Some(unsafe { Pin::new_unchecked(future) })
    }

    /// Drops the future, if there is one. If that panics, it is gone all the same.
    #[inline]
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.full) {
            // SAFETY: `full` said that `fill` has written it, and does not any more.
            unsafe { self.future.assume_init_drop() };
        }
    }
}

impl<F> Drop for Place<F> {
    fn drop(&mut self) {
        self.clear();
    }
}
