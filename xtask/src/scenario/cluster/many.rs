//! Three nodes, and twenty.

use std::time::Instant;

use anyhow::Result;

use crate::node::PATIENCE;
use crate::say;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site, expect_counts};

/// Nodes of the large one.
const NODES: usize = 20;
/// Calls between each two.
const CALLS: u64 = 20;

pub(super) fn run(stage: &Stage) -> Result<()> {
    all_with_all(stage, "t", 3, 1000)?;
    all_with_all(stage, "n", NODES, CALLS)
}

fn all_with_all(stage: &Stage, prefix: &str, count: usize, calls: u64) -> Result<()> {
    stage.step(format!("{count} nodes, of which each calls all others"));
    let begin = Instant::now();
    let plans = (1..=count)
        .map(|number| Plan::new(stage, &format!("{prefix}{number}")))
        .collect::<Result<Vec<_>>>()?;
    let all: Vec<_> = plans.iter().collect();
    let sites = plans
        .iter()
        .map(|plan| plan.clone().knows(&all).set("thread", 1).open(stage))
        .collect::<Result<Vec<Site>>>()?;
    let started = say::duration(begin.elapsed());
    let begin = Instant::now();
    let mut running = Vec::new();
    for site in &sites {
        // Itself, too: a node may call itself over the network.
        for plan in &plans {
            running.push(site.begin(&format!("TOKENS {} @svc {calls} 5", plan.name))?);
        }
    }
    for run in running {
        let report = run.reply(PATIENCE)?;
        expect_counts(&report, &[("right", calls), ("failed", 0), ("wrong", 0)])?;
    }
    stage.detail(format!(
        "started in {started}; {} connections and {} calls in {}",
        count * count,
        (count * count) as u64 * calls,
        say::duration(begin.elapsed())
    ));
    for site in sites {
        site.node.stop()?;
    }
    Ok(())
}
