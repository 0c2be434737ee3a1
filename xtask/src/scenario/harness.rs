//! The harness itself: what every other scenario relies on, shown with a stand-in for the node.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Stage;
use crate::client::{self, LineClient};
use crate::deadline::{eventually, expect_eq, timed};
use crate::node::{Node, NodeSpec, PATIENCE};
use crate::procfs;

/// Long enough for something that must not happen to be seen if it did.
const MOMENT: Duration = Duration::from_millis(50);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    starts_and_stops(stage)?;
    suspends(stage)?;
    sees_refusals(stage)?;
    kills(stage)
}

/// A stand-in named `name` that is told `arguments`.
fn spec(stage: &Stage, name: &str, arguments: &[&str]) -> NodeSpec {
    arguments
        .iter()
        .fold(stage.spec(name).argument("fake-node"), |spec, word| {
            spec.argument(word)
        })
}

fn start(stage: &Stage, spec: &NodeSpec) -> Result<Node> {
    Node::start(&std::env::current_exe()?, stage.folder(), spec)
}

fn talk(node: &Node) -> Result<LineClient> {
    let address = procfs::listening(node.pid());
    let mut client = LineClient::connect(*address.first().context("it does not listen")?)?;
    client.send("hello")?;
    expect_eq(
        "the echo",
        client.line(client::PATIENCE)?,
        "hello".to_owned(),
    )?;
    Ok(client)
}

fn starts_and_stops(stage: &Stage) -> Result<()> {
    stage.step("a node starts, serves a client and stops cleanly");
    let node = start(stage, &spec(stage, "polite", &[]))?;
    let before = node.usage()?;
    let mut client = talk(&node)?;
    let after = node.usage()?;
    ensure!(
        after.switches > before.switches,
        "serving a client takes context switches"
    );
    ensure!(
        after.private <= after.resident,
        "private memory is part of what is resident"
    );
    ensure!(
        node.wait_for_log("no such line", MOMENT).is_err(),
        "a line was found that is not there"
    );
    timed("stopping", Duration::from_secs(2), |_| node.stop())?;
    client.expect_closed(client::PATIENCE)
}

fn suspends(stage: &Stage) -> Result<()> {
    stage.step("a suspended node answers nobody, and goes on when it is resumed");
    let node = start(stage, &spec(stage, "hanging", &[]))?;
    let mut client = talk(&node)?;
    node.suspend()?;
    eventually("the node to hang", PATIENCE, || {
        let status =
            std::fs::read_to_string(format!("/proc/{}/stat", node.pid().as_raw_nonzero()))?;
        Ok(status.contains(") T ").then_some(()))
    })?;
    client.send("are you there?")?;
    ensure!(client.line(MOMENT).is_err(), "a suspended node answered");
    node.resume()?;
    expect_eq(
        "the answer",
        client.line(client::PATIENCE)?,
        "are you there?".to_owned(),
    )?;
    node.stop()
}

fn sees_refusals(stage: &Stage) -> Result<()> {
    stage.step("a node that refuses to start is seen, with its exit code and what it said");
    let refusing = spec(stage, "refusing", &["--refuse", "3"]);
    let error = start(stage, &refusing).err().context("it got ready")?;
    ensure!(
        format!("{error:?}").contains("refuses to start"),
        "its words are missing: {error:?}"
    );
    let mut node = Node::spawn(&std::env::current_exe()?, stage.folder(), &refusing)?;
    expect_eq("the exit code", node.wait_exit(PATIENCE)?.code(), Some(3))?;
    expect_eq(
        "what it said",
        node.log().matching(Default::default(), "refuses").len(),
        1,
    )
}

fn kills(stage: &Stage) -> Result<()> {
    stage.step(
        "a node that ignores SIGTERM is not mistaken for a stopped one, and dies with its guard",
    );
    let mut node = start(stage, &spec(stage, "stubborn", &["--stubborn"]))?;
    let mark = node.log().mark();
    ensure!(node.terminate(MOMENT).is_err(), "it stopped");
    node.log().wait(mark, "not yet", PATIENCE)?;
    ensure!(node.is_running()?, "it is gone");
    let mut client = talk(&node)?;
    drop(node);
    client.expect_closed(client::PATIENCE)?;

    let mut node = start(stage, &spec(stage, "doomed", &["--stubborn"]))?;
    expect_eq("the end", node.kill_hard()?.success(), false)
}
