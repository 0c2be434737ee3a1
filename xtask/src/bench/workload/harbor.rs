//! Two nodes of a harbor network on one machine, which share its processors.

use anyhow::{Result, ensure};

use super::report::Figures;
use super::{Bench, WORKERS, Workload, reported};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;
use crate::client;
use crate::node::Node;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "harbor_seq",
        about: "calls to a service of another node, 64 bytes, one at a time",
        only_named: false,
        figures: &[Expected::ratio("", "cal_echo_1").at_least(0.5)],
        run: |bench| calls(bench, "call 1 64"),
    },
    Workload {
        name: "harbor_64",
        about: "the same, 64 callers",
        only_named: false,
        figures: &[Expected::ratio("", "cal_echo_100").at_least(2.0)],
        run: |bench| calls(bench, "call 64 64"),
    },
    Workload {
        name: "harbor_oneway",
        about: "messages of 64 bytes to another node, 1,024 ahead of what has come",
        only_named: false,
        figures: &[Expected::value("").at_least(2e6)],
        run: |bench| {
            let figures = play(bench, "send 1024 64")?;
            Ok(Measured::main(figures.rate("count", "time")?, "messages/s"))
        },
    },
    Workload {
        name: "harbor_bulk",
        about: "messages of 1 MiB to another node, 16 ahead of what has come",
        only_named: false,
        figures: &[Expected::ratio("", "cal_loopback").at_least(0.5)],
        run: |bench| {
            let figures = play(bench, &format!("send 16 {}", 1 << 20))?;
            Ok(Measured::main(figures.rate("count", "time")?, "MiB/s"))
        },
    },
    Workload {
        name: "harbor_mixed",
        about: "calls of 64 bytes by 8 callers while messages of 16 MiB go to the same node",
        only_named: false,
        figures: &[
            Expected::value("p50"),
            Expected::value("p99").at_most(20_000.0),
            Expected::value("large"),
        ],
        run: |bench| {
            let figures = play(bench, "mixed 8 64")?;
            let large = figures.get("last")?;
            ensure!(large > 0.0, "no large message has arrived");
            Ok(Measured::new()
                .with("p50", figures.micros("p50")?, "µs")
                .with("p99", figures.micros("p99")?, "µs")
                .with("large", large, "messages"))
        },
    },
];

fn calls(bench: &Bench, args: &str) -> Result<Measured> {
    let figures = play(bench, args)?;
    Ok(Measured::main(figures.rate("count", "time")?, "calls/s"))
}

/// Two nodes, and what the first one reports.
fn play(bench: &Bench, args: &str) -> Result<Figures> {
    let master = client::free_address()?.to_string();
    let far = bench
        .spec("far", WORKERS)?
        .set("harbor", 1)
        .set("standalone", master.clone())
        .set("master", master.clone())
        .start("bench_far");
    let far = bench.start(&far)?;
    let millis = bench.time.as_millis();
    let near = bench
        .spec("near", WORKERS)?
        .set("harbor", 2)
        .set("master", master)
        // Room for the largest messages.
        .set("harbor_queue_bytes", "256M")
        .start(format!("bench_remote {millis} {args}"));
    let near = bench.start(&near)?;
    let figures = reported(&near, "remote", bench.time)?;
    for node in [near, far] {
        Node::stop(node)?;
    }
    Ok(figures)
}
