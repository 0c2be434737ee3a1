//! Worker time: who is charged with the nanoseconds that pass between two looks at the clock.
//!
//! Looking at the clock after each turn costs as much as a short turn itself. So a worker remembers what a message of each
//! service usually takes, charges a short turn with that, and looks only after several of them; the last one is charged with
//! what remains, and learns from it. Every nanosecond is charged once. A turn that is not known to be short, or that the
//! monitor has noticed, is always measured, and after a surprise so are all, until it is known who takes so long.

use crate::clock;
use crate::service::{Service, Turn, add_own};

/// How long a turn should take at most, as far as the cost of a service's messages can be foreseen.
const TURN_NS: u64 = 100_000;
/// The most messages in one turn.
const BUDGET_MAX: u64 = 256;
/// A turn that is expected to take so long need not be measured.
const SHORT_NS: u64 = 1_000;
/// Short turns in a row that are not measured. Even, so that of two services that take turns each is measured in its turn.
const UNMEASURED_MAX: u32 = 6;
/// What remains for the last of several turns shows that one of them was far longer than expected.
const SURPRISE_NS: u64 = 5_000;
/// How many turns are measured one by one after a surprise.
const MEASURED_AFTER_SURPRISE: u32 = 64;

/// What a message costs, in nanoseconds of worker time, as learned from those before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    message_ns: u32,
    /// How many messages fit into the time a turn should take.
    budget: u32,
}

impl Cost {
    /// Of a service that nothing is known about: its first turns are measured.
    pub(crate) const UNKNOWN: Self = Self {
        message_ns: 3_125,
        budget: 32,
    };

    /// How many messages a turn may handle.
    pub(crate) fn budget(self) -> u32 {
        self.budget
    }

    /// Half of what was measured, half of what was assumed.
    fn learn(&mut self, messages: u32, spent: u64) {
        let measured = spent / u64::from(messages);
        let cost = u64::from(self.message_ns)
            .midpoint(measured)
            .clamp(1, TURN_NS);
        self.message_ns = cost as u32;
        self.budget = (TURN_NS / cost).clamp(1, BUDGET_MAX) as u32;
    }
}

/// A worker's view of the clock.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    /// When it last looked.
    looked: u64,
    /// Nanoseconds since then that are charged already.
    charged: u64,
    unmeasured: u32,
    measure: u32,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self {
            looked: clock::turn_ns(),
            charged: 0,
            unmeasured: 0,
            measure: 0,
        }
    }

    /// Forgets the time since the last turn: nobody is charged with it.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            measure: self.measure,
            ..Self::start()
        };
    }

    /// The time now, as far as known: some short turns late at most.
    pub(crate) fn now(&self) -> u64 {
        self.looked
    }

    /// Charges the service with its turn. `is_long`: the turn has been noticed already.
    pub(crate) fn charge(
        &mut self,
        service: &Service,
        turn: &mut Turn,
        messages: u32,
        is_long: bool,
    ) {
        let expected = u64::from(messages) * u64::from(turn.cost.message_ns);
        let may_wait = expected <= SHORT_NS && self.unmeasured < UNMEASURED_MAX;
        if may_wait && !is_long && self.measure == 0 {
            self.unmeasured += 1;
            self.charged += expected;
            add_own(&service.usage.worker_ns, expected);
            return;
        }
        let now = clock::turn_ns();
        let passed = now.saturating_sub(self.looked);
        let spent = passed.saturating_sub(self.charged);
        add_own(&service.usage.worker_ns, spent);
        self.measure = self.measure.saturating_sub(1);
        if self.unmeasured != 0 && !is_long && spent > expected + SURPRISE_NS {
            self.measure = MEASURED_AFTER_SURPRISE;
        } else if messages != 0 {
            turn.cost.learn(messages, spent);
        }
        // Charged too much before: the next ones get less.
        self.charged = self.charged.saturating_sub(passed);
        self.looked = now;
        self.unmeasured = 0;
    }
}

#[cfg(all(test, not(loom)))]
#[expect(unsafe_code, reason = "the turn belongs to whoever holds it")]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    fn spin(time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    }

    #[expect(clippy::mut_from_ref, reason = "as `Service::turn`")]
    fn turn_of(service: &Service) -> &mut Turn {
        // SAFETY: no worker knows the services of these tests.
        unsafe { service.turn() }
    }

    fn worker_ns(service: &Service) -> u64 {
        service.usage.worker_ns.load(Ordering::Relaxed)
    }

    #[test]
    fn every_nanosecond_is_charged_once() {
        let services = [Service::for_test(), Service::for_test()];
        let mut watch = Stopwatch::start();
        let began = watch.now();
        for round in 0..1_000 {
            let service = services[round % 2];
            spin(Duration::from_nanos(200));
            watch.charge(service, turn_of(service), 1, false);
        }
        let passed = watch.now() - began;
        let charged: u64 = services.into_iter().map(worker_ns).sum();
        // What is charged in advance is short turns, and few of them.
        let ahead = u64::from(UNMEASURED_MAX) * SHORT_NS;
        assert!(charged.abs_diff(passed) <= ahead, "{charged} of {passed}");
    }

    #[test]
    fn a_service_that_becomes_slow_is_found_out() {
        let (quick, slow) = (Service::for_test(), Service::for_test());
        let mut watch = Stopwatch::start();
        for _ in 0..200 {
            for service in [quick, slow] {
                watch.charge(service, turn_of(service), 1, false);
            }
        }
        let before = worker_ns(quick);
        for _ in 0..100 {
            watch.charge(quick, turn_of(quick), 1, false);
            spin(Duration::from_micros(50));
            watch.charge(slow, turn_of(slow), 1, false);
        }
        let (quick, slow) = (worker_ns(quick) - before, worker_ns(slow));
        assert!(slow > 20 * quick, "{slow} ns and {quick} ns");
    }

    #[test]
    fn a_budget_fits_into_a_turn() {
        let mut cost = Cost::UNKNOWN;
        for _ in 0..20 {
            cost.learn(10, 10 * 50_000);
        }
        assert_eq!(cost.budget(), 2);
        for _ in 0..40 {
            cost.learn(100, 100 * 50);
        }
        assert_eq!(u64::from(cost.budget()), BUDGET_MAX);
    }
}
