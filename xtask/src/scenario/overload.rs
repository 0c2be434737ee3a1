//! More messages than a service can handle: its senders learn of it, the log tells, and nobody else starves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Stage;
use super::memory::mib;
use super::probe::{Answer, Asked, Probe, RoundTrips, STATUS_FULL, count};
use crate::deadline::{eventually, expect_eq};
use crate::node::{Node, PATIENCE};
use crate::say;

/// Who floods.
const PRODUCERS: usize = 4;
/// What each of them sends where there is no bound.
const EACH: u64 = 250_000;
/// The first mailbox length that the log must tell of.
const FIRST_WARNING: u64 = 1024;
/// The bound where there is one.
const BOUND: u64 = 1000;
/// How long a bounded mailbox is flooded.
const FLOOD: Duration = Duration::from_secs(3);
/// Services that want their answers meanwhile, and their calls.
const OTHERS: usize = 6;
const PINGS: u32 = 1000;
/// What 99 of 100 round trips should stay below, and what they must stay below however busy the machine is.
const P99: Duration = Duration::from_millis(2);
const P99_LIMIT: Duration = Duration::from_millis(50);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    for threads in [2, 1] {
        let spec = stage
            .spec(&format!("flood{threads}"))
            .set("thread", threads);
        let (node, probe) = Probe::start(stage, spec)?;
        unbounded(stage, &node, &probe, threads)?;
        bounded(stage, &probe, threads)?;
        node.stop()?;
    }
    refusals(stage)
}

/// Services that call others all the time.
struct Others(Vec<Asked>);

impl Others {
    fn begin(probe: &Probe) -> Result<Self> {
        let begin = |_| {
            let callee = probe.launch("hello-c")?;
            let caller = probe.launch("test-caller")?;
            probe.begin_ping(&caller, &callee, PINGS)
        };
        Ok(Self((0..OTHERS).map(begin).collect::<Result<_>>()?))
    }

    /// Waits until all have ended, and prints the worst of them.
    fn end(self, stage: &Stage, what: &str) -> Result<()> {
        let mut all = Vec::new();
        for asked in self.0 {
            all.push(RoundTrips::parse(&asked.reply(Duration::from_secs(120))?)?);
        }
        let most = |of: fn(&RoundTrips) -> Duration| all.iter().map(of).max().unwrap_or_default();
        let worst = RoundTrips {
            count: all.iter().map(|trips| trips.count).sum(),
            p50: most(|trips| trips.p50),
            p99: most(|trips| trips.p99),
            max: most(|trips| trips.max),
            late: most(|trips| trips.late),
        };
        stage.detail(format!(
            "{what}: worst of {OTHERS} others: {worst} (wanted p99: {})",
            say::duration(P99)
        ));
        ensure!(worst.p99 <= P99_LIMIT, "{what}: the others starve: {worst}");
        Ok(())
    }
}

fn floods(probe: &Probe, sink: &str, total: u64) -> Result<Vec<String>> {
    let launch = |_| probe.launch(&format!("test-flood {sink} 64 {total}"));
    (0..PRODUCERS).map(launch).collect()
}

fn unbounded(stage: &Stage, node: &Node, probe: &Probe, threads: i64) -> Result<()> {
    stage.step(format!(
        "one service is flooded by {PRODUCERS} others, without a bound, thread = {threads}"
    ));
    Others::begin(probe)?.end(stage, "before")?;
    let before = node.usage()?.private;
    let mark = node.log().mark();
    // Slower than its producers.
    let sink = probe.launch("test-sink 0 2000")?;
    let begin = Instant::now();
    floods(probe, &sink, EACH)?;
    let others = Others::begin(probe)?;
    let longest = probe.stat(&sink, "mqlen")?;
    others.end(stage, "during the flood")?;
    let total = PRODUCERS as u64 * EACH;
    eventually("the flood to be handled", Duration::from_secs(120), || {
        let count = count(&probe.call(&sink, "COUNT")?, "count")?;
        Ok((count == total).then_some(()))
    })?;
    stage.detail(format!(
        "{total} messages of {PRODUCERS} producers handled in {}; mailbox length when the others began: {longest}",
        say::duration(begin.elapsed())
    ));
    stage.detail(format!(
        "memory: {} before, {} when all was handled",
        mib(before),
        mib(node.usage()?.private)
    ));
    warnings(stage, node, mark, &sink)
}

