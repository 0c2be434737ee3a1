//! Daemon mode: a node in the background, with a pid file that is locked while it runs.
//!
//! [`daemonize`] splits the process in two. The *node* goes on in the background, in a session of
//! its own and in the same folder. The *launcher* is what the shell waits for: it ends when the node
//! says that it is up ([`Daemon::ready`]) or has ended before that, and its exit code tells which.
//! Until it is up the node still writes to the launcher's standard output and error, so that
//! whatever keeps it from starting is seen; from then on it has none.
//!
//! The lock, not the file, says whether a node runs: a file left behind by a node that was killed
//! is taken over by the next.

mod pid_file;
mod unix;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};

use pid_file::PidFile;

/// Which of the two processes this one is.
#[derive(Debug)]
#[must_use]
pub enum Side {
    /// The node, in the background: go on and start it.
    Node(Daemon),
    /// The launcher, once the node is up or has ended: end now, with an exit code to match.
    Launcher(Outcome),
}

/// What became of the node, as the launcher knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs, as this process.
    Up {
        /// The number of the process.
        pid: u32,
    },
    /// It ended before it was up, and has said why on standard error.
    Ended {
        /// Its exit code; `None` when a signal ended it.
        code: Option<u8>,
    },
}

/// The node's part of daemon mode: its pid file, locked as long as this lives, and the launcher that
/// waits for word.
///
/// Dropping it unlocks the file but leaves it in place: only a clean stop ([`Daemon::remove`])
/// removes it.
#[derive(Debug)]
pub struct Daemon {
    pid_file: PidFile,
    launcher: Option<PipeWriter>,
}

/// Why daemon mode is not possible.
#[derive(Debug)]
#[non_exhaustive]
pub enum DaemonError {
    /// A node with this pid file runs.
    AlreadyRunning {
        /// The pid file.
        file: PathBuf,
        /// The number of its process; `None` when it has not written it yet.
        pid: Option<u32>,
    },
    /// The pid file cannot be used.
    PidFile {
        /// The file.
        file: PathBuf,
        /// What could not be done with it.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The process has threads, which would not exist in the background.
    Threads {
        /// How many.
        count: usize,
    },
    /// The system refused a step.
    System {
        /// The step.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyRunning {
                file,
                pid: Some(pid),
            } => {
                write!(
                    f,
                    "already running, pid = {pid} (it holds {})",
                    file.display()
                )
            }
            Self::AlreadyRunning { file, pid: None } => {
                write!(
                    f,
                    "already running, pid not written yet (it holds {})",
                    file.display()
                )
            }
            Self::PidFile {
                file,
                action,
                source,
            } => {
                write!(
                    f,
                    "cannot {action} the pid file {}: {source}",
                    file.display()
                )
            }
            Self::Threads { count } => {
                write!(
                    f,
                    "cannot go into the background with {count} threads; wanted only one"
                )
            }
            Self::System { action, source } => write!(f, "cannot {action}: {source}"),
        }
    }
}

impl std::error::Error for DaemonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::PidFile { source, .. } | Self::System { source, .. } => Some(source),
            Self::AlreadyRunning { .. } | Self::Threads { .. } => None,
        }
    }
}

/// Goes into the background, with `pid_file` locked and holding the number of the new process.
/// Folders that the file's path lacks are made.
///
/// To be called before any thread exists, and before [`Signals::block`](crate::signals::Signals),
/// so that Ctrl-C still ends a launcher that waits.
///
/// # Errors
///
/// When a node with this pid file runs, the file cannot be used, there are threads, or the system
/// refuses: see [`DaemonError`]. Whichever process gets the error tells it and ends; should it be the
/// node, its launcher learns that it ended.
pub fn daemonize(pid_file: &Path) -> Result<Side, DaemonError> {
    if let Some(count) = unix::threads().filter(|count| *count > 1) {
        return Err(DaemonError::Threads { count });
    }
    // The lock is taken before the fork, so that the refusal comes in the foreground. The new
    // process inherits it: it belongs to the opened file, which both share.
    let mut pid_file = PidFile::lock(pid_file)?;
    let (reader, writer) = io::pipe().map_err(system("make a pipe"))?;
    match unix::fork().map_err(system("start a process in the background"))? {
        unix::Fork::Parent { child } => {
            drop(writer);
            let outcome = wait(reader, child).map_err(system("wait for the node"))?;
            Ok(Side::Launcher(outcome))
        }
        unix::Fork::Child => {
            drop(reader);
            unix::new_session().map_err(system("begin a session"))?;
            unix::silence(&unix::INPUT).map_err(system("close standard input"))?;
            pid_file.write(std::process::id())?;
            Ok(Side::Node(Daemon {
                pid_file,
                launcher: Some(writer),
            }))
        }
    }
}

/// Waits until the node `pid` is up or has ended. Either way the pipe from it ends.
fn wait(mut node: PipeReader, pid: u32) -> io::Result<Outcome> {
    if node.read_exact(&mut [0]).is_ok() {
        return Ok(Outcome::Up { pid });
    }
    // The node drops its end of the pipe somewhat before its end; what it says in between should
    // not come after the shell's next prompt.
    Ok(Outcome::Ended {
        code: unix::exit_code(pid)?,
    })
}

impl Daemon {
    /// Says that the node is up: standard output and error are closed (what is written to them is
    /// lost from here on), and the launcher ends. A second call does nothing.
    ///
    /// # Errors
    ///
    /// The system's, when it refuses. That the launcher is gone, for instance because somebody lost
    /// patience with it, is no error.
    pub fn ready(&mut self) -> io::Result<()> {
        let Some(mut launcher) = self.launcher.take() else {
            return Ok(());
        };
        unix::silence(&unix::OUTPUTS)?;
        match launcher.write_all(b"+") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the pid file, as the last step of a clean stop.
    ///
    /// # Errors
    ///
    /// When it cannot be removed. That it is gone already, or was replaced by another file, is no
    /// error.
    pub fn remove(self) -> Result<(), DaemonError> {
        self.pid_file.remove()
    }
}

/// The error of a step that the system refused.
fn system(action: &'static str) -> impl Fn(io::Error) -> DaemonError {
    move |source| DaemonError::System { action, source }
}
