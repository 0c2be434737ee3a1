//! The node: everything that exists once per process.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use skynet_abi::Context;

use crate::clock;
use crate::config::Config;
use crate::env::Environment;
use crate::loader::Loader;
use crate::monitor::Monitor;
use crate::names::Names;
use crate::park::Parker;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::scheduler::{Runnable, Scheduler};
use crate::service::Found;
use crate::sleepers::Woken;
use crate::socket::Sockets;
use crate::timers::Timers;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) environment: Environment,
    pub(crate) registry: Registry,
    pub(crate) names: Names,
    pub(crate) scheduler: Scheduler,
    pub(crate) timers: Timers,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) loader: Loader,
    pub(crate) monitor: Monitor,
    pub(crate) log: crate::journal::Journal,
    /// The service that carries messages to other nodes; 0 for none.
    pub(crate) harbor: AtomicU32,
    pub(crate) peers: Peers,
    /// The service that hears of every end of a service; 0 for none.
    pub(crate) exit_monitor: AtomicU32,
    /// Replies that came for calls that were already over.
    pub(crate) stray_replies: AtomicU64,
    pub(crate) stop: Stop,
}

/// Signals so close to each other are one.
const SAME_SIGNAL_NS: u64 = 500_000_000;

/// How the process ends.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    requested: AtomicBool,
    /// The first services run.
    up: AtomicBool,
    /// When the first signal came; 0 for never.
    signalled: AtomicU64,
    exit_code: AtomicI32,
    reason: Mutex<String>,
    pub(crate) parker: Parker,
}

impl Stop {
    /// Asks the node to stop; the first reason counts, and any failure makes the exit code 1.
    pub(crate) fn request(&self, reason: &str, failed: bool) {
        if failed {
            self.exit_code.store(1, Ordering::SeqCst);
        }
        if !self.requested.swap(true, Ordering::SeqCst) {
            self.lock_reason().push_str(reason);
        }
        self.parker.unpark();
    }

    /// The first services run.
    pub(crate) fn set_up(&self) {
        self.up.store(true, Ordering::SeqCst);
        self.parker.unpark();
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    /// An operator's signal. Another one while the node stops ends the process at once, unless it is the same key
    /// press: a terminal signals every process of a group, and one of those may pass it on.
    pub(crate) fn signal(&self, what: &str) {
        let now = clock::now_ns().max(1);
        match self
            .signalled
            .compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst)
        {
            Err(first) if now.saturating_sub(first) > SAME_SIGNAL_NS => crate::shutdown::give_up(),
            _ => self.request(what, false),
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    pub(crate) fn exit_code(&self) -> i32 {
        self.exit_code.load(Ordering::SeqCst)
    }

    pub(crate) fn reason(&self) -> String {
        self.lock_reason().clone()
    }

    fn lock_reason(&self) -> MutexGuard<'_, String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static NODE: OnceLock<Node> = OnceLock::new();

/// The node of this process. Panics before [`install`].
#[inline]
pub(crate) fn node() -> &'static Node {
    NODE.get()
        .expect("the node is installed before anything can ask for it")
}

/// Makes `node` the node of this process. There is one.
pub(crate) fn install(node: Node) -> &'static Node {
    assert!(NODE.set(node).is_ok(), "a process has one node");
    self::node()
}

impl Node {
    /// The service whose life `context` names.
    pub(crate) fn find(&self, context: Context) -> Option<Found> {
        self.registry
            .find(context.handle)
            .filter(|service| service.is(context))
    }

    /// Queues a service that was just marked scheduled.
    #[inline(always)]
    pub(crate) fn schedule(&self, service: Runnable) {
        if let Some(service) = crate::worker::queue_locally(service) {
            self.inject(service);
        }
    }

    /// Queues a service for whichever worker is free.
    #[cold]
    pub(crate) fn inject(&self, service: Runnable) {
        self.wake(self.scheduler.inject(service));
    }

    /// Wakes a sleeping worker to share what waits.
    pub(crate) fn share(&self) {
        self.wake(self.scheduler.sleepers.wake_one());
    }

    /// Wakes all workers that sleep.
    pub(crate) fn wake_all(&self) {
        self.scheduler.sleepers.wake_all();
        if self.scheduler.sleepers.is_polled() {
            self.sockets.notify();
        }
    }

    fn wake(&self, woken: Woken) {
        if woken == Woken::NotifyPoller {
            self.sockets.notify();
        }
    }
}
