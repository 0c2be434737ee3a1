//! A cut cable, where this system lets us have a network of our own: all links are silent, and no connection ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::SILENT;
use super::kill::{PENDING, expect_lost};
use crate::deadline::{eventually, within};
use crate::node::{Node, NodeSpec, PATIENCE};
use crate::scenario::Stage;
use crate::space::Space;

/// Where the master is; nobody else is in that network.
const MASTER: &str = "127.0.0.1:2012";
/// How soon everything works again when the cable is whole.
const HEALED: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let Some(space) = Space::new()? else {
        stage.step("links are not cut like cables: no network of our own is allowed here");
        return Ok(());
    };
    stage.step(format!(
        "a cable is cut, with {PENDING} calls pending each way"
    ));
    let one = stage.start(&spec(stage, &space, "x1", 1).set("standalone", MASTER))?;
    let two = stage.start(&spec(stage, &space, "x2", 2))?;
    one.wait_for_log("node 2 is linked", PATIENCE)?;
    let mut seven = unmodified(&space)?;
    one.wait_for_log("node 7 is linked", PATIENCE)?;
    let (own, other) = (handle(&one)?, handle(&two)?);

    let begin = thread::scope(|scope| {
        let calls = [(&one, &other), (&two, &own)].map(|(from, to)| {
            let text = format!("CALL {to} {PENDING} 0 HOLD");
            scope.spawn(move || from.ctl(&["call", ".caller", &text]))
        });
        let stuck = scope.spawn(|| {
            let output = one.try_ctl(&["call", ".net", "LUA :07000010 0 HOLD"], PATIENCE)?;
            Ok(String::from_utf8_lossy(&output.stderr).into_owned())
        });
        for node in [&one, &two] {
            eventually("the requests to be held", PATIENCE, || {
                Ok(
                    (node.ctl(&["call", ".net", "HELD"])?.trim() == PENDING.to_string())
                        .then_some(()),
                )
            })?;
        }
        let begin = Instant::now();
        space.cut()?;
        for call in calls {
            expect_lost(&join(call)?)?;
        }
        within("both sides knew", SILENT, begin.elapsed())?;
        let error = join(stuck)?;
        ensure!(
            error.contains("lost"),
            "a call to an unmodified node: {error:?}"
        );
        within(
            "a cut link to an unmodified node was noticed",
            SILENT,
            begin.elapsed(),
        )?;

        let mark = one.log().mark();
        let begin = Instant::now();
        space.heal()?;
        one.log().wait(mark, "node 2 is linked", PATIENCE)?;
        Ok::<_, anyhow::Error>(begin)
    })?;
    within("they were linked again", HEALED, begin.elapsed())?;
    for (from, to) in [(&one, &other), (&two, &own)] {
        let text = format!("CALL {to} 0 again");
        ensure!(
            from.ctl(&["call", ".net", &text])?.trim() == "again",
            "a call again"
        );
    }
    drop(seven.stdin.take());
    seven.wait()?;
    Ok(())
}

fn spec(stage: &Stage, space: &Space, name: &str, id: u8) -> NodeSpec {
    stage
        .spec(name)
        .inside(space.prefix())
        .set("harbor", i64::from(id))
        .set("master", MASTER)
        .start("test-caller caller")
        .start("test_net")
}

/// An unmodified slave, which answers nothing.
fn unmodified(space: &Space) -> Result<Child> {
    let prefix = space.prefix();
    let mut slave = Command::new(&prefix[0])
        .args(&prefix[1..])
        .arg(std::env::current_exe()?)
        .args(["stock-slave", MASTER, "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = slave.stdout.take().context("it has an output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    ensure!(line == "ready\n", "it did not join");
    Ok(slave)
}

fn handle(node: &Node) -> Result<String> {
    Ok(node.ctl(&["call", ".net", "SELF"])?.trim().to_owned())
}

/// What a thread has found. A panic in it has been printed.
fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("its thread panicked")))
}
