//! Unmodified slaves in a network whose master is ours.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{aimed, call, from, number};
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{NET, NODE_LOST, Net, Plan, SLAVE, Site, expect_reason};
use crate::scenario::probe::Answer;
use crate::stock::{Hello, Peer, StockSlave, frame, packet, vectors};

/// How soon calls to a node fail whose process has died.
const DEAD: Duration = Duration::from_secs(1);
/// The largest payload of a frame.
const LARGEST: usize = 16_777_203;
/// The handle in the captured packets.
const PYNAME: u32 = 0x0700_0020;
/// The caller in the captured frames.
const CALLER: u32 = 0x0700_0010;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("an unmodified slave joins our network, and one of ours comes later");
    let net = Net::new(stage)?;
    let one = net.start(&net.plan_standalone("o1", 1)?)?;
    one.register("ECHO")?;
    let (mut seven, to_one) = joins(&net)?;
    boots(&one, &mut seven, &to_one)?;
    names(&one, &mut seven, &to_one)?;
    frames(&one, &to_one)?;
    ours_calls(&one, &to_one)?;
    large(stage, &one, &to_one)?;

    let plan = at(net.plan("o12", 12)?, 2622);
    let (twelve, to_twelve) = ours_joins(&net, &plan, &mut seven)?;
    ours_calls(&twelve, &to_twelve)?;
    passed_on(&one, &twelve, &to_one, &to_twelve)?;
    leaves(stage, &one, twelve, &plan, &net, &mut seven, &to_twelve)?;
    to_one.expect_nothing()?;
    seven.check()?;
    too_long(stage, &one, &to_one)?;
    drop(to_one);
    dies(stage, &net, &one, seven)
}

