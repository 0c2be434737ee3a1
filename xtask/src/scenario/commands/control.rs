//! The control socket: each request, and clients that are no friends.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::deadline::{eventually, expect_eq};
use crate::node::{Node, PATIENCE};
use crate::scenario::Stage;
use crate::scenario::probe::{Probe, figure};

/// How many clients the control service takes at once.
const CLIENTS: usize = 16;

pub(super) fn run(stage: &Stage, node: &Node, probe: &Probe) -> Result<()> {
    requests(stage, node)?;
    launches(stage, node)?;
    guards(stage, node)?;
    strangers(stage, node)?;
    crowd(stage, node)?;
    again(stage, node, probe)?;
    idle(stage, node)
}

fn requests(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("skynet ctl: list, stat, log-level, sockets, node, signal");
    let list = node.ctl(&["list"])?;
    for part in [
        ".control",
        ".logger",
        "test_commands one",
        "simpledb keys=2",
    ] {
        ensure!(list.contains(part), "list lacks {part:?}: {list}");
    }
    let stat = node.ctl(&["stat"])?;
    expect_eq("lines of stat", stat.lines().count(), list.lines().count())?;
    for line in stat.lines() {
        figure(line, "cpu", ':')?;
        figure(line, "mqlen", ':')?;
    }
    let one = node.ctl(&["stat", ".one"])?;
    ensure!(figure(&one, "message", ':')? > 1000.0, "stat .one: {one}");
    ensure!(
        one.trim_end().ends_with("test_commands one"),
        "stat .one: {one}"
    );

    expect_eq("the level", node.ctl(&["log-level"])?, "info\n".to_owned())?;
    expect_eq(
        "the level",
        node.ctl(&["log-level", "debug"])?,
        "debug\n".to_owned(),
    )?;
    let mark = node.log().mark();
    let handle = node.ctl(&["launch", "test_commands", "seen"])?;
    node.log()
        .wait(mark, "LAUNCH test_commands seen", PATIENCE)?;
    expect_eq(
        "the level",
        node.ctl(&["log-level", "info"])?,
        "info\n".to_owned(),
    )?;
    node.ctl(&["kill", handle.trim()])?;

    ensure!(
        node.ctl(&["sockets"])?.contains("local:127.0.0.1:"),
        "sockets lacks the probe's"
    );
    ensure!(
        figure(&node.ctl(&["node"])?, "workers", ':')? >= 2.0,
        "node counts too few"
    );
    node.ctl(&["signal", ".one", "5"])?;
    for (words, reason) in [
        (&["stat", ".nobody"][..], "no service is called .nobody"),
        (&["kill", ":ffffff"], "there is no service :00ffffff"),
        (&["signal", ".one", "x"], "usage: signal"),
        (&["log-level", "loud"], "loud"),
        (&["fly"], "no command \"fly\""),
    ] {
        refused(node, words, reason)?;
    }
    Ok(())
}

/// Runs `skynet ctl`, which must fail and say why.
fn refused(node: &Node, words: &[&str], reason: &str) -> Result<()> {
    let output = node.try_ctl(words, PATIENCE)?;
    let text = String::from_utf8_lossy(&output.stderr);
    expect_eq(
        "the exit code of a refused request",
        output.status.code(),
        Some(1),
    )?;
    ensure!(
        text.contains(reason),
        "{words:?}: found {text:?}, wanted {reason:?}"
    );
    Ok(())
}

fn launches(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("skynet ctl launch: answers when the service is ready, or with the reason");
    let handle = node.ctl(&["launch", "test_commands", "by-hand"])?;
    let list = node.ctl(&["list"])?;
    ensure!(
        list.lines()
            .any(|line| line.starts_with(handle.trim()) && line.contains(".by-hand")),
        "{handle:?} is not in the list: {list}"
    );
    node.ctl(&["kill", ".by-hand"])?;
    refused(node, &["launch", "nothing"], "no module `nothing`")?;
    refused(node, &["launch", "broken-create-fails"], "the moon is full")?;
    refused(
        node,
        &["launch", "broken-never-ready", "fail"],
        "could not start",
    )?;
    refused(node, &["launch"], "usage: launch")
}

fn guards(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("the socket is the owner's, and there is one");
    let mode = |path: PathBuf| -> Result<u32> {
        let metadata = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
        Ok(metadata.permissions().mode() & 0o777)
    };
    expect_eq("the socket's mode", mode(socket(node))?, 0o600)?;
    expect_eq("the run folder's mode", mode(node.rundir())?, 0o700)?;
    refused(node, &["launch", "control"], "the name .control belongs to")
}

fn socket(node: &Node) -> PathBuf {
    node.rundir().join("control.sock")
}

fn connect(node: &Node) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket(node)).context("the control socket")?;
    stream.set_read_timeout(Some(client::PATIENCE))?;
    stream.set_write_timeout(Some(client::PATIENCE))?;
    Ok(stream)
}

fn strangers(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("clients that send nothing, garbage, or far too much");
    let check = |bytes: &[u8], expected: &str| {
        let mut stream = connect(node)?;
        // It may be refused before all is sent.
        drop(stream.write_all(bytes));
        drop(stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        ensure!(
            answer.starts_with(expected),
            "found {answer:?}, wanted {expected:?}"
        );
        Ok(())
    };
    check(b"", "")?;
    check(b"\n", "error\nthere is no command")?;
    check(b"list", "error\nthe request has no line feed")?;
    check(b"\x00\xff\xfe\n", "error\nthe request is not UTF-8")?;
    check(b"node\nnode\n", "ok\nname:commands")?;
    check(
        &vec![b'x'; 1 << 20],
        "error\nthe request is longer than 65536 bytes",
    )?;
    node.ctl(&["node"]).map(|_| ())
}

fn crowd(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("more clients than it takes: the others are told, and it goes on when they leave");
    let silent: Vec<_> = (0..CLIENTS).map(|_| connect(node)).collect::<Result<_>>()?;
    let mut answer = String::new();
    drop(connect(node)?.read_to_string(&mut answer));
    expect_eq(
        "what one too many is told",
        answer,
        format!("error\n{CLIENTS} clients are there already\n"),
    )?;
    drop(silent);
    eventually("the others to have left", PATIENCE, || {
        let output = node.try_ctl(&["node"], PATIENCE)?;
        Ok(output.status.success().then_some(()))
    })
}

fn again(stage: &Stage, node: &Node, probe: &Probe) -> Result<()> {
    stage.step("the control service can be killed, and launched again");
    node.ctl(&["kill", ".control"])?;
    eventually("the socket to go", PATIENCE, || {
        Ok((!socket(node).exists()).then_some(()))
    })?;
    refused(node, &["list"], "no node answers")?;
    probe.launch("control")?;
    ensure!(
        node.ctl(&["list"])?.contains(".control"),
        "the new one is not in the list"
    );
    Ok(())
}

/// How long an idle node is watched.
const WATCHED: Duration = Duration::from_secs(1);

fn idle(stage: &Stage, node: &Node) -> Result<()> {
    stage.step("while nobody talks to it the node makes no wake-ups");
    let before = node.usage()?.switches;
    std::thread::sleep(WATCHED);
    let made = node.usage()?.switches - before;
    // Workers that were busy just before may still be on their way to sleep.
    ensure!(
        made <= 8,
        "{made} context switches in {WATCHED:?} of an idle node"
    );
    Ok(())
}
