//! What a person sees while a command works: steps and durations.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// `println!` that does not mind when nobody reads any more, as behind `| head`.
macro_rules! outln {
    () => {
        $crate::say::line(format_args!(""))
    };
    ($($text:tt)*) => {
        $crate::say::line(format_args!($($text)*))
    };
}
pub(crate) use outln;

/// Announces the next step of a command.
pub(crate) fn step(text: impl AsRef<str>) {
    outln!("==> {}", text.as_ref());
}

/// Announces a detail of the current step.
pub(crate) fn detail(text: impl AsRef<str>) {
    outln!("    {}", text.as_ref());
}

/// Prints a line; see [`outln!`].
pub(crate) fn line(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// A duration with the unit that suits it.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 60.0 {
        format!("{}m {:02}s", time.as_secs() / 60, time.as_secs() % 60)
    } else if seconds >= 1.0 {
        format!("{seconds:.1} s")
    } else if seconds >= 1e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

/// How many passed and failed: of tests, scenarios or checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: usize,
    /// Failed.
    pub(crate) failed: usize,
}

impl Counts {
    /// The exit code of a command whose last word these counts are.
    pub(crate) fn exit_code(self) -> ExitCode {
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Counts one more result.
    pub(crate) fn add(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_suitable_unit() {
        let check = |time, expected: &str| assert_eq!(duration(time), expected);
        check(Duration::from_nanos(1500), "1.5 µs");
        check(Duration::from_micros(2500), "2.5 ms");
        check(Duration::from_millis(2500), "2.5 s");
        check(Duration::from_secs(125), "2m 05s");
    }
}
