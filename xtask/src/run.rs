//! `cargo xtask run`: build, install, and run a node in the foreground, or all nodes of a network.

mod network;

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::say::outln;
use crate::workspace::Workspace;
use crate::{build, install, procfs, say};

/// What the nodes of a folder have in common, which is included by them and is no node.
const COMMON: &str = "common.toml";

/// Which node to run.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    profile: build::Profile,
    /// A configuration: the name of a file in `config/` without its ending, or a path ending in `.toml`. Or the name of
    /// a folder in `config/`, of which every file is run but for `common.toml`.
    #[arg(default_value = "chat")]
    config: String,
}

/// `cargo xtask run`. Ends as the node ends.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let configs = find(&workspace, &args.config)?;
    let built = build::build(&workspace, args.profile, build::Scope::Product)?;
    install::install(&built.plugins, &workspace.cservice())?;

    let [config] = configs.as_slice() else {
        return network::run(&built.node, &workspace.root, &configs);
    };
    say::step(format!(
        "starting {} {} (stop it with Ctrl-C)",
        built.node.display(),
        config.display()
    ));
    let (output, writer) = io::pipe()?;
    let mut command = command(&built.node, &workspace.root, config, writer)?;
    // The handlers come first, so that no signal finds a node without us.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let child = command
        .spawn()
        .with_context(|| format!("{} cannot be run", built.node.display()))?;
    // Its ends of the pipe are open in the command: the output ends when the node ends only if they close.
    drop(command);
    serve(child, signals, output)
}

/// A node of this configuration, which prints to `output`.
fn command(executable: &Path, root: &Path, config: &Path, output: PipeWriter) -> Result<Command> {
    let mut command = Command::new(executable);
    command
        .arg(config)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // A group of its own: the terminal's Ctrl-C reaches only us, and the node gets it once.
        .process_group(0);
    Ok(command)
}

/// The configuration's file, or those of a network or cluster.
fn find(workspace: &Workspace, name: &str) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join("config").join(name);
    if folder.is_dir() {
        let mut nodes = Vec::new();
        for entry in folder.read_dir()? {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default();
            if file != COMMON && path.extension().is_some_and(|end| end == "toml") {
                nodes.push(path);
            }
        }
        nodes.sort();
        ensure!(
            !nodes.is_empty(),
            "there is no node in {}",
            folder.display()
        );
        return Ok(nodes);
    }
    let path = if name.ends_with(".toml") {
        std::env::current_dir()?.join(name)
    } else {
        workspace.root.join("config").join(format!("{name}.toml"))
    };
    ensure!(
        path.is_file(),
        "there is no configuration {}",
        path.display()
    );
    Ok(vec![path])
}

/// Passes output and signals on until the node has ended.
fn serve(mut child: Child, mut signals: Signals, output: PipeReader) -> Result<ExitCode> {
    let pid = Pid::from_child(&child);
    let handle = signals.handle();
    let forwarder = thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    // Fails only when the node has just ended, which is what was asked for.
                    let _ = kill_process(pid, signal);
                }
            }
        })?;
    show(output, pid)?;
    let status = child.wait()?;
    handle.close();
    // The thread has no result, and a panic in it has been printed.
    let _ = forwarder.join();
    say::step(format!("the node has ended: {status}"));
    Ok(exit_code(status))
}

/// Prints what the node prints, and how to connect once it serves.
fn show(output: PipeReader, pid: Pid) -> Result<()> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let (mut told, mut heard) = (false, true);
    while output.read_until(b'\n', &mut line)? != 0 {
        // Nobody reads any more, as behind `| head`: stop the node, and let it end in peace.
        if heard && io::stdout().write_all(&line).is_err() {
            heard = false;
            // Fails only when the node has just ended.
            let _ = kill_process(pid, Signal::TERM);
        }
        if heard && !told && is_ready(&String::from_utf8_lossy(&line)) {
            told = true;
            tell(&procfs::listening(pid));
        }
        line.clear();
    }
    Ok(())
}

/// Whether this is the line that a node logs once its services have started.
pub(crate) fn is_ready(line: &str) -> bool {
    let line = line.trim_end();
    line.ends_with(" is ready") && line.contains("node ")
}

fn tell(addresses: &[SocketAddr]) {
    outln!();
    match addresses {
        [] => outln!("The node is running. It listens on no TCP port."),
        [_, ..] => {
            outln!(
                "The node is serving. Connect to it from another terminal, with nc, telnet or any TCP client:"
            );
        }
    }
    for address in addresses {
        outln!("    nc {} {}", address.ip(), address.port());
    }
    outln!("Stop it with Ctrl-C.");
    outln!();
}

/// The code that a shell would show for this end.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_network() {
        let workspace = Workspace::read().unwrap();
        let names = |config| -> Vec<_> {
            let found = find(&workspace, config).unwrap();
            let names = found.iter().filter_map(|path| path.file_name());
            names.map(|name| name.to_owned()).collect()
        };
        assert_eq!(names("chat"), ["chat.toml"]);
        assert_eq!(names("network"), ["node1.toml", "node2.toml", "node3.toml"]);
        assert_eq!(names("cluster"), ["client.toml", "db.toml"]);
        assert!(find(&workspace, "nothing").is_err());
    }

    #[test]
    fn the_ready_line_is_recognised() {
        let check = |line: &str, expected| assert_eq!(is_ready(line), expected, "{line}");
        check("12:00:00.000 INFO :00000001 node chat is ready\n", true);
        check("node chat is ready", true);
        check("node chat is not ready yet", false);
        check("the room is ready", false);
    }
}
