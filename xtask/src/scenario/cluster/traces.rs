//! Traces of requests that go from node to node.

use anyhow::{Context, Result, ensure};

use crate::deadline::expect_eq;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::Site;

/// What a request is traced by, and a part of the tag that becomes of it.
const TRACE: &str = "7f00000000000001";

pub(super) fn run(stage: &Stage, one: &Site, two: &Site) -> Result<()> {
    stage.step("a trace goes with a request from node to node");
    let trace = |answer: String| -> Result<u64> {
        u64::from_str_radix(&answer, 16).with_context(|| format!("{answer:?} is no trace"))
    };
    expect_eq("no trace", trace(one.call("two", "@svc", "TRACE")?)?, 0)?;
    let first = trace(one.tell("TRACED 7f two @svc TRACE")?)?;
    ensure!(first != 0, "the trace was lost");
    expect_eq(
        "none behind it",
        trace(one.call("two", "@svc", "TRACE")?)?,
        0,
    )?;
    let second = trace(one.tell("TRACED 80 two @svc TRACE")?)?;
    ensure!(second != 0 && second != first, "{second:x} after {first:x}");
    // Passed on by the second node, and back to the first one: its tag stays what it was.
    let back = trace(one.tell(&format!("TRACED {TRACE} two @svc PASS one @svc TRACE"))?)?;
    ensure!(back != 0, "the trace was lost on its way back");
    let line = two.node.wait_for_log(TRACE, PATIENCE)?;
    let tag = line.split_whitespace().find(|word| word.contains(TRACE));
    let tag = tag.context("no tag")?.trim_end_matches('>');
    one.node.wait_for_log(tag, PATIENCE)?;
    stage.detail(format!("both nodes tell of {tag}"));
    Ok(())
}
