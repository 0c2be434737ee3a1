//! Clusters that work: 2, 3 and 20 nodes; names, bodies and order; configurations that change; harbor networks that are
//! linked; secrets and TLS.

mod bodies;
mod linked;
mod many;
mod moves;
mod names;
mod requests;
mod sdk;
mod secure;
mod sources;
mod tls;
mod traces;
mod waits;

use anyhow::Result;

use super::Stage;
use super::clustered::Plan;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    pair(stage)?;
    waits::run(stage)?;
    moves::run(stage)?;
    sources::run(stage)?;
    secure::run(stage)?;
    tls::run(stage)?;
    linked::run(stage)?;
    many::run(stage)
}

/// Two nodes that know each other.
fn pair(stage: &Stage) -> Result<()> {
    let (one, two) = (Plan::new(stage, "one")?, Plan::new(stage, "two")?);
    // The second one is known by two names: two channels to one process.
    let first = one.clone().knows(&[&two]).finds("two_too", two.address);
    let (first, second) = (first.open(stage)?, two.knows(&[&one]).open(stage)?);
    requests::run(stage, &first, &second)?;
    names::run(stage, &first, &second)?;
    sdk::run(stage, &first, &second)?;
    traces::run(stage, &first, &second)?;
    bodies::run(stage, &first, &second)?;
    for site in [first, second] {
        site.node.stop()?;
    }
    Ok(())
}
