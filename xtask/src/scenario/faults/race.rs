//! Two nodes want the same id.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::deadline::within;
use crate::node::{Node, PATIENCE};
use crate::scenario::Stage;
use crate::scenario::net::{Net, all_up};

/// How soon one knows that the id is not free.
const REFUSED: Duration = Duration::from_secs(2);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("two nodes race for one id");
    let net = Net::new(stage)?;
    let one = net.start(&net.plan_standalone("r1", 1)?)?;
    let plans = [net.plan("r7a", 7)?, net.plan("r7b", 7)?];
    let mut nodes = [net.spawn(&plans[0])?, net.spawn(&plans[1])?];
    let loser = first_to_end(&mut nodes)?;
    let status = nodes[loser].wait_exit(PATIENCE)?;
    ensure!(
        !status.success(),
        "the loser ended as if nothing had happened"
    );
    let words = refusal(&nodes[loser])?;
    stage.detail(format!("one won; the other ended with {status}: {words}"));
    let [a, b] = nodes;
    let (winner, plan) = if loser == 0 {
        (b, &plans[1])
    } else {
        (a, &plans[0])
    };
    winner.wait_for_log(" is ready", PATIENCE)?;
    let seven = plan.site(winner)?;
    all_up(&[&one, &seven])?;
    ensure!(one.call(&seven.net, "you won")? == "you won", "the winner");

    stage.step("a node wants an id whose holder is alive");
    let begin = Instant::now();
    let mut late = net.spawn(&net.plan("r7c", 7)?)?;
    let status = late.wait_exit(PATIENCE)?;
    within("it was refused", REFUSED, begin.elapsed())?;
    ensure!(!status.success(), "it ended as if nothing had happened");
    stage.detail(refusal(&late)?);
    ensure!(
        one.call(&seven.net, "still you")? == "still you",
        "the holder"
    );

    stage.step("nodes that take whichever id is free");
    let plans = [net.plan("auto1", 0)?, net.plan("auto2", 0)?];
    let spawned = [net.spawn(&plans[0])?, net.spawn(&plans[1])?];
    let mut autos = Vec::new();
    for (plan, node) in plans.iter().zip(spawned) {
        node.wait_for_log(" is ready", PATIENCE)?;
        autos.push(plan.site(node)?);
    }
    let ids = [autos[0].id, autos[1].id];
    ensure!(
        ids[0] != ids[1] && !ids.contains(&1) && !ids.contains(&7),
        "leased {ids:?}"
    );
    stage.detail(format!("ids {ids:?} were leased"));
    all_up(&[&one, &seven, &autos[0], &autos[1]])?;
    ensure!(
        autos[0].call(&autos[1].net, "who?")? == "who?",
        "leased ids"
    );
    Ok(())
}

/// Which of the two ends.
fn first_to_end(nodes: &mut [Node; 2]) -> Result<usize> {
    crate::deadline::eventually("one of them to end", PATIENCE, || {
        for (at, node) in nodes.iter_mut().enumerate() {
            if !node.is_running()? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    })
}

/// Where it says that the id is not free.
fn refusal(node: &Node) -> Result<String> {
    node.wait_for_log("id 7 is held by", Duration::from_secs(1))
}
