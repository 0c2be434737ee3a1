//! Everybody comes to rest: all that was begun ends, all that was sent has come, and all was counted.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{ACTORS, DIRECTOR, QUIET, Storm, Weather, check_log};
use crate::deadline::eventually;
use crate::scenario::probe::{Answer, count, figure};

/// What an actor may have open.
const OPEN: &[&str] = &[
    "calls",
    "timers",
    "held",
    "wakes",
    "kept",
    "connections",
    "audits",
];
/// What was sent and what has come, of the whole plugin.
const SUMS: &[(&str, &str)] = &[
    ("blocks_sent", "blocks_came"),
    ("shared_sent", "shared_came"),
    ("wakes_sent", "wakes_came"),
];
/// A turn is accounted for when it ends, which is after its last answer.
const TURN: Duration = Duration::from_secs(5);

/// The actors by name; each fourth is a service with tasks, which has nothing to report.
fn actors() -> impl Iterator<Item = String> {
    (0..ACTORS)
        .filter(|place| place % 4 != 3)
        .map(|place| format!(".s{place}"))
}

impl Storm<'_> {
    /// `before` is what was counted when the round began.
    pub(super) fn rest(&self, weather: Weather, before: &str) -> Result<()> {
        self.probe.call(DIRECTOR, "REST")?;
        actors().try_for_each(|name| self.wait_until_nothing_is_open(&name))?;
        for name in actors() {
            eventually(&format!("{name} to ask its peers"), QUIET, || {
                self.ask(&name, "AUDIT")
            })?;
        }
        actors().try_for_each(|name| self.wait_until_nothing_is_open(&name))?;
        check_log(self.node)?;
        actors().try_for_each(|name| self.check_accounting(&name, weather))?;
        self.check_sums(weather, before)
    }

    /// Asks one that may just be replaced, or have a full mailbox.
    fn ask(&self, name: &str, what: &str) -> Result<Option<String>> {
        Ok(match self.probe.ask(name, what)? {
            Answer::Reply(text) => Some(text),
            Answer::Error { .. } | Answer::Refused(_) => None,
        })
    }

    fn wait_until_nothing_is_open(&self, name: &str) -> Result<()> {
        let mut last = None;
        eventually(&format!("{name} to come to rest"), QUIET, || {
            last = self.ask(name, "REPORT")?;
            let Some(report) = &last else { return Ok(None) };
            let mut is_open = false;
            for key in OPEN {
                is_open |= count(report, key)? != 0;
            }
            Ok((!is_open).then_some(()))
        })
        .with_context(|| {
            format!(
                "[calls end, timers, wakes] open for good: {last:?}\n{}",
                self.trail(name)
            )
        })
    }

    /// What the node counts for an actor is what the actor has counted.
    fn check_accounting(&self, name: &str, weather: Weather) -> Result<()> {
        let mut found = String::new();
        eventually(&format!("the accounts of {name}"), TURN, || {
            let Some(report) = self.ask(name, "REPORT")? else {
                return Ok(None);
            };
            let stat = self.probe.command(&format!("STAT all {name}"))?;
            found = format!("{weather:?}: it says {report:?}, the node {stat:?}");
            let (delivered, sent) = (count(&report, "delivered")?, count(&report, "sent")?);
            let number = |key| Ok::<_, anyhow::Error>(figure(&stat, key, ':')? as u64);
            // Late answers are counted, and not delivered; answers to the dead reach nobody.
            let agrees = match weather {
                Weather::Wild => number("message")? >= delivered && number("sent")? <= sent,
                Weather::Peaceful => number("message")? == delivered && number("sent")? == sent,
            };
            let is_empty = number("kept")? == 0 && number("calls")? == 0 && number("mqlen")? == 0;
            Ok((agrees && is_empty).then_some(()))
        })
        .with_context(|| format!("[accounting] {found}\n{}", self.trail(name)))
    }

    /// The last events of an actor and of those it waits for, for an error.
    fn trail(&self, name: &str) -> String {
        match self.ask(name, "TRAIL") {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => format!("its last events are unknown: {error:#}"),
        }
    }

    /// Nothing that was sent without an answer was lost, and nothing came twice.
    fn check_sums(&self, weather: Weather, before: &str) -> Result<()> {
        let after = self.stats()?;
        for (sent, came) in SUMS {
            let sent_now = count(&after, sent)? - count(before, sent)?;
            let came_now = count(&after, came)? - count(before, came)?;
            let is_right = match weather {
                // Some receivers have ended.
                Weather::Wild => came_now <= sent_now,
                Weather::Peaceful => came_now == sent_now,
            };
            ensure!(
                is_right,
                "[nothing lost] {weather:?}: {sent} {sent_now}, {came} {came_now}"
            );
        }
        Ok(())
    }
}
