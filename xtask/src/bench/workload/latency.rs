//! How long messages take when others are busy.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::report::Figures;
use super::{Bench, WORKERS, Workload};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "loaded_latency",
        about: "the round trip of one pair of services while 32 other pairs are busy",
        only_named: false,
        figures: &[
            Expected::value("p50").at_most(10.0),
            Expected::value("p99").at_most(30.0),
            Expected::ratio("background", "cal_message").at_least(0.4),
        ],
        run: |bench| {
            let figures = bench.play(WORKERS, "bench_loaded", "32", "loaded")?;
            let rate = figures.rate("count", "time")?;
            Ok(quantiles(&figures)?.with("background", rate, "messages/s"))
        },
    },
    Workload {
        name: "flooded",
        about: "the same while 4 producers send to one service more than it can handle",
        only_named: false,
        figures: &[
            Expected::value("p50"),
            Expected::value("p99").at_most(2000.0),
            Expected::value("rate"),
            Expected::value("backlog"),
        ],
        run: |bench| {
            let figures = bench.play(WORKERS, "bench_flooded", "4", "flooded")?;
            let backlog = figures.get("backlog")?;
            ensure!(backlog > 0.0, "the service was not flooded");
            Ok(quantiles(&figures)?
                .with("rate", figures.rate("count", "time")?, "messages/s")
                .with("backlog", backlog, "messages"))
        },
    },
    Workload {
        name: "wake",
        about: "from a sender that goes on working for 10 ms to a sleeping worker",
        only_named: false,
        figures: &[
            Expected::ratio("p50", "cal_wake").at_most(2.0),
            Expected::ratio("p99", "cal_wake").at_most(5.0),
        ],
        run: wake,
    },
];

/// The time of one sample of `wake`: 10 ms of work and 10 ms of rest.
const WAKE: Duration = Duration::from_millis(20);
/// The fewest round trips that have a 99th percentile.
const SAMPLES: u32 = 100;

fn wake(bench: &Bench) -> Result<Measured> {
    let samples = bench.time.div_duration_f64(WAKE) as u32;
    let samples = samples.max(SAMPLES);
    let service = format!("bench_wake {samples}");
    let figures = bench.run(WORKERS, &service, "wake", WAKE * samples)?;
    ensure!(
        figures.get("samples")? == f64::from(samples),
        "{samples} messages were sent, but {figures:?} came"
    );
    quantiles(&figures)
}

fn quantiles(figures: &Figures) -> Result<Measured> {
    let samples = figures.get("samples")?;
    ensure!(
        samples >= f64::from(SAMPLES),
        "only {samples} round trips: the pair has stalled"
    );
    Ok(Measured::new()
        .with("p50", figures.micros("p50")?, "µs")
        .with("p99", figures.micros("p99")?, "µs"))
}
