//! What the product is measured with: real nodes with plugins loaded from files.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::load::{self, Load};
use super::measure::Measured;
use crate::client;
use crate::deadline::eventually;
use crate::folder::TempFolder;
use crate::node::{Node, NodeSpec, PATIENCE};
use crate::procfs;

/// One workload.
#[derive(Debug)]
pub(super) struct Workload {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// What it is compared with.
    pub(super) calibration: &'static str,
    /// What ratios of its figures to the calibration's are wanted, by the figures' suffixes; the main
    /// figure has none.
    pub(super) targets: &'static [(&'static str, Target)],
    /// Measures it once.
    pub(super) run: fn(&Bench) -> Result<Measured>,
}

/// A ratio that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// At least this: of rates.
    AtLeast(f64),
    /// At most this: of times.
    AtMost(f64),
}

/// All of them.
pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "pingpong",
        about: "2 services, 1 message of 32 bytes in flight",
        calibration: "cal_message",
        targets: &[("", Target::AtLeast(0.35))],
        run: pingpong,
    },
    Workload {
        name: "gate_1",
        about: "gate and an echo service, 64-byte packets, 1 connection",
        calibration: "cal_echo_1",
        targets: &[("", Target::AtLeast(0.60))],
        run: |bench| gate(bench, 1),
    },
    Workload {
        name: "gate_100",
        about: "the same, 100 connections",
        calibration: "cal_echo_100",
        targets: &[("", Target::AtLeast(0.75)), ("p99", Target::AtMost(2.0))],
        run: |bench| gate(bench, 100),
    },
    Workload {
        name: "gate_1000",
        about: "the same, 1,000 connections",
        calibration: "cal_echo_1000",
        targets: &[("", Target::AtLeast(0.75)), ("p99", Target::AtMost(2.0))],
        run: |bench| gate(bench, 1000),
    },
];

/// What a workload has to work with.
#[derive(Debug)]
pub(super) struct Bench {
    /// What was built; nothing when only calibrations are measured.
    pub(super) built: Option<Installed>,
    /// For the nodes' files.
    pub(super) folder: TempFolder,
    /// How long to measure.
    pub(super) time: Duration,
}

/// A node and its plugins.
#[derive(Debug)]
pub(super) struct Installed {
    /// The `skynet` executable.
    pub(super) executable: PathBuf,
    /// The folder of the plugins.
    pub(super) cservice: PathBuf,
}

impl Bench {
    /// Starts a node with two workers and these services.
    fn node(&self, services: &[String]) -> Result<Node> {
        let installed = self.built.as_ref().context("nothing was built")?;
        let spec = NodeSpec::new("bench", &installed.cservice);
        let spec = services.iter().fold(spec, NodeSpec::start);
        Node::start(&installed.executable, self.folder.path(), &spec)
    }
}

/// The line by which a service of the bench plugin reports: `bench NAME COUNT in NANOSECONDS ns`.
fn report(node: &Node, name: &str, time: Duration) -> Result<(u64, Duration)> {
    let line = node.wait_for_log(&format!("bench {name} "), time * 3 + PATIENCE)?;
    parse(&line, name).with_context(|| format!("the report is {line:?}"))
}

fn parse(line: &str, name: &str) -> Option<(u64, Duration)> {
    let (_, rest) = line.split_once(&format!("bench {name} "))?;
    let (count, rest) = rest.split_once(" in ")?;
    let nanos = rest.strip_suffix(" ns")?;
    Some((
        count.parse().ok()?,
        Duration::from_nanos(nanos.parse().ok()?),
    ))
}

fn pingpong(bench: &Bench) -> Result<Measured> {
    let node = bench.node(&[format!("pingpong {}", bench.time.as_millis())])?;
    let (messages, time) = report(&node, "pingpong", bench.time)?;
    ensure!(!time.is_zero(), "the service measured no time");
    node.stop()?;
    Ok(Measured::rate(
        messages as f64 / time.as_secs_f64(),
        "messages/s",
    ))
}

fn gate(bench: &Bench, connections: usize) -> Result<Measured> {
    let address = client::free_address()?;
    let most = connections + 1;
    let node = bench.node(&[format!("bench_echo {address} {most}")])?;
    // The gate may open its port after it was launched.
    eventually("the gate to listen", PATIENCE, || {
        let listens = procfs::listening(node.pid()).contains(&address);
        Ok(listens.then_some(()))
    })?;
    let measured = load::in_process(&Load {
        address,
        connections,
        time: bench.time,
    })?;
    node.stop()?;
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let check = |line: &str, expected: Option<(u64, u64)>| {
            let expected = expected.map(|(count, nanos)| (count, Duration::from_nanos(nanos)));
            assert_eq!(parse(line, "pingpong"), expected, "{line}");
        };
        check(
            "12:00 INFO :00000003 bench pingpong 25000 in 1000 ns",
            Some((25_000, 1000)),
        );
        check("bench pingpong 25000 in 1000", None);
        check("bench pairs 25000 in 1000 ns", None);
    }
}
