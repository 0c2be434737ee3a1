//! The two nodes of `cargo xtask run cluster`: what the client sees of the database, and that it sees it go and come.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Stage;
use crate::client::fixed_address;
use crate::node::{NodeSpec, PATIENCE};
use crate::say;

/// What the client tells, each in a line of its own, in this order.
const TOLD: &[&str] = &[
    "waiting for node db: ",
    "this is what each kind of name gets:",
    "\"@simpledb\", a name for other nodes: Some(\"hello, cluster\")",
    "\".simpledb\", a local name there: Some(\"hello, cluster\")",
    "\"SIMPLEDB\", a global name there: Some(\"hello, cluster\")",
    "the handle that a query has found: Some(\"hello, cluster\")",
    "a proxy in this node: Some(\"hello, cluster\")",
    "a message that was handed over to the connection",
    "a message that the mailbox there has taken",
    "a name that nobody has: request to @nobody of cluster node db failed: no such service",
    "a service that is not open to others: request to .launcher of cluster node db failed: refused",
    "a node that is not known: cluster node nowhere is not known",
    "that was all; from now on only what changes is told",
];

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    shipped(stage)?;
    let address = fixed_address()?.to_string();
    let of_cluster = |spec: NodeSpec| spec.set("cluster.db", address.as_str());
    let client = stage.spec("client").set("cluster_wait", 1);
    let client = of_cluster(client).start("clusterclient");
    let db = of_cluster(stage.spec("db"))
        .start("simpledb")
        .start("clusterdb");

    stage.step("the client waits for the database, and calls it by every kind of name");
    let client = stage.start(&client)?;
    client.wait_for_log(TOLD[0], PATIENCE)?;
    let mut site = stage.start(&db)?;
    for told in TOLD {
        stage.detail(client.wait_for_log(told, PATIENCE)?.trim_end());
    }
    in_order(&client.log().matching(Default::default(), ""))?;

    stage.step("the database is killed, and comes back");
    let mark = client.log().mark();
    site.kill_hard()?;
    client
        .log()
        .wait(mark, "node db does not answer: ", PATIENCE)?;
    drop(site);
    let begin = Instant::now();
    site = stage.start(&db)?;
    client.log().wait(mark, "node db is back", PATIENCE)?;
    let time = begin.elapsed();
    stage.detail(format!(
        "it was called again {} after it was started",
        say::duration(time)
    ));
    // It asks once in a second, and the connection is dialled anew within 5 seconds.
    ensure!(time < Duration::from_secs(18), "that took too long");
    client.stop()?;
    site.stop()?;
    Ok(())
}

/// Each line of [`TOLD`] comes behind the one before it.
fn in_order(log: &[String]) -> Result<()> {
    let mut rest = log.iter();
    for told in TOLD {
        ensure!(
            rest.any(|line| line.contains(told)),
            "{told:?} is not in its place"
        );
    }
    Ok(())
}

/// The configurations of `cargo xtask run cluster` are right.
fn shipped(stage: &Stage) -> Result<()> {
    for node in ["db", "client"] {
        let file = stage
            .workspace()
            .join(format!("config/cluster/{node}.toml"));
        let checked = Command::new(stage.executable())
            .arg("--check")
            .arg(&file)
            .output()?;
        ensure!(
            checked.status.success(),
            "{}: {}",
            file.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
    Ok(())
}
