//! Figures, and many of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run of a workload or a calibration: its figure and those beside it.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// Named as the workload is named.
    pub(super) main: Figure,
    /// Named with a suffix: `gate_100` has `gate_100_p99`.
    pub(super) more: Vec<(&'static str, Figure)>,
}

/// A number and its unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// The number.
    pub(super) value: f64,
    /// Its unit.
    pub(super) unit: &'static str,
}

impl Measured {
    /// A rate alone.
    pub(super) fn rate(value: f64, unit: &'static str) -> Self {
        Self {
            main: Figure { value, unit },
            more: Vec::new(),
        }
    }

    /// Adds a figure.
    pub(super) fn with(mut self, suffix: &'static str, value: f64, unit: &'static str) -> Self {
        self.more.push((suffix, Figure { value, unit }));
        self
    }
}

/// All figures of all runs, by name.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<String, (Vec<f64>, &'static str)>);

impl Samples {
    /// Adds a run.
    pub(super) fn add(&mut self, name: &str, measured: &Measured) {
        let mut add = |name: String, figure: Figure| {
            self.0
                .entry(name)
                .or_insert((Vec::new(), figure.unit))
                .0
                .push(figure.value);
        };
        add(name.to_owned(), measured.main);
        for (suffix, figure) in &measured.more {
            add(format!("{name}_{suffix}"), *figure);
        }
        let Figure { value, unit } = measured.main;
        crate::say::detail(format!("{name:<14} {:>12} {unit}", number(value)));
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
    fn of(values: &[f64], unit: &str) -> Option<Self> {
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
    }
}
