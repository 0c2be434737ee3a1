//! Nodes that are not known, and those that are down: who waits, and for how long.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::deadline::{eventually, expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{AT_ONCE, Plan, expect_error};

/// `cluster_wait` of the first node.
const WAIT: Duration = Duration::from_secs(1);
/// A limit that a caller sets.
const LIMIT: Duration = Duration::from_millis(300);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("nodes that are not known yet, or never will be, and those that are down");
    let later = Plan::new(stage, "later")?;
    let address = later.address;
    let later = later.open(stage)?;
    let one = Plan::new(stage, "asks")?
        .set("cluster_wait", WAIT.as_secs_f64())
        .set("cluster.gone", false);
    let one = one.start(stage)?;

    let ask = |words: &str| {
        let begin = Instant::now();
        Ok::<_, anyhow::Error>((one.ask(words)?, begin.elapsed()))
    };
    let unknown = skynet_abi::REASON_UNKNOWN;
    let (answer, time) = ask("REQ never @svc 0 ECHO")?;
    expect_error("a node that nobody knows", &answer, unknown, &["never"])?;
    ensure!(time >= WAIT, "it waited for {time:?} only");
    within("a call to an unknown node failed", WAIT, time)?;
    let (answer, time) = ask(&format!("SDK CALL never @svc {} ECHO", LIMIT.as_millis()))?;
    let timed_out = skynet_abi::REASON_TIMED_OUT;
    expect_error("a call with a limit", &answer, timed_out, &[])?;
    within("a call with a limit to an unknown node failed", LIMIT, time)?;
    let (answer, time) = ask("REQ gone @svc 0 ECHO")?;
    let lost = skynet_abi::REASON_NODE_LOST;
    expect_error("a node that is down", &answer, lost, &["gone", "down"])?;
    within("a call to a node that is down failed", AT_ONCE, time)?;

    // All who wait are woken by the same news, in the order in which they came.
    let waiting = (1..=20)
        .map(|number| one.begin(&format!("ACK soon @svc 0 number {number}")))
        .collect::<Result<Vec<_>>>()?;
    eventually("somebody to wait", PATIENCE, || {
        Ok(one.node.wait_for_log("soon", AT_ONCE).ok())
    })?;
    one.clusterd(&format!("reload {{soon={address}}}"))?;
    for waiting in waiting {
        waiting.reply(PATIENCE)?;
    }
    let last = later.tell("LAST")?;
    ensure!(last.starts_with("20 "), "20 messages: {last}");

    stage.step("`__nowaiting`: unknown nodes are no reason to wait; unset: to wait for ever");
    one.clusterd("reload {__nowaiting=false}")?;
    let forever = one.begin("REQ ever @svc 0 ECHO ever")?;
    let also = one.begin("REQ never @svc 0 ECHO never")?;
    // The time is what is tested: it is over without an end.
    std::thread::sleep(WAIT + LIMIT);
    one.clusterd(&format!("reload {{ever={address}}}"))?;
    expect_eq(
        "a call that waited",
        forever.reply(PATIENCE)?,
        "ever".to_owned(),
    )?;
    let begin = Instant::now();
    one.clusterd("reload {__nowaiting=true}")?;
    let answer = also.answer(PATIENCE)?;
    expect_error("a call that waits no more", &answer, unknown, &["never"])?;
    within("who waited was told", AT_ONCE, begin.elapsed())?;
    let (answer, time) = ask("REQ never @svc 0 ECHO")?;
    expect_error("an unknown node", &answer, unknown, &["never"])?;
    within("a call without waiting failed", AT_ONCE, time)?;
    one.call("soon", "@svc", "ECHO").map(|_| ())
}
