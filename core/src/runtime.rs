//! A node's life: start, run until somebody asks it to stop, stop.

use std::fmt;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use skynet_abi::KIND_SYSTEM;

use crate::buffer::Letter;
use crate::clock;
use crate::config::{Config, OutputPolicy, cluster, harbor};
use crate::crash;
use crate::env::Environment;
use crate::fence;
use crate::host::{self, SocketEvents};
use crate::journal::{self, Journal};
use crate::launch::{self, LaunchError};
use crate::loader::{Loader, SetupError};
use crate::monitor::Monitor;
use crate::names::Names;
use crate::node::{self, Node, Stop};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::scheduler::Scheduler;
use crate::send;
use crate::shutdown;
use crate::signals::{Signal, Signals};
use crate::socket::{Policy, SocketSettings, Sockets};
use crate::timers::Timers;
use crate::worker;

/// Why a node did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The run folder cannot be used.
    RunFolder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another node uses the run folder.
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The search path or the folder of private copies cannot be used.
    Loader(SetupError),
    /// The system gave no poller or no thread.
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The log service or the bootstrap service did not start.
    Launch {
        /// Which of the two.
        role: &'static str,
        /// What was launched.
        command: String,
        /// Why it failed.
        reason: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunFolder { folder, source } => {
                write!(f, "run folder {}: {source}", folder.display())
            }
            Self::InUse { folder } => write!(
                f,
                "run folder {} is in use by another node: stop it, or set `rundir`",
                folder.display()
            ),
            Self::Loader(error) => error.fmt(f),
            Self::System { action, source } => write!(f, "cannot {action}: {source}"),
            Self::Launch {
                role,
                command,
                reason,
            } => {
                write!(f, "can't launch the {role} service ({command}): {reason}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::RunFolder { source, .. } | Self::System { source, .. } => Some(source),
            Self::Loader(error) => Some(error),
            _ => None,
        }
    }
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { action, source }
}

/// Runs a node until it is asked to stop; returns the exit code of the process: 0 after a clean stop. `up` is called
/// once the node's first services run.
///
/// A process runs one node in its life. Call it on the main thread, with `signals` blocked before any other thread
/// exists.
///
/// # Errors
/// What kept the node from starting. The reason is in the error; part of the node's threads may exist, so the process
/// should end.
pub fn run(config: Config, signals: Signals, up: impl FnOnce()) -> Result<i32, StartError> {
    let _ = clock::now_ns();
    fence::prepare();
    let lock = lock_run_folder(&config.rundir)?;
    let node = build(config)?;
    journal::install_sink();
    start_threads(node, signals)?;
    let started = launch_first(node);
    if started.is_ok() {
        if !waits_for_ready(&node.config.bootstrap) {
            node.stop.set_up();
        }
        wait_for_stop(node, up);
    } else {
        node.stop.request("the start failed", true);
    }
    let is_clean = shutdown::shut_down(node);
    drop(lock);
    started?;
    Ok(if is_clean { node.stop.exit_code() } else { 1 })
}

/// Whether the bootstrap service says with `READY` that the first services run. Others than the launcher need not.
fn waits_for_ready(bootstrap: &str) -> bool {
    bootstrap.split(' ').next() == Some("launcher")
}

fn wait_for_stop(node: &Node, up: impl FnOnce()) {
    let mut up = Some(up);
    while !node.stop.is_requested() {
        if node.stop.is_up()
            && let Some(up) = up.take()
        {
            up();
        }
        node.stop.parker.park();
    }
}

