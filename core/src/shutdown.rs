//! The stop of a node: services are released in reverse order, the log service last, within the grace period.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use skynet_abi::REASON_DEAD;

use crate::accounting::Stopwatch;
use crate::crash;
use crate::end;
use crate::node::{self, Node};
use crate::park::Parker;
use crate::service::{Ending, Service};
use crate::turn::{self, After};

/// How long a service in the middle of a turn gets beyond the grace period, at least.
const LEAST: Duration = Duration::from_millis(100);

/// Turns from the run queues before the stop looks at its deadline again.
const LOGGER_TURNS: u32 = 64;
/// How long the log service may write when everything else is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The exit code after a second signal.
const EXIT_IMPATIENT: i32 = 130;

/// How far the release of the services has come.
#[derive(Debug, Default)]
struct Progress {
    /// The service that is being released now.
    current: AtomicU32,
    is_done: AtomicBool,
    parker: Parker,
}

/// Stops the node. False: something did not end within the grace period and was left behind.
pub(crate) fn shut_down(node: &'static Node) -> bool {
    node.log.info(
        0,
        &format!("node {} stops: {}", node.config.name, node.stop.reason()),
    );
    let deadline = Instant::now() + node.config.shutdown_grace.max(LEAST);
    let mut rest = Rest::default();
    let stuck = stop_workers(node, deadline, &mut rest);
    for &handle in &stuck {
        node.log.error(
            handle,
            "does not leave its callback: the node stops without it",
        );
    }
    let ending = std::mem::take(&mut rest.ending);
    let released = release_all(node, ending, &stuck, deadline, &mut rest);
    flush_sockets(node, deadline);
    node.log
        .info(0, &format!("node {} has stopped", node.config.name));
    release_logger(node, &stuck, &mut rest);
    node.monitor.stop();
    node.loader.remove_copies();
    released && stuck.is_empty()
}

/// What lies in run queues that no worker serves any more.
#[derive(Debug, Default)]
struct Rest {
    /// Services that were told to end, and still have to.
    ending: Vec<&'static Service>,
}

impl Rest {
    /// Empties the queues, and has the log service write what it has got, if it waits there. False: there is still
    /// something to write, as when somebody goes on logging.
    fn run_logger(&mut self, node: &Node) -> bool {
        let logger = node.log.logger.load(Ordering::Relaxed);
        let mut watch = Stopwatch::start();
        for _ in 0..LOGGER_TURNS {
            let Some(service) = node.scheduler.take_any() else {
                return true;
            };
            if service.is_ending() {
                self.ending.push(service);
            } else if service.handle() == logger
                && turn::run(service, None, &mut watch) == After::Again
            {
                node.scheduler.inject_silently(service);
            }
        }
        false
    }

    /// Has the log service write, then sleeps if there is nothing more, until `parker` is woken or `left` has passed.
    fn run_logger_and_wait(&mut self, node: &Node, parker: &Parker, left: Duration) {
        if self.run_logger(node) {
            parker.park_timeout(left);
        }
    }
}

/// Waits until the workers have left their seats; returns the services whose turns do not end.
fn stop_workers(node: &Node, deadline: Instant, rest: &mut Rest) -> Vec<u32> {
    node.scheduler.stopping.store(true, Ordering::SeqCst);
    node.scheduler.sleepers.wake_all();
    node.sockets.notify();
    node.peers.wake();
    loop {
        let taken = || node.scheduler.seats.iter().filter(|seat| seat.is_taken());
        if taken().next().is_none() {
            rest.run_logger(node);
            return Vec::new();
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return taken()
                .map(|seat| seat.service.load(Ordering::Relaxed))
                .collect();
        }
        rest.run_logger_and_wait(node, &node.stop.parker, left);
    }
}

/// Releases every service but the log service and the stuck ones, the youngest first, on a thread of its own: a release
/// may hang too. False: one did.
fn release_all(
    node: &'static Node,
    ending: Vec<&'static Service>,
    stuck: &[u32],
    deadline: Instant,
    rest: &mut Rest,
) -> bool {
    let progress = Arc::new(Progress::default());
    let skip: Vec<u32> = stuck
        .iter()
        .copied()
        .chain([node.log.logger.load(Ordering::Relaxed)])
        .collect();
    let spawned = thread::Builder::new().name("stop".to_owned()).spawn({
        let progress = Arc::clone(&progress);
        move || {
            let _stack = crash::prepare_thread();
            release_in_reverse(node, ending, &skip, &progress);
            progress.is_done.store(true, Ordering::SeqCst);
            progress.parker.unpark();
        }
    });
    if let Err(error) = spawned {
        node.log.error(
            0,
            &format!("cannot start the thread that releases services: {error}"),
        );
        return false;
    }
    let deadline = deadline.max(Instant::now() + LEAST);
    while !progress.is_done.load(Ordering::SeqCst) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let handle = progress.current.load(Ordering::Relaxed);
            node.log.error(
                handle,
                "does not end its release: the node stops without it",
            );
            return false;
        }
        rest.run_logger_and_wait(node, &progress.parker, left);
    }
    true
}

fn release_in_reverse(
    node: &Node,
    ending: Vec<&'static Service>,
    skip: &[u32],
    progress: &Progress,
) {
    // Those killed before are gone from the table.
    let mut services = ending;
    services.extend(node.registry.services().for_good());
    services.sort_by_key(|service| std::cmp::Reverse(service.context().generation));
    for service in services {
        let handle = service.handle();
        if handle == 0 || skip.contains(&handle) {
            continue;
        }
        progress.current.store(handle, Ordering::Relaxed);
        let text = "the node stops".to_owned();
        end::exit(
            service,
            Ending {
                reason: REASON_DEAD,
                text,
            },
        );
        end::end(service);
    }
}

/// Sends what sockets still have queued, as far as the time goes.
fn flush_sockets(node: &Node, deadline: Instant) {
    let left = deadline
        .saturating_duration_since(Instant::now())
        .min(Duration::from_secs(1));
    node.sockets.close_all(left);
    let end = Instant::now() + left;
    while !node.sockets.is_idle() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || node.sockets.poll(Some(left)).is_err() {
            return;
        }
    }
}

/// Lets the log service write what it has, then releases it.
fn release_logger(node: &'static Node, stuck: &[u32], rest: &mut Rest) {
    let handle = node.log.logger.load(Ordering::Relaxed);
    if stuck.contains(&handle) {
        return;
    }
    let deadline = Instant::now() + LAST_WORDS;
    while !rest.run_logger(node) && Instant::now() < deadline {}
    let Some(service) = node.registry.visit(handle) else {
        return;
    };
    let service = service.for_good();
    node.log.logger.store(0, Ordering::Relaxed);
    end::exit(service, Ending::default());
    end::end(service);
}

/// An impatient operator: ends the process without further ado.
#[expect(
    clippy::disallowed_methods,
    reason = "the stop that main waits for is what takes too long"
)]
pub(crate) fn give_up() {
    for seat in node::node()
        .scheduler
        .seats
        .iter()
        .filter(|seat| seat.is_taken())
    {
        if seat.turn_began.load(Ordering::Relaxed) != 0 {
            let handle = seat.service.load(Ordering::Relaxed);
            // Nothing better can be done when standard error is gone.
            let _ = writeln!(
                io::stderr(),
                "service :{handle:08x} is still in its callback"
            );
        }
    }
    std::process::exit(EXIT_IMPATIENT);
}
