//! `cargo xtask bench`: how fast the product is on this machine, next to how fast the machine is.
//!
//! Absolute figures of a shared machine say little, so every workload has a *calibration*: the same kind
//! of work done by a few lines of bare code. Both are measured alternately, several times, and the
//! ratio of their medians is the result. Nothing is asserted: the table says which target is met.

mod calibration;
mod chosen;
mod document;
mod echo;
mod load;
mod machine;
mod measure;
mod report;
mod target;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::folder::TempFolder;
use crate::say;
use crate::say::outln;
use crate::workspace::Workspace;
use crate::{build, install};

use calibration::{CALIBRATIONS, Calibration};
use chosen::{Chosen, needed};
use document::Document;
use measure::Samples;
use report::Report;

pub(crate) use load::{Args as LoadArgs, run as generate_load};

/// What to measure, and how.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The workloads and calibrations, or what several begin with (`cluster`); when none is named, all but the workloads that are measured only when named.
    names: Vec<String>,
    /// Print the workloads and calibrations, and measure nothing.
    #[arg(long)]
    list: bool,
    /// 3 short runs of each instead of 5.
    #[arg(long)]
    quick: bool,
    /// Write the results to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Compare with this file, written by an earlier --json.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Write the results into this Markdown file, between its marks: `docs/performance.md`.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
struct Plan {
    runs: usize,
    calibration: Duration,
    workload: Duration,
    /// For workloads in which little happens.
    long: Duration,
}

impl Plan {
    const FULL: Self = Self {
        runs: 5,
        calibration: Duration::from_secs(1),
        workload: Duration::from_secs(3),
        long: Duration::from_secs(10),
    };
    const QUICK: Self = Self {
        runs: 3,
        calibration: Duration::from_millis(300),
        workload: Duration::from_millis(700),
        long: Duration::from_secs(3),
    };
}

/// `cargo xtask bench`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = Chosen::new(&args.names)?;
    let workspace = Workspace::read()?;
    if cfg!(debug_assertions) {
        return again_optimised(&workspace);
    }
    // Read first: nobody wants to measure for minutes and then hear that a file is not there.
    let earlier = args.against.as_deref().map(report::read).transpose()?;
    let document = args.markdown.as_deref();
    let mut document = document.map(|file| open(file, &chosen)).transpose()?;
    let plan = if args.quick { Plan::QUICK } else { Plan::FULL };
    let samples = measure(&workspace, plan, &chosen)?;
    let report = Report::new(&samples);
    outln!();
    report.print(earlier.as_ref());
    if let Some(file) = &args.json {
        report.write(file)?;
        say::detail(format!("written to {}", file.display()));
    }
    if let Some(document) = &mut document {
        fill(document, &report, &chosen, &facts(&workspace, plan))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the Markdown report.
fn open(file: &Path, chosen: &Chosen) -> Result<Document> {
    let sections = chosen.sections()?;
    let names: Vec<_> = sections.iter().map(|section| section.name).collect();
    Document::read(file, &names)
}

/// Writes the Markdown report.
fn fill(
    document: &mut Document,
    report: &Report,
    chosen: &Chosen,
    facts: &[(&'static str, String)],
) -> Result<()> {
    for section in chosen.sections()? {
        document.replace(section.name, &report.markdown(&section, facts))?;
    }
    document.write()
}

/// What figures depend on.
fn facts(workspace: &Workspace, plan: Plan) -> Vec<(&'static str, String)> {
    let mut facts = machine::description(workspace);
    let accounting = "on (`profile = true`)".to_owned();
    let runs = format!(
        "{}, of {} each ({} where little happens)",
        plan.runs,
        say::duration(plan.workload),
        say::duration(plan.long)
    );
    facts.extend([
        ("build", "`release` of `Cargo.toml`".to_owned()),
        (
            "workers",
            format!("{}, unless a figure says otherwise", workload::WORKERS),
        ),
        ("accounting", accounting),
        ("runs", runs),
    ]);
    facts
}

fn list() {
    outln!("workloads:");
    for workload in workload::all() {
        let note = if workload.only_named {
            " (only when named)"
        } else {
            ""
        };
        outln!("  {:<16} {}{note}", workload.name, workload.about);
    }
    outln!("calibrations:");
    for calibration in CALIBRATIONS {
        outln!("  {:<16} {}", calibration.name, calibration.about);
    }
}

/// Runs the same command in a build with optimisation: this one would measure itself.
fn again_optimised(workspace: &Workspace) -> Result<ExitCode> {
    say::step("building xtask with optimisation");
    let here = std::env::current_dir()?;
    let manifest = workspace.root.join("Cargo.toml");
    let mut cargo = workspace.cargo();
    let status = cargo
        .args(["run", "--quiet", "--release", "--package", "xtask", "--manifest-path"])
        .arg(manifest)
        .arg("--")
        .args(std::env::args_os().skip(1))
        // Where the command was given: its file names are relative to that.
        .current_dir(here)
        .status()
        .context("cargo cannot be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Measures everything, each workload right behind its calibrations.
fn measure(workspace: &Workspace, plan: Plan, chosen: &Chosen) -> Result<Samples> {
    let bench = workload::Bench {
        built: if chosen.workloads.is_empty() {
            None
        } else {
            Some(prepare(workspace)?)
        },
        folder: TempFolder::new("bench")?,
        time: plan.workload,
        long: plan.long,
    };
    let mut samples = Samples::default();
    let calibrate = |samples: &mut Samples, calibration: &Calibration| {
        samples.add(calibration.name, &(calibration.run)(plan.calibration)?)
    };
    for run in 1..=plan.runs {
        say::step(format!("run {run} of {}", plan.runs));
        for calibration in &chosen.calibrations {
            calibrate(&mut samples, calibration)?;
        }
        for workload in &chosen.workloads {
            for calibration in needed(workload) {
                calibrate(&mut samples, calibration)?;
            }
            samples.add(workload.name, &workload.measure(&bench)?)?;
        }
    }
    Ok(samples)
}

/// Builds what nodes under measurement run.
fn prepare(workspace: &Workspace) -> Result<workload::Installed> {
    let built = build::build(workspace, build::Profile::RELEASE, build::Scope::All)?;
    let cservice = install::install_for_tests(workspace, &built, build::Profile::RELEASE)?;
    Ok(workload::Installed {
        executable: built.node,
        cservice,
    })
}
