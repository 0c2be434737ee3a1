//! `cargo xtask bench`: how fast the product is on this machine, next to how fast the machine is.
//!
//! Absolute figures of a shared machine say little, so every workload has a *calibration*: the same kind
//! of work done by a few lines of bare code. Both are measured alternately, several times, and the
//! ratio of their medians is the result. Nothing is asserted: the table says which target is met.

mod calibration;
mod echo;
mod load;
mod machine;
mod measure;
mod report;
mod target;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::folder::TempFolder;
use crate::say;
use crate::say::outln;
use crate::workspace::Workspace;
use crate::{build, install};

use calibration::{CALIBRATIONS, Calibration};
use measure::Samples;
use workload::Workload;

pub(crate) use load::{Args as LoadArgs, run as generate_load};

/// What to measure, and how.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The workloads and calibrations; when none is named, all but the workloads that are measured only when named.
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
    // Read first: nobody wants to measure for minutes and then hear that the file is not there.
    let earlier = args.against.as_deref().map(report::read).transpose()?;
    let plan = if args.quick { Plan::QUICK } else { Plan::FULL };
    let samples = measure(&workspace, plan, &chosen)?;
    let report = report::Report::new(&samples);
    outln!();
    report.print(earlier.as_ref());
    if let Some(file) = &args.json {
        report.write(file)?;
        say::detail(format!("written to {}", file.display()));
    }
    Ok(ExitCode::SUCCESS)
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

/// What was asked for: workloads, and calibrations without one.
struct Chosen {
    workloads: Vec<&'static Workload>,
    calibrations: Vec<&'static Calibration>,
}

impl Chosen {
    fn new(names: &[String]) -> Result<Self> {
        let mut chosen = Self {
            workloads: Vec::new(),
            calibrations: Vec::new(),
        };
        if names.is_empty() {
            chosen
                .workloads
                .extend(workload::all().filter(|workload| !workload.only_named));
            chosen.calibrations.extend(CALIBRATIONS);
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                continue;
            }
            if let Some(workload) = workload::find(name) {
                chosen.workloads.push(workload);
            } else if let Some(calibration) = calibration::find(name) {
                chosen.calibrations.push(calibration);
            } else {
                let known = workload::all().map(|workload| workload.name);
                let known: Vec<_> = known.chain(CALIBRATIONS.iter().map(|c| c.name)).collect();
                bail!(
                    "there is no workload or calibration {name:?}, only {}",
                    known.join(", ")
                );
            }
        }
        let workloads = chosen.workloads.iter();
        let covered: Vec<_> = workloads.flat_map(|workload| needed(workload)).collect();
        chosen
            .calibrations
            .retain(|calibration| covered.iter().all(|other| other.name != calibration.name));
        Ok(chosen)
    }
}

/// The calibrations that a workload's figures are compared with, each once.
fn needed(workload: &Workload) -> Vec<&'static Calibration> {
    let mut needed: Vec<&Calibration> = Vec::new();
    for calibration in workload.calibrations().filter_map(calibration::of_figure) {
        if needed.iter().all(|other| other.name != calibration.name) {
            needed.push(calibration);
        }
    }
    needed
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_brings_its_calibration() {
        let check = |names: &[&str], workloads: &[&str], calibrations: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let chosen = Chosen::new(&names).unwrap();
            let found: Vec<_> = chosen.workloads.iter().map(|w| w.name).collect();
            assert_eq!(found, workloads);
            let found: Vec<_> = chosen.calibrations.iter().map(|c| c.name).collect();
            assert_eq!(found, calibrations);
        };
        check(&["pingpong"], &["pingpong"], &[]);
        check(&["pingpong", "cal_message"], &["pingpong"], &[]);
        check(&["fanin", "cal_cross", "fanin"], &["fanin"], &[]);
        check(&["cal_wake"], &[], &["cal_wake"]);
        assert!(Chosen::new(&["nothing".to_owned()]).is_err());
        let names = |workload| needed(workload::find(workload).unwrap());
        let names = |workload| {
            names(workload)
                .into_iter()
                .map(|c| c.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("fanin"), ["cal_cross", "cal_message"]);
        assert_eq!(names("gate_100"), ["cal_echo_100"]);
    }
}
