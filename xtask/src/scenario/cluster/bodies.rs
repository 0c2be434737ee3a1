//! Bodies of all sizes, many callers, order, and small calls beside large ones.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::say;
use crate::scenario::Stage;
use crate::scenario::clustered::{Site, expect_counts};
use crate::scenario::probe::{RoundTrips, count};

/// Around the limits of one frame, and as large as the issue of it may get.
const SIZES: [usize; 7] = [0, 1, 32_767, 32_768, 32_769, 65_536, 16 << 20];
/// Callers at a time, and calls of all.
const CALLERS: u64 = 64;
const CALLS: u64 = 20_000;
/// Messages of each stream, and how large they get.
const MESSAGES: u64 = 3000;
const MOST: u64 = 300_000;
/// Large calls at a time and in all, and small ones beside them.
const FLOW: u64 = 3;
const LARGE: u64 = 12;
const PINGS: u64 = 500;
/// Small calls keep to this while large ones flow: 99 of 100.
const PROMPT: Duration = Duration::from_millis(20);

pub(super) fn run(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step(format!("bodies of {SIZES:?} bytes there and back"));
    for (from, node) in [(one, "two"), (two, "one")] {
        for (size, seed) in SIZES.iter().zip(1..) {
            let begin = Instant::now();
            let answer = from.tell(&format!("BODY {node} @svc {size} {seed}"))?;
            expect_eq("bytes", answer, size.to_string())?;
            if *size > 1 << 20 {
                let time = say::duration(begin.elapsed());
                stage.detail(format!("{} MiB to {node} and back: {time}", size >> 20));
            }
        }
    }
    callers(stage, one, two)?;
    order(stage, one, two)?;
    beside(stage, one, two)
}

fn callers(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step(format!("{CALLERS} callers at a time, both ways"));
    let begin = Instant::now();
    let tokens = [(one, "two"), (two, "one")]
        .map(|(from, node)| from.begin(&format!("TOKENS {node} @svc {CALLS} {CALLERS}")));
    for tokens in tokens {
        let report = tokens?.reply(PATIENCE)?;
        expect_counts(&report, &[("right", CALLS), ("failed", 0), ("wrong", 0)])?;
    }
    let rate = 2.0 * CALLS as f64 / begin.elapsed().as_secs_f64();
    stage.detail(format!("{rate:.0} calls a second"));
    Ok(())
}

/// Requests of every kind and size, of several sources at once: each of a source comes behind the one before.
fn order(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step(format!(
        "messages of up to {MOST} bytes keep their order, whatever their size"
    ));
    let begin = Instant::now();
    let mut running = Vec::new();
    for (stream, kinds) in [("calls", "c"), ("mixed", "ppca"), ("pushes", "pppppppa")] {
        for (from, node, to) in [(one, "two", two), (two, "one", one)] {
            let source = from.probe.launch("test_cluster -")?;
            let run = format!("RUN {node} @svc {stream} 1 {MESSAGES} {MOST} {kinds}");
            running.push((from.probe.begin(&source, &run)?, to, stream));
        }
    }
    let mut bytes = 0;
    for (run, to, stream) in running {
        let report = run.reply(PATIENCE)?;
        expect_counts(&report, &[("lost", 0), ("failed", 0), ("refused", 0)])?;
        let seen = eventually("everything to come", PATIENCE, || {
            let seen = to.tell(&format!("SEEN {stream}"))?;
            ensure!(count(&seen, "wrong")? == 0, "{stream}: {seen}");
            Ok((count(&seen, "count")? == MESSAGES).then_some(seen))
        })?;
        expect_counts(&seen, &[("missed", 0), ("last", MESSAGES)])?;
        bytes += count(&seen, "bytes")?;
    }
    let time = say::duration(begin.elapsed());
    stage.detail(format!("{} MiB in {time}", bytes >> 20));
    Ok(())
}

/// Between other services than the large ones.
fn beside(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step("small calls pass beside calls of 16 MiB");
    let aside = two.probe.launch("test_cluster -")?;
    two.clusterd(&format!("register aside {aside}"))?;
    let other = one.probe.launch("test_cluster -")?;
    let size = 16 << 20;
    let flow = format!("FLOW two @svc {LARGE} {FLOW} {size}");
    let flow = one.probe.begin(&other, &flow)?;
    let trips = RoundTrips::parse(&one.tell(&format!("PING two @aside {PINGS} 1"))?)?;
    let report = flow.reply(PATIENCE)?;
    expect_counts(&report, &[("right", LARGE), ("wrong", 0)])?;
    stage.detail(format!("beside {LARGE} large ones: {trips}"));
    within("99 of 100 small calls beside large ones", PROMPT, trips.p99)
}
