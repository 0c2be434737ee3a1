//! Daemon mode: a node in the background, its pid file, and what is left when it crashes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, getpid, kill_process, test_kill_process};

use super::{expect_tidy, read, wait_in};
use crate::deadline::{eventually, expect_eq};
use crate::node::{NodeSpec, PATIENCE};
use crate::procfs;
use crate::scenario::Stage;

const PID_FILE: &str = "node.pid";

/// A node in the background. Dropping it kills the process.
struct Daemon(Pid);

impl Daemon {
    /// The one that a pid file names.
    fn of(pid_file: &Path) -> Result<Self> {
        let text = read(pid_file)?;
        let number: i32 = text
            .trim()
            .parse()
            .with_context(|| format!("pid file {text:?}"))?;
        Pid::from_raw(number).map(Self).context("pid 0")
    }

    fn is_running(&self) -> bool {
        test_kill_process(self.0).is_ok()
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.0, signal).context("the daemon cannot be sent a signal")
    }

    /// Waits until it is gone.
    fn wait(&self) -> Result<()> {
        eventually("the daemon to end", PATIENCE, || {
            Ok((!self.is_running() || is_zombie(self.0)).then_some(()))
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended, which is what this is for.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

/// Ended, but nobody has asked for its exit code: its parent is whoever takes orphans. Its first thread may end before
/// the others, which hold its files until they have ended too.
fn is_zombie(pid: Pid) -> bool {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let is_last = fs::read_dir(format!("{folder}/task")).is_ok_and(|tasks| tasks.count() <= 1);
    is_last && fs::read_to_string(format!("{folder}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

fn spec(stage: &Stage) -> NodeSpec {
    stage
        .spec("daemon")
        .set("daemon", PID_FILE)
        .set("logger", "node.log")
        .start("test_commands here")
        .start("test-probe")
        .start("broken-crash")
}

pub(super) fn run(stage: &Stage) -> Result<()> {
    let folder = stage.folder().join("daemon");
    let pid_file = folder.join(PID_FILE);
    let rundir = folder.join("run");

    stage.step("daemon mode: the command ends when the node is up, which goes on by itself");
    let daemon = start(stage, &folder)?;
    ensure!(
        procfs::session(daemon.0)? != procfs::session(getpid())?,
        "the daemon is in the session of who started it"
    );
    ensure!(
        ctl(stage, &rundir, &["list"])?.contains(".here"),
        "the daemon lacks its service"
    );

    stage.step("a second start is refused, and harms nothing");
    let mut second = stage.spawn(&spec(stage))?;
    expect_eq("the exit code", second.wait_exit(PATIENCE)?.code(), Some(1))?;
    let wanted = format!("already running, pid = {}", daemon.0.as_raw_nonzero());
    second.wait_for_log(&wanted, PATIENCE)?;
    ensure!(
        ctl(stage, &rundir, &["list"])?.contains(".here"),
        "the daemon is gone"
    );

    stage.step("SIGTERM: it ends cleanly, and takes its pid file with it");
    daemon.signal(Signal::TERM)?;
    daemon.wait()?;
    ensure!(!pid_file.exists(), "the pid file is left behind");
    expect_tidy(&rundir)?;
    ensure!(
        read(&folder.join("node.log"))?
            .trim_end()
            .ends_with("node daemon has stopped"),
        "the last line of the log is another"
    );

    stage.step("a crash: the last words are in the run folder, and the next start takes over");
    let daemon = start(stage, &folder)?;
    let sockets = procfs::listening(daemon.0);
    let address = *sockets.first().context("the probe does not listen")?;
    let mut client = crate::client::LineClient::connect(address)?;
    let list = ctl(stage, &rundir, &["list"])?;
    let line = list
        .lines()
        .find(|line| line.ends_with("broken-crash"))
        .context("the service that crashes is not in the list")?;
    let (handle, _) = line.split_once(' ').unwrap_or_default();
    client.send(&format!("{handle} SEGV"))?;
    daemon.wait()?;
    let words = read(&rundir.join("crash.log"))?;
    for part in ["SIGSEGV", "broken-crash", handle] {
        ensure!(
            words.contains(part),
            "the last words lack {part:?}: {words}"
        );
    }
    ensure!(pid_file.exists(), "a crashed daemon tidied up");
    let daemon = start(stage, &folder)?;
    daemon.signal(Signal::TERM)?;
    daemon.wait()?;
    ensure!(!pid_file.exists(), "the pid file is left behind");

    stage.step("a daemon that cannot start says why");
    let mut failing = stage.spawn(&spec(stage).set("logger", "no/such/folder/node.log"))?;
    expect_eq(
        "the exit code",
        failing.wait_exit(PATIENCE)?.code(),
        Some(1),
    )?;
    let reason = "cannot open log file no/such/folder/node.log";
    failing.wait_for_log(reason, PATIENCE).map(|_| ())
}

/// Starts the daemon; its command ends with code 0.
fn start(stage: &Stage, folder: &Path) -> Result<Daemon> {
    let log = folder.join("node.log");
    drop(fs::remove_file(&log));
    let mut command = stage.spawn(&spec(stage))?;
    let status = command.wait_exit(PATIENCE)?;
    ensure!(
        status.success(),
        "the command ended with {status}:\n{}",
        command.log().tail()
    );
    let daemon = Daemon::of(&folder.join(PID_FILE))?;
    ensure!(daemon.is_running(), "there is no process {:?}", daemon.0);
    wait_in(&log, "node daemon is ready")?;
    Ok(daemon)
}

fn ctl(stage: &Stage, rundir: &Path, words: &[&str]) -> Result<String> {
    let output = Command::new(stage.executable())
        .args(["ctl", "--rundir"])
        .arg(rundir)
        .args(words)
        .output()?;
    ensure!(
        output.status.success(),
        "skynet ctl {words:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
