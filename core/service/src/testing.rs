//! Runs services against a fake node inside a unit test: no plugin file, no threads, no real time or sockets.
//!
//! ```
//! use skynet_service::testing::Node;
//! use skynet_service::{Context, KIND_TEXT, Message, Result, Service};
//!
//! struct Echo;
//! impl Service for Echo {
//!     async fn start(_cx: &Context, _args: &str) -> Result<Self> { Ok(Self) }
//!     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
//!         Ok(cx.reply(&message, message.bytes())?)
//!     }
//! }
//!
//! let mut node = Node::new();
//! let echo = node.launch::<Echo>("")?;
//! assert_eq!(node.call(echo, KIND_TEXT, b"hi")?.bytes(), b"hi");
//! # Ok::<(), skynet_service::Error>(())
//! ```
//!
//! Everything is in order and repeatable: messages are delivered one after the other, oldest first, when the test says
//! [`run`](Node::run); time passes when it says [`advance`](Node::advance).

mod clients;
mod cluster;
mod commands;
mod host;
mod memory;
mod messages;
mod network;
mod state;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use skynet_abi as abi;

use crate::testing::state::{Body, State};
use crate::{Handle, LaunchError, PeerState, RawService, Service, export, guard, logging};

pub use clients::Client;
pub use messages::{Pending, Received};

thread_local! {
    /// The node that runs on this thread.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

fn current_node() -> u32 {
    CURRENT.with(Cell::get)
}

static CALLS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Counts the use of an entry of the table.
fn count(entry: &'static str) {
    *host::lock(&CALLS).entry(entry).or_default() += 1;
}

/// How often the entries of the node's table were used, by all fake nodes of the process.
#[must_use]
pub fn calls() -> BTreeMap<&'static str, u64> {
    host::lock(&CALLS).clone()
}

/// One line of the node's log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogRecord {
    /// One of `LEVEL_*` of the ABI.
    pub level: u32,
    /// The service that spoke.
    pub handle: Handle,
    /// The part of it that spoke.
    pub target: String,
    /// What it said.
    pub text: String,
}

/// A fake node. Dropping it releases its services, last one first.
pub struct Node {
    generation: u32,
    shared: host::Shared,
    /// Who makes the test's own calls.
    tester: Handle,
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// A node without services.
    ///
    /// # Panics
    /// In a process that has loaded this crate as a real plugin.
    #[must_use]
    pub fn new() -> Self {
        assert!(host::install(), "a fake node in a process with a real one");
        guard::install_hook();
        logging::install();
        let (generation, shared) = host::add_node();
        let mut node = Self {
            generation,
            shared,
            tester: Handle::SYSTEM,
        };
        node.tester = node.peer();
        node
    }

