//! How many messages a second go between services of 32 bytes each.

use anyhow::Result;

use super::{Bench, WORKERS, Workload};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "pingpong",
        about: "2 services, 1 message of 32 bytes in flight",
        only_named: false,
        figures: &[Expected::ratio("", "cal_message").at_least(0.35)],
        run: |bench| pairs(bench, WORKERS, 1).map(messages),
    },
    Workload {
        name: "pairs",
        about: "64 pairs of services, each with 1 message in flight; the same on one worker",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_message").at_least(0.55),
            Expected::ratio("one_worker", "cal_message"),
            Expected::value("speedup").at_least(1.7),
        ],
        run: |bench| {
            let (one, two) = (pairs(bench, 1, 64)?, pairs(bench, 2, 64)?);
            Ok(messages(two).with("one_worker", one, "messages/s").with(
                "speedup",
                two / one,
                "times",
            ))
        },
    },
    Workload {
        name: "ring",
        about: "1,000 services in a ring, 100 messages on their way round",
        only_named: false,
        figures: &[Expected::ratio("", "cal_message").at_least(0.40)],
        run: |bench| {
            let figures = bench.play(WORKERS, "bench_ring", "1000 100", "ring")?;
            Ok(messages(figures.rate("count", "time")?))
        },
    },
    Workload {
        name: "fanin",
        about: "16 producers, 1 consumer, windows of 256 messages; the same on one worker",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_cross").at_least(0.9),
            Expected::ratio("one_worker", "cal_message").at_least(0.30),
        ],
        run: |bench| {
            let one = fanin(bench, 1)?;
            Ok(messages(fanin(bench, 2)?).with("one_worker", one, "messages/s"))
        },
    },
    Workload {
        name: "async_call",
        about: "a service with async handlers awaits calls to another, one at a time",
        only_named: false,
        figures: &[Expected::ratio("", "cal_message").at_least(0.05)],
        run: |bench| {
            let figures = bench.play(WORKERS, "bench_async", "", "async_call")?;
            Ok(Measured::main(figures.rate("count", "time")?, "calls/s"))
        },
    },
];

fn pairs(bench: &Bench, workers: u32, pairs: usize) -> Result<f64> {
    let figures = bench.play(workers, "bench_pairs", &pairs.to_string(), "pairs")?;
    figures.rate("count", "time")
}

fn fanin(bench: &Bench, workers: u32) -> Result<f64> {
    let figures = bench.play(workers, "bench_fanin", "16 256", "fanin")?;
    figures.rate("count", "time")
}

fn messages(rate: f64) -> Measured {
    Measured::main(rate, "messages/s")
}
