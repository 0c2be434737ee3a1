//! How fast this machine is at the things that a node is made of.

mod loopback;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::echo;
use super::load::{self, Load};
use super::measure::Measured;

/// One calibration.
#[derive(Debug)]
pub(super) struct Calibration {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
    /// What is normal. Far from it, the machine or the calibration is off.
    pub(super) seen: f64,
    /// Whether more is better (a rate) or worse (a time).
    pub(super) more_is_better: bool,
    /// Measures it for about this long.
    pub(super) run: fn(Duration) -> Result<Measured>,
}

/// All of them.
pub(super) const CALIBRATIONS: &[Calibration] = &[
    Calibration {
        name: "cal_message",
        about: "one thread allocates 32 bytes, fills them, queues, takes, reads and frees them",
        seen: 73e6,
        more_is_better: true,
        run: message,
    },
    Calibration {
        name: "cal_handoff",
        about: "two threads pass one token to and fro over channels",
        seen: 3.9e6,
        more_is_better: true,
        run: handoff,
    },
    Calibration {
        name: "cal_cross",
        about: "one thread allocates and sends, another receives and frees",
        seen: 15e6,
        more_is_better: true,
        run: cross,
    },
    Calibration {
        name: "cal_wake",
        about: "one hop to a thread asleep on a condition variable",
        seen: 24.0,
        more_is_better: false,
        run: wake,
    },
    Calibration {
        name: "cal_echo_1",
        about: "a bare echo server, 1 connection with one request in flight",
        seen: 14.3e3,
        more_is_better: true,
        run: |time| echo(1, time),
    },
    Calibration {
        name: "cal_echo_100",
        about: "the same, 100 connections",
        seen: 160e3,
        more_is_better: true,
        run: |time| echo(100, time),
    },
    Calibration {
        name: "cal_echo_1000",
        about: "the same, 1,000 connections",
        seen: 142e3,
        more_is_better: true,
        run: |time| echo(1000, time),
    },
    Calibration {
        name: "cal_loopback",
        about: "two threads move bytes over one TCP connection, 1 MiB a write",
        seen: 4000.0,
        more_is_better: true,
        run: loopback::run,
    },
];

/// The calibration of that name.
pub(super) fn find(name: &str) -> Option<&'static Calibration> {
    CALIBRATIONS
        .iter()
        .find(|calibration| calibration.name == name)
}

/// The calibration that gives that figure: one named as it is, or as it begins.
pub(super) fn of_figure(name: &str) -> Option<&'static Calibration> {
    CALIBRATIONS.iter().find(|calibration| {
        let suffix = name.strip_prefix(calibration.name);
        suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('_'))
    })
}

/// How many messages are handled between two looks at the clock.
const BATCH: u32 = 10_000;
/// Bytes of a message.
const SIZE: usize = 32;

fn message(time: Duration) -> Result<Measured> {
    let source = [7_u8; SIZE];
    let mut queue = VecDeque::<Box<[u8]>>::with_capacity(16);
    let mut sum = 0_u64;
    let (mut count, begin) = (0_u64, Instant::now());
    while begin.elapsed() < time {
        for _ in 0..BATCH {
            // The system's allocator serves this with malloc. As with real messages, neither allocation nor
            // copy knows the size before it runs.
            queue.push_back(black_box(&source[..black_box(SIZE)]).into());
            if let Some(message) = black_box(&mut queue).pop_front() {
                sum += message.iter().map(|&byte| u64::from(byte)).sum::<u64>();
            }
        }
        count += u64::from(BATCH);
    }
    black_box(sum);
    Ok(Measured::main(
        count as f64 / begin.elapsed().as_secs_f64(),
        "messages/s",
    ))
}

fn handoff(time: Duration) -> Result<Measured> {
    let (to, from_here) = crossbeam_channel::bounded::<u64>(1);
    let (back, from_there) = crossbeam_channel::bounded::<u64>(1);
    let peer = thread::Builder::new()
        .name("cal_handoff".into())
        .spawn(move || {
            // Ends when the other side hangs up.
            while let Ok(token) = from_here.recv() {
                if back.send(token).is_err() {
                    break;
                }
            }
        })?;
    let (mut count, begin) = (0_u64, Instant::now());
    while begin.elapsed() < time {
        for _ in 0..BATCH / 10 {
            to.send(count)?;
            count = from_there.recv()? + 1;
        }
    }
    // Each round trip is two messages.
    let rate = 2.0 * count as f64 / begin.elapsed().as_secs_f64();
    drop(to);
    join(peer)?;
    Ok(Measured::main(rate, "messages/s"))
}