/// Where the captured packets say that a node listens, if it is free.
fn port(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn at(plan: Plan, number: u16) -> Plan {
    if std::net::TcpListener::bind(port(number)).is_err() {
        return plan;
    }
    plan.at(port(number))
}

/// It says `H`, hears `W`, is dialled, and gets no greeting, because ours know that it is unmodified.
fn joins(net: &Net<'_>) -> Result<(StockSlave, Peer)> {
    let seven = StockSlave::begin_at(net.master, 7, port(2607));
    let mut seven = seven.or_else(|_| StockSlave::begin(net.master, 7))?;
    seven.expect_begin(&vectors::bytes(vectors::W))?;
    let (id, peer) = seven.accept(Hello::No)?;
    expect_eq("who dials", id, 1)?;
    seven.close_door();
    Ok((seven, peer))
}

/// What an unmodified node does before it is ready: it reports to `SERVICE`, and asks the data centre.
fn boots(one: &Site, seven: &mut StockSlave, to_one: &Peer) -> Result<()> {
    let service = format!(":{:08x}", seven.query("SERVICE")?);
    ensure!(service.starts_with(":01"), "SERVICE is {service}");
    let body = |vector: &str| -> Result<Vec<u8>> { Ok(super::captured(vector)?.body) };
    let report = packet(&["REPORT".into(), 0x0700_0006_u32.into()]);
    to_one.send(&call(&report[1..], 0x0700_0006, &service, 2)?)?;
    to_one.expect(&frame(&[0], number(&service)?, 0x0100_0006, 2))?;

    let data = format!(":{:08x}", seven.query("DATACENTER")?);
    to_one.send(&call(&body(vectors::UPDATE)?, 0x0700_0008, &data, 2)?)?;
    to_one.expect(&frame(&[], number(&data)?, 0x0100_0008, 2))?;
    one.lua("DATACENTER", "UPDATE MCCHANNEL 1")?;
    to_one.send(&call(&body(vectors::QUERY)?, 0x0700_0007, &data, 4)?)?;
    to_one.expect(&frame(&[0x0a, 1], number(&data)?, 0x0100_0007, 4))?;
    // What it sets is there for ours.
    let set = one.lua("DATACENTER", "QUERY multicast 2")?;
    expect_eq("what it set", set, 0x0200_0008.to_string())?;

    // A request for a Lua service that nobody can launch here is answered.
    let launch = packet(&["LAUNCH".into(), "@nothing".into()]);
    to_one.send(&call(&launch[1..], 0x0700_0006, &service, 3)?)?;
    let answer = to_one.next(PATIENCE)?;
    ensure!(
        answer.session == 3 && answer.kind() == 1 && answer.body.first() == Some(&0),
        "a launch that cannot be: {answer:?}"
    );
    Ok(())
}

fn names(one: &Site, seven: &mut StockSlave, to_one: &Peer) -> Result<()> {
    seven.send(&vectors::bytes(vectors::R))?;
    seven.expect_begin(&vectors::bytes(vectors::N))?;
    expect_eq("PYNAME", number(&one.query("PYNAME")?)?, PYNAME)?;
    let asked = one.begin_lua("PYNAME", None, "ECHO 1")?;
    let request = to_one.expect_call(10, &[0x24, 0x45, 0x43, 0x48, 0x4f, 0x0a, 1])?;
    expect_eq("for whom", request.destination(), PYNAME & 0x00ff_ffff)?;
    to_one.reply(&request, &[0x0a, 1])?;
    expect_eq("the answer", asked.reply(PATIENCE)?.as_str(), "1")?;

    seven.send(&vectors::bytes(vectors::Q))?;
    seven.expect_begin(&packet(&[
        "N".into(),
        "ECHO".into(),
        number(&one.net)?.into(),
    ]))?;
    // It loses a name that another one has, and is told so.
    seven.register("ECHO", PYNAME)?;
    seven.expect_begin(&packet(&[
        "N".into(),
        "ECHO".into(),
        number(&one.net)?.into(),
    ]))?;
    expect_eq("ECHO", one.query("ECHO")?, one.net.clone())?;
    // What ours register is told.
    one.register("OURS")?;
    seven.expect_begin(&packet(&[
        "N".into(),
        "OURS".into(),
        number(&one.net)?.into(),
    ]))
}

/// The captured frames, and others that unmodified nodes send.
fn frames(one: &Site, to_one: &Peer) -> Result<()> {
    let own = &one.net;
    to_one.send(&aimed(vectors::CALL, 7, own, None)?)?;
    to_one.expect(&from(vectors::REPLY, own, None)?)?;
    to_one.send(&aimed(vectors::SEND, 7, own, None)?)?;
    let fails = packet(&["FAIL".into()]);
    to_one.send(&call(&fails[1..], CALLER, own, 6)?)?;
    to_one.expect(&from(vectors::ERROR, own, None)?)?;
    let nobody = ":01fffff0";
    to_one.send(&aimed(vectors::CALL, 7, nobody, Some(6))?)?;
    to_one.expect(&from(vectors::ERROR, nobody, None)?)?;

    // A multicast: its source is of another node, its session is no call.
    let mut multicast = super::captured(vectors::MULTICAST)?;
    multicast.word = 0x0200_0000 | number(own)? & 0x00ff_ffff;
    to_one.send(&multicast.bytes())?;
    // What nobody may send from outside is dropped.
    for kind in [4_u32, 5] {
        let word = kind << 24 | number(own)? & 0x00ff_ffff;
        to_one.send(&frame(b"\0nothing", CALLER, word, 0))?;
    }
    // A trace goes before the request that it belongs to.
    let word = 12 << 24 | number(own)? & 0x00ff_ffff;
    to_one.send(&frame(b":07000010-1", CALLER, word, 0))?;
    // Answers and errors that nobody waits for.
    for kind in [1_u32, 7] {
        let word = kind << 24 | number(own)? & 0x00ff_ffff;
        to_one.send(&frame(b"", CALLER, word, 77_777))?;
    }
    to_one.send(&aimed(vectors::CALL, 7, own, Some(8))?)?;
    let mut reply = super::captured(vectors::REPLY)?;
    reply.source = number(own)?;
    reply.session = 8;
    to_one.expect(&reply.bytes())?;
    let last = one.probe.call(NET, "LAST 2")?;
    expect_eq(
        "the multicast",
        last.as_str(),
        ":02000007 1 7452656d6f7465206d657373616765",
    )?;
    for kind in ["4", "5"] {
        expect_eq(
            "type 4 or 5",
            one.probe.call(NET, &format!("LAST {kind}"))?,
            String::new(),
        )?;
    }
    for vector in [vectors::SUBSCRIBE, vectors::DELETE] {
        to_one.send(&aimed(vector, 7, own, None)?)?;
    }
    to_one.expect(&frame(b"", number(own)?, 0x0100_0008, 4))
}

/// Ours calls services of the unmodified one.
fn ours_calls(site: &Site, peer: &Peer) -> Result<()> {
    let theirs = ":07000010";
    let asked = site.begin_lua(theirs, None, "ECHO 1 two true")?;
    let request = peer.expect_call(10, &vectors::bytes(vectors::CALL)[4..16])?;
    expect_eq("for whom", request.word, 0x0a00_0010)?;
    peer.reply(&request, &vectors::bytes("0a 01 1c 74 77 6f 09"))?;
    expect_eq("the answer", asked.reply(PATIENCE)?.as_str(), "1 two true")?;

    let asked = site.begin_lua(theirs, None, "FAIL")?;
    let request = peer.expect_call(10, &packet(&["FAIL".into()])[1..])?;
    peer.error(&request)?;
    crate::scenario::net::expect_ended("an error", &asked.answer(PATIENCE)?)?;

    for (words, vector) in [("DEL 1", vectors::DELETE), ("DELR 1", vectors::DELETED)] {
        site.probe.call(NET, &format!("POST {theirs} {words}"))?;
        peer.expect(&from(vector, &site.net, Some(0x0a00_0010))?)?;
    }
    multicasts(site, peer)
}

/// A multicast goes on in the name of who published it, whose node is another one.
fn multicasts(site: &Site, peer: &Peer) -> Result<()> {
    let relay = site.launch("test_relay :07000008")?;
    let mut multicast = super::captured(vectors::MULTICAST)?;
    multicast.word = 0x0200_0000 | number(&relay)? & 0x00ff_ffff;
    peer.send(&multicast.bytes())?;
    peer.expect(&vectors::bytes(vectors::MULTICAST_BACK))?;
    site.probe.kill(&relay)
}

fn large(stage: &Stage, one: &Site, to_one: &Peer) -> Result<()> {
    let begin = Instant::now();
    let body = vec![0x11; LARGEST];
    let word = number(&one.net)? & 0x00ff_ffff;
    // A text, which is answered as it is.
    to_one.send(&frame(&body, CALLER, word, 9))?;
    to_one.expect(&frame(&body, number(&one.net)?, 0x0100_0010, 9))?;
    stage.detail(format!(
        "{LARGEST} bytes there and back: {}",
        crate::say::duration(begin.elapsed())
    ));
    Ok(())
}

/// One of ours joins: the unmodified one is told, and dials it.
fn ours_joins(net: &Net<'_>, plan: &Plan, seven: &mut StockSlave) -> Result<(Site, Peer)> {
    let node = net.spawn(plan)?;
    let address = plan.address.to_string();
    seven.expect_begin(&packet(&[
        "C".into(),
        12_u8.into(),
        address.as_str().into(),
    ]))?;
    // What the master tells the newcomer may come later than this.
    let peer = seven.dial(12, plan.address, Hello::Maybe)?;
    node.wait_for_log(" is ready", PATIENCE)?;
    Ok((plan.site(node)?, peer))
}

/// A request that comes from the unmodified one is passed on to another node, and answered from there.
fn passed_on(one: &Site, twelve: &Site, to_one: &Peer, to_twelve: &Peer) -> Result<()> {
    let relay = one.launch(&format!("test_relay {}", twelve.net))?;
    to_one.send(&aimed(vectors::CALL, 7, &relay, None)?)?;
    to_twelve.expect(&from(vectors::REPLY, &twelve.net, None)?)?;
    one.probe.kill(&relay)?;
    // And one of ours by the unmodified one: it sends the request on, in the name of who asked.
    let asked = one.begin_lua(":07000010", None, "ECHO 1 two true")?;
    let mut request = to_one.expect_call(10, &vectors::bytes(vectors::CALL)[4..16])?;
    request.word = 0x0a00_0000 | number(&twelve.net)? & 0x00ff_ffff;
    to_twelve.send(&request.bytes())?;
    expect_eq("the answer", asked.reply(PATIENCE)?.as_str(), "1 two true")
}

/// One of ours ends; its id cannot come back as long as somebody knew it who never forgets.
fn leaves(
    stage: &Stage,
    one: &Site,
    twelve: Site,
    plan: &Plan,
    net: &Net<'_>,
    seven: &mut StockSlave,
    to_twelve: &Peer,
) -> Result<()> {
    stage.step("one of ours ends, whose id an unmodified one has known");
    twelve.node.stop()?;
    to_twelve.expect_end(PATIENCE)?;
    seven.expect_begin(&packet(&["D".into(), 12_u8.into()]))?;
    let mut again = net.spawn(plan)?;
    let status = again.wait_exit(PATIENCE)?;
    ensure!(!status.success(), "it ended as if nothing had happened");
    let words = again.log().matching(Default::default(), "id 12");
    stage.detail(format!(
        "{status}: {}",
        words.last().context("no word about id 12")?
    ));
    ensure!(one.call(&one.net, "on")? == "on", "the others");
    Ok(())
}

/// A header that is too long ends the link, as with unmodified nodes.
fn too_long(stage: &Stage, one: &Site, to_one: &Peer) -> Result<()> {
    stage.step("a frame that is too long ends the link");
    let asked = one.begin_lua(":07000010", None, "HOLD")?;
    to_one.next(PATIENCE)?;
    to_one.send(&vectors::bytes(vectors::TOO_LONG))?;
    to_one.expect_end(PATIENCE)?;
    expect_reason("a call that waited", &asked.answer(PATIENCE)?, NODE_LOST)
}

/// An unmodified node dies: who waits for it is told.
fn dies(stage: &Stage, net: &Net<'_>, one: &Site, seven: StockSlave) -> Result<()> {
    stage.step("an unmodified node dies");
    let mut eight = StockSlave::begin(net.master, 8)?;
    // The other unmodified one, too, which nobody plays here.
    expect_eq("who will dial", eight.welcome()?, 2)?;
    let (id, to_one) = eight.accept(Hello::No)?;
    expect_eq("who dials", id, 1)?;
    eight.close_door();
    eight.register("EIGHT", 0x0800_0009)?;
    expect_eq("EIGHT", one.query("EIGHT")?, ":08000009".to_owned())?;
    let asked = one.begin_lua("EIGHT", None, "HOLD")?;
    to_one.next(PATIENCE)?;
    let link = one.begin_lua(SLAVE, None, "LINK 8")?;
    one.wait_state(8, "up", PATIENCE)?;
    eight.check()?;
    let begin = Instant::now();
    drop((eight, to_one));
    expect_reason("a call that waited", &asked.answer(PATIENCE)?, NODE_LOST)?;
    link.reply(PATIENCE)?;
    within(
        "the end of an unmodified node was told",
        DEAD,
        begin.elapsed(),
    )?;
    eventually("its name to be nobody's", PATIENCE, || {
        let limit = Some(Duration::from_millis(100));
        let answer = one.ask(SLAVE, limit, "QUERYNAME EIGHT")?;
        Ok(matches!(answer, Answer::Error { .. }).then_some(()))
    })?;
    let mut seven = seven;
    seven.expect_begin(&vectors::bytes(vectors::D))?;
    seven.check()
}
