//! Networks of 2, 3 and 5 nodes that work: messages, names, shared services, load, and a node that leaves.

mod load;
mod messages;
mod names;
mod sdk;
mod shared;

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Stage;
use super::net::{Net, SLAVE, Site, all_up};
use crate::client::fixed_address;
use crate::deadline::within;
use crate::node::PATIENCE;

/// How soon the others know that a node has left.
const LEAVING: Duration = Duration::from_secs(1);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    grown(stage)?;
    own_master(stage)
}

/// One network that grows from two nodes to five.
fn grown(stage: &Stage) -> Result<()> {
    let net = Net::new(stage)?;
    stage.step("two nodes");
    let first = net.plan_standalone("n1", 1)?;
    let first = shared::with_store(stage, first);
    let one = net.start(&first)?;
    let two = net.start(&net.plan("n2", 2)?)?;
    all_up(&[&one, &two])?;
    messages::between(stage, &one, &two, &one)?;
    messages::between(stage, &two, &one, &two)?;
    one.register("EARLY")?;

    stage.step("a third one comes later");
    let three = net.start(&net.plan("n3", 3)?)?;
    all_up(&[&one, &two, &three])?;
    messages::between(stage, &three, &two, &one)?;
    messages::between(stage, &one, &two, &three)?;
    names::run(stage, [&one, &two, &three])?;

    stage.step("two more, at the same time");
    let plans = [net.plan("n4", 4)?, net.plan("n5", 5)?];
    let spawned = [net.spawn(&plans[0])?, net.spawn(&plans[1])?];
    let mut more = Vec::new();
    for (plan, node) in plans.iter().zip(spawned) {
        node.wait_for_log(" is ready", PATIENCE)?;
        more.push(plan.site(node)?);
    }
    let sites: Vec<_> = [one, two, three].into_iter().chain(more).collect();
    let all: Vec<_> = sites.iter().collect();
    all_up(&all)?;
    for from in &all {
        for to in &all {
            let text = format!("from {} to {}", from.id, to.id);
            ensure!(from.call(&to.net, &text)? == text, "{text}");
        }
    }
    stage.step("unique services and the data centre, from all nodes at once");
    shared::unique(stage, &all)?;
    shared::data(stage, &all)?;
    sdk::run(stage, &all)?;
    load::large(stage, &all)?;
    load::order(stage, &all)?;
    let sites = leaves(stage, sites)?;
    shared::restarted(stage, &net, &first, sites)
}

/// A node is stopped as a person would: `link` returns everywhere, and everything else goes on.
fn leaves(stage: &Stage, mut sites: Vec<Site>) -> Result<Vec<Site>> {
    stage.step("one node is stopped; the others know it by `link`");
    let Some(leaving) = sites.pop() else {
        return Ok(sites);
    };
    let id = leaving.id;
    let held = sites[0].begin_call(&leaving.net, "HOLD")?;
    let links = sites
        .iter()
        .map(|site| site.begin_lua(SLAVE, None, &format!("LINK {id}")))
        .collect::<Result<Vec<_>>>()?;
    let begin = std::time::Instant::now();
    leaving.node.stop()?;
    for link in links {
        link.reply(PATIENCE)?;
    }
    within("all links to it returned", LEAVING, begin.elapsed())?;
    super::net::expect_ended("a call to it", &held.answer(PATIENCE)?)?;
    // One that is not there any more is no reason to wait.
    sites[0].lua(SLAVE, &format!("LINK {id}"))?;
    let rest: Vec<_> = sites.iter().collect();
    all_up(&rest)?;
    ensure!(sites[1].call(&sites[2].net, "still")? == "still", "others");
    Ok(sites)
}

/// The master in a process of its own, which is no node of the network.
fn own_master(stage: &Stage) -> Result<()> {
    stage.step("a master of its own, and three nodes");
    let master = fixed_address()?;
    let spec = stage.spec("master").start(format!("master {master}"));
    let master_node = stage.start(&spec)?;
    let net = Net::with_master(stage, master);
    let sites = ["s1", "s2", "s3"]
        .iter()
        .zip(1..)
        .map(|(name, id)| {
            let plan = net.plan(name, id)?;
            net.start(&if id == 1 { plan.with_services() } else { plan })
        })
        .collect::<Result<Vec<_>>>()?;
    let all: Vec<_> = sites.iter().collect();
    all_up(&all)?;
    messages::between(stage, all[0], all[1], all[2])?;
    all[2].register("SOLE")?;
    ensure!(all[0].call("SOLE", "by name")? == "by name", "a name");
    for site in sites {
        site.node.stop()?;
    }
    master_node.stop()
}
