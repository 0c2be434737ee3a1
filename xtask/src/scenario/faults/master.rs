//! The master dies and comes back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client::fixed_address;
use crate::deadline::{expect_eq, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::net::{Net, SLAVE, all_up};

/// How soon the nodes know that the master is gone.
const NOTICED: Duration = Duration::from_secs(1);
/// How soon everything works again when it is back.
const HEALED: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("the master is killed and started again");
    let address = fixed_address()?;
    let spec = stage.spec("master").start(format!("master {address}"));
    let mut master = stage.start(&spec)?;
    let net = Net::with_master(stage, address);
    let one = net.start(&net.plan("m1", 1)?.with_services())?;
    let two = net.start(&net.plan("m2", 2)?)?;
    let three = net.start(&net.plan("m3", 3)?)?;
    let sites = [&one, &two, &three];
    all_up(&sites)?;
    one.register("BEFORE")?;
    // What a node has not been told before the master dies, it cannot know until that is back.
    for site in [&two, &three] {
        expect_eq("BEFORE", site.query("BEFORE")?, one.net.clone())?;
    }
    let told = sites.map(|site| site.begin_lua(SLAVE, None, "LINKMASTER"));

    let begin = Instant::now();
    master.kill_hard()?;
    for told in told {
        told?.reply(PATIENCE)?;
    }
    within(
        "everybody knew that the master is gone",
        NOTICED,
        begin.elapsed(),
    )?;
    for from in sites {
        for to in sites {
            ensure!(
                from.call(&to.net, "without")? == "without",
                "without a master"
            );
        }
    }
    ensure!(
        three.call("BEFORE", "name")? == "name",
        "a name without a master"
    );

    drop(master);
    let _master = stage.start(&spec)?;
    let begin = Instant::now();
    two.register("AFTER")?;
    expect_eq("AFTER", three.query("AFTER")?, two.net.clone())?;
    within("a name was known everywhere", HEALED, begin.elapsed())?;
    let four = net.start(&net.plan("m4", 4)?)?;
    for (name, holder) in [("BEFORE", &one), ("AFTER", &two)] {
        expect_eq(name, four.query(name)?, holder.net.clone())?;
    }
    all_up(&[&one, &two, &three, &four])?;
    for site in sites {
        ensure!(
            four.call(&site.net, "new here")? == "new here",
            "the new one"
        );
        ensure!(site.call(&four.net, "welcome")? == "welcome", "the new one");
    }
    Ok(())
}
