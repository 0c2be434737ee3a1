//! Figures, and many of them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::say;

/// One run of a workload or a calibration: its figures. One without a suffix is named as the workload is, others with
/// it: `gate_100` has `gate_100_p99`.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured(Vec<(&'static str, Figure)>);

/// A number and its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// The number.
    pub(super) value: f64,
    /// Its unit.
    pub(super) unit: &'static str,
}

impl Measured {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The main figure alone.
    pub(super) fn main(value: f64, unit: &'static str) -> Self {
        Self::new().with("", value, unit)
    }

    /// Adds a figure.
    pub(super) fn with(mut self, suffix: &'static str, value: f64, unit: &'static str) -> Self {
        self.0.push((suffix, Figure { value, unit }));
        self
    }

    /// Adds all figures of another.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The suffixes of its figures.
    pub(super) fn suffixes(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(suffix, _)| *suffix)
    }

    /// The figure with that suffix.
    #[cfg(test)]
    pub(super) fn get(&self, suffix: &str) -> Option<Figure> {
        let found = self.0.iter().find(|(known, _)| *known == suffix);
        found.map(|(_, figure)| *figure)
    }
}

/// The full name of a figure.
pub(super) fn full_name(workload: &str, suffix: &str) -> String {
    match suffix {
        "" => workload.to_owned(),
        suffix => format!("{workload}_{suffix}"),
    }
}

/// All figures of all runs, by name.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<String, (Vec<f64>, &'static str)>);

impl Samples {
    /// Adds a run.
    pub(super) fn add(&mut self, name: &str, measured: &Measured) -> Result<()> {
        for (suffix, Figure { value, unit }) in &measured.0 {
            let name = full_name(name, suffix);
            ensure!(value.is_finite(), "{name} came to {value} {unit}");
            say::detail(format!("{name:<24} {:>12} {unit}", number(*value)));
            let (values, _) = self.0.entry(name).or_insert((Vec::new(), unit));
            values.push(*value);
        }
        Ok(())
    }

    /// The summaries by name.
    pub(super) fn summaries(&self) -> BTreeMap<String, Summary> {
        let summary = |(name, (values, unit)): (&String, &(Vec<f64>, &'static str))| {
            Some((name.clone(), Summary::of(values, unit)?))
        };
        self.0.iter().filter_map(summary).collect()
    }
}

/// What several runs come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The middle one.
    pub(super) median: f64,
    /// The least.
    pub(super) min: f64,
    /// The greatest.
    pub(super) max: f64,
    /// Their unit.
    pub(super) unit: String,
}

impl Summary {
    /// Sums up values; `None` when there are none.
    pub(super) fn of(values: &[f64], unit: &str) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() {
            0 => return None,
            count if count % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        let (min, max) = (*values.first()?, *values.last()?);
        Some(Self {
            median,
            min,
            max,
            unit: unit.to_owned(),
        })
    }
}

/// A number with as many digits as a person can use.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        0.0001..0.1 => format!("{value:.4}").trim_end_matches('0').to_owned(),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let check = |values: &[f64], expected: Option<(f64, f64, f64)>| {
            let found = Summary::of(values, "u").map(|s| (s.median, s.min, s.max));
            assert_eq!(found, expected);
        };
        check(&[], None);
        check(&[3.0], Some((3.0, 3.0, 3.0)));
        check(&[3.0, 1.0], Some((2.0, 1.0, 3.0)));
        check(&[9.0, 1.0, 5.0], Some((5.0, 1.0, 9.0)));
    }

    #[test]
    fn numbers_are_short() {
        let check = |value, expected: &str| assert_eq!(number(value), expected);
        check(73_123_456.0, "73.12 M");
        check(14_312.0, "14.3 k");
        check(123.4, "123");
        check(1.234, "1.23");
        check(0.0, "0.00");
        check(0.012_34, "0.0123");
        check(0.05, "0.05");
    }

    #[test]
    fn figures_are_named_and_finite() {
        let mut samples = Samples::default();
        let measured = Measured::main(1.0, "u").with("p99", 2.0, "v");
        samples.add("w", &measured).unwrap();
        samples.add("w", &Measured::main(3.0, "u")).unwrap();
        let found = samples.summaries();
        assert_eq!(
            (found["w"].median, found["w"].min, found["w"].max),
            (2.0, 1.0, 3.0)
        );
        assert_eq!(
            (found["w_p99"].median, found["w_p99"].unit.as_str()),
            (2.0, "v")
        );
        assert_eq!(measured.get("p99").map(|figure| figure.value), Some(2.0));
        let error = samples
            .add("w", &Measured::main(f64::NAN, "u"))
            .unwrap_err();
        assert_eq!(error.to_string(), "w came to NaN u");
    }
}
