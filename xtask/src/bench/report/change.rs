//! A report next to an earlier one.

use super::{Report, Row};
use crate::bench::target::Direction;

/// What has become of a figure.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// In percent of the earlier one; `None` when that was 0.
    percent: Option<f64>,
    /// Whether the figure lies outside of what the earlier runs came to, from the least to the greatest.
    outside: bool,
    /// Whether that is for the better; `None` when nobody has said what is better.
    better: Option<bool>,
}

impl Report {
    /// How a figure has changed since this report. Figures with a calibration are compared as ratios, by which a machine
    /// that was faster all over does not count.
    pub(super) fn change(&self, now: &Row) -> Option<Change> {
        let then = self.results.iter().find(|row| row.name == now.name)?;
        if then.calibration != now.calibration {
            return None;
        }
        let (before, after) = (then.judged()?, now.judged()?);
        // What the calibration makes of the earlier values.
        let scale = match then.calibration {
            Some(_) if then.summary.median != 0.0 => before / then.summary.median,
            _ => 1.0,
        };
        let (least, greatest) = (scale * then.summary.min, scale * then.summary.max);
        let better = now.target.map(|target| match target.direction {
            Direction::AtLeast => after > before,
            Direction::AtMost => after < before,
        });
        Some(Change {
            percent: (before != 0.0).then(|| 100.0 * (after / before - 1.0)),
            outside: after < least || after > greatest,
            better,
        })
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.percent {
            Some(percent) => write!(f, "{percent:+.1} %")?,
            None => f.write_str("was 0")?,
        }
        match (self.outside, self.better) {
            (false, _) => f.write_str(", within the spread"),
            (true, Some(true)) => f.write_str(", BETTER"),
            (true, Some(false)) => f.write_str(", WORSE"),
            (true, None) => f.write_str(", outside the spread"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use crate::bench::measure::Summary;

    #[test]
    fn ratios_are_compared() {
        let then = report([34e6, 35e6, 42e6]);
        let check = |pingpong, expected: &str| {
            let now = report([pingpong; 3]);
            let change = then.change(&now.results[0]).unwrap();
            assert_eq!(change.to_string(), expected);
        };
        check(42e6, "+20.0 %, within the spread");
        check(43.75e6, "+25.0 %, BETTER");
        check(28e6, "-20.0 %, WORSE");
        check(34.3e6, "-2.0 %, within the spread");
    }

    #[test]
    fn a_machine_that_is_faster_all_over_is_no_change() {
        let (then, mut now) = (report([35e6; 3]), report([70e6; 3]));
        now.results[0].ratio = then.results[0].ratio;
        let change = then.change(&now.results[0]).unwrap();
        assert_eq!(change.to_string(), "+0.0 %, within the spread");
    }

    #[test]
    fn values_are_compared() {
        let then = report([35e6; 3]);
        let check = |name: &str, value: f64, expected: &str| {
            let mut now = report([35e6; 3]);
            let found = now.results.iter_mut().find(|row| row.name == name);
            let row = found.unwrap();
            row.summary = Summary::of(&[value], "u").unwrap();
            assert_eq!(then.change(row).unwrap().to_string(), expected);
        };
        check("pairs_speedup", 1.76, "+10.0 %, BETTER");
        check("pairs_speedup", 1.6, "+0.0 %, within the spread");
        // With a calibration the ratio counts, which has stayed.
        check("pairs_one_worker", 1.0, "+0.0 %, within the spread");
    }

    #[test]
    fn what_was_nothing_and_what_was_not_there() {
        let mut then = report([35e6; 3]);
        let now = report([35e6; 3]);
        then.results[3].summary = Summary::of(&[0.0], "u").unwrap();
        let change = then.change(&now.results[3]).unwrap();
        assert_eq!(change.to_string(), "was 0, BETTER");
        then.results.clear();
        assert_eq!(then.change(&now.results[0]), None);
    }
}
