//! How fast a client may talk.

use std::time::Duration;

/// A token bucket: `burst` lines at once, then `rate` lines a second.
///
/// Time is given to it, in any monotonic clock, so that it can be tested.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// What one line costs.
    cost: Duration,
    /// What can be saved up.
    most: Duration,
    /// What is saved, as the time that it took to save it.
    saved: Duration,
    /// When `saved` was right.
    at: Duration,
}

impl Bucket {
    /// A full bucket. A `rate` or `burst` of 0 counts as 1.
    pub(crate) fn new(rate: u32, burst: u32, now: Duration) -> Self {
        let cost = Duration::from_secs(1) / rate.max(1);
        let most = cost * burst.max(1);
        Self {
            cost,
            most,
            saved: most,
            at: now,
        }
    }

    /// Takes one line, or says how long to wait for it.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let passed = now.saturating_sub(self.at);
        self.saved = self.saved.saturating_add(passed).min(self.most);
        self.at = self.at.max(now);
        match self.saved.checked_sub(self.cost) {
            Some(left) => {
                self.saved = left;
                Ok(())
            }
            None => Err(self.cost - self.saved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rate: u32, burst: u32, steps: &[(u64, Result<(), u64>)]) {
        let mut bucket = Bucket::new(rate, burst, Duration::ZERO);
        for (step, (now, expected)) in steps.iter().enumerate() {
            let found = bucket.take(Duration::from_millis(*now));
            let expected = expected.map_err(Duration::from_millis);
            assert_eq!(found, expected, "rate {rate}, burst {burst}, step {step}");
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        check(
            10,
            2,
            &[
                (0, Ok(())),
                (0, Ok(())),
                (0, Err(100)),
                (60, Err(40)),
                (100, Ok(())),
                (100, Err(100)),
            ],
        );
    }

    #[test]
    fn no_more_than_a_burst_is_saved_up() {
        let later = 3_600_000;
        check(
            10,
            2,
            &[(later, Ok(())), (later, Ok(())), (later, Err(100))],
        );
    }

    #[test]
    fn odd_settings_and_clocks_that_stand_still_are_no_harm() {
        check(0, 0, &[(5, Ok(())), (5, Err(1000)), (4, Err(1000))]);
        check(1_000_000, 1, &[(0, Ok(())), (1, Ok(()))]);
    }
}
