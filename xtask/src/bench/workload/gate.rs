//! Outside clients, through a gate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use rustix::process::Resource;

use super::{Bench, WORKERS, Workload};
use crate::bench::load::{Generators, Load};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;
use crate::deadline::eventually;
use crate::node::{Node, PATIENCE};
use crate::{client, procfs, say};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "gate_1",
        about: "a gate and an echo service, 64-byte packets, 1 connection",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_echo_1").at_least(0.60),
            Expected::ratio("p50", "cal_echo_1_p50"),
            Expected::ratio("p99", "cal_echo_1_p99"),
        ],
        run: |bench| gate(bench, 1),
    },
    Workload {
        name: "gate_100",
        about: "the same, 100 connections",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_echo_100").at_least(0.75),
            Expected::ratio("p50", "cal_echo_100_p50"),
            Expected::ratio("p99", "cal_echo_100_p99").at_most(2.0),
        ],
        run: |bench| gate(bench, 100),
    },
    Workload {
        name: "gate_1000",
        about: "the same, 1,000 connections",
        only_named: false,
        figures: &[
            Expected::ratio("", "cal_echo_1000").at_least(0.75),
            Expected::ratio("p50", "cal_echo_1000_p50"),
            Expected::ratio("p99", "cal_echo_1000_p99").at_most(2.0),
        ],
        run: |bench| gate(bench, 1000),
    },
    Workload {
        name: "gate_idle",
        about: "10,000 connections that rest: the memory of the whole node, and what they added, for each",
        only_named: false,
        figures: &[
            Expected::value("").at_most(1536.0),
            Expected::value("added"),
        ],
        run: idle,
    },
    Workload {
        name: "gate_20000",
        about: "20,000 connections, or as many as the file limit allows, with one request in flight each",
        only_named: true,
        figures: &[
            Expected::value("connections"),
            Expected::value("idle"),
            Expected::value(""),
            Expected::value("p50"),
            Expected::value("p99"),
        ],
        run: many,
    },
];

/// Descriptors that a node has open besides its connections, at most.
const OTHER_FILES: u64 = 100;

fn gate(bench: &Bench, connections: usize) -> Result<Measured> {
    let address = client::free_address()?;
    let node = listening(bench, address, connections)?;
    let load = load(bench, address, connections);
    let measured = Generators::connect(&load)?.run()?;
    node.stop()?;
    Ok(measured)
}

fn idle(bench: &Bench) -> Result<Measured> {
    let connections = possible(10_000)?;
    ensure!(
        connections == 10_000,
        "the file limit allows only {connections} connections"
    );
    let address = client::free_address()?;
    let node = listening(bench, address, connections)?;
    let before = node.usage()?;
    let clients = Generators::connect(&load(bench, address, connections))?;
    let usage = node.usage()?;
    drop(clients);
    node.stop()?;
    let each = |bytes: u64| bytes as f64 / connections as f64;
    let added = usage.private.saturating_sub(before.private);
    Ok(Measured::main(each(usage.resident), "bytes").with("added", each(added), "bytes"))
}

fn many(bench: &Bench) -> Result<Measured> {
    let connections = possible(20_000)?;
    say::detail(format!("{connections} connections"));
    let mut address = client::free_address()?;
    address.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let node = listening(bench, address, connections)?;
    let before = node.usage()?;
    let mut load = load(bench, address, connections);
    load.processes = 4;
    let clients = Generators::connect(&load)?;
    let added = node.usage()?.private.saturating_sub(before.private);
    let idle = added as f64 / connections as f64;
    let measured = Measured::new()
        .with("connections", connections as f64, "connections")
        .with("idle", idle, "bytes")
        .and(clients.run()?);
    node.stop()?;
    Ok(measured)
}

/// A node with a gate and an echo service behind it.
fn listening(bench: &Bench, address: SocketAddr, connections: usize) -> Result<Node> {
    let most = connections + 1;
    let node = bench.node(WORKERS, &format!("bench_echo {address} {most}"))?;
    // The gate may open its port after it was launched.
    eventually("the gate to listen", PATIENCE, || {
        let listens = procfs::listening(node.pid()).contains(&address);
        Ok(listens.then_some(()))
    })?;
    Ok(node)
}

fn load(bench: &Bench, address: SocketAddr, connections: usize) -> Load {
    Load {
        address,
        connections,
        processes: 1,
        time: bench.time,
    }
}

/// As many connections as the limit of open files, which the node inherits, allows one process.
fn possible(wanted: usize) -> Result<usize> {
    let Some(limit) = rustix::process::getrlimit(Resource::Nofile).maximum else {
        return Ok(wanted);
    };
    let most = usize::try_from(limit.saturating_sub(OTHER_FILES))?;
    if most < wanted {
        say::detail(format!(
            "the file limit of {limit} allows {most} connections instead of {wanted}"
        ));
    }
    ensure!(most > 0, "the file limit of {limit} allows no connections");
    Ok(most.min(wanted))
}
