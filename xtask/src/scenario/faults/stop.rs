//! A node hangs, and comes back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::SILENT;
use super::kill::{PENDING, begin_calls, expect_lost, wait_held};
use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{NET, NODE_LOST, Net, SLAVE, all_up, expect_reason};

/// How long it hangs.
const HANGS: Duration = Duration::from_secs(10);
/// How soon a node that hangs is replaced by another one that wants its id.
const REPLACED: Duration = Duration::from_secs(2);
/// How soon it is itself again.
const BACK: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!(
        "a node hangs for {} s with {PENDING} calls pending",
        HANGS.as_secs()
    ));
    let net = Net::new(stage)?;
    let one = net.start(&net.plan_standalone("h1", 1)?)?;
    let two = net.start(&net.plan("h2", 2)?)?;
    let plan = net.plan("h3", 3)?;
    let three = net.start(&plan)?;
    all_up(&[&one, &two, &three])?;
    let pending = begin_calls(&one, &three)?;
    wait_held(&three, PENDING)?;
    // Two calls of its own: one is answered while it hangs, one when it is back.
    let early = two.launch("test_net .early")?;
    let own = [&early, &two.net].map(|callee| three.begin_call(callee, "HOLD"));
    wait_held(&two, 1)?;
    eventually("the other one to be held", PATIENCE, || {
        Ok((two.call(&early, "HELD")? == "1").then_some(()))
    })?;
    let reconnects = one.figure(3, "reconnects")?;

    let begin = Instant::now();
    three.node.suspend()?;
    expect_lost(&pending.reply(PATIENCE)?)?;
    within(&format!("{PENDING} calls failed"), SILENT, begin.elapsed())?;
    let answer = two.begin_call(&three.net, "hello")?.answer(PATIENCE)?;
    expect_reason("a call to a node that hangs", &answer, NODE_LOST)?;
    ensure!(
        one.call(&two.net, "and we?")? == "and we?",
        "the others go on"
    );

    // The time is what is tested: nothing happens at its end.
    std::thread::sleep(HANGS.saturating_sub(begin.elapsed()));
    let begin = Instant::now();
    three.node.resume()?;
    all_up(&[&one, &two, &three])?;
    within("it was back", BACK, begin.elapsed())?;
    two.probe.call(NET, "RELEASE")?;
    for (when, own) in ["while it hung", "when it was back"].iter().zip(own) {
        let answer = own?.answer(PATIENCE);
        let answer = answer.with_context(|| format!("its call that was answered {when}"))?;
        stage.detail(format!("its call that was answered {when}: {answer:?}"));
    }
    ensure!(
        one.figure(3, "reconnects")? > reconnects,
        "a new incarnation"
    );
    expect_eq("to it", one.call(&three.net, "hello")?, "hello".to_owned())?;
    expect_eq(
        "from it",
        three.call(&two.net, "hello")?,
        "hello".to_owned(),
    )?;

    stage.step("a node hangs, and another one takes its id");
    let mut three = three;
    // Its connection to the master was renewed, too: the master will have to ask.
    eventually("it to have its master again", PATIENCE, || {
        let master = three.lua(SLAVE, "MASTER")?;
        Ok(master.contains("state=up").then_some(()))
    })?;
    three.node.suspend()?;
    let heir = net.plan("h3heir", 3)?;
    let begin = Instant::now();
    let heir = net.start(&heir)?;
    within("the other one had the id", REPLACED, begin.elapsed())?;
    all_up(&[&one, &two, &heir])?;
    ensure!(one.call(&heir.net, "new")? == "new", "to the new one");
    three.node.resume()?;
    let status = three.node.wait_exit(PATIENCE)?;
    ensure!(!status.success(), "it ended as if nothing had happened");
    stage.detail(format!(
        "the other one ended with {status}: {}",
        last_words(&three.node)
    ));
    ensure!(one.call(&heir.net, "still")? == "still", "to the new one");
    Ok(())
}

/// The last line in which a node says that something is wrong.
fn last_words(node: &crate::node::Node) -> String {
    let lines = node.log().matching(Default::default(), "ERROR");
    lines.last().cloned().unwrap_or_else(|| node.log().tail())
}
