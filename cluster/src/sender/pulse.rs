//! How much of what was written the other end has taken, as far as it is known.
//!
//! Questions whether it lives go behind what was written before them, and are answered in their order. Over a slow line the
//! answer may take far longer than a heartbeat, while nobody is silent: what is on its way is given time.

use std::collections::VecDeque;
use std::time::Duration;

/// A question follows each so many bytes, and so many bytes on their way are given a second.
const STEP: u64 = 256 << 10;
/// The most bytes that are thought to be on their way: no system keeps more for a connection.
const MOST: u64 = 8 << 20;
/// Questions that are remembered.
const QUESTIONS: usize = 256;

/// What is known of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// How many bytes went before each question that is not answered.
    asked: VecDeque<u64>,
    /// How many bytes went before the last question.
    last: u64,
    /// Bytes that were taken.
    taken: u64,
}

impl Pulse {
    /// A question goes out, behind so many bytes.
    pub(super) fn ask(&mut self, written: u64) {
        self.last = written;
        self.asked.push_back(written);
        if self.asked.len() > QUESTIONS {
            self.asked.pop_front();
        }
    }

    /// Whether one should, because so many bytes were written.
    #[inline]
    pub(super) fn is_due(&self, written: u64) -> bool {
        written - self.last >= STEP
    }

    /// The first question is answered.
    pub(super) fn answered(&mut self) {
        if let Some(before) = self.asked.pop_front() {
            self.taken = before;
        }
    }

    /// How much longer than otherwise the other end may be silent.
    pub(super) fn grace(&self, written: u64) -> Duration {
        Duration::from_secs((written - self.taken).min(MOST) / STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_is_given_time() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.grace(STEP - 1), Duration::ZERO);
        pulse.ask(STEP - 1);
        assert!(!pulse.is_due(2 * STEP - 2) && pulse.is_due(2 * STEP - 1));
        pulse.ask(4 * STEP);
        assert_eq!(pulse.grace(5 * STEP), Duration::from_secs(5));
        pulse.answered();
        assert_eq!(pulse.grace(5 * STEP), Duration::from_secs(4));
        pulse.answered();
        pulse.answered();
        assert_eq!(pulse.grace(5 * STEP), Duration::from_secs(1));
        assert_eq!(pulse.grace(u64::MAX), Duration::from_secs(32));
    }

    #[test]
    fn who_answers_no_question_costs_nothing() {
        let mut pulse = Pulse::default();
        for written in 0..10_000 {
            pulse.ask(written);
        }
        assert_eq!(pulse.asked.len(), QUESTIONS);
    }
}
