//! Nodes that move while they are called.

use std::net::TcpListener;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{AT_ONCE, Plan, Site, expect_counts, expect_error};
use crate::scenario::probe::count;

/// Calls that are open when a node moves.
const OPEN: u64 = 100;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!(
        "a node moves, with {OPEN} calls open: they fail, later ones go where it is now"
    ));
    let (old, new) = (Plan::new(stage, "old")?, Plan::new(stage, "new")?);
    let one = Plan::new(stage, "stays")?.finds("moving", old.address);
    let addresses = [old.address, new.address];
    let sites = [old.open(stage)?, new.open(stage)?];
    let one = one.start(stage)?;
    let [old, new] = &sites;
    let open = one.hold(old, "moving", OPEN)?;
    let before = one.clusterd("sender moving")?;
    let begin = Instant::now();
    one.clusterd(&format!("reload {{moving={}}}", addresses[1]))?;
    let report = open.reply(PATIENCE)?;
    within(
        "calls to the former address failed",
        AT_ONCE,
        begin.elapsed(),
    )?;
    expect_counts(&report, &[("replies", 0), ("errors", OPEN)])?;
    let reasons = format!("reasons={}:{OPEN} ", skynet_abi::REASON_NODE_LOST);
    ensure!(report.contains(&reasons), "for other reasons: {report}");
    ensure!(report.contains("moving"), "the node is not named: {report}");
    is_at(&one, new)?;
    expect_eq("its sender", one.clusterd("sender moving")?, before)?;
    // The same again moves nobody.
    let open = one.hold(new, "moving", OPEN)?;
    one.clusterd(&format!("reload {{moving={}}}", addresses[1]))?;
    new.tell("RELEASE")?;
    expect_counts(&open.reply(PATIENCE)?, &[("replies", OPEN), ("errors", 0)])?;

    stage.step("it is said to be down, with calls open, and is back");
    let open = one.hold(new, "moving", OPEN)?;
    let begin = Instant::now();
    one.clusterd("reload {moving=false}")?;
    let report = open.reply(PATIENCE)?;
    within(
        "calls to a node that is down failed",
        AT_ONCE,
        begin.elapsed(),
    )?;
    expect_eq("calls that failed", count(&report, "errors")?, OPEN)?;
    let (reason, text) = (skynet_abi::REASON_NODE_LOST, ["moving", "down"]);
    expect_error(
        "a call",
        &one.try_call("moving", "@svc", "ECHO")?,
        reason,
        &text,
    )?;
    let answer = one.ask("PUSH moving @svc 0 hello")?;
    expect_error("a message", &answer, reason, &text)?;
    one.clusterd(&format!("reload {{moving={}}}", addresses[0]))?;
    is_at(&one, old)?;
    unwritten(stage, &one, old)?;
    for site in sites {
        site.node.stop()?;
    }
    Ok(())
}

/// Who waits for a connection waits for the next one, when the node has moved meanwhile.
fn unwritten(stage: &Stage, one: &Site, wanted: &Site) -> Result<()> {
    stage.step("a node moves before it was ever reached");
    // Connections to it are made by the system, and nobody says a word on them.
    let nobody = TcpListener::bind("127.0.0.1:0")?;
    one.clusterd(&format!("reload {{slow={}}}", nobody.local_addr()?))?;
    let waiting = one.begin("CALLS slow @svc 100 0 ECHO there")?;
    eventually("calls to wait", PATIENCE, || {
        Ok((one.figure("slow", "waiting")? == "100").then_some(()))
    })?;
    let begin = Instant::now();
    one.clusterd(&format!("reload {{slow={}}}", wanted.address))?;
    let report = waiting.reply(PATIENCE)?;
    expect_counts(&report, &[("replies", 100), ("errors", 0)])?;
    within(
        "what had not been sent went there",
        AT_ONCE,
        begin.elapsed(),
    )
}

/// The node that is called `moving` is this one.
pub(super) fn is_at(one: &Site, wanted: &Site) -> Result<()> {
    let before = wanted.tell("LAST")?;
    let mark = format!("where are you, {}", wanted.address);
    one.tell(&format!("ACK moving @svc 0 {mark}"))?;
    let last = wanted.tell("LAST")?;
    ensure!(
        last != before && last.contains(&mark),
        "it is elsewhere: {last}"
    );
    Ok(())
}

/// The same, when it may take a while until it is known.
pub(super) fn comes_to(one: &Site, wanted: &Site) -> Result<()> {
    eventually("a node to have moved", PATIENCE, || {
        Ok(is_at(one, wanted).ok())
    })
}
