//! A network with a secret: who does not know it stays outside.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client;
use crate::deadline::within;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{Net, Plan, Site, all_up};
use crate::stock::{StockSlave, vectors};

/// What the nodes know.
const SECRET: &str = "open sesame, 0123456789";
/// How long a stranger may stay.
const UNPROVEN: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("a network with a secret");
    let net = Net::new(stage)?;
    let with = |plan: Plan| plan.set("harbor_secret", SECRET);
    let first = with(net.plan_standalone("k1", 1)?);
    let one = net.start(&first)?;
    let two = net.start(&with(net.plan("k2", 2)?))?;
    all_up(&[&one, &two])?;
    ensure!(one.call(&two.net, "friend")? == "friend", "with the secret");

    refused(stage, &net, "without it", net.plan("k3", 3)?)?;
    let other = net
        .plan("k4", 3)?
        .set("harbor_secret", "open barley, 0123456789");
    refused(stage, &net, "with another one", other)?;
    let begin = Instant::now();
    let unmodified = StockSlave::begin(net.master, 7)?;
    unmodified.expect_end(PATIENCE)?;
    within("an unmodified node was refused", UNPROVEN, begin.elapsed())?;
    stranger(&first)?;
    untold(&[&one, &two])?;
    ensure!(two.call(&one.net, "still")? == "still", "with the secret");
    Ok(())
}

/// A node that does not know it ends, and says why.
fn refused(stage: &Stage, net: &Net<'_>, what: &str, plan: Plan) -> Result<()> {
    let mut node = net.spawn(&plan)?;
    let status = node.wait_exit(PATIENCE)?;
    ensure!(
        !status.success(),
        "{what} it ended as if nothing had happened"
    );
    let why = node.wait_for_log("secret", Duration::from_secs(1))?;
    stage.detail(format!("{what}: {why}"));
    Ok(())
}

/// Who says that it is a node, and proves nothing.
fn stranger(plan: &Plan) -> Result<()> {
    for words in [vec![2], [&[2][..], &vectors::bytes(vectors::CALL)].concat()] {
        let begin = Instant::now();
        let mut stream = client::connect(plan.address)?;
        stream.write_all(&words)?;
        stream.set_read_timeout(Some(UNPROVEN * 3))?;
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut Vec::new());
        within("a stranger was thrown out", UNPROVEN, begin.elapsed())?;
    }
    Ok(())
}

/// Nobody prints it.
fn untold(sites: &[&Site]) -> Result<()> {
    for site in sites {
        let told = site.node.log().matching(Default::default(), SECRET);
        ensure!(told.is_empty(), "the log tells the secret: {told:?}");
    }
    Ok(())
}
