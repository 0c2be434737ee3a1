//! A report as Markdown, for `docs/performance.md`.

use std::fmt::Write as _;

use super::{Report, Row, suspicion};
use crate::bench::chosen::Section;
use crate::bench::measure::number;
use crate::bench::workload::Workload;

/// What a report is written with: facts about machine and build, by name.
pub(in crate::bench) type Facts = [(&'static str, String)];

impl Report {
    /// The text of a section.
    pub(in crate::bench) fn markdown(&self, section: &Section, facts: &Facts) -> String {
        let mut text = String::from("| measured with | |\n|---|---|\n");
        for (name, value) in facts {
            push(&mut text, format_args!("| {name} | {value} |"));
        }
        let rows: Vec<_> = section
            .workloads
            .iter()
            .flat_map(|workload| self.rows(workload))
            .collect();
        self.push_calibrations(&mut text, section);
        text.push_str(
            "\n| figure | median | min | max | unit | of | ratio | target | |\n\
             |---|--:|--:|--:|---|---|--:|--:|---|\n",
        );
        for row in rows {
            push(&mut text, format_args!("{}", line(row)));
        }
        text.push('\n');
        for workload in &section.workloads {
            push(
                &mut text,
                format_args!("* `{}`: {}", workload.name, workload.about),
            );
        }
        text
    }

    /// The figures of a workload.
    fn rows(&self, workload: &'static Workload) -> impl Iterator<Item = &Row> {
        workload
            .named_figures()
            .filter_map(|(name, _)| self.results.iter().find(|row| row.name == name))
    }

    fn push_calibrations(&self, text: &mut String, section: &Section) {
        let used: Vec<_> = section
            .workloads
            .iter()
            .flat_map(|workload| workload.calibrations())
            .collect();
        let mut calibrations = self
            .calibration
            .iter()
            .filter(|(name, _)| section.workloads.len() > 1 || used.contains(&name.as_str()))
            .peekable();
        if calibrations.peek().is_none() {
            return;
        }
        text.push_str(
            "\n| calibration | median | min | max | unit | |\n|---|--:|--:|--:|---|---|\n",
        );
        for (name, summary) in calibrations {
            let flag = suspicion(name, summary).unwrap_or_default();
            push(
                text,
                format_args!(
                    "| `{name}` | {} | {} | {} | {} | {flag} |",
                    number(summary.median),
                    number(summary.min),
                    number(summary.max),
                    summary.unit
                ),
            );
        }
        if let Some(state) = self.state() {
            push(text, format_args!("\n{state}"));
        }
    }
}

fn line(row: &Row) -> String {
    let of = row.calibration.as_ref().map(|base| format!("`{base}`"));
    let ratio = row.ratio.map(|ratio| format!("{ratio:.3}"));
    let target = row.target.map(|target| target.to_string());
    let met = match (row.target, row.met) {
        (None, _) => "",
        (Some(_), Some(true)) => "met",
        (Some(_), Some(false)) => "**missed**",
        (Some(_), None) => "unknown",
    };
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} | {} | {met} |",
        row.name,
        number(row.summary.median),
        number(row.summary.min),
        number(row.summary.max),
        row.summary.unit,
        of.unwrap_or_default(),
        ratio.unwrap_or_default(),
        target.unwrap_or_default(),
    )
}

/// Adds a line.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;
    use crate::bench::workload;

    #[test]
    fn a_section_tells_everything() {
        let section = Section {
            name: "test",
            workloads: ["pingpong", "gate_100"]
                .map(|name| workload::find(name).unwrap())
                .to_vec(),
        };
        let facts = [("processors", "2 x P".to_owned())];
        let text = report([24e6; 3]).markdown(&section, &facts);
        let check = |line: &str| assert!(text.lines().any(|found| found == line), "{text}");
        check("| processors | 2 x P |");
        check(
            "| `pingpong` | 24.00 M | 24.00 M | 24.00 M | messages/s | `cal_message` | 0.343 | ≥ 0.35 | **missed** |",
        );
        check(
            "| `gate_100_p99` | 15.00 | 15.00 | 15.00 | µs | `cal_echo_100_p99` | 1.500 | ≤ 2.00 | met |",
        );
        check("| `cal_message` | 70.00 M | 70.00 M | 70.00 M | messages/s |  |");
        check(
            "| `cal_echo_100` | 50.0 k | 50.0 k | 50.0 k | requests/s | 31 % of the usual 160.0 k: the machine or the calibration is off |",
        );
        check("* `gate_100`: the same, 100 connections");
        assert!(!text.contains("pairs"), "{text}");
    }
}
