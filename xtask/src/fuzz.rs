//! `cargo xtask fuzz`: any bytes for every decoder, on whatever toolchain there is.
//!
//! The targets are a workspace of their own, `fuzz/`, so that no build of the product knows of them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::say::{self, Counts, outln};
use crate::workspace::Workspace;

const MANIFEST: &str = "fuzz/Cargo.toml";
const PROGRAM: &str = "skynet-fuzz";
/// Seconds for each target in CI.
const CI_SECONDS: &str = "3";
/// What the inputs depend on in CI, so that a failure there is one here.
const CI_SEED: &str = "1";

/// What to fuzz, and for how long.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The targets; all, if none is named.
    targets: Vec<String>,
    /// Seconds for each target [default: 5].
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Inputs for each target, instead of a time.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    runs: Option<u64>,
    /// What the inputs depend on; without it, something else each time.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Targets at a time [default: one for each processor].
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Feed the target this file alone.
    #[arg(long, value_name = "FILE", requires = "targets")]
    input: Option<PathBuf>,
    /// Write the seeds of the targets to this folder, for another fuzzer.
    #[arg(long, value_name = "DIR")]
    seeds: Option<PathBuf>,
    /// List the targets.
    #[arg(long)]
    list: bool,
}

/// `cargo xtask fuzz`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    let mut program = build(&workspace)?;
    program.args(&args.targets);
    if args.list {
        program.arg("--list");
    }
    let options = [
        ("--seconds", args.seconds.map(|n| n.to_string())),
        ("--runs", args.runs.map(|n| n.to_string())),
        ("--seed", args.seed.map(|n| n.to_string())),
        ("--jobs", args.jobs.map(|n| n.to_string())),
    ];
    for (option, value) in options {
        program.args(
            value
                .map(|value| [option.to_owned(), value])
                .iter()
                .flatten(),
        );
    }
    for (option, path) in [("--input", &args.input), ("--seeds", &args.seeds)] {
        if let Some(path) = path {
            // The driver runs in the root folder.
            let path = std::path::absolute(path).context("no such path")?;
            program.arg(option).arg(path);
        }
    }
    let status = program.status().context("the driver cannot be started")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every target for a bounded time; and the package itself, which the steps for the workspace do not see.
pub(crate) fn ci(workspace: &Workspace) -> Result<Counts> {
    cargo(workspace, &["fmt", "--check"])?;
    let shown = ["clippy", "--package", "skynet-core", "--lib"];
    let denied = ["--features", "fuzzing", "--", "--deny", "warnings"];
    workspace.run_cargo(&[&shown[..], &denied[..]].concat(), &[])?;
    cargo(
        workspace,
        &[
            "clippy", "--lib", "--bins", "--tests", "--", "--deny", "warnings",
        ],
    )?;
    cargo(workspace, &["test", "--release", "--quiet"])?;
    let mut program = build(workspace)?;
    program.args(["--seconds", CI_SECONDS, "--seed", CI_SEED]);
    let mut program = program
        .stdout(Stdio::piped())
        .spawn()
        .context("the driver cannot be started")?;
    let output = program.stdout.take().context("it has no output")?;
    let mut counts = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        outln!("{line}");
        counts = summary(&line).or(counts);
    }
    let status = program.wait()?;
    counts
        .with_context(|| format!("the driver ended with {status} and did not say how many failed"))
}

/// The driver, built.
fn build(workspace: &Workspace) -> Result<Command> {
    say::step("building the fuzz targets");
    cargo(workspace, &["build", "--release", "--quiet"])?;
    let folder = target(workspace);
    let mut program = Command::new(folder.join("release").join(PROGRAM));
    program.current_dir(&workspace.root);
    program.arg("--folder").arg(folder.join("failures"));
    Ok(program)
}

/// Runs a cargo command on the targets' package.
fn cargo(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let (command, rest) = args.split_first().context("a command is wanted")?;
    // Versions of dependencies change on purpose, not because somebody fuzzes.
    let locked: &[&str] = if *command == "fmt" {
        &[]
    } else {
        &["--locked"]
    };
    let status = workspace
        .cargo()
        .args([command, "--manifest-path", MANIFEST])
        .args(locked)
        .args(rest)
        .env("CARGO_TARGET_DIR", target(workspace))
        .status()
        .context("cargo cannot be started")?;
    ensure!(
        status.success(),
        "`cargo {command}` of {MANIFEST} failed: {status}"
    );
    Ok(())
}

/// Another build of nearly all: with its own checks on, and the node's insides shown.
fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// The counts in the driver's last line.
fn summary(line: &str) -> Option<Counts> {
    let (passed, failed) = line
        .strip_prefix("fuzz result: ")?
        .split_once(" passed; ")?;
    Some(Counts {
        passed: passed.parse().ok()?,
        failed: failed.strip_suffix(" failed")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_last_line_is_understood() {
        let check = |line: &str, expected: Option<(usize, usize)>| {
            let found = summary(line).map(|counts| (counts.passed, counts.failed));
            assert_eq!(found, expected, "{line}");
        };
        check("fuzz result: 14 passed; 0 failed", Some((14, 0)));
        check("fuzz result: 12 passed; 2 failed", Some((12, 2)));
        check("seri             ok     48798 inputs in 3.0 s", None);
    }
}
