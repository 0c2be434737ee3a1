//! What the SDK offers of a network, each thing once.

use anyhow::{Result, ensure};

use crate::deadline::expect_eq;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{NET, Site};
use crate::scenario::probe::{Answer, Asked};

/// With names and values of its own.
pub(super) fn run(stage: &Stage, sites: &[&Site]) -> Result<()> {
    stage.step("everything that the SDK offers of a network");
    let [one, two, three, ..] = sites else {
        anyhow::bail!("three nodes");
    };
    expect(one, &format!("REMOTE {}", two.net), "true")?;
    expect(one, &format!("REMOTE {}", one.net), "false")?;
    names(one, two, three)?;
    links(one, two)?;
    services(one, two, three)?;
    values(one, two, three)
}

fn names(one: &Site, two: &Site, three: &Site) -> Result<()> {
    let asked = begin(one, "QUERY MINE 0")?;
    overdue(one, "QUERY MINE 50")?;
    expect(two, &format!("NAME MINE {}", two.net), "done")?;
    expect_eq("a name", asked.reply(PATIENCE)?, two.net.clone())?;
    let taken = ask(three, &format!("NAME MINE {}", three.net))?;
    ensure!(
        matches!(&taken, Answer::Error { text, .. } if text.contains(&two.net)),
        "a name that is taken: {taken:?}"
    );
    expect(three, &format!("MOVE MINE {}", three.net), "done")?;
    expect(three, "QUERY MINE 1000", &three.net)?;
    expect(three, "UNNAME MINE", "done")?;
    overdue(three, "QUERY MINE 50")?;
    expect(one, "QUERY .net 0", &one.net)?;
    expect(one, "QUERY .nobody 0", "nobody")
}

fn links(one: &Site, two: &Site) -> Result<()> {
    expect(one, &format!("CONNECT {} 0", two.id), "done")?;
    expect(one, &format!("CONNECT {} 1000", two.id), "done")?;
    overdue(one, "CONNECT 200 50")?;
    overdue(one, &format!("LINK {} 50", two.id))?;
    expect(one, "LINK 200 0", "done")?;
    overdue(one, "LINKMASTER 50")?;
    let nodes = call(one, "NODES")?;
    ensure!(
        nodes
            .split(' ')
            .any(|node| node.starts_with(&format!("{}:127.0.0.1:", two.id))
                && node.ends_with(":Up:0")),
        "node {} is not among {nodes}",
        two.id
    );
    let master = call(two, "MASTER")?;
    ensure!(master.ends_with(" up"), "the master is {master}");
    Ok(())
}

fn services(one: &Site, two: &Site, three: &Site) -> Result<()> {
    let own = call(one, "UNIQUE test_net -")?;
    ensure!(
        own.starts_with(&one.net[..3]),
        "{own} is not of node {}",
        one.id
    );
    expect(one, "SERVICE test_net", &own)?;
    let asked = begin(three, "GSERVICE test-idle")?;
    overdue(three, "GSERVICE test-idle 50")?;
    let network = call(two, "GUNIQUE test-idle")?;
    expect_eq("the network's", asked.reply(PATIENCE)?, network.clone())?;
    expect(one, "GSERVICE test-idle", &network)?;
    let failed = ask(two, "GUNIQUE no_such_module")?;
    ensure!(
        matches!(failed, Answer::Error { .. }),
        "a launch that fails: {failed:?}"
    );
    Ok(())
}

fn values(one: &Site, two: &Site, three: &Site) -> Result<()> {
    expect(two, "GET sdk value", "nothing")?;
    expect(one, "SET sdk value first", "")?;
    expect(two, "GET sdk value", "first")?;
    expect(three, "UPDATE sdk value second", "first")?;
    overdue(one, "WAIT 50 sdk late")?;
    let waiting = begin(one, "WAIT 30000 sdk late")?;
    expect(two, "SET sdk late here", "")?;
    expect_eq(
        "what was waited for",
        waiting.reply(PATIENCE)?.as_str(),
        "here",
    )
}

fn begin(site: &Site, words: &str) -> Result<Asked> {
    site.probe.begin(NET, &format!("SDK {words}"))
}

fn ask(site: &Site, words: &str) -> Result<Answer> {
    begin(site, words)?.answer(PATIENCE)
}

fn call(site: &Site, words: &str) -> Result<String> {
    begin(site, words)?.reply(PATIENCE)
}

fn expect(site: &Site, words: &str, wanted: &str) -> Result<()> {
    expect_eq(words, call(site, words)?.as_str(), wanted)
}

/// It takes longer than it may.
fn overdue(site: &Site, words: &str) -> Result<()> {
    let answer = ask(site, words)?;
    ensure!(
        matches!(&answer, Answer::Error { text, .. } if text.contains("timed out")),
        "{words}: {answer:?}"
    );
    Ok(())
}
