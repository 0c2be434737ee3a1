//! Every way a node starts and ends: its exit code, its last words, what it leaves behind.

mod background;
mod refused;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::Stage;
use super::probe::Probe;
use crate::deadline::{eventually, expect_eq, timed, within};
use crate::node::{Node, NodeSpec, PATIENCE};

/// The grace period of nodes that are not to end cleanly, in seconds.
const GRACE: u64 = 1;
/// How long a node without anything stuck may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(1);
/// How long an impatient operator waits before pressing again.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(100);
/// What an impatient second signal ends with.
const EXIT_IMPATIENT: i32 = 130;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    clean(stage)?;
    stuck(stage)?;
    impatient(stage)?;
    reopens(stage)?;
    full_disk(stage)?;
    killed(stage)?;
    refused::run(stage)?;
    background::run(stage)
}

/// The whole log of a node that writes it to a file.
fn log_file(node: &Node) -> PathBuf {
    node.folder().join("node.log")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Waits for text in a file.
fn wait_in(path: &Path, pattern: &str) -> Result<String> {
    let what = format!("{pattern:?} in {}", path.display());
    eventually(&what, PATIENCE, || {
        let text = fs::read_to_string(path).unwrap_or_default();
        Ok(text.contains(pattern).then_some(text))
    })
}

/// Starts a node that writes its log to a file, and waits until it is ready.
fn start_logged(stage: &Stage, name: &str, spec: NodeSpec) -> Result<Node> {
    let node = stage.spawn(&spec.set("logger", "node.log"))?;
    wait_in(&log_file(&node), &format!("node {name} is ready"))?;
    Ok(node)
}

/// Nothing of a node that has stopped cleanly is in its run folder.
fn expect_tidy(rundir: &Path) -> Result<()> {
    ensure!(
        !rundir.join("control.sock").exists(),
        "the control socket is left behind"
    );
    let copies = match fs::read_dir(rundir.join("plugins")) {
        Ok(entries) => entries.count(),
        Err(_) => 0,
    };
    expect_eq("private copies of plugins", copies, 0)
}

fn clean(stage: &Stage) -> Result<()> {
    for (signal, name) in [(Signal::TERM, "sigterm"), (Signal::INT, "sigint")] {
        stage.step(format!(
            "{name}: services are released in reverse order, and all is written"
        ));
        let spec = stage.spec(name);
        let names = ["first", "second", "third"];
        let spec = names.iter().fold(spec, |spec, name| {
            spec.start(format!("test_commands {name}"))
        });
        let mut node = start_logged(stage, name, spec)?;
        ensure!(
            node.rundir().join("control.sock").exists(),
            "there is no control socket"
        );
        node.signal(signal)?;
        let status = timed("stopping", STOPS_WITHIN, |limit| node.wait_exit(limit))?;
        expect_eq("the exit code", status.code(), Some(0))?;
        expect_tidy(&node.rundir())?;
        let text = read(&log_file(&node))?;
        let released: Vec<_> = text
            .lines()
            .filter_map(|line| line.split("released ").nth(1))
            .collect();
        expect_eq(
            "the order of release",
            released,
            names.iter().rev().copied().collect(),
        )?;
        let last = text.lines().last().unwrap_or_default();
        ensure!(
            last.ends_with(&format!("node {name} has stopped")),
            "the last line is {last:?}"
        );
    }
    stage.step("skynet ctl stop");
    let mut node = stage.start(&stage.spec("asked"))?;
    expect_eq(
        "the answer",
        node.ctl(&["stop"])?,
        "the node stops\n".to_owned(),
    )?;
    expect_eq("the exit code", node.wait_exit(PATIENCE)?.code(), Some(0))?;
    expect_tidy(&node.rundir())
}

/// A node with a service that does not return from its turn; its handle.
fn start_stuck(stage: &Stage, spec: NodeSpec) -> Result<(Node, String)> {
    let (node, probe) = Probe::start(stage, spec)?;
    let handle = probe.launch("broken-endless")?;
    // Its caller goes away; the loop does not.
    let call = probe.begin(&handle, "LOOP")?;
    eventually("the loop", PATIENCE, || {
        Ok((probe.stat(&handle, "time")? > 0.0).then_some(()))
    })?;
    drop(call);
    Ok((node, handle))
}

fn stuck(stage: &Stage) -> Result<()> {
    stage.step("a service that never returns: the node ends within the grace period, as a failure");
    let spec = |name| stage.spec(name).set("shutdown_grace", GRACE as i64);
    let grace = Duration::from_secs(GRACE) + STOPS_WITHIN;
    let (mut node, handle) = start_stuck(stage, spec("stuck").start("test_commands beside"))?;
    let begin = Instant::now();
    let status = node.terminate(PATIENCE)?;
    within("stopping with one stuck", grace, begin.elapsed())?;
    expect_eq("the exit code", status.code(), Some(1))?;
    node.wait_for_log(&format!("[{handle}] does not leave its callback"), PATIENCE)?;
    node.wait_for_log("released beside", PATIENCE)?;
    node.wait_for_log("node stuck has stopped", PATIENCE)?;

    stage.step("one that never ends its release");
    let (mut node, probe) = Probe::start(stage, spec("unreleased"))?;
    let handle = probe.launch("broken-endless-release")?;
    let begin = Instant::now();
    let status = node.terminate(PATIENCE)?;
    within("stopping with a release that hangs", grace, begin.elapsed())?;
    expect_eq("the exit code", status.code(), Some(1))?;
    node.wait_for_log(&format!("[{handle}] does not end its release"), PATIENCE)?;
    node.wait_for_log("node unreleased has stopped", PATIENCE)
        .map(|_| ())
}

fn impatient(stage: &Stage) -> Result<()> {
    stage.step("a second SIGINT ends a node that takes its time");
    let spec = stage.spec("impatient").set("shutdown_grace", 60);
    let (mut node, _) = start_stuck(stage, spec)?;
    node.signal(Signal::INT)?;
    node.wait_for_log("node impatient stops: interrupted", PATIENCE)?;
    // Those that come right behind the first count as the same key press.
    let status = timed("ending", STOPS_WITHIN, |limit| {
        eventually("the end", limit, || {
            node.signal(Signal::INT)?;
            Ok(node.wait_exit(BETWEEN_SIGNALS).ok())
        })
    })?;
    expect_eq("the exit code", status.code(), Some(EXIT_IMPATIENT))
}

fn reopens(stage: &Stage) -> Result<()> {
    stage.step("SIGHUP: the log goes on in a new file after the old one was renamed");
    let node = start_logged(stage, "rotated", stage.spec("rotated"))?;
    let (path, old) = (log_file(&node), node.folder().join("node.log.1"));
    fs::rename(&path, &old)?;
    node.ctl(&["launch", "test_commands", "between"])?;
    node.ctl(&["kill", ".between"])?;
    wait_in(&old, "released between")?;
    node.signal(Signal::HUP)?;
    wait_in(&path, "log opened anew")?;
    node.ctl(&["launch", "test_commands", "after"])?;
    node.ctl(&["kill", ".after"])?;
    wait_in(&path, "released after")?;
    let old = read(&old)?;
    ensure!(
        old.contains("node rotated is ready"),
        "the old file has lost its lines"
    );
    ensure!(
        !old.contains("released after"),
        "the old file is still written"
    );
    node.stop()
}

fn full_disk(stage: &Stage) -> Result<()> {
    stage.step("a disk that is full: told once, and the node goes on");
    let node = stage.spawn(&stage.spec("full").set("logger", "/dev/full"))?;
    node.wait_for_log("log file /dev/full cannot be written", PATIENCE)?;
    eventually("the node to answer", PATIENCE, || {
        Ok(node
            .try_ctl(&["node"], PATIENCE)?
            .status
            .success()
            .then_some(()))
    })?;
    let handle = node.ctl(&["launch", "test_commands", "here"])?;
    node.ctl(&["kill", handle.trim()])?;
    expect_eq(
        "complaints",
        node.log().matching(Default::default(), "/dev/full").len(),
        1,
    )?;
    node.stop()
}

fn killed(stage: &Stage) -> Result<()> {
    stage.step("kill -9, and a new start with the same run folder");
    let spec = stage.spec("killed").start("test_commands here");
    let mut node = stage.start(&spec)?;
    let rundir = node.rundir();
    expect_eq("the end", node.kill_hard()?.success(), false)?;
    ensure!(
        rundir.join("control.sock").exists(),
        "a killed node tidied up"
    );
    let node = stage.start(&spec)?;
    ensure!(
        node.ctl(&["list"])?.contains(".here"),
        "the new node lacks its service"
    );

    stage.step("a second node with the same run folder is refused, and harms nothing");
    let copy = node.folder().with_file_name("second");
    let second = stage
        .spec("second")
        .set("rundir", rundir.display().to_string());
    let mut second = stage.spawn(&second)?;
    expect_eq("the exit code", second.wait_exit(PATIENCE)?.code(), Some(1))?;
    let text = read(&copy.join("second.log"))?;
    ensure!(
        text.contains("is in use by another node"),
        "it says: {text}"
    );
    ensure!(
        node.ctl(&["list"])?.contains(".here"),
        "the first node is gone"
    );
    node.stop()?;
    expect_tidy(&rundir)
}
