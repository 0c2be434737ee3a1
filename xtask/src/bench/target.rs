//! What a figure of a workload is compared with, and what is wanted of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::measure::number;

/// A figure that a workload gives.
#[derive(Debug)]
pub(super) struct Expected {
    /// Behind the workload's name; empty for the main figure.
    pub(super) suffix: &'static str,
    /// The figure of a calibration that it is divided by; `None` when it counts as it is.
    pub(super) calibration: Option<&'static str>,
    /// What is wanted; `None` for a figure that only explains others.
    pub(super) target: Option<Target>,
}

/// A bound that is wanted, of the ratio to the calibration, or of the value when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Target {
    /// Which side of the bound is wanted.
    pub(super) direction: Direction,
    /// The bound itself is wanted too.
    pub(super) bound: f64,
}

/// The side of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Direction {
    /// Rates.
    #[serde(rename = ">=")]
    AtLeast,
    /// Times and memory.
    #[serde(rename = "<=")]
    AtMost,
}

impl Expected {
    /// A figure that is measured in that of a calibration.
    pub(super) const fn ratio(suffix: &'static str, calibration: &'static str) -> Self {
        Self {
            suffix,
            calibration: Some(calibration),
            target: None,
        }
    }

    /// A figure that counts as it is.
    pub(super) const fn value(suffix: &'static str) -> Self {
        Self {
            suffix,
            calibration: None,
            target: None,
        }
    }

    /// Wants at least this.
    pub(super) const fn at_least(self, bound: f64) -> Self {
        self.target(Direction::AtLeast, bound)
    }

    /// Wants at most this.
    pub(super) const fn at_most(self, bound: f64) -> Self {
        self.target(Direction::AtMost, bound)
    }

    const fn target(mut self, direction: Direction, bound: f64) -> Self {
        self.target = Some(Target { direction, bound });
        self
    }
}

impl Target {
    /// Whether a ratio or value is what is wanted.
    pub(super) fn is_met(self, found: f64) -> bool {
        match self.direction {
            Direction::AtLeast => found >= self.bound,
            Direction::AtMost => found <= self.bound,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.direction {
            Direction::AtLeast => "≥",
            Direction::AtMost => "≤",
        };
        write!(f, "{sign} {}", number(self.bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_is_good_enough() {
        let check = |figure: Expected, found, expected| {
            assert_eq!(figure.target.unwrap().is_met(found), expected, "{found}");
        };
        check(Expected::value("").at_least(2.0), 2.0, true);
        check(Expected::value("").at_least(2.0), 1.99, false);
        check(Expected::value("").at_most(2.0), 2.0, true);
        check(Expected::value("").at_most(2.0), 2.01, false);
        check(Expected::value("").at_most(0.0), 0.0, true);
    }

    #[test]
    fn targets_are_written_short() {
        let target = |figure: Expected| figure.target.unwrap();
        let rate = target(Expected::value("").at_least(1.3e6));
        assert_eq!(rate.to_string(), "≥ 1.30 M");
        let json = serde_json::to_value(rate).unwrap();
        assert_eq!(json, serde_json::json!({"direction": ">=", "bound": 1.3e6}));
        let time = target(Expected::ratio("p99", "cal_wake").at_most(5.0));
        assert_eq!(time.to_string(), "≤ 5.00");
    }
}
