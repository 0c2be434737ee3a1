//! A place for one thing that its owner takes without a locked instruction, though others may steal it.
//!
//! The owner puts and takes all the time; a thief comes only when the owner is stuck in a long turn. Each says first what
//! it is about to do and looks second what the other one does. So they never take the same thing: the thief gives way,
//! and an owner who meets a thief waits for the end of its few instructions.

use std::ptr;

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::fence;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Slot<T: 'static> {
    content: AtomicPtr<T>,
    /// The owner is about to take, or does.
    taking: AtomicBool,
    /// A thief is about to steal, or does.
    stealing: AtomicBool,
}

impl<T: Sync> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self {
            content: AtomicPtr::new(ptr::null_mut()),
            taking: AtomicBool::new(false),
            stealing: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.content.load(Ordering::Relaxed).is_null()
    }

    /// Fills the slot, unless it is full. Owner only.
    #[inline]
    pub(crate) fn put(&self, thing: &'static T) -> bool {
        let is_empty = self.is_empty();
        if is_empty {
            // Release: a thief sees what the owner did before.
            self.content
                .store(ptr::from_ref(thing).cast_mut(), Ordering::Release);
        }
        is_empty
    }

    /// Empties the slot. Owner only.
    #[inline]
    pub(crate) fn take(&self) -> Option<&'static T> {
        // Only the owner fills it, so it will not be filled now.
        if self.is_empty() {
            return None;
        }
        self.taking.store(true, Ordering::Relaxed);
        fence::light();
        while self.stealing.load(Ordering::Acquire) {
            self.give_way();
        }
        let content = self.content.load(Ordering::Relaxed);
        self.content.store(ptr::null_mut(), Ordering::Relaxed);
        // Release: a thief that comes now sees the slot empty.
        self.taking.store(false, Ordering::Release);
        Self::thing(content)
    }

    /// Lets a thief finish, then says again that the owner takes.
    #[cold]
    fn give_way(&self) {
        self.taking.store(false, Ordering::Release);
        while self.stealing.load(Ordering::Acquire) {
            pause();
        }
        self.taking.store(true, Ordering::Relaxed);
        fence::light();
    }

    /// Empties the slot, for anybody else. `None`: it is empty, or the owner or another thief is about to empty it.
    pub(crate) fn steal(&self) -> Option<&'static T> {
        if self.is_empty() || self.stealing.swap(true, Ordering::Acquire) {
            return None;
        }
        fence::heavy();
        let content = if self.taking.load(Ordering::Acquire) {
            ptr::null_mut()
        } else {
            // Nobody else changes a full slot now. Acquire: sees what the owner did before it filled it.
            let content = self.content.load(Ordering::Acquire);
            if !content.is_null() {
                self.content.store(ptr::null_mut(), Ordering::Relaxed);
            }
            content
        };
        // Release: an owner that waited sees the slot empty.
        self.stealing.store(false, Ordering::Release);
        Self::thing(content)
    }

    #[expect(unsafe_code, reason = "the pointer was made from a reference")]
    fn thing(content: *mut T) -> Option<&'static T> {
        // SAFETY: only `put` stores other pointers than null, from references that last for ever.
        unsafe { content.as_ref() }
    }
}

/// The thief may have lost its processor.
fn pause() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}

#[cfg(all(test, loom))]
mod models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    #[test]
    fn a_thing_is_taken_or_stolen_once() {
        static THINGS: [u32; 2] = [1, 2];
        loom::model(|| {
            let slot = Arc::new(Slot::empty());
            let thief = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.steal().copied())
            };
            let mut taken = Vec::new();
            for thing in &THINGS {
                // What does not go in goes elsewhere.
                if !slot.put(thing) {
                    taken.push(*thing);
                }
                taken.extend(slot.take());
            }
            taken.extend(thief.join().expect("joined"));
            taken.sort_unstable();
            assert_eq!(taken, [1, 2]);
            assert!(slot.is_empty());
        });
    }

    /// An owner that gave way to it meets it again.
    #[test]
    fn a_thief_that_comes_again_finds_the_owner_taking() {
        static THING: u32 = 1;
        let mut builder = loom::model::Builder::new();
        // Every interleaving would take minutes.
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let slot = Arc::new(Slot::empty());
            let thief = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let steal = || usize::from(slot.steal().is_some());
                    steal() + steal()
                })
            };
            let mut taken = 0;
            for _ in 0..2 {
                assert!(slot.put(&THING));
                taken += usize::from(slot.take().is_some());
            }
            assert_eq!(taken + thief.join().expect("joined"), 2);
        });
    }

    #[test]
    fn two_thieves_do_not_share() {
        static THING: u32 = 1;
        loom::model(|| {
            let slot = Arc::new(Slot::empty());
            assert!(slot.put(&THING));
            let thief = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.steal().is_some())
            };
            let mine = slot.steal().is_some();
            let other = thief.join().expect("joined");
            let left = slot.take().is_some();
            assert_eq!(
                usize::from(mine) + usize::from(other) + usize::from(left),
                1
            );
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn owner_and_thief_empty_it_once_each() {
        static ROUNDS: usize = if cfg!(miri) { 100 } else { 50_000 };
        /// What was put in, so that it lasts for ever.
        static THINGS: Mutex<Vec<&usize>> = Mutex::new(Vec::new());
        fence::prepare();
        let slot = Slot::empty();
        let over = AtomicBool::new(false);
        let (taken, stolen) = std::thread::scope(|scope| {
            let thief = scope.spawn(|| {
                let mut stolen = 0;
                while !over.load(Ordering::Acquire) {
                    // Reading what the owner wrote before is a data race unless the slot orders the two.
                    stolen += slot.steal().copied().unwrap_or(0);
                    pause();
                }
                stolen
            });
            let mut taken = 0;
            for number in 1..=ROUNDS {
                let thing: &usize = Box::leak(Box::new(number));
                THINGS.lock().unwrap().push(thing);
                assert!(slot.put(thing), "it is empty after each round");
                if number % 2 == 0 {
                    pause();
                }
                taken += slot.take().copied().unwrap_or(0);
            }
            over.store(true, Ordering::Release);
            (taken, thief.join().unwrap())
        });
        assert_eq!(taken + stolen, ROUNDS * (ROUNDS + 1) / 2);
        assert!(slot.is_empty());
    }
}
