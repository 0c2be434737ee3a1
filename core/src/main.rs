//! The `skynet` executable: runs a node, checks a configuration, or talks to a running node.

mod allocator;
mod ctl;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use lexopt::Arg::{Long, Short, Value};
use skynet_core::config::{Config, Loaded};
use skynet_core::daemon::{self, Outcome, Side};
use skynet_core::limits;
use skynet_core::signals::Signals;
use skynet_core::{crash, memory, runtime};

/// The exit code for a wrong command line.
const EXIT_USAGE: u8 = 2;

const HELP: &str = "\
A node of services: an actor runtime that speaks Skynet.

Usage:
  skynet [CONFIG.toml]         run a node (without a file: with the defaults)
  skynet --check CONFIG.toml   read a configuration, say what is wrong with it, and end
  skynet ctl [...]             talk to a running node; see `skynet ctl --help`
  skynet --version
  skynet --help

Exit codes: 0 after a clean stop, 1 after a failure, 2 for a wrong command line, 130 after a second Ctrl-C.
";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match command(args) {
        Ok(code) => code,
        Err(error) => {
            // Nothing better can be done when standard error is gone too.
            let _ = writeln!(std::io::stderr(), "skynet: {error:#}");
            if error.is::<lexopt::Error>() {
                ExitCode::from(EXIT_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// An error that tells its causes itself.
fn told(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}

/// Writes to standard output; whoever closed it does not want to read it.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn command(args: Vec<OsString>) -> Result<ExitCode> {
    if args.first().is_some_and(|first| first == "ctl") {
        return ctl::run(args.into_iter().skip(1));
    }
    let mut parser = lexopt::Parser::from_args(args);
    let mut file: Option<PathBuf> = None;
    let mut is_check = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("check") => is_check = true,
            Long("version") | Short('V') => {
                say(&format!("skynet {}\n", env!("CARGO_PKG_VERSION")));
                return Ok(ExitCode::SUCCESS);
            }
            Long("help") | Short('h') => {
                say(HELP);
                return Ok(ExitCode::SUCCESS);
            }
            Value(path) if file.is_none() => file = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    match (is_check, file) {
        (true, Some(file)) => check(&file),
        (true, None) => Err(lexopt::Error::from("--check wants a configuration file").into()),
        (false, file) => run(file.as_deref()),
    }
}

fn check(file: &Path) -> Result<ExitCode> {
    let loaded = Config::load(file).map_err(told)?;
    tell_warnings(&loaded);
    say(&format!("{} is a valid configuration\n", file.display()));
    Ok(ExitCode::SUCCESS)
}

fn tell_warnings(loaded: &Loaded) {
    for warning in &loaded.warnings {
        let _ = writeln!(std::io::stderr(), "warning: {warning}");
    }
}

fn run(file: Option<&Path>) -> Result<ExitCode> {
    let config = match file {
        Some(file) => {
            let loaded = Config::load(file).map_err(told)?;
            tell_warnings(&loaded);
            loaded.config
        }
        None => Config::default(),
    };
    let mut daemon = match &config.daemon {
        Some(pid_file) => match daemon::daemonize(pid_file).map_err(told)? {
            Side::Node(daemon) => Some(daemon),
            Side::Launcher(Outcome::Up { .. }) => return Ok(ExitCode::SUCCESS),
            Side::Launcher(Outcome::Ended { code }) => {
                return Ok(ExitCode::from(code.filter(|&code| code != 0).unwrap_or(1)));
            }
        },
        None => None,
    };
    let signals = Signals::block().context("cannot block signals")?;
    limits::raise_file_limit().context("cannot raise the limit of open files")?;
    crash::install().context("cannot install the handler of fatal signals")?;
    if daemon.is_some() {
        std::fs::create_dir_all(&config.rundir)?;
        let file = std::fs::File::create(config.rundir.join("crash.log"))?;
        crash::also_write_to(file);
    }
    memory::set_collector(allocator::collect);
    let code = runtime::run(config, signals, || {
        if let Some(daemon) = &mut daemon
            && let Err(error) = daemon.ready()
        {
            let _ = writeln!(std::io::stderr(), "skynet: {error}");
        }
    })
    .map_err(told)?;
    if let (Some(daemon), 0) = (daemon, code) {
        daemon.remove()?;
    }
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
