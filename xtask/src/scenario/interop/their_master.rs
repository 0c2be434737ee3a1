//! Our nodes in a network whose master is unmodified.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::number;
use crate::deadline::{eventually, expect_eq, within};
use crate::node::{Node, PATIENCE};
use crate::scenario::Stage;
use crate::scenario::net::{Net, Plan, SLAVE, Site, all_up};
use crate::stock::{Hello, Peer, StockMaster, StockSlave, packet, vectors};

/// How soon the nodes know that the master is gone.
const NOTICED: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("an unmodified master with a node of its own; ours join");
    let master = StockMaster::start()?;
    let net = Net::with_master(stage, master.address());
    let (mut one, nobody) = StockSlave::join(master.address(), 1, Hello::No)?;
    ensure!(nobody.is_empty(), "somebody was there");
    one.register("SERVICE", 0x0100_0008)?;
    one.register("DATACENTER", 0x0100_0007)?;
    master.wait_name("DATACENTER", PATIENCE)?;

    let (two, to_two) = joins(&net, &net.plan("t2", 2)?, &mut one)?;
    let (three, to_three) = joins(&net, &net.plan("t3", 3)?, &mut one)?;
    all_up(&[&two, &three])?;
    expect_eq(
        "between ours",
        two.call(&three.net, "hello")?,
        "hello".to_owned(),
    )?;
    let lost = two.begin_call(&three.net, "HOLD")?;
    eventually("the request to be held", PATIENCE, || {
        Ok((three.probe.call(".net", "HELD")? == "1").then_some(()))
    })?;

    names(&master, &mut one, &two, &three)?;
    calls(&two, &to_two)?;
    stage.step("an unmodified slave comes later, and is dialled by all");
    let nine = comes_later(&master, &mut one)?;
    let links = nine_links(&nine, 3)?;
    for (id, peer) in &links {
        match id {
            2 => calls_nine(&two, peer)?,
            3 => calls_nine(&three, peer)?,
            _ => {}
        }
        peer.expect_nothing()?;
    }

    stage.step("the master loses one of ours, and then it is gone");
    master.cut(2)?;
    ensure!(
        two.call(&three.net, "without")? == "without",
        "between ours"
    );
    let told = three.begin_lua(SLAVE, None, "LINKMASTER")?;
    master.check()?;
    let begin = Instant::now();
    drop(master);
    told.reply(PATIENCE)?;
    within(
        "it was told that the master is gone",
        NOTICED,
        begin.elapsed(),
    )?;
    ensure!(three.call(&two.net, "still")? == "still", "between ours");
    calls(&three, &to_three)?;

    stage.step("one of ours dies under that master");
    let begin = Instant::now();
    drop(three);
    let answer = lost.answer(PATIENCE)?;
    crate::scenario::net::expect_reason("a call to it", &answer, crate::scenario::net::NODE_LOST)?;
    within(
        "a call to it failed",
        Duration::from_secs(1),
        begin.elapsed(),
    )?;
    one.check()
}

/// One of ours joins: it is dialled, greets, reports to `SERVICE`, and is ready.
fn joins(net: &Net<'_>, plan: &Plan, one: &mut StockSlave) -> Result<(Site, Peer)> {
    let node: Node = net.spawn(plan)?;
    let newcomer = one.expect_type("C")?;
    let id = newcomer[1].integer().context("an id")?;
    let peer = one.dial(u8::try_from(id)?, plan.address, Hello::Once)?;
    let report = peer.next(PATIENCE)?;
    // As it was captured, but for the handle.
    let mut wanted = super::captured(vectors::REPORT)?;
    wanted.source = report.source;
    wanted.session = report.session;
    let body = packet(&["REPORT".into(), report.source.into()]);
    wanted.body = body[1..].to_vec();
    expect_eq("a report", &report, &wanted)?;
    expect_eq("its node", i64::from(report.source >> 24), id)?;
    peer.reply(&report, &[0])?;
    node.wait_for_log(" is ready", PATIENCE)?;
    Ok((plan.site(node)?, peer))
}

fn names(master: &StockMaster, one: &mut StockSlave, two: &Site, three: &Site) -> Result<()> {
    two.register("OURS")?;
    expect_eq(
        "OURS",
        master.wait_name("OURS", PATIENCE)?,
        number(&two.net)?,
    )?;
    one.expect_packet("N", |values| values[1] == "OURS".into())?;
    expect_eq("OURS", three.query("OURS")?, two.net.clone())?;
    one.register("ECHO", 0x0100_0009)?;
    expect_eq("ECHO", three.query("ECHO")?, ":01000009".to_owned())
}

/// Calls in both directions with the unmodified node 1.
fn calls(site: &Site, peer: &Peer) -> Result<()> {
    let asked = site.begin_lua("ECHO", None, "ECHO 1 two true")?;
    let request = peer.expect_call(10, &vectors::bytes(vectors::CALL)[4..16])?;
    expect_eq("for whom", request.word, 0x0a00_0009)?;
    peer.reply(&request, &vectors::bytes("0a 01 1c 74 77 6f 09"))?;
    expect_eq("the answer", asked.reply(PATIENCE)?.as_str(), "1 two true")?;
    peer.send(&super::aimed(vectors::CALL, 1, &site.net, Some(5))?)?;
    let mut reply = super::captured(vectors::REPLY)?;
    reply.source = number(&site.net)?;
    peer.expect(&reply.bytes())
}

/// An unmodified slave: the other unmodified one dials it, too.
fn comes_later(master: &StockMaster, one: &mut StockSlave) -> Result<StockSlave> {
    let mut nine = StockSlave::begin(master.address(), 9)?;
    expect_eq("who will dial", nine.welcome()?, 3)?;
    one.expect_packet("C", |values| values[1] == 9_u8.into())?;
    Ok(nine)
}

/// Those of ours that dial: `count` nodes do, of which one is unmodified and played by nobody here.
fn nine_links(nine: &StockSlave, count: usize) -> Result<Vec<(u8, Peer)>> {
    (1..count).map(|_| nine.accept(Hello::Once)).collect()
}

fn calls_nine(site: &Site, peer: &Peer) -> Result<()> {
    let asked = site.begin_lua(":09000010", None, "ECHO 1 two true")?;
    let request = peer.expect_call(10, &vectors::bytes(vectors::CALL)[4..16])?;
    peer.reply(&request, &vectors::bytes("0a 01 1c 74 77 6f 09"))?;
    expect_eq("the answer", asked.reply(PATIENCE)?.as_str(), "1 two true")?;
    let body = &vectors::bytes(vectors::CALL)[4..16];
    peer.send(&super::call(body, 0x0900_0010, &site.net, 5)?)?;
    let answer = peer.next(PATIENCE)?;
    ensure!(answer.session == 5 && answer.kind() == 1, "{answer:?}");
    Ok(())
}
