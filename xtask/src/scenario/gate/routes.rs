//! Commands: who gets the packets, kick, close, and what becomes of clients whose services end.

use anyhow::{Context, Result, ensure};
use skynet_gate_wire::Framing;

use super::{Door, Stage, both, id_of, order};
use crate::client::{self, FramedClient, PATIENCE};
use crate::deadline::eventually;
use crate::node::Node;
use crate::procfs;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let (node, doors) = both(stage, "routes", Framing::Length2, 100, "")?;
    for door in &doors {
        let form = door.form;
        forwards(stage, door).with_context(|| format!("{form} form"))?;
        kicks(stage, &node, door).with_context(|| format!("{form} form"))?;
        agents_end(stage, door).with_context(|| format!("{form} form"))?;
    }
    for door in &doors {
        let form = door.form;
        brokers(stage, door).with_context(|| format!("{form} form"))?;
    }
    node.stop()?;
    closes(stage)?;
    watchdogs_end(stage)?;
    addresses_in_use(stage)
}

/// Sends a packet and checks who answers.
fn expect_mark(client: &mut FramedClient, mark: &str) -> Result<()> {
    client.send(b"who?")?;
    let answer = client.packet(PATIENCE)?;
    let answer = String::from_utf8_lossy(&answer);
    ensure!(
        answer.starts_with(mark) && answer.ends_with("who?"),
        "found {answer:?}, wanted an answer of {mark}"
    );
    Ok(())
}

fn forwards(stage: &Stage, door: &Door) -> Result<()> {
    stage.step(format!("forward, {} form", door.form));
    let (mut one, mut other) = (door.enter()?, door.enter()?);
    order(&mut one, "forward")?;
    expect_mark(&mut one, "a:00001234 ")?;
    expect_mark(&mut other, "w")?;
    // An unknown command, an abbreviation, and clients that there are not.
    for wrong in [
        "kik 1",
        "k 1",
        "",
        "start 999999",
        "kick x",
        "forward 1 2 3",
    ] {
        order(&mut other, &format!("text {wrong}"))?;
    }
    expect_mark(&mut other, "w")
}

fn kicks(stage: &Stage, node: &Node, door: &Door) -> Result<()> {
    stage.step(format!("kick, {} form", door.form));
    let (mut one, mut other) = (door.enter()?, door.enter()?);
    let id = id_of(&mut other)?;
    let mark = node.log().mark();
    order(&mut one, &format!("kick {id}"))?;
    other.expect_closed(PATIENCE)?;
    node.log().wait(mark, &format!("close {id}"), PATIENCE)?;
    expect_mark(&mut one, "w")
}

fn agents_end(stage: &Stage, door: &Door) -> Result<()> {
    stage.step(format!(
        "an agent that ends takes its clients along, {} form",
        door.form
    ));
    let (mut one, mut two, mut other) = (door.enter()?, door.enter()?, door.enter()?);
    order(&mut one, "forward")?;
    order(&mut two, "forward")?;
    one.send(b"!die")?;
    one.expect_closed(PATIENCE)?;
    two.expect_closed(PATIENCE)?;
    expect_mark(&mut other, "w")
}

/// The last look at a gate: the broker gets everything from then on.
fn brokers(stage: &Stage, door: &Door) -> Result<()> {
    stage.step(format!("a broker comes first, {} form", door.form));
    let (mut one, mut other) = (door.enter()?, door.enter()?);
    order(&mut one, "broker")?;
    expect_mark(&mut one, "b:")?;
    expect_mark(&mut other, "b:")?;
    one.send(b"!die")?;
    one.expect_closed(PATIENCE)?;
    other.expect_closed(PATIENCE)?;
    door.enter().map(drop)
}

fn closes(stage: &Stage) -> Result<()> {
    stage.step("a gate that is closed lets nobody in, and its clients go on");
    let (node, doors) = both(stage, "closing", Framing::Length4, 100, "")?;
    for door in &doors {
        let mut client = door.enter()?;
        order(&mut client, "close")?;
        expect_not_listening(&node, door)?;
        expect_mark(&mut client, "w")?;
    }
    node.stop()
}

fn watchdogs_end(stage: &Stage) -> Result<()> {
    stage.step("a watchdog that ends closes its gate; clients that have an agent go on");
    let (node, doors) = both(stage, "orphans", Framing::Line, 100, "")?;
    for door in &doors {
        let (mut served, mut other) = (door.enter()?, door.enter()?);
        order(&mut served, "forward")?;
        let list = node.ctl(&["list"])?;
        let watchdog = list
            .lines()
            .find(|line| line.contains(&format!("test_watchdog {} ", door.form)))
            .and_then(|line| line.split_whitespace().find(|word| word.starts_with(':')))
            .with_context(|| format!("the watchdog is not in\n{list}"))?;
        node.ctl(&["kill", watchdog])?;
        other.expect_closed(PATIENCE)?;
        expect_not_listening(&node, door)?;
        expect_mark(&mut served, "a:00001234 ")?;
    }
    node.stop()
}

fn addresses_in_use(stage: &Stage) -> Result<()> {
    stage.step("a gate that cannot listen is not launched, and says why");
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    for form in super::FORMS {
        let mut door = Door::new(form, Framing::Line)?;
        door.address = taken.local_addr()?;
        let mut node = stage.spawn(&door.add(stage.spec(&format!("taken-{form}")), 1, ""))?;
        node.wait_for_log("cannot listen on", PATIENCE)?;
        ensure!(
            !node.wait_exit(PATIENCE)?.success(),
            "the node went on ({form} form)"
        );
    }
    Ok(())
}

fn expect_not_listening(node: &Node, door: &Door) -> Result<()> {
    eventually("the gate to stop listening", PATIENCE, || {
        let listens = procfs::listening(node.pid()).contains(&door.address);
        Ok((!listens).then_some(()))
    })?;
    ensure!(
        client::connect(door.address).is_err(),
        "somebody was let in"
    );
    Ok(())
}
