//! What services count and time, where somebody else can read it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A count that one service changes and another reads. It has its cache line (and the one that processors fetch with
/// it) to itself, so that counting costs the service next to nothing.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`. Only the one service that has this counter may: there is no locked addition.
    pub(crate) fn add(&self, more: u64) {
        // Relaxed: a figure by itself, which tells nothing about other memory.
        let now = self.0.load(Ordering::Relaxed) + more;
        self.0.store(now, Ordering::Relaxed);
    }

    /// What was counted.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counter of that number, made when first asked for. Players get the number when they are launched.
pub(crate) fn counter(number: usize) -> &'static Counter {
    static COUNTERS: Mutex<Vec<&'static Counter>> = Mutex::new(Vec::new());
    let mut counters = lock(&COUNTERS);
    while counters.len() <= number {
        // For as long as the process: services of any age may hold it.
        counters.push(Box::leak(Box::default()));
    }
    counters[number]
}

/// A panic of another service leaves these values whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_always_the_same_counter() {
        counter(3).add(2);
        counter(1).add(5);
        counter(3).add(1);
        assert_eq!((counter(1).get(), counter(3).get()), (5, 3));
        assert_eq!(counter(2).get(), 0);
    }
}
