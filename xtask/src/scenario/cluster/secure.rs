//! Clusters with a secret.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::deadline::{eventually, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, expect_error};

/// What the nodes know.
const SECRET: &str = "open sesame, 0123456789";
/// How soon a call fails to a node that does not let this one in.
const REFUSED: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    secret(stage)
}

fn secret(stage: &Stage) -> Result<()> {
    stage.step("a cluster with a secret");
    let (one, two) = (Plan::new(stage, "s1")?, Plan::new(stage, "s2")?);
    let other = Plan::new(stage, "s3")?.knows(&[&two]);
    let with = |plan: Plan, secret: &str| plan.set("cluster_secret", secret);
    let first = with(one.clone().knows(&[&two]), SECRET).open(stage)?;
    let second = with(two.knows(&[&one]), SECRET).open(stage)?;
    first.reaches("s2")?;
    second.reaches("s1")?;
    for (what, plan) in [
        ("without it", other.clone()),
        ("with another one", with(other, "open barley, 0123456789")),
    ] {
        let stranger = plan.start(stage)?;
        let begin = std::time::Instant::now();
        let answer = stranger.try_call("s2", "@svc", "ECHO")?;
        let lost = skynet_abi::REASON_NODE_LOST;
        expect_error(what, &answer, lost, &["s2", "secret"])?;
        within(&format!("a call {what} failed"), REFUSED, begin.elapsed())?;
        stage.detail(format!("{what}: {answer:?}"));
    }
    eventually("the strangers to be told of", PATIENCE, || {
        Ok(second.node.wait_for_log("secret", PATIENCE).ok())
    })?;
    for site in [&first, &second] {
        let told = site.node.log().matching(Default::default(), SECRET);
        ensure!(told.is_empty(), "the log tells the secret: {told:?}");
    }
    second.reaches("s1")
}
