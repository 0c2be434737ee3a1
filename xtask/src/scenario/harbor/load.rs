//! Large messages, and very many.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::say;
use crate::scenario::Stage;
use crate::scenario::net::{NET, Site, expect_reason};
use crate::scenario::probe::{RoundTrips, count};

/// The largest payload that goes over the wire.
const LARGEST: usize = 16_777_203;
/// Small calls keep to this while large ones flow: 99 of 100.
const PROMPT: Duration = Duration::from_millis(20);
/// Large messages at a time.
const FLOW: usize = 4;
/// Small calls beside them.
const PINGS: u32 = 300;

/// Messages in all.
const MESSAGES: u64 = 1_000_000;
/// Pairs of a source and a sink.
const PAIRS: usize = 16;
/// Bytes of the largest of those messages.
const MOST: u64 = 65_536;
/// How long they may take.
const LONG: Duration = Duration::from_secs(120);

/// The largest that can be sent, and one that is too large; small ones go past large ones.
pub(super) fn large(stage: &Stage, sites: &[&Site]) -> Result<()> {
    stage.step(format!("messages of {LARGEST} bytes"));
    for (from, to) in [
        (sites[0], sites[1]),
        (sites[1], sites[0]),
        (sites[3], sites[4]),
    ] {
        let begin = Instant::now();
        for what in ["BLOCK", "FETCH"] {
            let request = format!("{what} {} {LARGEST} 7", to.net);
            expect_eq(what, from.probe.call(NET, &request)?, LARGEST.to_string())?;
        }
        stage.detail(format!(
            "there and back from {} to {}: {}",
            from.id,
            to.id,
            say::duration(begin.elapsed())
        ));
    }
    let (from, to) = (sites[0], sites[1]);
    let request = format!("BLOCK {} {} 7", to.net, LARGEST + 1);
    let answer = from.probe.ask(NET, &request)?;
    expect_reason("one byte more", &answer, skynet_abi::REASON_TOO_LARGE)?;

    let other = from.launch("test_net -")?;
    let begin_large = || {
        from.probe
            .begin(&other, &format!("BLOCK {} {LARGEST} 7", to.net))
    };
    let mut large = (0..FLOW)
        .map(|_| begin_large())
        .collect::<Result<Vec<_>>>()?;
    let callee = to.launch("test_net -")?;
    let pings = from.probe.begin_ping(".caller", &callee, PINGS)?;
    let mut sent = FLOW;
    let trips = loop {
        // Another large one for each that has come, until the small ones are done.
        let first = large.remove(0);
        expect_eq("a large one", first.reply(PATIENCE)?, LARGEST.to_string())?;
        if sent >= 3 * FLOW {
            break pings.reply(PATIENCE)?;
        }
        large.push(begin_large()?);
        sent += 1;
    };
    for one in large {
        one.reply(PATIENCE)?;
    }
    let trips = RoundTrips::parse(&trips)?;
    stage.detail(format!("small calls beside {sent} large ones: {trips}"));
    within("99 of 100 small calls beside large ones", PROMPT, trips.p99)
}

/// Numbered messages of all sizes between many pairs: each comes once, in order.
pub(super) fn order(stage: &Stage, sites: &[&Site]) -> Result<()> {
    stage.step(format!(
        "{MESSAGES} messages of 1 to {MOST} bytes between {PAIRS} pairs"
    ));
    let begin = Instant::now();
    let share = MESSAGES / PAIRS as u64;
    let mut running = Vec::new();
    for pair in 0..PAIRS {
        let from = sites[pair % sites.len()];
        // Each pair of nodes has its turn.
        let to = sites[(pair + 1 + pair / sites.len()) % sites.len()];
        let to = if to.id == from.id {
            sites[(pair + 1) % sites.len()]
        } else {
            to
        };
        let (sink, source) = (to.launch("test_sink")?, from.launch("test_source")?);
        to.probe
            .call(&sink, &format!("EXPECT {source} {pair} {MOST}"))?;
        let run = from
            .probe
            .begin(&source, &format!("RUN {sink} {share} {pair} {MOST}"))?;
        running.push((run, to, sink));
    }
    let (mut bytes, mut full) = (0, 0);
    for (run, to, sink) in running {
        let sent = run.reply(LONG)?;
        expect_eq("refused", count(&sent, "refused")?, 0)?;
        full += count(&sent, "full")?;
        let seen = eventually("everything to come", LONG, || {
            let seen = to.probe.call(&sink, "SEEN")?;
            ensure!(count(&seen, "wrong")? == 0, "a sink saw {seen}");
            Ok((count(&seen, "count")? >= share).then_some(seen))
        })?;
        expect_eq("messages", count(&seen, "count")?, share)?;
        bytes += count(&seen, "bytes")?;
    }
    let time = begin.elapsed();
    stage.detail(format!(
        "{} MiB in {}: {:.0} messages and {:.0} MiB a second; senders found no room {full} times",
        bytes >> 20,
        say::duration(time),
        MESSAGES as f64 / time.as_secs_f64(),
        bytes as f64 / time.as_secs_f64() / f64::from(1 << 20)
    ));
    Ok(())
}
