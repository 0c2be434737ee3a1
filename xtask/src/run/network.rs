//! Several nodes at once, whose lines carry their names.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{command, is_ready};
use crate::say::{self, outln};

/// How the chat says where its clients connect.
const OPEN: &str = "chat is open on ";

/// A node that runs, or has run.
struct Node {
    name: String,
    config: PathBuf,
    pid: Pid,
    /// Reaped by whoever reads its output, under the lock.
    is_running: bool,
    is_ready: bool,
    /// Where clients connect.
    chat: Option<String>,
}

/// The nodes, in the order in which they were started.
struct Network {
    executable: PathBuf,
    nodes: Mutex<Vec<Node>>,
}

/// Starts a node for each configuration, shows what they print, and ends when all of them have.
pub(super) fn run(executable: &Path, root: &Path, configs: &[PathBuf]) -> Result<ExitCode> {
    // The handlers come first, so that no signal finds nodes without us.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let network = Network {
        executable: executable.strip_prefix(root).unwrap_or(executable).into(),
        nodes: Mutex::default(),
    };
    let mut children = Vec::new();
    for config in configs {
        let shown = config.strip_prefix(root).unwrap_or(config);
        say::step(format!("starting {}", shown.display()));
        let (output, writer) = io::pipe()?;
        let child = command(executable, root, config, writer)?
            .spawn()
            .with_context(|| format!("{} cannot be run", executable.display()));
        let child = match child {
            Ok(child) => child,
            Err(error) => {
                network.signal(Signal::TERM);
                return Err(error);
            }
        };
        network.lock().push(Node {
            name: stem(config),
            config: shown.to_owned(),
            pid: Pid::from_child(&child),
            is_running: true,
            is_ready: false,
            chat: None,
        });
        children.push((child, output));
    }
    let handle = signals.handle();
    thread::scope(|scope| {
        let network = &network;
        let forwarder =
            thread::Builder::new()
                .name("signals".into())
                .spawn_scoped(scope, move || {
                    for signal in signals.forever() {
                        if let Some(signal) = Signal::from_named_raw(signal) {
                            network.signal(signal);
                        }
                    }
                })?;
        let mut readers = Vec::new();
        for (index, (child, output)) in children.into_iter().enumerate() {
            let reader = thread::Builder::new()
                .name("node".into())
                .spawn_scoped(scope, move || network.follow(index, child, output))?;
            readers.push(reader);
        }
        let ends: Vec<_> = readers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        handle.close();
        // The thread has no result, and a panic in it has been printed.
        let _ = forwarder.join();
        let all_well = ends.into_iter().all(|end| matches!(end, Ok(Ok(true))));
        Ok(ExitCode::from(u8::from(!all_well)))
    })
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, Vec<Node>> {
        // Each change is one step, so it is right even behind a panic.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        for node in self.lock().iter().filter(|node| node.is_running) {
            // Fails only when the node has just ended, which is what was asked for.
            let _ = kill_process(node.pid, signal);
        }
    }

    /// Shows what a node prints until it has ended. Tells whether it ended well.
    fn follow(&self, index: usize, mut child: Child, output: PipeReader) -> Result<bool> {
        let name = self.lock()[index].name.clone();
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? != 0 {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            outln!("{name} | {text}");
            self.look(index, &text);
            line.clear();
        }
        let status = {
            let mut nodes = self.lock();
            nodes[index].is_running = false;
            child.wait()?
        };
        say::step(format!("{name} has ended: {status}"));
        Ok(status.success())
    }

    /// A node has printed a line. Once all of them are ready, tells how to use them.
    fn look(&self, index: usize, line: &str) {
        let mut nodes = self.lock();
        let node = &mut nodes[index];
        if let Some((_, rest)) = line.split_once(OPEN) {
            node.chat = rest.split_whitespace().next().map(str::to_owned);
        }
        if is_ready(line) && !node.is_ready {
            node.is_ready = true;
            if nodes.iter().all(|node| node.is_ready) {
                self.tell(&nodes);
            }
        }
    }

    fn tell(&self, nodes: &[Node]) {
        outln!();
        if nodes.iter().any(|node| node.chat.is_some()) {
            self.tell_of_chat(nodes);
        } else {
            self.tell_of_cluster(nodes);
        }
        outln!("Stop all of them with Ctrl-C.");
        outln!();
    }

    fn tell_of_cluster(&self, nodes: &[Node]) {
        let skynet = self.executable.display();
        outln!("The cluster is up: {} nodes.", nodes.len());
        outln!("Watch it from another terminal:");
        for node in nodes {
            outln!(
                "    {skynet} ctl --config {} lua .clusterd nodes",
                node.config.display()
            );
        }
        if let Some(node) = nodes.last() {
            let (name, pid) = (&node.name, node.pid.as_raw_nonzero());
            outln!("Kill {name} and bring it back: the others tell what they see.");
            outln!("    kill -9 {pid}");
            outln!("    {skynet} {}", node.config.display());
        }
    }

    fn tell_of_chat(&self, nodes: &[Node]) {
        let skynet = self.executable.display();
        outln!(
            "The network is up: {} nodes, one chat. Connect to any of them:",
            nodes.len()
        );
        for node in nodes {
            if let Some((host, port)) = node.chat.as_deref().and_then(|at| at.rsplit_once(':')) {
                outln!("    nc {host} {port:<6}             # {}", node.name);
            }
        }
        outln!("Watch it from another terminal:");
        for node in nodes {
            outln!(
                "    {skynet} ctl --config {} lua .cslave NODES",
                node.config.display()
            );
        }
        if let Some(node) = nodes.last() {
            outln!("Kill a node and bring it back, while the others go on:");
            outln!("    kill -9 {}", node.pid.as_raw_nonzero());
            outln!("    {skynet} {}", node.config.display());
        }
    }
}
