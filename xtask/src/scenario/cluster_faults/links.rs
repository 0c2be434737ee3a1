//! Nodes that hang, links that are cut with and without a word, and a listener that comes and goes.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{DEAD, PENDING, SILENT, expect_lost};
use crate::client::{PATIENCE as SHORT, fixed_address};
use crate::deadline::{Deadline, expect_eq, within};
use crate::node::PATIENCE;
use crate::proxy::{Cut, Proxy, Way};
use crate::scenario::Stage;
use crate::scenario::clustered::{AT_ONCE, Plan, Site, expect_counts, expect_error};
use crate::scenario::probe::count;

/// Messages between two cuts, how large they get, and how often the link is cut.
const SHARE: u64 = 500;
const MOST: u64 = 100_000;
const CUTS: u64 = 9;
/// How long nobody listens while attempts are counted, and how many are allowed: 0.1 s, 0.2 s, 0.4 s …
const DOWN: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 8;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let far = Plan::new(stage, "behind")?;
    let proxy = Proxy::start(far.address)?;
    let near = Plan::new(stage, "before")?.finds("far", proxy.address());
    let (near, far) = (near.start(stage)?, far.open(stage)?);
    near.reaches("far")?;
    stopped(stage, &near, &far)?;
    silent(stage, &near, &far, &proxy)?;
    cut(stage, &near, &far, &proxy)?;
    flaps(stage, &near, &far, &proxy)?;
    quiet(stage)
}

fn stopped(stage: &Stage, near: &Site, far: &Site) -> Result<()> {
    stage.step(format!("a node hangs with {PENDING} calls pending"));
    let pending = near.hold(far, "far", PENDING)?;
    let begin = Instant::now();
    far.node.suspend()?;
    expect_lost(&pending.reply(PATIENCE)?)?;
    within(&format!("{PENDING} calls failed"), SILENT, begin.elapsed())?;
    let begin = Instant::now();
    let answer = near.try_call("far", "@svc", "ECHO")?;
    let lost = skynet_abi::REASON_NODE_LOST;
    expect_error("a call to a node that hangs", &answer, lost, &["far"])?;
    within(
        "a call to a node that hangs failed",
        SILENT,
        begin.elapsed(),
    )?;
    let begin = Instant::now();
    far.node.resume()?;
    near.reaches("far")?;
    within("it was back", DEAD, begin.elapsed())?;
    far.tell("RELEASE").map(|_| ())
}

fn silent(stage: &Stage, near: &Site, far: &Site, proxy: &Proxy) -> Result<()> {
    stage.step(format!(
        "a link is cut without a word, with {PENDING} calls pending, and healed"
    ));
    let pending = near.hold(far, "far", PENDING)?;
    let begin = Instant::now();
    proxy.silence()?;
    expect_lost(&pending.reply(PATIENCE)?)?;
    within(&format!("{PENDING} calls failed"), SILENT, begin.elapsed())?;
    let begin = Instant::now();
    proxy.resume()?;
    near.reaches("far")?;
    within("the link was there again", DEAD, begin.elapsed())?;
    far.tell("RELEASE").map(|_| ())
}

fn cut(stage: &Stage, near: &Site, far: &Site, proxy: &Proxy) -> Result<()> {
    stage.step(format!("a link is cut, with {PENDING} calls pending"));
    for how in [Cut::Fin, Cut::Reset] {
        let pending = near.hold(far, "far", PENDING)?;
        let begin = Instant::now();
        proxy.cut(how)?;
        expect_lost(&pending.reply(PATIENCE)?)?;
        within(&format!("{how:?}: calls failed"), DEAD, begin.elapsed())?;
        let begin = Instant::now();
        near.reaches("far")?;
        within("the next call succeeded", AT_ONCE, begin.elapsed())?;
        far.tell("RELEASE")?;
    }
    Ok(())
}

/// Cut again and again in the midst of frames, while much is sent; now and then nobody listens for a while.
fn flaps(stage: &Stage, near: &Site, far: &Site, proxy: &Proxy) -> Result<()> {
    stage.step(format!(
        "a listener comes and goes {CUTS} times under load: order is kept, and what was answered was done, once"
    ));
    let streams = [("fcalls", "c"), ("fmixed", "ppcca"), ("facked", "a")];
    let mut sources = Vec::new();
    for _ in streams {
        sources.push(near.probe.launch("test_cluster -")?);
    }
    let (mut answered, mut failed) = (0, 0);
    for round in 0..CUTS {
        let way = if round % 2 == 0 {
            Way::Forth
        } else {
            Way::Back
        };
        let how = if round % 3 == 0 { Cut::Fin } else { Cut::Reset };
        proxy.chop((round % 4 == 1).then_some(round))?;
        let bytes = match way {
            Way::Forth => 300_007 * (round + 1),
            // Answers are small.
            Way::Back => 1001 + 300 * round,
        };
        proxy.cut_after(way, bytes, how)?;
        let before = proxy.traffic()?;
        let first = round * SHARE + 1;
        let runs = streams
            .iter()
            .zip(&sources)
            .map(|((stream, kinds), source)| {
                let run = format!("RUN far @svc {stream} {first} {SHARE} {MOST} {kinds}");
                near.probe.begin(source, &run)
            })
            .collect::<Result<Vec<_>>>()?;
        see_cut(proxy, before.accepted)?;
        if round % 3 == 2 {
            proxy.refuse()?;
            proxy.cut(how)?;
            // The time is what is wanted: nobody listens.
            std::thread::sleep(Duration::from_millis(100));
            proxy.admit()?;
        }
        for run in runs {
            let report = run.reply(PATIENCE).context("a source")?;
            expect_counts(&report, &[("lost", 0), ("refused", 0)])?;
            answered += count(&report, "answered")?;
            failed += count(&report, "failed")?;
        }
    }
    proxy.chop(None)?;
    for (stream, _) in streams {
        let seen = far.tell(&format!("SEEN {stream}"))?;
        expect_eq(&seen, count(&seen, "wrong")?, 0)?;
    }
    ensure!(failed > 0, "no call was open when the link was cut");
    stage.detail(format!(
        "{answered} were answered, {failed} failed, in order and none twice"
    ));
    near.reaches("far")
}

/// Waits until a connection was cut: it is gone, or there is another one already.
fn see_cut(proxy: &Proxy, accepted: u64) -> Result<()> {
    crate::deadline::eventually("the cut", SHORT, || {
        let now = proxy.traffic()?;
        Ok((now.open == 0 || now.accepted > accepted).then_some(()))
    })
}

/// Who finds nobody tries again, later and later.
fn quiet(stage: &Stage) -> Result<()> {
    stage.step("a node is dialled again and again, but not too often");
    let address = fixed_address()?;
    let near = Plan::new(stage, "dials")?
        .finds("far", address)
        .start(stage)?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let call = near.begin("REQ far @svc 0 ECHO")?;
    let (mut attempts, deadline) = (0, Deadline::after(DOWN));
    while deadline.left().is_some() {
        // Each is closed at once.
        if listener.accept().is_ok() {
            attempts += 1;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let answer = call.answer(PATIENCE)?;
    expect_error("a call", &answer, skynet_abi::REASON_NODE_LOST, &["far"])?;
    stage.detail(format!("{attempts} attempts in {} s", DOWN.as_secs()));
    ensure!(attempts >= 3, "only {attempts} attempts");
    ensure!(
        attempts <= 3 * ATTEMPTS,
        "{attempts} attempts, which is a storm"
    );
    near.node.stop()
}
