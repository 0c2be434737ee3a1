//! Local time, as the log shows it.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Formats moments. The part up to the second is kept, since most records share it with the one before.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: Option<i64>,
    text: String,
    up_to_second: usize,
}

impl Clock {
    /// `2026-11-21 04:45:00.123`, in the machine's time zone.
    pub(crate) fn stamp(&mut self, now: Timestamp) -> &str {
        self.stamp_in(now, TimeZone::system)
    }

    fn stamp_in(&mut self, now: Timestamp, zone: impl FnOnce() -> TimeZone) -> &str {
        if self.second != Some(now.as_second()) {
            self.second = Some(now.as_second());
            let local = now.to_zoned(zone());
            self.text = local.strftime("%Y-%m-%d %H:%M:%S").to_string();
            self.up_to_second = self.text.len();
        }
        self.text.truncate(self.up_to_second);
        // Before 1970 the fraction counts backwards from the second; only its size matters here.
        let milliseconds = now.subsec_millisecond().unsigned_abs();
        let _ = write!(self.text, ".{milliseconds:03}");
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_local_and_to_the_millisecond() {
        let mut clock = Clock::default();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let mut check = |milliseconds: i64, expected: &str| {
            let now = Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(clock.stamp_in(now, || zone.clone()), expected);
        };
        check(0, "1970-01-01 02:00:00.000");
        check(7, "1970-01-01 02:00:00.007");
        check(999, "1970-01-01 02:00:00.999");
        check(1_000, "1970-01-01 02:00:01.000");
        check(1_795_236_300_123, "2026-11-21 06:45:00.123");
    }
}
