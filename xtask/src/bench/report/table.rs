//! A report as tables for people at a terminal.

use super::{Report, Row, suspicion};
use crate::bench::measure::{Summary, number};
use crate::say::outln;

impl Report {
    /// Prints tables, with the change since `earlier`.
    pub(in crate::bench) fn print(&self, earlier: Option<&Self>) {
        outln!("machine: {}", self.machine);
        outln!();
        outln!(
            "{:<22} {:>10} {:>10} {:>10}  unit",
            "calibration",
            "median",
            "min",
            "max"
        );
        for (name, summary) in &self.calibration {
            let flag = suspicion(name, summary).map(|flag| format!(" <- {flag}"));
            let flag = flag.unwrap_or_default();
            outln!(
                "{}",
                format!("{name:<22} {}{flag}", columns(summary)).trim_end()
            );
        }
        if let Some(state) = self.state() {
            outln!("{state}");
        }
        if self.results.is_empty() {
            return;
        }
        outln!();
        let since = if earlier.is_some() { "since" } else { "" };
        let head = format!(
            "{:<26} {:>10} {:>10} {:>10}  {:<12} {:<18} {:>7}  {:<16} {since}",
            "workload", "median", "min", "max", "unit", "calibration", "ratio", "target",
        );
        outln!("{}", head.trim_end());
        for row in &self.results {
            outln!("{}", line(row, earlier).trim_end());
        }
    }
}

fn line(row: &Row, earlier: Option<&Report>) -> String {
    let ratio = row.ratio.map(|ratio| format!("{ratio:.3}"));
    let change = earlier.map(|earlier| match earlier.change(row) {
        Some(change) => change.to_string(),
        None => "new".to_owned(),
    });
    format!(
        "{:<26} {} {:<18} {:>7}  {:<16} {}",
        row.name,
        columns(&row.summary),
        row.calibration.as_deref().unwrap_or("-"),
        ratio.as_deref().unwrap_or("-"),
        row.verdict(),
        change.unwrap_or_default()
    )
}

fn columns(summary: &Summary) -> String {
    format!(
        "{:>10} {:>10} {:>10}  {:<12}",
        number(summary.median),
        number(summary.min),
        number(summary.max),
        summary.unit
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_line_tells_everything() {
        let (then, now) = (report([35e6; 3]), report([42e6; 3]));
        let line = line(&now.results[0], Some(&then));
        let words: Vec<_> = line.split_whitespace().collect();
        let expected = "pingpong 42.00 M 42.00 M 42.00 M messages/s cal_message 0.600 ≥ 0.35 met +20.0 %, BETTER";
        assert_eq!(words.join(" "), expected);
        now.print(Some(&then));
    }
}
