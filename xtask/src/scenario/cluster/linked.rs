//! Two harbor networks that are linked by a cluster.

use anyhow::{Result, ensure};

use crate::client::fixed_address;
use crate::deadline::expect_eq;
use crate::scenario::Stage;
use crate::scenario::clustered::{DRIVER, expect_counts, expect_error};
use crate::scenario::net::{Net, Site, all_up, as_handle};

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("two harbor networks, whose first nodes are linked by a cluster");
    let addresses = [fixed_address()?, fixed_address()?];
    let here = network(stage, "h", 1, ("beyond", addresses[1].to_string()))?;
    let there = network(stage, "b", 3, ("home", addresses[0].to_string()))?;
    for (sites, address) in [(&here, addresses[0]), (&there, addresses[1])] {
        tell(&sites[0], &format!("CLUSTERD listen {address}"))?;
    }
    for (from, node, to) in [(&here, "beyond", &there), (&there, "home", &here)] {
        // The far service is on another node than the one that is called.
        let far = &to[1];
        far.register("FARAWAY")?;
        let hidden = from[0]
            .probe
            .ask(DRIVER, &format!("REQ {node} FARAWAY 0 ECHO"))?;
        let (refused, text) = (skynet_abi::REASON_REFUSED, ["cluster_expose"]);
        expect_error("what is not exported", &hidden, refused, &text)?;
        tell(&to[0], "CLUSTERD export FARAWAY")?;
        let answer = tell(
            &from[0],
            &format!("REQ {node} FARAWAY 0 ECHO by a global name"),
        )?;
        expect_eq("a global name", answer.as_str(), "by a global name")?;
        tell(&to[0], &format!("CLUSTERD register beside {}", far.net))?;
        let answer = tell(&from[0], &format!("REQ {node} @beside 0 ECHO by a name"))?;
        expect_eq("a name", answer.as_str(), "by a name")?;
        let found = as_handle(&tell(&from[0], &format!("CLUSTERD query {node} beside"))?)?;
        expect_eq("a query", &found, &far.net)?;
        let answer = tell(
            &from[0],
            &format!("REQ {node} {found} 0 ECHO by its handle"),
        )?;
        expect_eq("a handle of another node", answer.as_str(), "by its handle")?;
        let failed = from[0]
            .probe
            .ask(DRIVER, &format!("REQ {node} FARAWAY 0 FAIL"))?;
        let text = ["as was wished"];
        expect_error("a failure", &failed, skynet_abi::REASON_FAILED, &text)?;
        tell(&from[0], &format!("ACK {node} FARAWAY 0 acknowledged"))?;
        // Other nodes of the network go through a proxy.
        let proxy = as_handle(&tell(&from[0], &format!("CLUSTERD proxy {node}@beside"))?)?;
        let answer = from[1].lua(&proxy, "ECHO through a proxy")?;
        expect_eq("through a proxy", answer.as_str(), "through a proxy")?;
        let tokens = tell(&from[0], &format!("TOKENS {node} FARAWAY 2000 50"))?;
        expect_counts(&tokens, &[("right", 2000), ("failed", 0), ("wrong", 0)])?;
    }
    Ok(())
}

/// Two nodes.
fn network(stage: &Stage, name: &str, id: u8, other: (&str, String)) -> Result<[Site; 2]> {
    let net = Net::new(stage)?;
    let first = net
        .plan_standalone(&format!("{name}1"), id)?
        .set(&format!("cluster.{}", other.0), other.1)
        .start("test_cluster");
    let sites = [
        net.start(&first)?,
        net.start(&net.plan(&format!("{name}2"), id + 1)?)?,
    ];
    all_up(&[&sites[0], &sites[1]])?;
    ensure!(sites[0].call(&sites[1].net, "up")? == "up", "the network");
    Ok(sites)
}

fn tell(site: &Site, words: &str) -> Result<String> {
    site.probe.call(DRIVER, words)
}
