//! Everything at random and at once, by services and from outside, while all of them check what the node promises.
//!
//! What is drawn depends on the seed, which is printed first; what comes of it depends on the machine too. Set
//! `STRESS_SEED` to draw the same again, `STRESS_SECONDS` to go on for longer, `STRESS_THREADS` for a number of workers.

mod outside;
mod rest;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use super::Stage;
use super::memory::mib;
use super::probe::{Probe, count};
use crate::deadline::eventually;
use crate::node::{Mark, Node, NodeSpec, PATIENCE};
use crate::say;

/// How long the storm blows when nothing else is said.
const TIME: Duration = Duration::from_secs(7);
/// Plugins that the node loads.
const PLUGINS: &[&str] = &["test_stress", "test-probe", "test-caller"];
/// Services that do everything at random.
const ACTORS: u64 = 24;
/// Clients of the control socket at once.
const CLIENTS: u64 = 3;
/// How long nothing at all may happen.
const STANDSTILL: Duration = Duration::from_secs(15);
/// How long all of them may take to come to rest, or to end.
const QUIET: Duration = Duration::from_secs(30);
/// The storm is stopped and begun anew at least this often: what memory it leaves must not grow.
const ROUNDS: u32 = 3;
/// How long a round of a long run takes.
const ROUND: Duration = Duration::from_secs(20);
/// What memory may grow in the second half of the run: what the first panic of a plugin reads to write its backtrace.
const GROWTH: u64 = 32 << 20;
/// And for each worker, as the allocator keeps something for each thread.
const GROWTH_PER_WORKER: u64 = 16 << 20;
/// A run that is this long must have done everything at least once.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
/// The figures of everything that must have been done by then.
const DONE: &[&str] = &[
    "full",
    "timeouts",
    "passed_on",
    "timers",
    "cancels",
    "echoes",
    "half_closes",
    "refusals",
    "blocks_came",
    "shared_came",
    "wakes_came",
    "foreign_replies",
    "claims",
    "unborn_kills",
    "crowds",
    "kills",
    "ends",
];

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    let seed = variable("STRESS_SEED")?.map_or_else(draw_seed, Ok)?;
    let time = variable("STRESS_SECONDS")?.map_or(TIME, Duration::from_secs);
    let threads = variable("STRESS_THREADS")?.unwrap_or([2, 1, 4][(seed % 3) as usize]);
    let again = format!(
        "STRESS_SEED={seed} STRESS_SECONDS={} STRESS_THREADS={threads}",
        time.as_secs()
    );
    stage.step(format!(
        "seed {seed}, {} with {threads} workers: {again}",
        say::duration(time)
    ));
    storm(stage, seed, time, threads)
        .with_context(|| format!("to repeat it: {again} cargo xtask scenario stress"))
}

fn storm(stage: &Stage, seed: u64, time: Duration, threads: u64) -> Result<()> {
    // Copies: a build during a long run must not change what is loaded.
    let cservice = stage.private_cservice(PLUGINS)?;
    let spec = NodeSpec::new("stress", &cservice)
        .set("thread", threads as i64)
        .set("shutdown_grace", 10)
        .start(format!("test_stress_director {seed} {ACTORS}"));
    let (node, probe) = Probe::start(stage, spec)?;
    let storm = Storm {
        stage,
        node: &node,
        probe: &probe,
        seed,
        services: probe.node("services")?,
    };
    let rounds = ROUNDS.max((time.as_secs() / ROUND.as_secs()) as u32);
    let mut left = Vec::new();
    for round in 0..rounds {
        let weather = if round % 2 == 0 {
            Weather::Wild
        } else {
            Weather::Peaceful
        };
        let before = storm.stats()?;
        storm.blow(round, weather, time / rounds)?;
        storm.rest(weather, &before)?;
        left.push(storm.calm()?);
    }
    storm.compare(&left, GROWTH + threads * GROWTH_PER_WORKER)?;
    if time >= LONG_ENOUGH {
        storm.was_everything_done()?;
    }
    stage.step("the node is stopped in the middle of it");
    storm.probe.call(DIRECTOR, Weather::Wild.start())?;
    std::thread::sleep(Duration::from_millis(500));
    let mut node = node;
    let status = node.terminate(PATIENCE)?;
    ensure!(status.success(), "it did not stop cleanly: {status}");
    check_log(&node)?;
    check_stuck(&node)
}

const DIRECTOR: &str = ".director";

fn variable(name: &str) -> Result<Option<u64>> {
    match std::env::var(name) {
        Ok(text) => {
            Ok(Some(text.parse().with_context(|| {
                format!("{name} is {text:?}, wanted a number")
            })?))
        }
        Err(_) => Ok(None),
    }
}

fn draw_seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(now.as_micros() as u64 % 1_000_000)
}

/// What happens in a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    /// Everything.
    Wild,
    /// Nobody dies and no call times out: all messages can be counted.
    Peaceful,
}

impl Weather {
    /// What the director is told.
    fn start(self) -> &'static str {
        match self {
            Self::Wild => "START WILD",
            Self::Peaceful => "START PEACEFUL",
        }
    }
}

