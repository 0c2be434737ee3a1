//! Networks in which things go wrong: nodes that die, hang and come back, masters that are gone, links that are cut, ids
//! that two want, and strangers.

mod cable;
mod cut;
mod hostile;
mod kill;
mod master;
mod race;
mod rounds;
mod secret;
mod stop;
mod wires;

use std::time::Duration;

use anyhow::Result;

use super::Stage;

/// How soon calls to a node fail whose process has died.
const DEAD: Duration = Duration::from_secs(1);
/// How soon calls to a node fail of which nothing is heard any more.
const SILENT: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    kill::run(stage)?;
    stop::run(stage)?;
    master::run(stage)?;
    cut::run(stage)?;
    cable::run(stage)?;
    race::run(stage)?;
    hostile::run(stage)?;
    secret::run(stage)?;
    rounds::run(stage)
}
