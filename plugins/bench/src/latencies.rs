//! Times that services take, kept as histograms.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::board::lock;
use crate::report::Report;

/// Significant digits: within 1 %.
const DIGITS: u8 = 2;
/// The longest time that can be told from longer ones.
const LONGEST: u64 = 60_000_000_000;

/// Whether times count now.
static MEASURING: AtomicBool = AtomicBool::new(false);
static ALL: Mutex<Vec<&'static Latencies>> = Mutex::new(Vec::new());

/// The times that one service takes.
#[derive(Debug)]
pub(crate) struct Latencies(Mutex<Histogram<u64>>);

impl Latencies {
    /// Of one more service, for as long as the process.
    pub(crate) fn new() -> &'static Self {
        let this: &Self = Box::leak(Box::new(Self(Mutex::new(histogram()))));
        lock(&ALL).push(this);
        this
    }

    /// Adds a time, if times count now.
    pub(crate) fn record(&self, time: Duration) {
        if MEASURING.load(Ordering::Relaxed) {
            // Nobody else has this lock before the end.
            lock(&self.0).saturating_record(nanos(time));
        }
    }
}

/// Says whether times count from now on.
pub(crate) fn measure(begins: bool) {
    MEASURING.store(begins, Ordering::Relaxed);
}

/// Adds the times of all services to a report.
pub(crate) fn report(report: Report) -> Report {
    let mut all = histogram();
    for latencies in lock(&ALL).iter() {
        // Both have the same bounds, so nothing is lost.
        let _ = all.add(&*lock(&latencies.0));
    }
    let quantile = |quantile| all.value_at_quantile(quantile);
    report
        .with("samples", all.len())
        .with("p1", quantile(0.01))
        .with("p50", quantile(0.5))
        .with("p99", quantile(0.99))
        .with("max", all.max())
}

/// This moment as a number, for messages; [`since`] takes it.
pub(crate) fn stamp() -> u64 {
    nanos(epoch().elapsed())
}

/// How long a [`stamp`] is ago.
pub(crate) fn since(stamp: u64) -> Duration {
    epoch()
        .elapsed()
        .saturating_sub(Duration::from_nanos(stamp))
}

fn epoch() -> Instant {
    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    *EPOCH
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_while_they_are_measured() {
        let (one, two) = (Latencies::new(), Latencies::new());
        one.record(Duration::from_secs(7));
        measure(true);
        for millis in 1..=100 {
            let service = if millis % 2 == 0 { one } else { two };
            service.record(Duration::from_millis(millis));
        }
        measure(false);
        two.record(Duration::from_secs(7));
        let text = format!("{:?}", report(Report::new("test")));
        let value = |name: &str| -> u64 {
            let (_, rest) = text.split_once(&format!(" {name}=")).unwrap();
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            digits.parse().unwrap()
        };
        assert_eq!(value("samples"), 100);
        let near = |found: u64, wanted: u64| found.abs_diff(wanted) <= wanted / 100;
        assert!(near(value("p1"), 1_000_000), "{text}");
        assert!(near(value("p50"), 50_000_000), "{text}");
        assert!(near(value("p99"), 99_000_000), "{text}");
        assert!(near(value("max"), 100_000_000), "{text}");
    }

    #[test]
    fn stamps_are_moments() {
        let begin = stamp();
        assert!(stamp() >= begin);
        assert_eq!(since(begin + 3_600_000_000_000), Duration::ZERO);
    }
}
