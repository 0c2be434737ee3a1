//! What the tasks of a service and its executor have in common.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Waker;

use crate::Result;
use crate::call::Sessions;
use crate::cluster::gate::Gates;
use crate::local::Local;
use crate::shared::Lazy;
use crate::socket::state::Sockets;
use crate::timer::Timers;
use crate::turn::TurnId;
use crate::watch::Watches;

/// The body of a spawned task.
pub(crate) type BoxedTask = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A change to the tasks of a service.
pub(crate) enum Change {
    /// Begin a task, with the ticket that its handle knows it by.
    Begin(u64, BoxedTask),
    /// Drop the task with a ticket.
    Abort(u64),
}

/// What tasks ask of the executor while it runs them.
#[derive(Default)]
pub(crate) struct Requests {
    /// Slots that want to be polled, in order.
    pub(crate) ready: VecDeque<u32>,
    /// What is to be done before the next poll, in order.
    pub(crate) changes: Vec<Change>,
    pub(crate) last_ticket: u64,
    /// The running service, for [`Context::this`](crate::Context::this).
    pub(crate) this: Option<Arc<dyn Any + Send + Sync>>,
    /// Who may send to which node of a cluster. Here, because few services need it, and a cell of its own is larger.
    pub(crate) gates: Lazy<Gates>,
}

/// Which task is being polled: lets a future that waits on something of the service's own remember the task's slot, which
/// costs nothing, where it would clone the waker. Only compared, so nothing depends on the order of the accesses.
#[derive(Default)]
pub(crate) struct Polling {
    waker: AtomicUsize,
    slot: AtomicU32,
}

impl Polling {
    #[inline]
    pub(crate) fn begin(&self, waker: &Waker, slot: u32) {
        self.waker.store(waker.data().addr(), Ordering::Relaxed);
        self.slot.store(slot, Ordering::Relaxed);
    }

    /// The slot of the task whose own waker this is, if that task is being polled.
    #[inline]
    pub(crate) fn slot_of(&self, waker: &Waker) -> Option<u32> {
        let is_own = self.waker.load(Ordering::Relaxed) == waker.data().addr();
        is_own.then(|| self.slot.load(Ordering::Relaxed))
    }
}

/// What the futures of tasks wait on.
pub(crate) struct Tasks {
    pub(crate) polling: Polling,
    pub(crate) requests: Local<Requests>,
    pub(crate) sessions: Local<Sessions>,
    pub(crate) timers: Local<Lazy<Timers>>,
    pub(crate) sockets: Local<Lazy<Sockets>>,
    pub(crate) watches: Local<Lazy<Watches>>,
}

impl Tasks {
    pub(crate) fn new(owner: TurnId) -> Self {
        Self {
            polling: Polling::default(),
            requests: Local::owned_by(owner, Requests::default()),
            sessions: Local::owned_by(owner, Sessions::default()),
            timers: Local::owned_by(owner, Lazy::default()),
            sockets: Local::owned_by(owner, Lazy::default()),
            watches: Local::owned_by(owner, Lazy::default()),
        }
    }

    /// Drops the tasks that were spawned and not begun, and those that they spawn when they are dropped.
    pub(crate) fn drop_spawned(&self) {
        loop {
            let changes = self
                .requests
                .with(|requests| std::mem::take(&mut requests.changes));
            if changes.is_empty() {
                return;
            }
            drop(changes);
        }
    }

    /// Forgets everything. Each is moved out before it is dropped: the drop of a waker or of a user's value may come
    /// back here.
    pub(super) fn clear(&self) {
        self.drop_spawned();
        drop(self.requests.take());
        drop(self.sessions.take());
        drop(self.timers.take());
        drop(self.sockets.take());
        drop(self.watches.take());
    }
}