    fn state(&self) -> MutexGuard<'_, State> {
        host::lock(&self.shared)
    }

    /// Runs `f` as the current node of this thread.
    fn enter<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let before = CURRENT.with(|current| current.replace(self.generation));
        let result = f(self);
        CURRENT.with(|current| current.set(before));
        result
    }

    // Services.

    /// Launches an `S` and runs until the node is idle.
    ///
    /// # Errors
    /// Its start failed, or it has ended.
    pub fn launch<S: Service>(&mut self, args: &str) -> Result<Handle, LaunchError> {
        self.launch_module(export::module::<S>("test"), args)
    }

    /// Launches a raw service and runs until the node is idle.
    ///
    /// # Errors
    /// Its start failed, or it has ended.
    pub fn launch_raw<G: RawService>(&mut self, args: &str) -> Result<Handle, LaunchError> {
        self.launch_module(export::raw_module::<G>("test"), args)
    }

    fn launch_module(&mut self, module: abi::Module, args: &str) -> Result<Handle, LaunchError> {
        self.enter(|node| {
            let failed = |status, text| LaunchError {
                line: args.to_owned(),
                status,
                text,
            };
            let (handle, status) = host::create(&node.shared, module, args)
                .map_err(|(status, text)| failed(status, text))?;
            let session = (status == abi::STATUS_PENDING)
                .then(|| node.state().open_launch(node.tester.0, handle))
                .flatten();
            node.run();
            let reply = session.and_then(|session| node.take(session));
            if let Some(reply) = reply.filter(|reply| reply.kind == abi::KIND_ERROR) {
                return Err(failed(abi::STATUS_FAILED, reply.text()));
            }
            if node.is_alive(Handle(handle)) {
                return Ok(Handle(handle));
            }
            Err(failed(
                abi::STATUS_DEAD,
                "it has ended by itself".to_owned(),
            ))
        })
    }

    /// Makes a module known, for services that launch others: `cx.launch("name args")`.
    pub fn module<S: Service>(&mut self, name: &str) {
        let module = export::module::<S>("test");
        self.state().modules.insert(name.to_owned(), module);
    }

    /// As [`module`](Self::module), for a raw service.
    pub fn raw_module<G: RawService>(&mut self, name: &str) {
        let module = export::raw_module::<G>("test");
        self.state().modules.insert(name.to_owned(), module);
    }

    /// Whether a service lives.
    #[must_use]
    pub fn is_alive(&self, handle: Handle) -> bool {
        self.state().is_alive(handle.0)
    }

    /// The handles of all services, in the order of their launch.
    #[must_use]
    pub fn services(&self) -> Vec<Handle> {
        self.state()
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.body, Body::Service { .. }))
            .map(|(handle, _)| Handle(*handle))
            .collect()
    }

    /// Kills a service and runs until the node is idle.
    pub fn kill(&mut self, handle: Handle) {
        commands::kill(&mut self.state(), handle.0);
        self.run();
    }

    /// Gives a service a signal.
    pub fn signal(&mut self, handle: Handle, number: i32) {
        let target = commands::signal_target(&self.state(), &format!("{handle} {number}"));
        if let Some((instance, module, handle, number)) = target {
            self.enter(|node| host::signal(&node.shared, instance, &module, handle, number));
        }
    }

    // Time.

    /// Delivers messages until none is left.
    ///
    /// # Panics
    /// After a million messages: something goes in circles.
    pub fn run(&mut self) {
        self.enter(|node| {
            for _ in 0..1_000_000 {
                if !node.step() {
                    return;
                }
            }
            panic!("the node does not come to rest: a million messages were delivered");
        });
    }

    /// Ends one service or delivers one message. Returns whether there was one.
    fn step(&mut self) -> bool {
        let doomed = self.state().doomed.pop_front();
        if let Some(handle) = doomed {
            host::retire(&self.shared, handle);
            return true;
        }
        let next = self.state().queue.pop_front();
        let Some((handle, mail)) = next else {
            return false;
        };
        host::deliver(&self.shared, handle, mail);
        true
    }

    /// Lets time pass, firing timers in their order and running until the node is idle after each.
    pub fn advance(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let target = self.state().now.saturating_add(nanoseconds);
        self.run();
        while self.state().fire_one(target) {
            self.run();
        }
        self.state().now = target;
    }

    /// The time since the node began.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.state().now)
    }

    /// When the next timer fires or the next call times out.
    #[must_use]
    pub fn next_timer(&self) -> Option<Duration> {
        self.state().next_alarm_at().map(Duration::from_nanos)
    }

    /// How many timers run.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.state().running_timers()
    }

    /// How many services are watched, counted once for each watcher.
    #[cfg(test)]
    pub(crate) fn watches(&self) -> usize {
        self.state().watches.len()
    }

    // The node.

    /// The log so far, with what threads have written that belong to no service.
    #[must_use]
    pub fn logs(&self) -> Vec<LogRecord> {
        self.state().logs.clone()
    }

    /// Sets a value of the environment.
    pub fn set_env(&mut self, key: &str, value: &str) {
        self.state().env.insert(key.to_owned(), value.to_owned());
    }

    /// What the harbor service has said of another node.
    #[must_use]
    pub fn peer_state(&self, harbor: u8) -> PeerState {
        let peers = &self.state().peers;
        peers.get(&harbor).copied().unwrap_or(PeerState::Open)
    }

    /// How many answers came for calls that were over, or did not match them.
    #[must_use]
    pub fn stray_replies(&self) -> usize {
        self.state().strays
    }

    /// Gives a local name (`.name`) to a service, or to somebody whom the test plays.
    pub fn register(&mut self, handle: Handle, name: &str) {
        let name = name.strip_prefix('.').unwrap_or(name).to_owned();
        self.state().names.insert(name, handle.0);
    }

    /// Who has a local name (`.name`).
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Handle> {
        let name = name.strip_prefix('.').unwrap_or(name);
        self.state().names.get(name).copied().map(Handle)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.enter(|node| {
            for handle in node.services().into_iter().rev() {
                host::retire(&node.shared, handle.0);
            }
        });
        // Payloads in mailboxes and buffers in inboxes go with the state, outside its lock.
        let queue = std::mem::take(&mut self.state().queue);
        drop(queue);
        host::remove_node(self.generation);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("services", &self.services())
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}
