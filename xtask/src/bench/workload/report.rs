//! What the services of the bench plugin report: `bench NAME figure=NUMBER …`, or `bench NAME failed: why`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// What precedes the reason of a failure.
const FAILED: &str = "failed: ";

/// Figures by name. Times are in nanoseconds, memory is in bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Figures(BTreeMap<String, u64>);

impl Figures {
    /// Whether a line of the log is the report of that workload.
    pub(super) fn is_report(line: &str, name: &str) -> bool {
        report(line, name).is_some_and(|report| report.starts_with(FAILED) || report.contains('='))
    }

    /// Reads a report.
    pub(super) fn parse(line: &str, name: &str) -> Result<Self> {
        let report = report(line, name).with_context(|| format!("no report: {line:?}"))?;
        if let Some(why) = report.strip_prefix(FAILED) {
            bail!("{why}");
        }
        let figure = |word: &str| {
            let (figure, value) = word.split_once('=')?;
            Some((figure.to_owned(), value.parse().ok()?))
        };
        let figures: Option<_> = report.split_whitespace().map(figure).collect();
        figures
            .map(Self)
            .with_context(|| format!("a malformed report: {report:?}"))
    }

    /// A number.
    pub(super) fn get(&self, figure: &str) -> Result<f64> {
        let found = self.0.get(figure);
        found
            .map(|&value| value as f64)
            .with_context(|| format!("the report has no {figure}, only {:?}", self.0))
    }

    /// A time.
    pub(super) fn time(&self, figure: &str) -> Result<Duration> {
        Ok(Duration::from_secs_f64(self.get(figure)? / 1e9))
    }

    /// A time in microseconds.
    pub(super) fn micros(&self, figure: &str) -> Result<f64> {
        Ok(self.get(figure)? / 1e3)
    }

    /// How often a second something happened.
    pub(super) fn rate(&self, count: &str, time: &str) -> Result<f64> {
        let seconds = self.time(time)?.as_secs_f64();
        ensure!(seconds > 0.0, "the service measured no time");
        Ok(self.get(count)? / seconds)
    }
}

fn report<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once("bench ")?;
    rest.strip_prefix(name)?.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let line = "12:00 INFO :00000003 bench pairs count=25000 time=1000";
        assert!(Figures::is_report(line, "pairs"));
        let figures = Figures::parse(line, "pairs").unwrap();
        assert_eq!(figures.get("count").unwrap(), 25_000.0);
        assert_eq!(figures.time("time").unwrap(), Duration::from_micros(1));
        assert_eq!(figures.micros("time").unwrap(), 1.0);
        assert_eq!(figures.rate("count", "time").unwrap(), 25e9);
        let error = figures.get("p99").unwrap_err().to_string();
        assert!(error.contains("has no p99"), "{error}");
    }

    #[test]
    fn what_is_no_report_is_told() {
        let check = |line: &str, is_report, expected: &str| {
            assert_eq!(Figures::is_report(line, "pairs"), is_report, "{line}");
            let error = Figures::parse(line, "pairs").unwrap_err().to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
        };
        check("bench pairs failed: counter 1 of 2", true, "counter 1 of 2");
        check("bench pairs begins", false, "a malformed");
        check("bench pairs count=many", true, "a malformed");
        check("bench pairs_one count=1", false, "no report");
        check("pairs count=1", false, "no report");
        let still = Figures::parse("bench pairs count=1 time=0", "pairs").unwrap();
        assert!(still.rate("count", "time").is_err());
    }
}
