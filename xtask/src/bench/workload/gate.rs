//! Outside clients, through a gate.

use anyhow::Result;

use super::{Bench, WORKERS, Workload};
use crate::bench::load::{self, Load};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;
use crate::client;
use crate::deadline::eventually;
use crate::node::PATIENCE;
use crate::procfs;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "gate_1",
        about: "a gate and an echo service, 64-byte packets, 1 connection",
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
        figures: &[
            Expected::ratio("", "cal_echo_1000").at_least(0.75),
            Expected::ratio("p50", "cal_echo_1000_p50"),
            Expected::ratio("p99", "cal_echo_1000_p99").at_most(2.0),
        ],
        run: |bench| gate(bench, 1000),
    },
];

fn gate(bench: &Bench, connections: usize) -> Result<Measured> {
    let address = client::free_address()?;
    let most = connections + 1;
    let node = bench.node(WORKERS, &format!("bench_echo {address} {most}"))?;
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
