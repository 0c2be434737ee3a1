//! The lines of one client on their way to being carried out: in order, and not too fast.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bucket::Bucket;
use crate::settings::Pace;

/// How long a client that was told that it is too fast is not told again.
const QUIET: Duration = Duration::from_secs(10);

/// Lines that wait, and whether somebody is working on them.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    lines: VecDeque<T>,
    bucket: Bucket,
    backlog: usize,
    worker: Worker,
    /// No line is taken any more.
    closed: bool,
    /// The client has gone.
    finished: bool,
    warned: Option<Duration>,
}

/// What the one who works on the lines is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Worker {
    /// There is none.
    None,
    /// Carrying out a line.
    Busy,
    /// Waiting until the next line is due.
    Pausing,
}

/// What became of a line that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Taken {
    /// It is queued, and nobody is working: begin to.
    Begin,
    /// It is queued, and somebody is working.
    Queued,
    /// It is one too many: the client is to be thrown out.
    Overflow,
    /// It is ignored, since the client is on its way out.
    Closed,
}

/// What the worker is to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Next<T> {
    /// Carry out this line.
    Line(T),
    /// Come back in a while; the client is to be told so if `warn`.
    Wait {
        /// How long.
        pause: Duration,
        /// Whether it was not told for a while.
        warn: bool,
    },
    /// Stop working: there are no lines.
    Idle,
    /// Stop working for good: there are no lines, and no client.
    Over,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(crate) fn new(pace: Pace, now: Duration) -> Self {
        Self {
            lines: VecDeque::new(),
            bucket: Bucket::new(pace.rate, pace.burst, now),
            backlog: pace.backlog,
            worker: Worker::None,
            closed: false,
            finished: false,
            warned: None,
        }
    }

    /// A line has come.
    pub(crate) fn push(&mut self, line: T) -> Taken {
        if self.closed {
            return Taken::Closed;
        }
        if self.lines.len() >= self.backlog && self.worker != Worker::None {
            return Taken::Overflow;
        }
        self.lines.push_back(line);
        if self.worker == Worker::None {
            self.worker = Worker::Busy;
            Taken::Begin
        } else {
            Taken::Queued
        }
    }

    /// The worker is done with what it had.
    pub(crate) fn next(&mut self, now: Duration) -> Next<T> {
        if self.lines.is_empty() {
            return self.stop();
        }
        match self.bucket.take(now) {
            Ok(()) => {
                self.worker = Worker::Busy;
                self.lines.pop_front().map_or(Next::Idle, Next::Line)
            }
            // Who has gone waits for nothing: what is left of a flood is dropped.
            Err(_) if self.finished => self.stop(),
            Err(pause) => {
                self.worker = Worker::Pausing;
                let warn = self.warned.is_none_or(|at| now.saturating_sub(at) >= QUIET);
                if warn {
                    self.warned = Some(now);
                }
                Next::Wait { pause, warn }
            }
        }
    }

    fn stop(&mut self) -> Next<T> {
        self.lines.clear();
        self.worker = Worker::None;
        if self.finished {
            Next::Over
        } else {
            Next::Idle
        }
    }

    /// Takes no further lines, and forgets those that wait.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.lines.clear();
    }

    /// The client has gone: takes no further lines, and hurries up. Returns whether all is done already; if not, the
    /// worker will be told that it is [`Next::Over`].
    pub(crate) fn finish(&mut self) -> bool {
        self.closed = true;
        self.finished = true;
        self.worker != Worker::Busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        rate: 10,
        burst: 2,
        backlog: 3,
    };
    const START: Duration = Duration::ZERO;

    fn queue() -> Queue<u32> {
        Queue::new(PACE, START)
    }

    fn wait(milliseconds: u64, warn: bool) -> Next<u32> {
        Next::Wait {
            pause: Duration::from_millis(milliseconds),
            warn,
        }
    }

    #[test]
    fn lines_keep_their_order_and_have_one_worker() {
        let mut queue = queue();
        assert_eq!(queue.push(1), Taken::Begin);
        assert_eq!(queue.next(START), Next::Line(1));
        assert_eq!(queue.push(2), Taken::Queued);
        assert_eq!(queue.next(START), Next::Line(2));
        assert_eq!(queue.next(START), Next::Idle);
        assert_eq!(queue.push(3), Taken::Begin);
    }

    #[test]
    fn who_is_too_fast_is_told_and_waits() {
        let mut queue = queue();
        assert_eq!(queue.push(0), Taken::Begin);
        for line in 1..3 {
            assert_eq!(queue.push(line), Taken::Queued);
        }
        assert_eq!(queue.next(START), Next::Line(0));
        assert_eq!(queue.next(START), Next::Line(1));
        assert_eq!(queue.next(START), wait(100, true));
        assert_eq!(
            queue.next(START + Duration::from_millis(40)),
            wait(60, false)
        );
        let later = START + Duration::from_millis(100);
        assert_eq!(queue.next(later), Next::Line(2));
        assert_eq!(queue.next(later), Next::Idle);
    }

    #[test]
    fn who_does_not_stop_is_thrown_out() {
        let mut queue = queue();
        assert_eq!(queue.push(0), Taken::Begin);
        assert_eq!(queue.push(1), Taken::Queued);
        assert_eq!(queue.push(2), Taken::Queued);
        assert_eq!(queue.push(3), Taken::Overflow);
        queue.close();
        assert_eq!(queue.push(4), Taken::Closed);
        assert_eq!(queue.next(START), Next::Idle);
        assert!(queue.finish());
    }

    #[test]
    fn last_lines_are_carried_out_when_the_client_has_gone() {
        let mut queue = queue();
        assert_eq!(queue.push(0), Taken::Begin);
        assert_eq!(queue.next(START), Next::Line(0));
        assert_eq!(queue.push(1), Taken::Queued);
        assert_eq!(queue.push(2), Taken::Queued);
        assert!(!queue.finish(), "line 0 is being carried out");
        assert_eq!(queue.next(START), Next::Line(1));
        assert_eq!(queue.next(START), Next::Over, "line 2 would have to wait");
    }

    #[test]
    fn nothing_is_waited_for_when_the_client_has_gone() {
        let mut idle = queue();
        assert!(idle.finish());
        let mut pausing = queue();
        assert_eq!(pausing.push(0), Taken::Begin);
        for line in 1..3 {
            assert_eq!(pausing.push(line), Taken::Queued);
        }
        while matches!(pausing.next(START), Next::Line(_)) {}
        assert!(pausing.finish());
    }
}
