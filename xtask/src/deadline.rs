//! Deadlines: nothing in a scenario waits for ever, and what the product promises in time is measured.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::say;

/// How much longer than promised something may take before a scenario fails: the machine that tests
/// may be busy with other things.
const TOLERANCE: u32 = 3;

/// How long to wait before looking again at what tells nobody when it changes.
const PAUSE: Duration = Duration::from_millis(5);

/// A point in time after which waiting ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// This long from now.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left; never zero, because sockets take zero for "for ever". `None`: it has passed.
    pub(crate) fn left(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// What is left, or an error that says what was waited for.
    pub(crate) fn remaining(self, what: impl std::fmt::Display) -> Result<Duration> {
        self.left()
            .with_context(|| format!("timed out waiting for {what}"))
    }
}

/// Looks again and again until `look` finds what it wants. For states of other processes that cannot
/// be waited on, such as memory in use.
pub(crate) fn eventually<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Deadline::after(limit);
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if deadline.left().is_none() {
            bail!(
                "timed out after {} waiting for {what}",
                say::duration(limit)
            );
        }
        std::thread::sleep(PAUSE);
    }
}

/// Checks a time that the product promises. Fails at three times the promise; the measured time is
/// printed in any case.
pub(crate) fn within(what: &str, promised: Duration, measured: Duration) -> Result<()> {
    say::detail(format!(
        "{what}: {} (promised: {})",
        say::duration(measured),
        say::duration(promised)
    ));
    let limit = promised * TOLERANCE;
    ensure!(
        measured <= limit,
        "{what} took {}, more than {} ({TOLERANCE} times the promised {})",
        say::duration(measured),
        say::duration(limit),
        say::duration(promised)
    );
    Ok(())
}

/// Runs something that the product promises to do in time, waiting at most three times as long: `act`
/// gets that as its limit.
pub(crate) fn timed<T>(
    what: &str,
    promised: Duration,
    act: impl FnOnce(Duration) -> Result<T>,
) -> Result<T> {
    let begin = Instant::now();
    let result = act(promised * TOLERANCE).with_context(|| what.to_owned())?;
    within(what, promised, begin.elapsed())?;
    Ok(result)
}

/// Fails unless both are equal, and says what was compared.
pub(crate) fn expect_eq<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Result<()> {
    ensure!(
        found == wanted,
        "{what}: found {found:?}, wanted {wanted:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_kept_up_to_three_times_as_long() {
        let second = Duration::from_secs(1);
        assert!(within("a", second, Duration::from_millis(2999)).is_ok());
        let error = within("the answer", second, Duration::from_millis(3001)).unwrap_err();
        assert!(
            error.to_string().contains("the answer took 3.0 s"),
            "{error}"
        );
    }

    #[test]
    fn waiting_ends() {
        let error = eventually("rain", Duration::from_millis(1), || Ok(None::<()>)).unwrap_err();
        assert_eq!(error.to_string(), "timed out after 1.0 ms waiting for rain");
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(60), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
    }
}
