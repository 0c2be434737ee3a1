//! Servers that never answer.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::pair;
use crate::deadline::{expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, expect_error};

/// What a caller waits for.
const LIMIT: Duration = Duration::from_millis(300);
/// What all callers of a node wait for that say nothing else.
const DEFAULT: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("a service that never answers");
    let (near, far) = pair(stage, ["waits", "ignores"])?;
    let timed_out = skynet_abi::REASON_TIMED_OUT;
    let begin = Instant::now();
    let answer = near.ask(&format!("REQ far @svc {} HOLD", LIMIT.as_millis()))?;
    expect_error("a call with a limit", &answer, timed_out, &[])?;
    within("a call with a limit failed", LIMIT, begin.elapsed())?;

    let other = Plan::new(stage, "impatient")?
        .finds("far", far.address)
        .set("cluster_call_timeout", DEFAULT.as_secs_f64())
        .start(stage)?;
    let begin = Instant::now();
    let answer = other.try_call("far", "@svc", "HOLD")?;
    expect_error("a call", &answer, timed_out, &[])?;
    within(
        "a call with the default limit failed",
        DEFAULT,
        begin.elapsed(),
    )?;
    let begin = Instant::now();
    let answer = other.ask(&format!("REQ far @svc {} HOLD", LIMIT.as_millis()))?;
    expect_error("a call with a limit", &answer, timed_out, &[])?;
    within("its own limit counts", LIMIT, begin.elapsed())?;

    // Late answers are for nobody; the next calls get theirs.
    let held = far.tell("RELEASE")?;
    expect_eq("calls that were held", held.as_str(), "3")?;
    for site in [&near, &other] {
        let tokens = site.begin("TOKENS far @svc 200 10")?.reply(PATIENCE)?;
        let right = "right=200 failed=0 wrong=0";
        expect_eq("calls", tokens.starts_with(right), true)?;
    }
    Ok(())
}