/// One node and who storms it.
struct Storm<'a> {
    stage: &'a Stage,
    node: &'a Node,
    probe: &'a Probe,
    seed: u64,
    /// How many services there are when nothing goes on.
    services: f64,
}

impl Storm<'_> {
    /// What the plugin has counted.
    fn stats(&self) -> Result<String> {
        self.probe
            .begin(DIRECTOR, "STATS")?
            .reply(STANDSTILL)
            .context("the node does not answer")
    }

    /// Everybody does everything for so long.
    fn blow(&self, round: u32, weather: Weather, time: Duration) -> Result<()> {
        self.probe.call(DIRECTOR, weather.start())?;
        let clients = if weather == Weather::Wild { CLIENTS } else { 0 };
        let is_over = AtomicBool::new(false);
        let rundir = self.node.rundir();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..clients)
                .map(|client| {
                    let seed = self.seed + client * 1000 + u64::from(round) * 17;
                    let (rundir, is_over) = (&rundir, &is_over);
                    std::thread::Builder::new()
                        .spawn_scoped(scope, move || outside::storm(rundir, seed, ACTORS, is_over))
                })
                .collect::<Result<_, _>>()?;
            let watched = self.watch(time);
            is_over.store(true, Ordering::Relaxed);
            for client in clients {
                match client.join() {
                    Ok(result) => result.context("a client of the control socket")?,
                    Err(_) => bail!("a client of the control socket panicked"),
                }
            }
            watched
        })
    }

    /// Sees that it goes on.
    fn watch(&self, time: Duration) -> Result<()> {
        let begin = Instant::now();
        let mut last = (Instant::now(), 0);
        while begin.elapsed() < time {
            std::thread::sleep(Duration::from_millis(500).min(time));
            check_log(self.node)?;
            let line = self.stats()?;
            let handled = count(&line, "handled")?;
            if handled > last.1 {
                last = (Instant::now(), handled);
            }
            ensure!(
                last.0.elapsed() < STANDSTILL,
                "nothing has happened for {}: {line}",
                say::duration(last.0.elapsed())
            );
        }
        Ok(())
    }

    /// Everybody is killed; gives what memory is left in use.
    fn calm(&self) -> Result<u64> {
        let line = self
            .probe
            .begin(DIRECTOR, "STOP")?
            .reply(QUIET)
            .context("[no lost wake-up] not all services that were killed have ended")?;
        let wanted = self.services;
        eventually("everything to be gone", QUIET, || {
            let gone = self.probe.node("services")? == wanted
                && self.probe.node("timers")? == 0.0
                // The probe's listener, and the connection of this question.
                && self.probe.command("SOCKETS")?.lines().count() <= 2;
            Ok(gone.then_some(()))
        })
        .with_context(|| {
            let (node, sockets) = (self.probe.command("NODE"), self.probe.command("SOCKETS"));
            format!("{node:?}\n{sockets:?}")
        })?;
        check_log(self.node)?;
        check_stuck(self.node)?;
        let left = self.node.usage()?.private;
        self.stage
            .detail(format!("{line}; {} left in use", mib(left)));
        Ok(left)
    }

    /// The first half of the rounds fills caches and pools; from then on nothing may be added.
    fn compare(&self, left: &[u64], allowed: u64) -> Result<()> {
        let (first, second) = left.split_at(left.len().div_ceil(2));
        let warm = first.iter().copied().max().unwrap_or_default();
        let last = second.last().copied().unwrap_or_default();
        let growth = last.saturating_sub(warm);
        self.stage
            .detail(format!("memory grew by {} in the second half", mib(growth)));
        ensure!(
            growth <= allowed,
            "memory grew by {}: after each round {left:?} bytes were left",
            mib(growth)
        );
        Ok(())
    }

    fn was_everything_done(&self) -> Result<()> {
        let line = self.stats()?;
        for key in DONE {
            ensure!(
                count(&line, key)? > 0,
                "nothing of {key} was ever done: {line}"
            );
        }
        Ok(())
    }
}

/// Nothing that was promised was broken so far.
fn check_log(node: &Node) -> Result<()> {
    for pattern in ["stress violation", "maybe in an endless loop"] {
        fail_if_any(
            node,
            pattern,
            &node.log().matching(Mark::default(), pattern),
        )?;
    }
    Ok(())
}

/// Nobody was taken for stuck who was not. A service that panics may be: it writes its backtrace first.
fn check_stuck(node: &Node) -> Result<()> {
    let pattern = "was killed and does not leave";
    let mut found = node.log().matching(Mark::default(), pattern);
    let panics = node.log().matching(Mark::default(), " panic: ");
    found.retain(|line| {
        let handle = line.split_whitespace().find(|word| word.starts_with("[:"));
        handle.is_none_or(|handle| !panics.iter().any(|panic| panic.contains(handle)))
    });
    fail_if_any(node, pattern, &found)
}

fn fail_if_any(node: &Node, pattern: &str, found: &[String]) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let trail = node.log().matching(Mark::default(), "stress trail");
    bail!(
        "{} lines with {pattern:?}; the first ones:\n{}\nthe last events of those involved \
         (handle, seconds, what, with whom, number):\n{}",
        found.len(),
        found[..found.len().min(5)].join("\n"),
        trail[..trail.len().min(100)].join("\n")
    )
}
