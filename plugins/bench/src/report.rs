//! Counting, and the line that tells.

use std::time::{Duration, Instant};

use skynet_service::log;

/// How many messages pass between two looks at the clock.
const BATCH: u64 = 1024;
/// The part of the time that is not counted, at the beginning.
const WARM_UP: u32 = 5;

/// Counts messages for a time.
#[derive(Debug)]
pub(crate) struct Meter {
    name: &'static str,
    time: Duration,
    begin: Option<Instant>,
    count: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Count,
    Over,
}

impl Meter {
    /// A meter that reports under `name` when it has counted for `time`.
    pub(crate) const fn new(name: &'static str, time: Duration) -> Self {
        Self {
            name,
            time,
            begin: None,
            count: 0,
            phase: Phase::WarmUp,
        }
    }

    /// Counts `more` messages; whether there is more to count.
    pub(crate) fn count(&mut self, more: u64) -> bool {
        self.count += more;
        if self.count % BATCH >= more {
            return self.phase != Phase::Over;
        }
        self.look()
    }

    fn look(&mut self) -> bool {
        let now = Instant::now();
        let begin = *self.begin.get_or_insert(now);
        let elapsed = now - begin;
        match self.phase {
            Phase::WarmUp if elapsed >= self.time / WARM_UP => {
                self.phase = Phase::Count;
                self.begin = Some(now);
                self.count = 0;
            }
            Phase::Count if elapsed >= self.time => {
                self.phase = Phase::Over;
                let nanos = elapsed.as_nanos();
                log::info!("bench {} {} in {nanos} ns", self.name, self.count);
            }
            Phase::WarmUp | Phase::Count | Phase::Over => {}
        }
        self.phase != Phase::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_ends() {
        let check = |time, enough: u64| {
            let mut meter = Meter::new("test", time);
            let counted = (0..enough).take_while(|_| meter.count(2)).count() as u64;
            assert!(counted < enough, "{time:?}");
            assert!(!meter.count(2), "it is over");
        };
        check(Duration::ZERO, 3 * BATCH);
        check(Duration::from_millis(1), u64::MAX);
    }

    #[test]
    fn the_warm_up_is_not_counted() {
        let mut meter = Meter::new("test", Duration::from_secs(3600));
        assert!(meter.count(BATCH));
        meter.begin = Instant::now().checked_sub(Duration::from_secs(3600));
        assert!(meter.count(BATCH));
        assert_eq!((meter.count, meter.phase), (0, Phase::Count));
    }
}
