//! Two nodes of a cluster on one machine, which share its processors.

use anyhow::Result;

use super::report::Figures;
use super::{Bench, WORKERS, Workload, reported};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;
use crate::client;
use crate::node::Node;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "cluster_seq",
        about: "cluster calls by name, 64 bytes there and back, one at a time",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_echo_1").at_least(0.45),
            Expected::value("p50"),
            Expected::value("p99"),
        ],
        run: |bench| calls(bench, "call 1 64"),
    },
    Workload {
        name: "cluster_64",
        about: "the same, 64 callers",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_echo_100").at_least(1.5),
            Expected::value("p50"),
            Expected::value("p99"),
        ],
        run: |bench| calls(bench, "call 64 64"),
    },
    Workload {
        name: "cluster_oneway",
        about: "pushes of 64 bytes, 1,024 ahead of what has come",
        only_named: false,
        figures: &[Expected::value("").at_least(1e6)],
        run: |bench| {
            let figures = play(bench, "push 1024 64")?;
            Ok(Measured::main(figures.rate("count", "time")?, "pushes/s"))
        },
    },
    Workload {
        name: "cluster_bulk",
        about: "calls of 1 MiB with empty answers, 16 at a time",
        only_named: false,
        figures: &[Expected::ratio("", "cal_loopback").at_least(0.4)],
        run: |bench| {
            let figures = play(bench, &format!("bulk 16 {}", 1 << 20))?;
            Ok(Measured::main(figures.rate("count", "time")?, "MiB/s"))
        },
    },
];

fn calls(bench: &Bench, args: &str) -> Result<Measured> {
    let figures = play(bench, args)?;
    Ok(Measured::main(figures.rate("count", "time")?, "calls/s")
        .with("p50", figures.micros("p50")?, "µs")
        .with("p99", figures.micros("p99")?, "µs"))
}

/// Two nodes, and what the first one reports.
fn play(bench: &Bench, args: &str) -> Result<Figures> {
    let address = client::free_address()?.to_string();
    let far = bench
        .spec("far", WORKERS)?
        .start(format!("bench_cluster_far {address}"));
    let far = bench.start(&far)?;
    let millis = bench.time.as_millis();
    let near = bench
        .spec("near", WORKERS)?
        .set("cluster.far", address)
        .start(format!("bench_cluster {millis} {args}"));
    let near = bench.start(&near)?;
    let figures = reported(&near, "cluster", bench.time)?;
    for node in [near, far] {
        Node::stop(node)?;
    }
    Ok(figures)
}
