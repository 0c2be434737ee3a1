//! Limits: clients at a time, silence, output that nobody reads, open files.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use skynet_gate_wire::Framing;

use super::{Door, Stage, both, expect_end, expect_quiet, id_of};
use crate::client::{FramedClient, PATIENCE};
use crate::deadline::eventually;

pub(super) fn run(stage: &Stage) -> Result<()> {
    exact_maximum(stage)?;
    silence(stage)?;
    non_readers(stage)?;
    files(stage)
}

fn exact_maximum(stage: &Stage) -> Result<()> {
    const MAX: u32 = 3;
    stage.step(format!("exactly {MAX} clients at a time"));
    let (node, doors) = both(stage, "maximum", Framing::Length2, MAX, "")?;
    for door in &doors {
        let mut clients = (0..MAX).map(|_| door.enter()).collect::<Result<Vec<_>>>()?;
        door.knock()?.expect_closed(PATIENCE)?;
        clients.pop();
        // The gate learns of the end a moment later.
        eventually("the freed place", PATIENCE, || Ok(door.enter().ok()))?;
    }
    node.stop()
}

fn silence(stage: &Stage) -> Result<()> {
    const TIMEOUT: Duration = Duration::from_millis(800);
    stage.step("a silent client is closed after the idle time-out, a talking one is not");
    let options = format!("idle_timeout={}", TIMEOUT.as_secs_f64());
    let (node, doors) = both(stage, "silence", Framing::Line, 10, &options)?;
    for door in &doors {
        let mark = node.log().mark();
        let (mut silent, mut talking) = (door.enter()?, door.enter()?);
        let begin = Instant::now();
        loop {
            talking.send(b"tick")?;
            talking.expect(b"wtick", PATIENCE)?;
            if silent.expect_closed(TIMEOUT / 8).is_ok() {
                break;
            }
            ensure!(
                begin.elapsed() < PATIENCE,
                "the silent client is still there"
            );
        }
        let lived = begin.elapsed();
        stage.detail(format!("{} form: closed after {lived:.1?}", door.form));
        // A little was silent before the clock began.
        ensure!(
            lived > TIMEOUT.mul_f64(0.7),
            "closed early, after {lived:?}"
        );
        if door.form == "lua" {
            node.log()
                .wait(mark, "nothing came for too long", PATIENCE)?;
        }
        talking.send(b"on")?;
        talking.expect(b"won", PATIENCE)?;
    }
    node.stop()
}

fn non_readers(stage: &Stage) -> Result<()> {
    const LIMIT: u32 = 256 << 10;
    stage.step("a client that does not read is closed at its output limit, the others go on");
    let options = format!("output_limit={LIMIT}");
    let (node, doors) = both(stage, "non-readers", Framing::Length2, 10, &options)?;
    for door in &doors {
        let mark = node.log().mark();
        let (mut deaf, mut other) = (door.enter()?, door.enter()?);
        let id = id_of(&mut deaf)?;
        let before = node.usage()?;
        deaf.send(b"!flood 32768")?;
        expect_end(&node, mark, id)?;
        other.send(b"and me?")?;
        other.expect(b"wand me?", PATIENCE)?;
        let after = node.usage()?;
        stage.detail(format!(
            "{} form: private memory grew by {} KiB",
            door.form,
            after.private.saturating_sub(before.private) / 1024
        ));
        deaf.expect_closed(PATIENCE)?;
    }
    node.stop()
}

/// More clients than the node has files for.
fn files(stage: &Stage) -> Result<()> {
    const FILES: u64 = 100;
    /// Clients that are not served, after which no more come.
    const ENOUGH: usize = 20;
    stage.step(format!("more clients than the node's {FILES} files"));
    let door = Door::new("text", Framing::Length2)?;
    let node = stage.start(&door.add(stage.spec("files").files(FILES), 1000, ""))?;
    let (mut served, mut waiting): (Vec<FramedClient>, Vec<FramedClient>) = Default::default();
    while waiting.len() < ENOUGH {
        let mut client = door.knock()?;
        // Some of those that come too late are cut off, the others wait.
        let hurried = client
            .send(b"hello")
            .and_then(|()| client.expect(b"whello", Duration::from_millis(250)));
        match hurried {
            Ok(()) => served.push(client),
            Err(_) => waiting.push(client),
        }
        ensure!(
            (served.len() as u64) < FILES,
            "{} clients were served",
            served.len()
        );
    }
    stage.detail(format!("{} served, {} not", served.len(), waiting.len()));
    ensure!(
        served.len() > 20,
        "only {} clients were served",
        served.len()
    );
    node.wait_for_log("cannot take a connection", PATIENCE)?;
    expect_quiet(stage, &node, 0.1).context("while clients wait")?;

    let half = served.len() / 2;
    for client in &mut served[..half] {
        client.send(b"still?")?;
        client.expect(b"wstill?", PATIENCE)?;
    }
    served.drain(half..);
    waiting.clear();
    eventually("a place for a new client", PATIENCE, || {
        Ok(door.enter().ok())
    })?;
    for client in &mut served {
        client.send(b"and now?")?;
        client.expect(b"wand now?", PATIENCE)?;
    }
    node.stop()
}
