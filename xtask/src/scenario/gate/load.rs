//! Many clients that do nothing, and one that does.

use std::time::Instant;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skynet_gate_wire::Framing;

use super::{Door, Stage, expect_quiet};
use crate::client::PATIENCE;
use crate::say;

/// Clients that do nothing.
const IDLE: usize = 5_000;

/// Round trips of the client that does something.
const TRIPS: usize = 2_000;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!("{IDLE} idle clients and a busy one"));
    raise_file_limit()?;
    let door = Door::new("text", Framing::Length2)?;
    let max = u32::try_from(IDLE)? + 1;
    let node = stage.start(&door.add(stage.spec("idle"), max, "idle_timeout=3600"))?;
    let mut busy = door.enter()?;
    let before = node.usage()?;
    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        idle.push(door.knock()?);
    }
    for client in idle.iter_mut().step_by(IDLE / 10) {
        client.send(b"here?")?;
        client.expect(b"where?", PATIENCE)?;
    }
    door.knock()?
        .expect_closed(PATIENCE)
        .context("one more than there may be")?;
    let after = node.usage()?;
    stage.detail(format!(
        "private memory per idle client: {} bytes",
        after.private.saturating_sub(before.private) / IDLE as u64
    ));
    expect_quiet(stage, &node, 0.02)?;

    let begin = Instant::now();
    for _ in 0..TRIPS {
        busy.send(b"ping")?;
        busy.expect(b"wping", PATIENCE)?;
    }
    stage.detail(format!(
        "a round trip of the busy client: {}",
        say::duration(begin.elapsed() / u32::try_from(TRIPS)?)
    ));
    drop(idle);
    busy.send(b"alone?")?;
    busy.expect(b"walone?", PATIENCE)?;
    node.stop()
}

/// This process holds the other ends of all connections.
fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("the limit of open files cannot be raised")
}
