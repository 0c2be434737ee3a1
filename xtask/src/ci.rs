//! `cargo xtask ci`: everything that must hold before a change lands, as `.ci/run` calls it.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::say::{self, Counts, outln};
use crate::workspace::Workspace;
use crate::{abi, arrows, build, fuzz, scenario, symbols, test};

mod miri;
mod nightly;
mod tsan;

/// Which steps to take.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only these steps: fmt, clippy, docs, deny, abi, arrows, test, models, miri, tsan, fuzz, symbols,
    /// scenario.
    steps: Vec<String>,
}

/// One step. It gives the counts of what it ran; a step that is one check counts as one.
struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result<Counts>,
}

/// All steps: those that fail quickly come first.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        run: |workspace| check(workspace.run_cargo(&["fmt", "--all", "--check"], &[])),
    },
    Step {
        name: "arrows",
        run: |workspace| check(arrows::check(workspace)),
    },
    Step {
        name: "deny",
        run: |workspace| check(deny(workspace)),
    },
    Step {
        name: "abi",
        run: |_| check(abi::run(false)),
    },
    Step {
        name: "clippy",
        run: |workspace| check(clippy(workspace)),
    },
    Step {
        name: "docs",
        run: |workspace| check(docs(workspace)),
    },
    Step {
        name: "test",
        run: |workspace| test::test(workspace, &test::Args::default()),
    },
    Step {
        name: "models",
        run: |workspace| check(models(workspace)),
    },
    Step {
        name: "miri",
        run: |workspace| check(miri::run(workspace)),
    },
    Step {
        name: "tsan",
        run: |workspace| check(tsan::run(workspace)),
    },
    Step {
        name: "fuzz",
        run: fuzz::ci,
    },
    Step {
        name: "symbols",
        run: |workspace| check(exports(workspace)),
    },
    Step {
        name: "scenario",
        run: |workspace| scenario::play(workspace, &scenario::Args::default()),
    },
];

/// `cargo xtask ci`. Takes every step, whether or not one before it failed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::read()?;
    for name in &args.steps {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        ensure!(
            names.contains(&name.as_str()),
            "there is no step {name:?}, only {names:?}"
        );
    }
    let chosen = |step: &&Step| args.steps.is_empty() || args.steps.iter().any(|n| n == step.name);
    let mut results = Vec::new();
    for step in STEPS.iter().filter(chosen) {
        outln!();
        outln!("=== {} ===", step.name);
        let begin = Instant::now();
        let counts = (step.run)(&workspace).unwrap_or_else(|error| {
            outln!("FAILED: {error:#}");
            Counts {
                passed: 0,
                failed: 1,
            }
        });
        results.push((step.name, counts, begin.elapsed()));
    }
    let total = table(&results);
    outln!("{total}");
    Ok(total.exit_code())
}

fn table(results: &[(&str, Counts, Duration)]) -> Counts {
    outln!();
    let mut total = Counts::default();
    for (name, counts, time) in results {
        let word = if counts.failed == 0 {
            "passed"
        } else {
            "FAILED"
        };
        outln!(
            "{name:<10} {word:<8} {:>10}   {counts}",
            say::duration(*time)
        );
        total += *counts;
    }
    outln!();
    total
}

/// The counts of a step that is one check.
fn check(result: Result<()>) -> Result<Counts> {
    result.map(|()| Counts {
        passed: 1,
        failed: 0,
    })
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let args = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    workspace.run_cargo(&args, &[])
}

fn docs(workspace: &Workspace) -> Result<()> {
    let args = ["doc", "--workspace", "--no-deps"];
    workspace.run_cargo(&args, &[("RUSTDOCFLAGS", "--deny warnings")])
}

/// Every interleaving of the mailbox's small cases. In a target folder of its own, since it is another build of all.
fn models(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("loom");
    let folder = folder.to_string_lossy();
    let args = [
        "test",
        "--release",
        "--package",
        "skynet-core",
        "--lib",
        "models",
    ];
    let env = [("RUSTFLAGS", "--cfg loom"), ("CARGO_TARGET_DIR", &*folder)];
    workspace.run_cargo(&args, &env)
}

/// Licences, sources and doubled packages, where cargo-deny is installed: it is no part of a toolchain.
fn deny(workspace: &Workspace) -> Result<()> {
    let installed = Command::new("cargo-deny")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !installed {
        outln!("cargo-deny is not installed: left out");
        return Ok(());
    }
    workspace.run_cargo(&["deny", "check", "bans", "licenses", "sources"], &[])
}

/// The product's plugins, as they are installed.
fn exports(workspace: &Workspace) -> Result<()> {
    let built = build::build(workspace, build::Profile::RELEASE, build::Scope::All)?;
    if built.plugins.is_empty() {
        bail!("there is no plugin");
    }
    symbols::check(built.plugins.iter().map(PathBuf::as_path))
}
