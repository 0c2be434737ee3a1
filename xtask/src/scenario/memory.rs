//! What services cost while they are there, and that nothing is left of them when they are gone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Stage;
use super::probe::{Probe, count};
use crate::deadline::{eventually, expect_eq};
use crate::node::Node;
use crate::say;

/// How many services there are at each step: the first steps show that a launch does not get dearer.
const STEPS: &[u64] = &[10_000, 100_000, 1_000_000];
/// What an idle service may cost, in bytes: one without an instance, one that the SDK hands its messages to, and one
/// that has tasks.
const BYTES: u64 = 448;
const RAW_BYTES: u64 = 576;
const SDK_BYTES: u64 = 976;
/// What comes on top once, however many there are: the plugin itself, and what the allocator sets aside for a worker.
const ONCE: u64 = 3 * 1024 * 1024;
/// Services of one round of launch-and-kill.
const ROUND: u64 = 1000;
/// Bytes of each message in their mailboxes.
const PAYLOAD: u64 = 1000;
/// Rounds before memory is measured, and then.
const WARM_UP: u64 = 50;
const ROUNDS: u64 = 100;
/// What memory may grow in the best of so many hundreds: a leak grows in each of them, the peak of the allocator, which
/// depends on how two workers meet, in few. Less than three bytes for each service that was killed.
const HUNDREDS: usize = 4;
const GROWTH: u64 = 256 * 1024;
/// What may be left in use, more than before, when all are gone, however many there were: the plugin itself, slots that are
/// kept for the next services, and what the allocators keep.
const LEFT: u64 = 6 * 1024 * 1024;
/// How long the node may take to give the rest back.
const GIVEN_BACK: Duration = Duration::from_secs(10);
/// How long a step may take.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    rounds(stage)?;
    idle(stage, "test-idle", STEPS, BYTES)?;
    idle(stage, "test_raw_idle", &STEPS[..2], RAW_BYTES)?;
    idle(stage, "test_rust_idle", &STEPS[..2], SDK_BYTES)
}

/// A node that does not log each of very many services.
fn start(stage: &Stage, name: &str) -> Result<(Node, Probe, String)> {
    let spec = stage.spec(name).set("shutdown_grace", 60);
    let (node, probe) = Probe::start(stage, spec)?;
    let crowd = probe.launch("test-crowd")?;
    probe.command("LOGLEVEL warn")?;
    Ok((node, probe, crowd))
}

/// Memory, for people.
pub(super) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

fn idle(stage: &Stage, module: &str, steps: &[u64], most: u64) -> Result<()> {
    stage.step(format!(
        "{} idle services of {module}",
        steps.last().copied().unwrap_or_default()
    ));
    let (node, probe, crowd) = start(stage, module)?;
    let empty = node.usage()?.private;
    let mut there = 0;
    for &wanted in steps {
        let begin = Instant::now();
        let more = wanted - there;
        let told = probe
            .begin(&crowd, &format!("LAUNCH {more} {module}"))?
            .reply(LIMIT)?;
        expect_eq("services launched", count(&told, "launched")?, wanted)?;
        expect_eq("launches that failed", count(&told, "failed")?, 0)?;
        there = wanted;
        let private = node.usage()?.private;
        let taken = private.saturating_sub(empty);
        let each = taken / wanted;
        stage.detail(format!(
            "{wanted} services: {} bytes each ({}), {} ns for each of the last {more} launches, {} in all",
            each,
            mib(private),
            count(&told, "ns")?,
            say::duration(begin.elapsed())
        ));
        ensure!(
            taken <= most * wanted + ONCE,
            "an idle service takes {each} bytes, more than {most}"
        );
    }
    let before = node.usage()?;
    std::thread::sleep(Duration::from_secs(1));
    let after = node.usage()?;
    stage.detail(format!(
        "they do nothing: {} of processor time and {} context switches in a second",
        say::duration(after.cpu.saturating_sub(before.cpu)),
        after.switches.saturating_sub(before.switches)
    ));
    let begin = Instant::now();
    let told = probe.begin(&crowd, "KILL")?.reply(LIMIT)?;
    expect_eq("services killed", count(&told, "killed")?, there)?;
    let left = given_back(&node, empty + LEFT)?;
    stage.detail(format!(
        "all killed in {}; {} at first, {} now are in use",
        say::duration(begin.elapsed()),
        mib(empty),
        mib(left)
    ));
    let told = probe
        .begin(&crowd, &format!("LAUNCH {there} {module}"))?
        .reply(LIMIT)?;
    stage.detail(format!(
        "launched again: {} ns each, {} in use",
        count(&told, "ns")?,
        mib(node.usage()?.private)
    ));
    // And with all of them there, the node stops in time.
    node.stop()
}

/// Waits until the node uses no more memory than `most`, which nobody hurries it to; returns how much it is.
fn given_back(node: &Node, most: u64) -> Result<u64> {
    let mut left = 0;
    eventually("the memory of a peak to be given back", GIVEN_BACK, || {
        left = node.usage()?.private;
        Ok((left <= most).then_some(left))
    })
    .with_context(|| format!("{} are in use, more than {}", mib(left), mib(most)))
}

fn rounds(stage: &Stage) -> Result<()> {
    stage.step(format!("{ROUNDS} rounds of launching and killing {ROUND} services with messages queued and calls open"));
    let (node, probe, crowd) = start(stage, "rounds")?;
    let first = probe.node("services")?;
    let begin = Instant::now();
    let play = |rounds: u64| -> Result<u64> {
        let told = probe
            .begin(&crowd, &format!("ROUNDS {rounds} {ROUND} {PAYLOAD}"))?
            .reply(LIMIT)?;
        expect_eq(
            "calls that ended with an error",
            count(&told, "errors")?,
            rounds * ROUND,
        )?;
        expect_eq("calls that were answered", count(&told, "replies")?, 0)?;
        expect_eq("calls that were refused", count(&told, "refused")?, 0)?;
        Ok(node.usage()?.private)
    };
    let fresh = node.usage()?.private;
    let mut before = play(WARM_UP)?;
    stage.detail(format!(
        "in use: {} at first, {} after {WARM_UP} rounds",
        mib(fresh),
        mib(before)
    ));
    let mut least = u64::MAX;
    for _ in 0..HUNDREDS {
        let after = play(ROUNDS)?;
        stage.detail(format!("{} after {ROUNDS} more", mib(after)));
        least = least.min(after.saturating_sub(before));
        before = after;
    }
    stage.detail(format!(
        "least growth in {ROUNDS} rounds: {least} bytes (allowed: {GROWTH}), while {} passed through mailboxes; {} in all",
        mib(ROUNDS * ROUND * PAYLOAD * 5),
        say::duration(begin.elapsed())
    ));
    ensure!(
        least <= GROWTH,
        "memory grew by {least} bytes and more in each {ROUNDS} rounds"
    );
    // Callers hear of an end a moment before the service is gone for good.
    eventually("the services of the rounds to be gone", GIVEN_BACK, || {
        Ok((probe.node("services")? == first).then_some(()))
    })?;
    expect_eq("timers that are left", probe.node("timers")?, 0.0)?;
    node.stop()
}
