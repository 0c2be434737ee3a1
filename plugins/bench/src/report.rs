//! The line by which a workload tells what it has measured.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use skynet_service::log;

/// Figures of a workload, by name.
#[derive(Debug)]
pub(crate) struct Report(String);

impl Report {
    /// A report of the workload `name`.
    pub(crate) fn new(name: &str) -> Self {
        Self(format!("bench {name}"))
    }

    /// Adds a number.
    pub(crate) fn add(&mut self, figure: &str, value: u64) {
        // Writing to a text does not fail.
        let _ = write!(self.0, " {figure}={value}");
    }

    /// Adds a time.
    pub(crate) fn add_time(&mut self, figure: &str, time: Duration) {
        self.add(figure, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// With one more number.
    pub(crate) fn with(mut self, figure: &str, value: u64) -> Self {
        self.add(figure, value);
        self
    }

    /// With one more time.
    pub(crate) fn with_time(mut self, figure: &str, time: Duration) -> Self {
        self.add_time(figure, time);
        self
    }

    /// Puts it into the log.
    pub(crate) fn send(&self) {
        log::info!("{}", self.0);
    }
}

/// Puts into the log that a workload has failed, and why.
pub(crate) fn fail(name: &str, why: impl Display) {
    log::info!("bench {name} failed: {why}");
}
