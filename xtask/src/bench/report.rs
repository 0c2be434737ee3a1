//! What a benchmark comes to, as it is written and read again.

mod change;
mod markdown;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::calibration::CALIBRATIONS;
use super::machine;
use super::measure::{Samples, Summary, number};
use super::target::{Expected, Target};
use super::workload::{self, Workload};

/// Below so many messages a second of `cal_cross` a cache line crosses slowly.
const SLOW_CROSSING: f64 = 6e6;

/// Calibrations below this part of what is normal are flagged.
const SUSPECT: f64 = 0.6;

/// All results of one benchmark.
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
    /// What it is compared with, if with anything.
    calibration: Option<String>,
    /// Its median over the calibration's.
    ratio: Option<f64>,
    /// What is wanted of the ratio, or of the median when there is none.
    #[serde(default)]
    target: Option<Target>,
    /// Whether it is so.
    #[serde(default)]
    met: Option<bool>,
}

impl Report {
    /// Sums up.
    pub(super) fn new(samples: &Samples) -> Self {
        let mut calibration = samples.summaries();
        let mut results = Vec::new();
        for (name, expected) in workload::all().flat_map(Workload::named_figures) {
            if let Some(summary) = calibration.remove(&name) {
                let base = expected.calibration.and_then(|base| calibration.get(base));
                results.push(Row::new(name, summary, expected, base));
            }
        }
        Self {
            machine: machine::summary(),
            calibration,
            results,
        }
    }

    /// A word about the state of the machine when it is the slow one.
    fn state(&self) -> Option<String> {
        let cross = self.calibration.get("cal_cross")?;
        (cross.median < SLOW_CROSSING).then(|| {
            "The machine was in its slow state: cache lines cross slowly between processors, and whatever two \
             threads share costs several times as much. Measure again later."
                .to_owned()
        })
    }

    /// Writes the report as JSON.
    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }
}

impl Row {
    fn new(name: String, summary: Summary, expected: &Expected, base: Option<&Summary>) -> Self {
        // Nothing is measured in nothing.
        let ratio = base
            .filter(|base| base.median > 0.0)
            .map(|base| summary.median / base.median);
        let mut row = Self {
            name,
            summary,
            calibration: expected.calibration.map(str::to_owned),
            ratio,
            target: expected.target,
            met: None,
        };
        row.met = row
            .judged()
            .zip(row.target)
            .map(|(found, target)| target.is_met(found));
        row
    }

    /// What counts: the ratio if it has a calibration, else the value.
    fn judged(&self) -> Option<f64> {
        match self.calibration {
            Some(_) => self.ratio,
            None => Some(self.summary.median),
        }
    }

    /// Its target, and whether that is met.
    fn verdict(&self) -> String {
        let Some(target) = self.target else {
            return String::new();
        };
        match self.met {
            Some(true) => format!("{target} met"),
            Some(false) => format!("{target} MISSED"),
            None => format!("{target} unknown"),
        }
    }
}

/// Reads a report.
pub(super) fn read(file: &Path) -> Result<Report> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is no report of `cargo xtask bench --json`",
            file.display()
        )
    })
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
            "{:.0} % of the usual {normal}: the machine or the calibration is off",
            100.0 * part
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Measured;
    use crate::folder::TempFolder;

    /// A report of a few figures; three runs of `pingpong`.
    pub(super) fn report(pingpong: [f64; 3]) -> Report {
        let mut samples = Samples::default();
        let mut add = |name, measured| samples.add(name, &measured).unwrap();
        add("cal_message", Measured::main(70e6, "messages/s"));
        for rate in pingpong {
            add("pingpong", Measured::main(rate, "messages/s"));
        }
        let pairs = Measured::main(40e6, "messages/s")
            .with("one_worker", 25e6, "messages/s")
            .with("speedup", 1.6, "times");
        add("pairs", pairs);
        let echo = |rate, p99| Measured::main(rate, "requests/s").with("p99", p99, "µs");
        add("cal_echo_100", echo(50e3, 10.0));
        add("gate_100", echo(40e3, 15.0));
        Report::new(&samples)
    }

    #[test]
    fn the_form_of_the_json_is_fixed() {
        let json = serde_json::to_value(report([35e6; 3])).unwrap();
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
        row["target"] = serde_json::json!({"direction": ">=", "bound": 0.35});
        row["met"] = true.into();
        assert_eq!(json["results"][0], row);
        assert_eq!(json["results"][3]["name"], "pairs_speedup");
        assert!(json["results"][3]["ratio"].is_null());
        assert_eq!(json["results"][3]["met"], false);
        assert_eq!(json["results"][5]["name"], "gate_100_p99");
        assert_eq!(json["results"][5]["ratio"], 1.5);
        assert_eq!(json.as_object().unwrap().len(), 3);
        assert!(json["machine"].is_string());
    }

    #[test]
    fn reports_are_read_again() {
        let folder = TempFolder::new("report").unwrap();
        let file = folder.path().join("r.json");
        let written = report([35e6; 3]);
        written.write(&file).unwrap();
        let found = serde_json::to_value(read(&file).unwrap()).unwrap();
        assert_eq!(found, serde_json::to_value(written).unwrap());
    }

    #[test]
    fn what_is_no_report_is_told() {
        let folder = TempFolder::new("report").unwrap();
        let file = folder.path().join("r.json");
        let check = |expected: &str| {
            let error = format!("{:#}", read(&file).unwrap_err());
            assert!(
                error.contains("r.json") && error.contains(expected),
                "{error}"
            );
        };
        check("cannot be read");
        for text in ["", "garbage", "[]", r#"{"results": []}"#, "\u{0}"] {
            std::fs::write(&file, text).unwrap();
            check("is no report of `cargo xtask bench --json`");
        }
    }

    #[test]
    fn targets_are_judged() {
        let check = |name: &str, expected: &str| {
            let report = report([24e6; 3]);
            let row = report.results.iter().find(|row| row.name == name).unwrap();
            assert_eq!(row.verdict(), expected, "{name}");
        };
        check("pingpong", "≥ 0.35 MISSED");
        check("pairs", "≥ 0.55 met");
        check("pairs_one_worker", "");
        check("pairs_speedup", "≥ 1.70 MISSED");
        check("gate_100_p99", "≤ 2.00 met");
    }

    #[test]
    fn nothing_to_compare_with_is_no_verdict() {
        let mut samples = Samples::default();
        samples
            .add("pingpong", &Measured::main(1.0, "messages/s"))
            .unwrap();
        let report = Report::new(&samples);
        assert_eq!(report.results[0].verdict(), "≥ 0.35 unknown");
    }

    #[test]
    fn the_slow_state_is_told() {
        let check = |rate, expected| {
            let mut samples = Samples::default();
            let cross = Measured::main(rate, "messages/s");
            samples.add("cal_cross", &cross).unwrap();
            assert_eq!(Report::new(&samples).state().is_some(), expected, "{rate}");
        };
        check(11e6, false);
        check(5.9e6, true);
        assert_eq!(report([1.0; 3]).state(), None);
    }

    #[test]
    fn calibrations_are_suspected() {
        let summary = |value| Summary::of(&[value], "u").unwrap();
        let check = |name, value, expected| {
            assert_eq!(suspicion(name, &summary(value)).is_some(), expected);
        };
        check("cal_message", 44e6, false);
        check("cal_message", 43e6, true);
        check("cal_wake", 39.0, false);
        check("cal_wake", 41.0, true);
        check("cal_echo_1_p99", 1e9, false);
    }
}
