//! `skynet ctl`: the human way into a running node, through the control service's Unix socket.
//!
//! One request a connection: the words, separated by blanks, and a line feed. The answer is a line `ok` or `error`, then
//! text until the end.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;
use skynet_core::config::Config;

mod answer;

use crate::{EXIT_USAGE, say, told};
use answer::Answer;

const HELP: &str = "\
Talks to a running node.

Usage: skynet ctl [--rundir DIR | --config FILE] COMMAND

  list                      the services: handle, names, and what they were launched as
  stat [ADDRESS]            figures of one service, or of all
  kill ADDRESS              end a service
  launch MODULE [ARGS...]   launch a service
  log-level [LEVEL]         show or set the log level: off, error, warn, info, debug, trace
  sockets                   the open sockets
  node                      figures of the node
  call ADDRESS [TEXT...]    call a service with a text, and print its answer
  lua ADDRESS [VALUE...]    the same with values over the lua protocol: nil, true, numbers, else strings
  signal ADDRESS [NUMBER]   signal a service, e.g. to break an endless loop
  stop                      stop the node

An ADDRESS is `:handle` (hexadecimal) or `.name`; `call` and `lua` take a global NAME, too.
Without --rundir and --config, the node whose run folder lies in ./run is meant, if there is just one.
";

/// The control socket's name in the run folder.
const SOCKET: &str = "control.sock";
/// How long the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(args: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut folder: Option<PathBuf> = None;
    let mut words: Vec<String> = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rundir") => folder = Some(parser.value()?.into()),
            Long("config") => {
                let file: PathBuf = parser.value()?.into();
                folder = Some(Config::load(file).map_err(told)?.config.rundir);
            }
            Long("help") | Short('h') => {
                say(HELP);
                return Ok(ExitCode::SUCCESS);
            }
            Value(word) => {
                words.push(word.string()?);
                // What follows belongs to the command, dashes or not.
                for word in parser.raw_args()? {
                    words.push(word.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if words.is_empty() {
        say(HELP);
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    let folder = folder.map_or_else(the_only_node, Ok)?;
    let answer = ask(&folder.join(SOCKET), &words.join(" "))?;
    match Answer::parse(&answer) {
        Some(Answer::Done(text)) => {
            say(text);
            Ok(ExitCode::SUCCESS)
        }
        Some(Answer::Failed(text)) => Err(anyhow!("{text}")),
        None => bail!("the node did not answer in full"),
    }
}

fn the_only_node() -> Result<PathBuf> {
    let is_live = |folder: &PathBuf| UnixStream::connect(folder.join(SOCKET)).is_ok();
    let folders: Vec<PathBuf> = std::fs::read_dir("run")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_live)
        .collect();
    match folders.as_slice() {
        [folder] => Ok(folder.clone()),
        [] => bail!("no node runs in ./run: name one with --rundir or --config"),
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            bail!(
                "several nodes run: name one with --rundir: {}",
                names.join(", ")
            )
        }
    }
}

fn ask(socket: &Path, request: &str) -> Result<String> {
    if request.contains(['\r', '\n']) {
        bail!("a request is one line");
    }
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("no node answers at {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("the node did not answer in time")?;
    Ok(answer)
}
