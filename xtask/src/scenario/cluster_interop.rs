//! Our nodes with unmodified ones of a cluster, which are played by hand: see `stock/cluster.rs`. Every byte that was
//! captured between unmodified nodes is sent or expected here, with the handles that ours have.

mod asked;
mod broken;
mod exposed;
mod frames;
mod large;
mod passed_on;
mod served;

use anyhow::{Context, Result};

use super::Stage;
use super::clustered::{Plan, Site};
use crate::stock::cluster::{ClusterServer, Served};
use crate::stock::{Value, packet};

/// Seconds of silence after which ours take each other for lost. Unmodified ones are silent for longer.
const HEARTBEAT: i64 = 1;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    for expose in ["names", "all"] {
        stage.step(format!(
            "unmodified clients of our server, cluster_expose = {expose:?}"
        ));
        let plan = Plan::new(stage, &format!("exposes_{expose}"))?;
        let site = plan
            .set("cluster_expose", expose)
            .set("cluster_heartbeat", HEARTBEAT)
            .open(stage)?;
        exposed::run(&site, expose == "all")?;
        asked::run(&site)?;
        frames::run(&site)?;
        large::run(stage, &site)?;
        site.node.stop()?;
    }
    stage.step("our client of unmodified servers");
    served::run(stage)?;
    broken::run(stage)?;
    stage.step("a request from one unmodified node to another, through ours");
    passed_on::run(stage)
}

/// A node that listens and knows an unmodified one as `far`.
fn client(stage: &Stage, name: &str, server: &ClusterServer) -> Result<Site> {
    let plan = Plan::new(stage, name)?.finds("far", server.address());
    plan.set("cluster_heartbeat", HEARTBEAT).open(stage)
}

/// Calls once, so that it connects; the next session is 2.
fn connected(site: &Site, server: &ClusterServer) -> Result<Served> {
    let call = site.begin_call("far", "@svc", "first")?;
    let served = server.accept()?;
    let request = served.request()?;
    served.ok(request.session, &request.body)?;
    call.reply(crate::node::PATIENCE)?;
    Ok(served)
}

/// Values as an unmodified node packs them.
fn pack(values: &[Value]) -> Vec<u8> {
    packet(values)[1..].to_vec()
}

/// The number of `:0000000a`.
fn number(handle: &str) -> Result<u32> {
    let digits = handle.strip_prefix(':').context("a handle")?;
    Ok(u32::from_str_radix(digits, 16)?)
}
