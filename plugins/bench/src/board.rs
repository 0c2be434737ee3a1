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

/// Counts `more` for whatever runs on this thread: exact, and no service needs a counter of its own.
pub(crate) fn count_here(more: u64) {
    thread_local! {
        static HERE: &'static Counter = {
            let counter: &Counter = Box::leak(Box::default());
            lock(&THREADS).push(counter);
            counter
        };
    }
    HERE.with(|counter| counter.add(more));
}

/// What all threads have [counted](count_here).
pub(crate) fn counted_anywhere() -> u64 {
    lock(&THREADS).iter().map(|counter| counter.get()).sum()
}

static THREADS: Mutex<Vec<&'static Counter>> = Mutex::new(Vec::new());

/// A panic of another service leaves what these locks guard whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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

    #[test]
    fn threads_count_together() {
        count_here(2);
        let other = std::thread::Builder::new().spawn(|| count_here(3)).unwrap();
        other.join().unwrap();
        count_here(4);
        assert_eq!(counted_anywhere(), 9);
    }
}
