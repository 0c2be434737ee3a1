//! How many clients there may be, and what those may reach that were let in.

use anyhow::{Result, ensure};

use crate::client::PATIENCE as SHORT;
use crate::deadline::eventually;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site};
use crate::stock::link::{Link, To, small, text};

/// Clients that a listener lets in.
const CLIENTS: usize = 5;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let far = Plan::new(stage, "crowded")?.start(stage)?;
    far.clusterd(&format!("register svc {}", far.driver))?;
    far.listen(&format!("{{maxclient={CLIENTS}}}"))?;
    unexported(stage, &far)?;
    stage.step(format!("a listener for {CLIENTS} clients"));
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let mut client = Link::connect(far.address)?;
        let answer = ask(&mut client, To::Name("@svc"))?;
        ensure!(answer.kind == 1, "client {number}: {answer:?}");
        clients.push(client);
    }
    for _ in 0..3 {
        let mut more = Link::connect(far.address)?;
        more.expect_closed(SHORT)?;
    }
    for client in &mut clients {
        let answer = ask(client, To::Name("@svc"))?;
        ensure!(answer.kind == 1, "one that was let in: {answer:?}");
    }
    clients.pop();
    let mut again = eventually("a place to be free", PATIENCE, || {
        let mut client = Link::connect(far.address)?;
        Ok(ask(&mut client, To::Name("@svc")).is_ok().then_some(client))
    })?;
    let mut more = Link::connect(far.address)?;
    more.expect_closed(SHORT)?;
    let answer = ask(&mut again, To::Name("@svc"))?;
    ensure!(answer.kind == 1, "the last one: {answer:?}");
    drop(clients);
    far.node.stop()
}

/// Whoever calls what is not exported is told what would have to be said for it.
fn unexported(stage: &Stage, far: &Site) -> Result<()> {
    stage.step("an unmodified client calls what is not exported");
    let mut client = Link::connect(far.address)?;
    let handle = u32::from_str_radix(far.driver.trim_start_matches(':'), 16)?;
    for to in [
        To::Name(".launcher"),
        To::Name(".clusterd"),
        To::Name(".cl"),
        To::Handle(1),
        To::Name(":00000001"),
    ] {
        let answer = ask(&mut client, to)?;
        let told = String::from_utf8_lossy(&answer.data);
        ensure!(
            answer.kind == 0 && told.contains("cluster_expose"),
            "{to:?} was answered with {answer:?}: {told}"
        );
    }
    // That of a registered name is one that a query gives.
    let answer = ask(&mut client, To::Handle(handle))?;
    ensure!(answer.kind == 1, "a registered service: {answer:?}");
    drop(client);
    eventually("it to be gone", PATIENCE, || {
        Ok((far.services("clusteragent")? == 0).then_some(()))
    })
}

fn ask(client: &mut Link, to: To<'_>) -> Result<crate::stock::link::Response> {
    let body = [text("ECHO"), text("it")].concat();
    client.send(&small(to, 1, &body))?;
    client.response(SHORT)
}
