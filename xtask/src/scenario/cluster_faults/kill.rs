//! Nodes that are killed, and services that die.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{DEAD, PENDING, expect_lost};
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{AT_ONCE, Plan, Site, expect_counts, expect_error};

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!("a node is killed with {PENDING} calls pending"));
    let far = Plan::new(stage, "killed")?;
    let near = Plan::new(stage, "kills")?.finds("far", far.address);
    let near = near.start(stage)?;
    let mut first = far.open(stage)?;
    service(stage, &near, &first)?;
    let pending = near.hold(&first, "far", PENDING)?;
    let begin = Instant::now();
    first.node.kill_hard()?;
    expect_lost(&pending.reply(PATIENCE)?)?;
    within(&format!("{PENDING} calls failed"), DEAD, begin.elapsed())?;

    let begin = Instant::now();
    let answer = near.try_call("far", "@svc", "ECHO")?;
    let lost = skynet_abi::REASON_NODE_LOST;
    expect_error("a call to a dead node", &answer, lost, &["far"])?;
    within("a call to a dead node failed", AT_ONCE, begin.elapsed())?;
    let answer = near.ask("PUSH far @svc 0 hello")?;
    expect_error("a message to a dead node", &answer, lost, &["far"])?;

    drop(first);
    let second = far.open(stage)?;
    let begin = Instant::now();
    near.reaches("far")?;
    within("the first call after its return", AT_ONCE, begin.elapsed())?;
    expect_eq("calls that are held", second.tell("HELD")?, "0".to_owned())?;
    second.node.stop()?;
    near.node.stop()
}

/// The service that is called dies, the node does not.
fn service(stage: &Stage, near: &Site, far: &Site) -> Result<()> {
    stage.step("a service dies with calls open");
    let doomed = far.probe.launch("test_cluster -")?;
    far.clusterd(&format!("register doomed {doomed}"))?;
    let calls = near.begin("CALLS far @doomed 100 0 HOLD")?;
    eventually("the calls to be held", PATIENCE, || {
        Ok((far.probe.call(&doomed, "HELD")? == "100").then_some(()))
    })?;
    let begin = Instant::now();
    far.probe.kill(&doomed)?;
    let report = calls.reply(PATIENCE)?;
    within("calls to a dead service failed", AT_ONCE, begin.elapsed())?;
    expect_counts(&report, &[("replies", 0), ("errors", 100)])?;
    let reasons = format!("reasons={}:100 ", skynet_abi::REASON_KILLED);
    ensure!(report.contains(&reasons), "for other reasons: {report}");
    near.reaches("far")
}
