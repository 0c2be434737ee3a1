//! The driver for any toolchain: a process for each target, so that one that dies or hangs takes nothing else along.

mod child;
mod options;
mod parent;
pub mod shrink;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use options::{Action, Options};

use crate::{TARGETS, Target, memory};

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    match Options::parse(std::env::args_os().skip(1)).and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, String> {
    if memory::most_held(|| vec![0_u8; 1000]).1 < 1000 {
        return Err("this program's allocator does not count".to_owned());
    }
    Ok(match &options.action {
        Action::Help => {
            say(options::HELP);
            ExitCode::SUCCESS
        }
        Action::List => {
            for target in TARGETS {
                say(&format!("{:<16} {}", target.name, target.about));
            }
            ExitCode::SUCCESS
        }
        Action::Seeds(folder) => {
            for target in &options.targets {
                write_seeds(target, &folder.join(target.name)).map_err(|e| e.to_string())?;
            }
            ExitCode::SUCCESS
        }
        Action::Fuzz => parent::fuzz(options, &options.targets)?,
        Action::Child { from, careful } => child::fuzz(options, options.only()?, *from, *careful)?,
        Action::Repeat(file) => child::repeat(options, options.only()?, file)?,
    })
}

/// The stock that inputs of `target` are made of: what encoders write, and the files of its corpus.
fn stock(target: &Target) -> Result<Vec<Vec<u8>>, String> {
    let mut stock = (target.seeds)();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let read = |error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(read)? {
        files.push(entry.map_err(read)?.path());
    }
    // In an order of their own, so that an input's number means the same everywhere.
    files.sort();
    for file in files {
        stock.push(fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?);
    }
    Ok(stock)
}

fn write_seeds(target: &Target, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}

/// Writes a line for people; whoever closed the output does not want to read it.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}
