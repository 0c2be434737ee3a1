//! Very many services.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::report::Figures;
use super::{Bench, WORKERS, Workload};
use crate::bench::measure::Measured;
use crate::bench::target::Expected;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn",
        about: "200,000 services that do nothing are launched, then killed",
        only_named: false,
        figures: &[
            Expected::value("launched").at_least(1.3e6),
            Expected::value("killed").at_least(2e6),
        ],
        run: spawn,
    },
    Workload {
        name: "idle_service",
        about: "the memory of a service that rests, raw (1,000,000 alive) and with async handlers (200,000); how much \
                longer launches take at 1,000,000 than at 10,000",
        only_named: false,
        figures: &[
            Expected::value("raw").at_most(640.0),
            Expected::value("async").at_most(1024.0),
            Expected::value("launch_10k"),
            Expected::value("launch_1m"),
            Expected::value("slowdown").at_most(1.5),
        ],
        run: idle_service,
    },
    Workload {
        name: "million",
        about: "1,000,000 services, every two of which pass a message to and fro; the memory left when all were killed",
        only_named: true,
        figures: &[
            Expected::ratio("", "cal_message"),
            Expected::value("memory"),
            Expected::value("peak"),
            Expected::value("left"),
            Expected::value("left_part"),
        ],
        run: million,
    },
];

const MILLION: u32 = 1_000_000;
/// The launches whose time the crowd takes, early and late.
const COMPARED: f64 = 50_000.0;
/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

fn spawn(bench: &Bench) -> Result<Measured> {
    const NUMBER: u32 = 200_000;
    let figures = crowd(bench, "bench_idle", NUMBER, Duration::ZERO)?;
    let rate = |time| -> Result<f64> {
        let seconds = figures.time(time)?.as_secs_f64();
        ensure!(seconds > 0.0, "it took no time");
        Ok(f64::from(NUMBER) / seconds)
    };
    Ok(Measured::new()
        .with("launched", rate("launched")?, "services/s")
        .with("killed", rate("killed")?, "services/s"))
}

fn idle_service(bench: &Bench) -> Result<Measured> {
    const ASYNC: u32 = 200_000;
    let raw = crowd(bench, "bench_idle", MILLION, Duration::ZERO)?;
    let sdk = crowd(bench, "bench_idle_async", ASYNC, Duration::ZERO)?;
    let (first, last) = (raw.get("first")? / COMPARED, raw.get("last")? / COMPARED);
    Ok(Measured::new()
        .with("raw", added(&raw, "alive", MILLION)?, "bytes")
        .with("async", added(&sdk, "alive", ASYNC)?, "bytes")
        .with("launch_10k", first, "ns")
        .with("launch_1m", last, "ns")
        .with("slowdown", last / first, "times"))
}

fn million(bench: &Bench) -> Result<Measured> {
    let figures = crowd(bench, "bench_member", MILLION, bench.time)?;
    ensure!(
        figures.get("count")? > 0.0,
        "the services have stopped to exchange messages"
    );
    let (before, busy) = (figures.get("before")?, figures.get("busy")?);
    let after = figures.get("after")?;
    Ok(Measured::main(figures.rate("count", "time")?, "messages/s")
        .with("memory", added(&figures, "busy", MILLION)?, "bytes")
        .with("peak", busy / MIB, "MiB")
        .with("left", after / MIB, "MiB")
        .with(
            "left_part",
            (after - before).max(0.0) / (busy - before),
            "of peak",
        ))
}

fn crowd(bench: &Bench, module: &str, number: u32, exchange: Duration) -> Result<Figures> {
    let service = format!("bench_crowd {module} {number} {}", exchange.as_millis());
    bench.run(WORKERS, &service, "crowd", exchange)
}

/// Bytes that each of the services added.
fn added(figures: &Figures, when: &str, number: u32) -> Result<f64> {
    Ok((figures.get(when)? - figures.get("before")?) / f64::from(number))
}