/// The run folder is this node's while the returned file lives.
fn lock_run_folder(folder: &Path) -> Result<File, StartError> {
    let fail = |source| StartError::RunFolder {
        folder: folder.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(fail)?;
    let file = File::create(folder.join("lock")).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}

pub(crate) fn build(config: Config) -> Result<&'static Node, StartError> {
    journal::LEVEL.store(config.loglevel as u32, Ordering::Relaxed);
    let loader = Loader::new(
        &config.cpath.join(";"),
        config.rundir.join("plugins"),
        host::table(&journal::LEVEL),
    )
    .map_err(StartError::Loader)?;
    let sockets = Sockets::new(socket_settings(&config), Arc::new(SocketEvents))
        .map_err(system("make a poller"))?;
    let registry = Registry::new(config.harbor)
        .ok_or_else(io::Error::last_os_error)
        .map_err(system("make room for the handle table"))?;
    Ok(node::install(Node {
        environment: environment(&config),
        registry,
        names: Names::default(),
        scheduler: Scheduler::new(config.thread + config.extra_workers),
        timers: Timers::new(),
        sockets,
        loader,
        monitor: Monitor::default(),
        log: Journal::new(),
        harbor: AtomicU32::new(0),
        peers: Peers::default(),
        exit_monitor: AtomicU32::new(0),
        stray_replies: AtomicU64::new(0),
        stop: Stop::default(),
        config,
    }))
}

/// The settings, and what is not among them because they are shown.
fn environment(config: &Config) -> Environment {
    let environment = Environment::new(&config.settings);
    let secrets = [
        (harbor::SECRET, &config.harbor_secret),
        (cluster::SECRET, &config.cluster.secret),
    ];
    for (key, secret) in secrets {
        if let Some(secret) = secret {
            // A secret is text without a character 0, and nobody else has set the key.
            let _ = environment.set(key, secret.expose());
        }
    }
    environment
}

fn socket_settings(config: &Config) -> SocketSettings {
    SocketSettings {
        max_sockets: config.max_sockets,
        output_limit: config.socket_output_limit,
        output_policy: match config.socket_output_policy {
            OutputPolicy::Warn => Policy::Warn,
            OutputPolicy::Pause => Policy::Pause,
            OutputPolicy::Close => Policy::Close,
        },
        ..SocketSettings::default()
    }
}

fn start_threads(node: &'static Node, signals: Signals) -> Result<(), StartError> {
    for _ in 0..node.config.thread {
        worker::start().map_err(system("start a worker"))?;
    }
    thread::Builder::new()
        .name("monitor".to_owned())
        .spawn(|| node.monitor.run())
        .map_err(system("start the monitor"))?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || handle_signals(node, &signals))
        .map_err(system("start the thread for signals"))?;
    Ok(())
}

fn handle_signals(node: &Node, signals: &Signals) {
    loop {
        match signals.wait() {
            Ok(Signal::Hangup) => reopen_log(node),
            Ok(Signal::Interrupt) => node.stop.signal("interrupted"),
            Ok(Signal::Terminate) => node.stop.signal("terminated"),
            Ok(_) => {}
            Err(error) => {
                node.log
                    .error(0, &format!("waiting for signals failed: {error}"));
                return;
            }
        }
    }
}

fn reopen_log(node: &Node) {
    let logger = node.log.logger.load(Ordering::Relaxed);
    let Ok(mut letter) = Letter::empty() else {
        return;
    };
    letter.kind = KIND_SYSTEM as u16;
    send::post(logger, letter);
}

fn launch_first(node: &'static Node) -> Result<(), StartError> {
    let _ = crash::prepare_thread().map(std::mem::forget);
    let logger = match &node.config.logger {
        Some(file) => format!("{} {file}", node.config.logservice),
        None => node.config.logservice.clone(),
    };
    let handle = launch_one("log", &logger)?;
    let _ = node.names.bind("logger", handle);
    if let Some(service) = node.registry.visit(handle) {
        service.has_names.store(true, Ordering::SeqCst);
    }
    node.log.logger.store(handle, Ordering::Relaxed);
    node.log.info(
        0,
        &format!(
            "skynet {} node {} starts: {} workers, harbor {}",
            env!("CARGO_PKG_VERSION"),
            node.config.name,
            node.config.thread,
            node.config.harbor
        ),
    );
    launch_one("bootstrap", &node.config.bootstrap).map(|_| ())
}

fn launch_one(role: &'static str, command: &str) -> Result<u32, StartError> {
    let fail = |error: LaunchError| StartError::Launch {
        role,
        command: command.to_owned(),
        reason: error.to_string(),
    };
    launch::launch(None, command)
        .map(|launched| launched.handle)
        .map_err(fail)
}
