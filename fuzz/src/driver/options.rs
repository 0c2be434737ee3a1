//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;

use crate::Target;

pub(super) const HELP: &str = "\
Feeds decoders inputs of any kind and checks what must hold.

Usage: skynet-fuzz [TARGET...] [--seconds N | --runs N] [--seed N] [--jobs N] [--folder DIR]
       skynet-fuzz TARGET --input FILE
       skynet-fuzz --seeds DIR
       skynet-fuzz --list

  --seconds N   for so long each target (5)
  --runs N      so many inputs each target, instead
  --seed N      what the inputs depend on; without it one of its own each time
  --jobs N      targets at a time (one for each processor)
  --folder DIR  where inputs are put that show something wrong (target/fuzz/failures)
  --input FILE  this input alone
  --seeds DIR   write the seeds of the targets there, for another fuzzer
  --list        the targets";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Fuzz,
    /// One target in this process, from this input on; if careful, each input is on the disk before it is fed.
    Child {
        from: u64,
        careful: bool,
    },
    Repeat(PathBuf),
    Seeds(PathBuf),
    List,
    Help,
}

#[derive(Debug)]
pub(super) struct Options {
    pub(super) action: Action,
    pub(super) targets: Vec<&'static Target>,
    pub(super) time: Duration,
    pub(super) runs: u64,
    pub(super) seed: u64,
    pub(super) jobs: usize,
    pub(super) folder: PathBuf,
}

impl Options {
    pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        Self::read(lexopt::Parser::from_args(args)).map_err(|error| error.to_string())
    }

    fn read(mut parser: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut options = Self {
            action: Action::Fuzz,
            targets: Vec::new(),
            time: Duration::from_secs(5),
            runs: u64::MAX,
            seed: fastrand::u64(..1 << 32),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            folder: PathBuf::from("target/fuzz/failures"),
        };
        let (mut from, mut careful, mut child) = (0, false, false);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("seconds") => {
                    let seconds: f64 = parser.value()?.parse()?;
                    options.time = Duration::try_from_secs_f64(seconds)
                        .map_err(|_| format!("{seconds} seconds"))?;
                }
                Long("runs") => {
                    options.runs = parser.value()?.parse()?;
                    options.time = Duration::MAX;
                }
                Long("seed") => options.seed = parser.value()?.parse()?,
                Long("jobs") => options.jobs = parser.value()?.parse::<usize>()?.max(1),
                Long("folder") => options.folder = parser.value()?.into(),
                Long("input") => options.action = Action::Repeat(parser.value()?.into()),
                Long("seeds") => options.action = Action::Seeds(parser.value()?.into()),
                Long("list") => options.action = Action::List,
                Long("help") | Short('h') => options.action = Action::Help,
                Long("child") => child = true,
                Long("from") => from = parser.value()?.parse()?,
                Long("careful") => careful = true,
                Value(name) => {
                    let name = name.string()?;
                    let target = crate::target(&name);
                    let unknown = || format!("there is no target {name:?}: see --list");
                    options.targets.push(target.ok_or_else(unknown)?);
                }
                other => return Err(other.unexpected()),
            }
        }
        if child {
            options.action = Action::Child { from, careful };
        }
        if options.targets.is_empty() {
            options.targets = crate::TARGETS.iter().collect();
        }
        Ok(options)
    }

    /// The one target that was named.
    pub(super) fn only(&self) -> Result<&'static Target, String> {
        match self.targets.as_slice() {
            [target] => Ok(target),
            _ => Err("one target is wanted".to_owned()),
        }
    }
}
