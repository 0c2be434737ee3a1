//! Many timers, each set again when it fires: `bench_timers MILLISECONDS SERVICES TIMERS`, with so many timers for each
//! service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skynet_service::{Context, Error, KIND_TIMER, RawMessage, RawService, Result, ResultExt as _};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::latencies::{self, Latencies};
use crate::report::Report;

/// The shortest and the longest time of a timer, in milliseconds. On average 505 ms: 100,000 timers fire 198,000 times a
/// second.
const SHORTEST: u64 = 10;
const LONGEST: u64 = 1000;

/// Timers that fired before their time.
static EARLY: AtomicU64 = AtomicU64::new(0);

/// The services.
pub(crate) struct Timers {
    counters: Vec<&'static Counter>,
}

impl Scene for Timers {
    const NAME: &'static str = "timers";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let (services, timers) = args
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted numbers of services and timers"))?;
        let (services, timers): (usize, usize) = (services.parse()?, timers.parse()?);
        for number in 0..services {
            cx.launch_now(&format!("bench_timer {number} {timers}"))?;
        }
        Ok(Self {
            counters: (0..services).map(board::counter).collect(),
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }

    fn measure(&mut self, begins: bool) {
        latencies::measure(begins);
    }

    fn more(&self, report: Report) -> Report {
        // Those of the warm-up too: there is no time at which a timer may be early.
        latencies::report(report).with("early", EARLY.load(Ordering::Relaxed))
    }
}

/// Sets its timers again whenever they fire: `bench_timer COUNTER TIMERS`.
pub(crate) struct Timer {
    counter: &'static Counter,
    late: &'static Latencies,
    /// When each timer is to fire; its value is its place here.
    due: Vec<Instant>,
    random: u64,
}

impl RawService for Timer {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (number, timers) = args
            .trim()
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted a counter and a number of timers"))?;
        let number: usize = number.parse()?;
        let timers: usize = timers.parse().context("timers")?;
        let mut this = Self {
            counter: board::counter(number),
            late: Latencies::new(),
            due: vec![Instant::now(); timers],
            // Never 0, and another sequence for each service.
            random: (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        for timer in 0..timers {
            this.set(cx, timer, Instant::now())?;
        }
        Ok(this)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let now = Instant::now();
        let timer = usize::try_from(message.value())?;
        let due = self.due.get(timer).filter(|_| message.kind() == KIND_TIMER);
        let due = due.ok_or_else(|| Error::msg(format_args!("unexpected: {message:?}")))?;
        match now.checked_duration_since(*due) {
            Some(late) => self.late.record(late),
            None => {
                EARLY.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.counter.add(1);
        self.set(cx, timer, now)
    }
}

impl Timer {
    /// Sets a timer anew. It is due so long after `now`, which is before the node hears of it: an early one cannot hide.
    fn set(&mut self, cx: &Context, timer: usize, now: Instant) -> Result<()> {
        let delay = Duration::from_millis(SHORTEST + self.next() % (LONGEST - SHORTEST + 1));
        self.due[timer] = now + delay;
        cx.timer_set(delay, timer as u64)?;
        Ok(())
    }

    /// A random number, by a xorshift generator.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
