//! What a benchmark comes to: a table for people and JSON for comparison.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::calibration::CALIBRATIONS;
use super::measure::{Samples, Summary, number};
use super::workload::{Target, WORKLOADS};
use crate::say::outln;

/// Calibrations below this part of what is normal are flagged.
const SUSPECT: f64 = 0.6;

/// All results of one benchmark, as they are written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// The machine, for people.
    machine: String,
    /// The calibrations by name.
    calibration: BTreeMap<String, Summary>,
    /// The workloads' figures.
    results: Vec<Row>,
}

/// One figure of a workload.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    name: String,
    #[serde(flatten)]
    summary: Summary,
    /// What it is compared with.
    calibration: String,
    /// Its median over the calibration's.
    ratio: f64,
}

impl Report {
    /// Sums up.
    pub(super) fn new(samples: &Samples) -> Self {
        let mut calibration = samples.summaries();
        let mut results = Vec::new();
        for workload in WORKLOADS {
            // Its own name, and those of the figures beside it.
            for suffix in ["", "_p50", "_p99"] {
                let name = format!("{}{suffix}", workload.name);
                let compared = format!("{}{suffix}", workload.calibration);
                let Some(summary) = calibration.remove(&name) else {
                    continue;
                };
                let Some(base) = calibration.get(&compared) else {
                    continue;
                };
                let ratio = summary.median / base.median;
                results.push(Row {
                    name,
                    summary,
                    calibration: compared,
                    ratio,
                });
            }
        }
        Self {
            machine: machine(),
            calibration,
            results,
        }
    }

    /// Prints tables, with the change since `earlier`.
    pub(super) fn print(&self, earlier: Option<&Report>) {
        outln!("machine: {}", self.machine);
        outln!();
        outln!(
            "{:<18} {:>10} {:>10} {:>10}  unit",
            "calibration",
            "median",
            "min",
            "max"
        );
        for (name, summary) in &self.calibration {
            let flag = suspicion(name, summary).unwrap_or_default();
            outln!("{name:<18} {}{flag}", columns(summary));
        }
        if self.results.is_empty() {
            return;
        }
        outln!();
        outln!(
            "{:<18} {:>10} {:>10} {:>10}  {:<12} {:<18} {:>7}  {:<16} since",
            "workload",
            "median",
            "min",
            "max",
            "unit",
            "calibration",
            "ratio",
            "target"
        );
        for row in &self.results {
            let line = format!(
                "{:<18} {} {:<18} {:>7.3}  {:<16} {}",
                row.name,
                columns(&row.summary),
                row.calibration,
                row.ratio,
                verdict(&row.name, row.ratio).unwrap_or_default(),
                earlier
                    .and_then(|earlier| earlier.change(row))
                    .unwrap_or_default()
            );
            outln!("{}", line.trim_end());
        }
    }

    /// How the ratio of a figure has changed since this report.
    fn change(&self, now: &Row) -> Option<String> {
        let then = self.results.iter().find(|row| row.name == now.name)?;
        Some(format!("{:+.1} %", 100.0 * (now.ratio / then.ratio - 1.0)))
    }

    /// Writes the report as JSON.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}

/// Reads a report.
pub(super) fn read(file: &Path) -> Result<Report> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no report", file.display()))
}

fn columns(summary: &Summary) -> String {
    let Summary {
        median,
        min,
        max,
        unit,
    } = summary;
    format!(
        "{:>10} {:>10} {:>10}  {unit:<12}",
        number(*median),
        number(*min),
        number(*max)
    )
}

/// A word about a calibration that is far from what is normal.
fn suspicion(name: &str, summary: &Summary) -> Option<String> {
    let calibration = CALIBRATIONS
        .iter()
        .find(|calibration| calibration.name == name)?;
    let part = if calibration.more_is_better {
        summary.median / calibration.seen
    } else {
        calibration.seen / summary.median
    };
    (part < SUSPECT).then(|| {
        let normal = number(calibration.seen);
        format!(
            " <- off: {:.0} % of the usual {normal}; the machine or the calibration",
            100.0 * part
        )
    })
}

/// Whether the target of a figure is met, when it has one.
fn verdict(name: &str, ratio: f64) -> Option<String> {
    let targets = WORKLOADS.iter().flat_map(|workload| {
        workload
            .targets
            .iter()
            .map(|(suffix, target)| match *suffix {
                "" => (workload.name.to_owned(), *target),
                suffix => (format!("{}_{suffix}", workload.name), *target),
            })
    });
    let (_, target) = targets.into_iter().find(|(figure, _)| figure == name)?;
    let (sign, bound, met) = match target {
        Target::AtLeast(bound) => (">=", bound, ratio >= bound),
        Target::AtMost(bound) => ("<=", bound, ratio <= bound),
    };
    Some(format!(
        "{sign} {bound:.2} {}",
        if met { "met" } else { "MISSED" }
    ))
}

/// Processor, their number, and the kernel.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let system = rustix::system::uname();
    let (name, release) = (
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
    );
    format!("{cpus} x {model}, {name} {release}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Measured;

    fn report(pingpong: f64) -> Report {
        let mut samples = Samples::default();
        samples.add("cal_message", &Measured::rate(70e6, "messages/s"));
        samples.add("pingpong", &Measured::rate(pingpong, "messages/s"));
        samples.add(
            "cal_echo_100",
            &Measured::rate(50e3, "requests/s").with("p99", 10.0, "µs"),
        );
        samples.add(
            "gate_100",
            &Measured::rate(40e3, "requests/s").with("p99", 15.0, "µs"),
        );
        Report::new(&samples)
    }

    #[test]
    fn the_form_of_the_json_is_fixed() {
        let json = serde_json::to_value(report(35e6)).unwrap();
        let figure = |value: f64, unit: &str| serde_json::json!({"median": value, "min": value, "max": value, "unit": unit});
        assert_eq!(
            json["calibration"]["cal_message"],
            figure(70e6, "messages/s")
        );
        assert_eq!(json["calibration"]["cal_echo_100_p99"], figure(10.0, "µs"));
        let mut row = figure(35e6, "messages/s");
        row["name"] = "pingpong".into();
        row["calibration"] = "cal_message".into();
        row["ratio"] = 0.5.into();
        assert_eq!(json["results"][0], row);
        assert_eq!(json["results"][2]["name"], "gate_100_p99");
        assert_eq!(json["results"][2]["ratio"], 1.5);
        assert_eq!(json.as_object().unwrap().len(), 3);
        assert!(json["machine"].is_string());
    }

    #[test]
    fn targets_and_suspicions_are_told() {
        assert_eq!(verdict("pingpong", 0.35).unwrap(), ">= 0.35 met");
        assert_eq!(verdict("pingpong", 0.34).unwrap(), ">= 0.35 MISSED");
        assert_eq!(verdict("gate_100_p99", 2.5).unwrap(), "<= 2.00 MISSED");
        assert_eq!(verdict("gate_100_p50", 2.5), None);
        let report = report(35e6);
        assert!(suspicion("cal_message", &report.calibration["cal_message"]).is_none());
        assert!(suspicion("cal_echo_100", &report.calibration["cal_echo_100"]).is_some());
    }

    #[test]
    fn reports_are_compared() {
        let (then, now) = (report(35e6), report(42e6));
        assert_eq!(then.change(&now.results[0]).unwrap(), "+20.0 %");
        now.print(Some(&then));
    }
}
