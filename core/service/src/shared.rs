//! What a service, its tasks, wakers and handles have in common.
//!
//! There may be millions of services that do nothing, so what not each of them needs is allocated when it is first used:
//! a raw service has no [`Tasks`], and most services never hear of another thread.

mod lazy;
mod remote;
mod tasks;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use skynet_abi as abi;

use crate::entry::RunnerPlace;
use crate::executor::wake::TaskWake;
use crate::host;
use crate::message::Owner;
use crate::shared::remote::Remote;
use crate::turn::{Turn, TurnId};

pub(crate) use lazy::Lazy;
pub(crate) use remote::Garbage;
pub(crate) use tasks::{BoxedTask, Change, Tasks};

type SignalHandler = Box<dyn Fn(i32) + Send + Sync>;

/// One service, as long as anything refers to it. The node's `instance` pointer points here.
pub(crate) struct Shared {
    pub(crate) owner: Owner,
    /// The service itself, between its turns.
    pub(crate) runner: RunnerPlace,
    pub(crate) on_signal: OnceLock<SignalHandler>,
    tasks: OnceLock<Box<Tasks>>,
    remote: Remote,
    /// The service goes on starting when its `start` has returned. Touched in its own turns only, hence relaxed.
    starts_later: AtomicBool,
    /// The service has asked for its end. As above.
    exits: AtomicBool,
}

impl Shared {
    /// The value of the wake-up messages that the SDK sends itself.
    pub(crate) const WAKE: u64 = u64::MAX;

    pub(crate) fn new(context: abi::Context) -> Self {
        let id = TurnId::fresh();
        Self {
            owner: Owner { id, context },
            runner: RunnerPlace::default(),
            on_signal: OnceLock::new(),
            tasks: OnceLock::new(),
            remote: Remote::default(),
            starts_later: AtomicBool::new(false),
            exits: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.owner.id.is_current()
    }

    /// What tasks need.
    #[inline]
    pub(crate) fn tasks(&self) -> &Tasks {
        self.tasks
            .get_or_init(|| Box::new(Tasks::new(self.owner.id)))
    }

    /// Marks the service as starting until it says that it is ready.
    pub(crate) fn start_later(&self) {
        self.starts_later.store(true, Ordering::Relaxed);
    }

    pub(crate) fn starts_later(&self) -> bool {
        self.starts_later.load(Ordering::Relaxed)
    }

    /// Takes [`start_later`](Self::start_later) back; returns whether the service was starting.
    pub(crate) fn started(&self) -> bool {
        self.starts_later.swap(false, Ordering::Relaxed)
    }

    /// Marks the service as ending: from now on the node answers what it drops, with what was given to `exit`.
    pub(crate) fn set_exits(&self) {
        self.exits.store(true, Ordering::Relaxed);
    }

    pub(crate) fn exits(&self) -> bool {
        self.exits.load(Ordering::Relaxed)
    }

    /// A waker was used on another thread.
    pub(crate) fn wake_remotely(&self, wake: Arc<TaskWake>) {
        self.announce(self.remote.wake(wake));
    }

    /// Runs `f` with this thread's turn, if that is one of this service.
    #[inline]
    pub(crate) fn with_own_turn<R>(&self, f: impl FnOnce(Option<&Turn>) -> R) -> R {
        Turn::with_current(|turn| f(turn.filter(|turn| turn.id() == self.owner.id.get())))
    }

    /// Tidies up: at once in the service's own turn, else in its next.
    pub(crate) fn discard(&self, garbage: Garbage) {
        self.with_own_turn(|turn| match turn {
            Some(turn) => self.tidy(turn, garbage),
            None => self.announce(self.remote.discard(garbage)),
        });
    }

    fn announce(&self, first: bool) {
        if first {
            // Refused only when the service has ended, and then nobody is left to wake.
            host::wake(self.owner.context, Self::WAKE);
        }
    }

    /// Takes what other threads have asked for. In the service's own turn.
    pub(crate) fn collect_remote(&self, turn: &Turn) {
        let Some(asked) = self.remote.collect() else {
            return;
        };
        if !asked.wakes.is_empty() {
            self.tasks().requests.with_in(turn, |requests| {
                let slots = asked.wakes.iter().map(|wake| wake.slot());
                requests.ready.extend(slots);
            });
        }
        for garbage in asked.garbage {
            self.tidy(turn, garbage);
        }
    }

    /// Puts a slot into the ready queue. In the service's own turn.
    #[inline]
    pub(crate) fn make_ready(&self, turn: &Turn, slot: u32) {
        let requests = &self.tasks().requests;
        requests.with_in(turn, |requests| requests.ready.push_back(slot));
    }

    fn tidy(&self, turn: &Turn, garbage: Garbage) {
        let tasks = self.tasks();
        match garbage {
            Garbage::Session(session) => {
                let waiting = tasks
                    .sessions
                    .with_in(turn, |sessions| sessions.remove(session));
                drop(waiting);
            }
            Garbage::Timer(key) => {
                let timer = tasks
                    .timers
                    .with_in(turn, |timers| timers.get().remove(key));
                if let Some(id) = timer.and_then(|timer| timer.pending_id()) {
                    host::timer_cancel(self.owner.context, id);
                }
            }
            Garbage::Socket(socket) => {
                let state = tasks
                    .sockets
                    .with_in(turn, |sockets| sockets.get().remove(socket));
                if let Some(state) = state {
                    host::socket_close(self.owner.context, socket, 0);
                    state.into_wakers().wake();
                }
            }
            Garbage::Place(ticket) => {
                let next = tasks.requests.with_in(turn, |requests| {
                    requests
                        .gates
                        .if_used()
                        .and_then(|gates| gates.leave(ticket))
                });
                if let Some(next) = next {
                    next.wake();
                }
            }
            Garbage::Watch(handle, ticket) => {
                let (removed, last) = tasks
                    .watches
                    .with_in(turn, |watches| watches.get().remove_waiter(handle, ticket));
                drop(removed);
                if last {
                    host::unwatch(self.owner.context, handle);
                }
            }
        }
    }

    /// The service ends: from now on wakers do nothing. In its own turn.
    pub(crate) fn close(&self) {
        drop(self.remote.close());
        if let Some(tasks) = self.tasks.get() {
            tasks.clear();
        }
    }
}
