//! What a node costs that has little or nothing to do.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Bench, WORKERS, Workload, reported};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;
use crate::node::{PATIENCE, Usage};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "timers",
        about: "100,000 timers, each set again for 10 to 1,000 ms when it fires",
        only_named: false,
        figures: &[
            Expected::value("cores").at_most(0.20),
            Expected::value("late_p1"),
            Expected::value("late_p99").at_most(1500.0),
            Expected::value("early").at_most(0.0),
            Expected::value("rate"),
        ],
        run: timers,
    },
    Workload {
        name: "idle",
        about: "a node without links and timers",
        only_named: false,
        figures: &[
            Expected::value("switches").at_most(0.0),
            Expected::value("cores").at_most(0.0),
        ],
        run: idle,
    },
];

/// How long a node may take after its start until it rests.
const SETTLE: Duration = Duration::from_secs(1);

fn timers(bench: &Bench) -> Result<Measured> {
    let millis = bench.long.as_millis();
    let node = bench.node(WORKERS, &format!("bench_timers {millis} 100 1000"))?;
    node.wait_for_log("bench timers begins", bench.long + PATIENCE)?;
    let before = node.usage()?;
    let figures = reported(&node, "timers", bench.long)?;
    let after = node.usage()?;
    node.stop()?;
    ensure!(figures.get("samples")? > 0.0, "no timer has fired");
    Ok(Measured::new()
        .with("cores", cores(&before, &after), "cores")
        .with("late_p1", figures.micros("p1")?, "µs")
        .with("late_p99", figures.micros("p99")?, "µs")
        .with("early", figures.get("early")?, "timers")
        .with("rate", figures.rate("count", "time")?, "timers/s"))
}

fn idle(bench: &Bench) -> Result<Measured> {
    let node = bench.node(WORKERS, "")?;
    pass(SETTLE);
    let before = node.usage()?;
    pass(bench.long);
    let after = node.usage()?;
    node.stop()?;
    let seconds = (after.at - before.at).as_secs_f64();
    let switches = (after.switches - before.switches) as f64;
    Ok(Measured::new()
        .with("switches", switches / seconds, "per second")
        .with("cores", cores(&before, &after), "cores"))
}

/// Lets time pass: what is measured is that nothing happens.
fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::sleep(left.max(Duration::from_millis(1)));
    }
}

/// How many processors were in use between two moments.
fn cores(before: &Usage, after: &Usage) -> f64 {
    (after.cpu - before.cpu).div_duration_f64(after.at - before.at)
}