/// The log tells of a mailbox that grows: at 1024, and whenever it has doubled.
fn warnings(stage: &Stage, node: &Node, mark: crate::node::Mark, sink: &str) -> Result<()> {
    node.log().wait(mark, "May overload", PATIENCE)?;
    let lines = node.log().matching(mark, "May overload");
    let mut lengths = Vec::new();
    for line in lines.iter().filter(|line| line.contains(sink)) {
        let length = line
            .rsplit("= ")
            .next()
            .and_then(|number| number.trim().parse::<u64>().ok());
        lengths.push(length.with_context(|| format!("no length in {line:?}"))?);
    }
    ensure!(!lengths.is_empty(), "no warning names {sink}: {lines:?}");
    stage.detail(format!("warnings at the lengths {lengths:?}"));
    let mut due = FIRST_WARNING;
    for length in lengths {
        ensure!(
            length >= due,
            "warned at {length}, the next warning was due at {due}"
        );
        while due <= length {
            due *= 2;
        }
    }
    Ok(())
}

fn bounded(stage: &Stage, probe: &Probe, threads: i64) -> Result<()> {
    stage.step(format!(
        "the same with a bound of {BOUND} messages, thread = {threads}"
    ));
    let sink = probe.launch(&format!("test-sink {BOUND} 2000"))?;
    let producers = floods(probe, &sink, 0)?;
    let others = Others::begin(probe)?;
    let begin = Instant::now();
    let mut longest = 0.0_f64;
    let mut looks = 0;
    while begin.elapsed() < FLOOD {
        longest = longest.max(probe.stat(&sink, "mqlen")?);
        looks += 1;
    }
    others.end(stage, "during the flood")?;
    let (mut sent, mut full) = (0, 0);
    for producer in &producers {
        let told = probe.call(producer, "STOP")?;
        sent += count(&told, "sent")?;
        full += count(&told, "full")?;
        expect_eq("other refusals", count(&told, "other")?, 0)?;
        probe.kill(producer)?;
    }
    stage.detail(format!(
        "{sent} messages taken, {full} refused; the longest mailbox in {looks} looks: {longest}"
    ));
    ensure!(full > 0, "nothing was refused");
    ensure!(
        longest <= BOUND as f64,
        "the mailbox held {longest} messages"
    );
    eventually("what was taken to be handled", PATIENCE, || {
        match probe.ask(&sink, "COUNT")? {
            // It is still full.
            Answer::Refused(STATUS_FULL) => Ok(None),
            Answer::Reply(text) => Ok((count(&text, "count")? == sent).then_some(())),
            other => anyhow::bail!("the sink says {other:?}"),
        }
    })?;
    // Every message is small, but they are many: the mailbox is empty now, and takes messages again.
    let told = probe.call(".caller", &format!("SEND {sink} 10 again"))?;
    expect_eq("messages for an empty mailbox", count(&told, "ok")?, 10)
}

fn refusals(stage: &Stage) -> Result<()> {
    stage.step("a full mailbox refuses messages and calls, and takes answers");
    let spec = stage.spec("full").set("mailbox_limit", 100);
    let (node, probe) = Probe::start(stage, spec)?;
    let hello = probe.launch("hello-c")?;
    let sink = probe.launch("test-sink 10 0")?;
    // It calls, then does not leave its turn: the answers meet a full mailbox.
    let asked = probe.begin(&sink, &format!("ASK {hello} 50 1000"))?;
    eventually("the sink to hold its turn", PATIENCE, || {
        Ok(
            (probe.stat(&sink, "calls")? == 50.0 || probe.stat(&sink, "mqlen")? >= 50.0)
                .then_some(()),
        )
    })?;
    eventually("its answers to wait in its mailbox", PATIENCE, || {
        Ok((probe.stat(&sink, "mqlen")? >= 50.0).then_some(()))
    })?;
    let told = probe.call(".caller", &format!("SEND {sink} 20 too much"))?;
    expect_eq("messages refused", count(&told, "full")?, 20)?;
    let told = probe.call(".caller", &format!("CALL {sink} 5 0 COUNT"))?;
    expect_eq("calls refused", count(&told, "refused")?, 5)?;
    expect_eq(
        "a refused call",
        probe.ask(&sink, "COUNT")?,
        Answer::Refused(STATUS_FULL),
    )?;
    let told = asked.reply(PATIENCE)?;
    stage.detail(format!("the full service's own 50 calls: {told}"));
    expect_eq("its replies", count(&told, "replies")?, 50)?;

    // The bound of the configuration holds for those that do not say their own.
    let sink = probe.launch("test-sink 0 0")?;
    let asked = probe.begin(&sink, &format!("ASK {hello} 1 500"))?;
    eventually("the sink to hold its turn", PATIENCE, || {
        Ok((probe.stat(&sink, "mqlen")? >= 1.0).then_some(()))
    })?;
    let told = probe.call(".caller", &format!("SEND {sink} 200 too much"))?;
    stage.detail(format!("mailbox_limit = 100: {told}"));
    let full = count(&told, "full")?;
    ensure!(
        (100..=110).contains(&full),
        "of 200 messages {full} were refused, the bound is 100"
    );
    asked.reply(PATIENCE)?;
    node.stop()
}
