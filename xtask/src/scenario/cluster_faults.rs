//! Clusters in which things go wrong: nodes that die, hang and come back, links that are cut, listeners that come and go,
//! and peers of every kind that do what they should not.

mod deaf;
mod floods;
mod kill;
mod limits;
mod links;
mod malformed;
mod servers;
mod slow;
mod strangers;

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Stage;
use super::clustered::{Plan, Site};
use super::probe::count;

/// How soon calls to a node fail whose process has died.
const DEAD: Duration = Duration::from_secs(1);
/// How soon calls to a node fail of which nothing is heard any more.
const SILENT: Duration = Duration::from_secs(3);
/// How long a peer may stay that has not proven who it is.
const UNPROVEN: Duration = Duration::from_secs(3);
/// Calls that wait when something happens.
const PENDING: u64 = 1000;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    kill::run(stage)?;
    links::run(stage)?;
    slow::run(stage)?;
    malformed::run(stage)?;
    servers::run(stage)?;
    floods::run(stage)?;
    deaf::run(stage)?;
    strangers::run(stage)?;
    limits::run(stage)
}

/// Two nodes, of which the first one calls the second one. It is `far`.
fn pair(stage: &Stage, names: [&str; 2]) -> Result<(Site, Site)> {
    let far = Plan::new(stage, names[1])?;
    let near = Plan::new(stage, names[0])?.finds("far", far.address);
    Ok((near.start(stage)?, far.open(stage)?))
}

/// All of them failed, once, because a node was lost.
fn expect_lost(report: &str) -> Result<()> {
    let lost = format!("reasons={}:{PENDING} ", skynet_abi::REASON_NODE_LOST);
    ensure!(
        count(report, "errors")? == PENDING && report.contains(&lost),
        "not all were lost: {report}"
    );
    Ok(())
}
