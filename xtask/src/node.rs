//! A real node in a process of its own, which ends with the guard that holds it.

mod log;
mod spec;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal};

use crate::deadline::Deadline;
use crate::{procfs, run, say};

pub(crate) use log::{Log, Mark};
pub(crate) use spec::NodeSpec;

/// How long a node may take to start or stop before a scenario fails. Far longer than it should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running node. Dropping it kills the process.
///
/// It has a folder of its own, which is its current folder and holds its configuration (`NAME.toml`), its
/// run folder (`run/`) and its output (`NAME.log`).
#[derive(Debug)]
pub(crate) struct Node {
    name: String,
    executable: PathBuf,
    folder: PathBuf,
    child: Child,
    pid: Pid,
    log: Log,
    status: Option<ExitStatus>,
}

impl Node {
    /// Starts a node and waits until it is ready.
    pub(crate) fn start(executable: &Path, parent: &Path, spec: &NodeSpec) -> Result<Self> {
        let node = Self::spawn(executable, parent, spec)?;
        let ready = format!("node {} is ready", spec.name());
        node.log
            .wait_for(Mark::default(), &ready, PATIENCE, |line| {
                run::is_ready(line) && line.contains(&ready)
            })
            .with_context(|| format!("node {} did not get ready", spec.name()))?;
        Ok(node)
    }

    /// Starts a node without waiting for anything: for nodes that are expected to refuse to start.
    pub(crate) fn spawn(executable: &Path, parent: &Path, spec: &NodeSpec) -> Result<Self> {
        let name = spec.name().to_owned();
        let folder = parent.join(&name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, spec.text())
            .with_context(|| format!("{} cannot be written", config.display()))?;

        let (output, writer) = std::io::pipe()?;
        let mut command = match spec.prefix() {
            [] => Command::new(executable),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(executable);
                command
            }
        };
        command
            .args(spec.arguments())
            .arg(&config)
            .current_dir(&folder)
            .envs(spec.environment())
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be run", executable.display()))?;
        // Closes our ends of the pipe, so that the log ends with the node.
        drop(command);
        let pid = Pid::from_child(&child);
        let log = Log::follow(output, &folder.join(format!("{name}.log")))?;
        let executable = executable.to_owned();
        let node = Self {
            name,
            executable,
            folder,
            child,
            pid,
            log,
            status: None,
        };
        if let Some(limit) = spec.file_limit() {
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            rustix::process::prlimit(Some(pid), Resource::Nofile, limit)
                .context("the node's file limit cannot be set")?;
        }
        Ok(node)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Its current folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its control socket.
    pub(crate) fn rundir(&self) -> PathBuf {
        self.folder.join(spec::RUNDIR)
    }

    /// What it prints.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Waits for a line with `pattern` anywhere in its log, and gives the first one.
    pub(crate) fn wait_for_log(&self, pattern: &str, limit: Duration) -> Result<String> {
        self.log
            .wait(Mark::default(), pattern, limit)
            .with_context(|| format!("node {}", self.name))
    }

    /// Runs `skynet ctl` for this node and gives what it prints. An error when it fails or takes longer
    /// than [`PATIENCE`].
    pub(crate) fn ctl(&self, args: &[&str]) -> Result<String> {
        let output = self.try_ctl(args, PATIENCE)?;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        ensure!(
            output.status.success(),
            "`skynet ctl {}` failed: {}\n{out}{err}",
            args.join(" "),
            output.status
        );
        Ok(out)
    }

    /// Runs `skynet ctl` for this node, which may fail.
    pub(crate) fn try_ctl(&self, args: &[&str], limit: Duration) -> Result<Output> {
        let mut command = Command::new(&self.executable);
        command
            .args(["ctl", "--rundir"])
            .arg(self.rundir())
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{} cannot be run", self.executable.display()))?;
        // Its answers are short: they fit into the pipes, so that it can end before they are read.
        if !ends_within(Pid::from_child(&child), limit)? {
            child.kill()?;
            child.wait()?;
            bail!(
                "`skynet ctl {}` had not ended after {}",
                args.join(" "),
                say::duration(limit)
            );
        }
        Ok(child.wait_with_output()?)
    }

    /// Sends a signal to the node.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        rustix::process::kill_process(self.pid, signal)
            .with_context(|| format!("node {} cannot be sent {signal:?}", self.name))
    }

    /// Stops all its threads where they are (SIGSTOP): to its peers it is a node that hangs.
    pub(crate) fn suspend(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a suspended node go on (SIGCONT).
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Ends the node at once, without giving it a chance (SIGKILL).
    pub(crate) fn kill_hard(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::KILL)?;
        self.wait_exit(PATIENCE)
    }

    /// Asks the node to stop (SIGTERM) and waits until it has.
    pub(crate) fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_exit(limit)
    }

    /// Stops the node as a person would, and fails unless it ends with code 0.
    pub(crate) fn stop(mut self) -> Result<()> {
        let begin = Instant::now();
        let status = self.terminate(PATIENCE)?;
        ensure!(
            status.success(),
            "node {} did not stop cleanly: {status}; the end of its log is:\n{}",
            self.name,
            self.log.tail()
        );
        say::detail(format!(
            "node {} stopped in {}",
            self.name,
            say::duration(begin.elapsed())
        ));
        Ok(())
    }

    /// Waits until the node has ended. Its log is complete then.
    pub(crate) fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        ensure!(
            ends_within(self.pid, limit)?,
            "node {} had not ended after {}; the end of its log is:\n{}",
            self.name,
            say::duration(limit),
            self.log.tail()
        );
        let status = self.child.wait()?;
        self.log.finish();
        self.status = Some(status);
        Ok(status)
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        if self.status.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.log.finish();
            self.status = Some(status);
        }
        Ok(self.status.is_none())
    }

    /// Its resources, now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Ok(Usage {
            at: Instant::now(),
            resident: procfs::resident(self.pid)?,
            private: procfs::private(self.pid)?,
            cpu: procfs::cpu(self.pid)?,
            switches: procfs::context_switches(self.pid)?,
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.status.is_none() {
            // It may have ended by itself, which is what both are for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.log.finish();
    }
}

/// What a node has used up to a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// The moment.
    pub(crate) at: Instant,
    /// Physical memory, in bytes.
    pub(crate) resident: u64,
    /// Physical memory without mapped files, in bytes.
    pub(crate) private: u64,
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Context switches of the threads alive.
    pub(crate) switches: u64,
}

/// Waits for the end of a process that has not been reaped; `false` when it did not end in time.
fn ends_within(pid: Pid, limit: Duration) -> Result<bool> {
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())
        .context("the process cannot be watched")?;
    let deadline = Deadline::after(limit);
    while let Some(left) = deadline.left() {
        let mut fds = [PollFd::new(&process, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec::try_from(left)?)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
