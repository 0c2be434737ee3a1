//! Unique services and the data centre.

use anyhow::{Context, Result, ensure};

use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{Net, Plan, Site, all_up, as_handle};
use crate::scenario::probe::Answer;

/// The service manager of each node.
const MANAGER: &str = ".service";
/// The data centre.
const DATA: &str = "DATACENTER";
/// Requests of each node at once.
const AT_ONCE: usize = 8;

/// Gives the node of the data centre a file to keep it in.
pub(super) fn with_store(stage: &Stage, plan: Plan) -> Plan {
    let file = stage.folder().join("data");
    plan.set("datacenter.file", file.display().to_string())
}

/// One per node, and one per network, asked for by everybody at once.
pub(super) fn unique(stage: &Stage, sites: &[&Site]) -> Result<()> {
    let mut handles = Vec::new();
    for site in sites {
        let asked = (0..AT_ONCE)
            .map(|_| site.begin_lua(MANAGER, None, "LAUNCH test_sink"))
            .collect::<Result<Vec<_>>>()?;
        let mut found = Vec::new();
        for asked in asked {
            found.push(as_handle(&asked.reply(PATIENCE)?)?);
        }
        found.dedup();
        expect_eq("services", found.len(), 1)?;
        ensure!(found[0].starts_with(&site.net[..3]), "of another node");
        let again = as_handle(&site.lua(MANAGER, "QUERY test_sink")?)?;
        expect_eq("the same when asked for", &again, &found[0])?;
        handles.append(&mut found);
    }

    let mut asked = Vec::new();
    for site in sites {
        for _ in 0..AT_ONCE {
            asked.push(site.begin_lua(MANAGER, None, "GQUERY test_source")?);
            asked.push(site.begin_lua(MANAGER, None, "GLAUNCH test_source")?);
        }
    }
    let mut found = Vec::new();
    for asked in asked {
        found.push(as_handle(&asked.reply(PATIENCE)?)?);
    }
    found.dedup();
    expect_eq("services of the network", found.len(), 1)?;
    let launched = count_services(sites, "test_source")?;
    expect_eq("services launched", launched, 1)?;
    stage.detail(format!(
        "{} nodes asked {AT_ONCE} times each, and got {}",
        sites.len(),
        found[0]
    ));
    fails(sites)
}

fn count_services(sites: &[&Site], module: &str) -> Result<usize> {
    let mut count = 0;
    for site in sites {
        let list = site.node.ctl(&["list"])?;
        let of_module = |line: &&str| line.split_whitespace().any(|word| word == module);
        count += list.lines().filter(of_module).count();
    }
    Ok(count)
}

/// A launch that fails is told to everybody who waits, and the next one may work.
fn fails(sites: &[&Site]) -> Result<()> {
    let asked = sites
        .iter()
        .map(|site| site.begin_lua(MANAGER, None, "GLAUNCH test_relay =nonsense"))
        .collect::<Result<Vec<_>>>()?;
    for asked in asked {
        match asked.answer(PATIENCE)? {
            Answer::Reply(text) if text.starts_with("nil ") => {}
            Answer::Error { .. } => {}
            other => anyhow::bail!("a launch that fails: {other:?}"),
        }
    }
    let words = format!("GLAUNCH test_relay =:{}", &sites[0].net[1..]);
    let handle = as_handle(&sites[1].lua(MANAGER, &words)?)?;
    let answer = sites[2].call(&handle, "through the relay")?;
    expect_eq("its work", answer.as_str(), "through the relay")
}

/// Values are the same for everybody, and can be waited for.
pub(super) fn data(stage: &Stage, sites: &[&Site]) -> Result<()> {
    for site in sites {
        let old = site.lua(DATA, &format!("UPDATE cities c{} {}", site.id, site.id))?;
        ensure!(old.is_empty() || old == "nil", "an old value {old:?}");
    }
    for site in sites {
        for other in sites {
            let found = site.lua(DATA, &format!("QUERY cities c{}", other.id))?;
            expect_eq("a value", found, other.id.to_string())?;
        }
    }
    let old = sites[1].lua(DATA, "UPDATE cities c1 changed")?;
    expect_eq("the old value", old.as_str(), "1")?;
    let waiting = sites
        .iter()
        .map(|site| site.begin_lua(DATA, None, "WAIT harbour master"))
        .collect::<Result<Vec<_>>>()?;
    sites[2].lua(DATA, "UPDATE harbour master found")?;
    for waiting in waiting {
        let value = waiting.reply(PATIENCE)?;
        expect_eq("what was waited for", value.as_str(), "found")?;
    }
    stage.detail("values are the same for everybody, and can be waited for");
    Ok(())
}

/// The node of the master and the data centre is stopped and started again: the values are still there.
pub(super) fn restarted(
    stage: &Stage,
    net: &Net<'_>,
    first: &Plan,
    mut sites: Vec<Site>,
) -> Result<()> {
    stage.step("the node of the data centre is restarted");
    let one = sites.remove(0);
    one.node.stop()?;
    for site in &sites {
        site.wait_state(1, "lost", PATIENCE)
            .or_else(|_| site.wait_state(1, "", PATIENCE))?;
    }
    let one = net.start(first)?;
    sites.insert(0, one);
    let all: Vec<_> = sites.iter().collect();
    all_up(&all)?;
    for site in &all {
        let value = eventually("a value from before", PATIENCE, || {
            match site.ask(DATA, None, "QUERY harbour master")? {
                Answer::Reply(text) => Ok(Some(text)),
                Answer::Error { .. } => Ok(None),
                other => anyhow::bail!("{other:?}"),
            }
        })
        .with_context(|| format!("node {}", site.id))?;
        expect_eq("a value from before", value.as_str(), "found")?;
    }
    for site in sites {
        site.node.stop()?;
    }
    Ok(())
}