fn cross(time: Duration) -> Result<Measured> {
    let (sender, receiver) = crossbeam_channel::bounded::<Box<[u8; SIZE]>>(1024);
    let consumer = thread::Builder::new()
        .name("cal_cross".into())
        .spawn(move || {
            let mut sum = 0_u64;
            while let Ok(message) = receiver.recv() {
                sum = sum.wrapping_add(u64::from(message[0]));
            }
            black_box(sum)
        })?;
    let source = [7_u8; SIZE];
    let (mut count, begin) = (0_u64, Instant::now());
    while begin.elapsed() < time {
        for _ in 0..BATCH {
            sender.send(Box::new(*black_box(&source)))?;
        }
        count += u64::from(BATCH);
    }
    drop(sender);
    join(consumer)?;
    Ok(Measured::main(
        count as f64 / begin.elapsed().as_secs_f64(),
        "messages/s",
    ))
}

/// What the two threads of [`wake`] share.
#[derive(Debug, Default)]
struct Bell {
    state: Mutex<Ring>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Ring {
    /// The sleeper is awake or about to sleep.
    #[default]
    Busy,
    /// The sleeper waits.
    Asleep,
    /// Somebody rang, at this moment.
    Rung(Instant),
    /// No more.
    Over,
}

fn wake(time: Duration) -> Result<Measured> {
    let bell = Arc::new(Bell::default());
    let theirs = Arc::clone(&bell);
    let sleeper = thread::Builder::new()
        .name("cal_wake".into())
        .spawn(move || theirs.sleep())?;
    let (mut hops, begin) = (0, Instant::now());
    while begin.elapsed() < time || hops == 0 {
        hops += u32::from(bell.ring());
    }
    bell.finish();
    let mut hops = join(sleeper)?;
    hops.sort_unstable();
    let Some(&median) = hops.get(hops.len() / 2) else {
        bail!("nobody was woken in {time:?}");
    };
    Ok(Measured::main(median.as_secs_f64() * 1e6, "µs"))
}

impl Bell {
    /// Sleeps until rung, again and again; how long each hop took.
    fn sleep(&self) -> Vec<Duration> {
        let mut hops = Vec::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *state {
                Ring::Over => return hops,
                Ring::Rung(at) => {
                    hops.push(at.elapsed());
                    *state = Ring::Busy;
                }
                Ring::Busy | Ring::Asleep => {
                    *state = Ring::Asleep;
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Rings if the sleeper sleeps, having given it the time to fall asleep in earnest; whether it did. This thread stays
    /// awake, so that the sleeper wakes up on another, idle processor.
    fn ring(&self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, Ring::Asleep) {
            *state = Ring::Rung(Instant::now());
            drop(state);
            self.changed.notify_one();
            return true;
        }
        false
    }

    /// No more. The last ring is heard before.
    fn finish(&self) {
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !matches!(*state, Ring::Rung(_)) {
                *state = Ring::Over;
                self.changed.notify_one();
                return;
            }
            drop(state);
            thread::yield_now();
        }
    }
}

fn echo(connections: usize, time: Duration) -> Result<Measured> {
    let server = echo::Server::start().context("the echo server cannot start")?;
    load::generate(&Load {
        address: server.address(),
        connections,
        processes: 1,
        time,
    })
}

fn join<T>(thread: thread::JoinHandle<T>) -> Result<T> {
    thread
        .join()
        .ok()
        .context("a thread of the calibration panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_belong_to_calibrations() {
        let check = |figure, expected: Option<&str>| {
            assert_eq!(of_figure(figure).map(|found| found.name), expected);
        };
        check("cal_echo_1", Some("cal_echo_1"));
        check("cal_echo_1_p99", Some("cal_echo_1"));
        check("cal_echo_100_p99", Some("cal_echo_100"));
        check("cal_echo", None);
    }

    #[test]
    fn each_measures_something() {
        // Those over TCP start the load generator, which a test has not.
        for calibration in CALIBRATIONS.iter().filter(|c| !c.name.contains("echo")) {
            let measured = (calibration.run)(Duration::from_millis(20)).unwrap();
            let value = measured.get("").unwrap().value;
            assert!(value > 0.0, "{}: {measured:?}", calibration.name);
        }
    }
}
