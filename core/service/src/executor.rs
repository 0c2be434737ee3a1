//! Runs the tasks of one service in its turns.
#![allow(unsafe_code)]

mod place;
mod slots;
pub(crate) mod wake;

use std::future::Future;
use std::sync::Arc;
use std::task::{self, Poll};

use skynet_abi as abi;

use crate::call::{Answer, Woken};
use crate::executor::slots::{Body, Slots};
use crate::message::{self, Head};
use crate::raw::RawMessage;
use crate::runner::{Runner, Started, Turned};
use crate::service::OnPanic;
use crate::shared::{Change, Shared, Tasks};
use crate::socket::SocketEvent;
use crate::timer::Timers;
use crate::turn::{Orphan, Turn};
use crate::{Buffer, Context, Error, Exit, Message, Reason, Result, Service, guard, host};

/// The running service with the context its handlers get.
pub(crate) struct Instance<S> {
    pub(crate) service: S,
    pub(crate) cx: Context,
}

/// Polls in one turn before others get theirs.
const POLLS_PER_TURN: usize = 128;

/// How far a service is.
enum Stage<S> {
    /// Requests that came before it has started wait.
    Starting(Vec<Message>),
    Running(Arc<Instance<S>>),
    Stopped,
}

/// The executor of a service `S`, the future of whose requests, as `H` makes it, is an `F`.
pub(crate) struct Executor<S, F, H> {
    slots: Slots<S, F>,
    stage: Stage<S>,
    handle: H,
    cx: Context,
    /// A wake-up message of our own is on its way, because tasks are left over.
    leftover: bool,
}

/// The task of one request.
fn handle<S: Service>(
    this: &'static Instance<S>,
    message: Message,
) -> impl Future<Output = Result<()>> + Send {
    this.service.handle(&this.cx, message)
}

/// Makes the executor of a service.
pub(crate) fn runner<S: Service>(cx: Context) -> Box<impl Runner> {
    Box::new(Executor {
        slots: Slots::default(),
        stage: Stage::Starting(Vec::new()),
        handle: handle::<S>,
        cx,
        leftover: false,
    })
}

impl<S, F, H> Runner for Executor<S, F, H>
where
    S: Service,
    F: Future<Output = Result<()>> + Send,
    H: Fn(&'static Instance<S>, Message) -> F + Send,
{
    fn start(&mut self, turn: &Turn, args: &str) -> Started {
        let cx = self.cx.clone();
        let args = args.to_owned();
        let start = Box::pin(async move { S::start(&cx, &args).await });
        self.insert(turn, Body::Start(start));
        match self.run(turn, None) {
            Turned::Over => Started::Failed,
            Turned::Well if self.this().is_some() => Started::Running,
            Turned::Well => Started::Pending,
        }
    }

    #[inline]
    fn deliver(&mut self, turn: &Turn, message: &mut RawMessage<'_>) -> Turned {
        let was_running = self.this().is_some();
        let first = self.route(turn, message);
        let turned = self.run(turn, first);
        if turned == Turned::Well {
            // Hooks and the service's own task may have dropped requests, too.
            message::reject_orphans(self.cx.shared(), turn);
        }
        if !was_running && turned == Turned::Well && self.this().is_some() {
            host::ready(self.cx.token());
        }
        turned
    }

    fn stop(&mut self, turn: &Turn) {
        while let Some(task) = self.slots.take_any() {
            drop(task);
        }
        self.tasks().drop_spawned();
        let requests = &self.tasks().requests;
        drop(requests.with_in(turn, |requests| requests.this.take()));
        // By reference: a service that panics here must not be dropped while the panic unwinds, which may panic too.
        if let Some(this) = self.this() {
            this.service.on_stop(&this.cx);
        }
        drop(std::mem::replace(&mut self.stage, Stage::Stopped));
        self.cx.shared().close();
        // What the tasks left unanswered is answered by the node, which knows why the service ended.
        drop(turn.take_orphans());
    }
}

impl<S, F, H> Executor<S, F, H>
where
    S: Service,
    F: Future<Output = Result<()>> + Send,
    H: Fn(&'static Instance<S>, Message) -> F + Send,
{
    #[inline]
    fn tasks(&self) -> &Tasks {
        self.cx.shared().tasks()
    }

    /// The service, while it runs.
    #[inline]
    fn this(&self) -> Option<&Arc<Instance<S>>> {
        match &self.stage {
            Stage::Running(this) => Some(this),
            Stage::Starting(_) | Stage::Stopped => None,
        }
    }

    fn insert(&mut self, turn: &Turn, body: Body<S>) {
        let slot = self.slots.insert(self.cx.shared_arc(), body);
        self.cx.shared().make_ready(turn, slot);
    }

    /// Gives a message to whoever it is for. Returns the slot of the task that can go on by it, if there is just one.
    #[inline]
    fn route(&mut self, turn: &Turn, raw: &mut RawMessage<'_>) -> Option<u32> {
        let carried =
            raw.destination().0 != self.cx.token().handle || raw.flags() & abi::FLAG_BY_NAME != 0;
        match raw.kind() {
            abi::KIND_RESPONSE | abi::KIND_ERROR if !carried => return self.answer(turn, raw),
            abi::KIND_TIMER if raw.value() >= Timers::FIRST => {
                let timers = &self.tasks().timers;
                let fired = timers.with_in(turn, |timers| timers.if_used()?.fire(raw.value()));
                if let Some(waker) = fired {
                    waker.wake();
                }
            }
            abi::KIND_WAKE if raw.value() == Shared::WAKE => {
                self.leftover = false;
                self.cx.shared().collect_remote(turn);
            }
            abi::KIND_SOCKET => {
                let head = raw.head();
                self.socket(turn, &head, raw.keep_buffer());
            }
            abi::KIND_EXIT => self.exit(turn, raw),
            _ => return self.request(turn, raw),
        }
        None
    }

    /// An answer that nobody waits for any more stays the node's, which frees it.
    #[inline]
    fn answer(&mut self, turn: &Turn, raw: &mut RawMessage<'_>) -> Option<u32> {
        let failure = (raw.kind() == abi::KIND_ERROR).then(|| raw.reason());
        let shared = self.cx.shared();
        let woken = shared.tasks().sessions.with_in(turn, |sessions| {
            sessions.answer(raw.session(), || Answer {
                source: raw.source(),
                buffer: raw.keep_buffer(),
                failure,
            })
        });
        match woken {
            Woken::Task(slot) => Some(slot),
            Woken::Waker(waker) => {
                waker.wake();
                None
            }
            Woken::Nobody => None,
        }
    }

    #[inline]
    fn request(&mut self, turn: &Turn, raw: &mut RawMessage<'_>) -> Option<u32> {
        match &mut self.stage {
            Stage::Running(_) => {
                let request = raw.is_owed().then(|| raw.orphan());
                self.begin(turn, request, || raw.take())
            }
            Stage::Starting(early) => {
                early.push(raw.keep());
                None
            }
            Stage::Stopped => None,
        }
    }

    /// Makes the task of a message, and of the call that it is. Returns its slot.
    #[inline(always)]
    fn begin(
        &mut self,
        turn: &Turn,
        request: Option<Orphan>,
        message: impl FnOnce() -> Message,
    ) -> Option<u32> {
        let this = self.this()?;
        // SAFETY: tasks are dropped before the service: `stop` sees to it, and so does the order of the fields. What is
        // handed out has no lifetime of its own, so the handler can make no use of a longer one.
        let this: &'static Instance<S> = unsafe { &*Arc::as_ptr(this) };
        let shared = self.cx.shared_arc();
        let (slot, place) = self.slots.insert_request(shared, request);
        // Nothing but the handler's own code comes between a message and its task: it is made where it stays.
        if let Err(panic) = guarded::<S, _>(|| place.fill(|| (self.handle)(this, message()))) {
            self.panicked(turn, slot, panic);
            return None;
        }
        Some(slot)
    }

    fn socket(&mut self, turn: &Turn, head: &Head, buffer: Buffer) {
        let token = self.cx.token();
        let taken = self
            .tasks()
            .sockets
            .with_in(turn, |sockets| match sockets.if_used() {
                Some(sockets) => sockets.event(token, head, buffer),
                None => Err(buffer),
            });
        match taken {
            Ok(wakers) => wakers.wake(),
            Err(buffer) => {
                if let Some(this) = self.this() {
                    let event = SocketEvent::parse(head.session, head.reason, head.value, &buffer);
                    this.service.on_socket(&this.cx, event);
                }
            }
        }
    }

    fn exit(&mut self, turn: &Turn, raw: &RawMessage<'_>) {
        let exit = Exit {
            handle: raw.source(),
            reason: raw.reason(),
            text: String::from_utf8_lossy(raw.bytes()).into_owned(),
        };
        let (wakers, monitored) = self
            .tasks()
            .watches
            .with_in(turn, |watches| watches.get().ended(&exit));
        for waker in wakers {
            waker.wake();
        }
        if let (true, Some(this)) = (monitored, self.this()) {
            let this = Arc::clone(this);
            let task = Box::pin(async move { this.service.on_exit(&this.cx, exit).await });
            self.insert(turn, Body::Spawned(task));
        }
    }

    /// Polls `first` and what else is ready.
    #[inline]
    fn run(&mut self, turn: &Turn, first: Option<u32>) -> Turned {
        let mut next = first.and_then(|slot| self.in_order(turn, slot));
        for _ in 0..POLLS_PER_TURN {
            let Some(slot) = next.take().or_else(|| self.next_ready(turn)) else {
                return Turned::Well;
            };
            if self.poll(turn, slot) == Turned::Over {
                return Turned::Over;
            }
        }
        self.come_back(turn);
        Turned::Well
    }

    /// Puts a slot into the ready queue, unless it is its turn at once.
    #[inline]
    fn in_order(&mut self, turn: &Turn, slot: u32) -> Option<u32> {
        self.tasks().requests.with_in(turn, |requests| {
            if requests.ready.is_empty() && requests.changes.is_empty() {
                return Some(slot);
            }
            requests.ready.push_back(slot);
            None
        })
    }

    /// Tasks are left over: has the node come back when others had their turn.
    #[cold]
    fn come_back(&mut self, turn: &Turn) {
        let more = self.tasks().requests.with_in(turn, |requests| {
            !requests.ready.is_empty() || !requests.changes.is_empty()
        });
        if more && !std::mem::replace(&mut self.leftover, true) {
            host::wake(self.cx.token(), Shared::WAKE);
        }
    }

    /// The next slot to poll, after tasks were begun and dropped as asked.
    #[inline]
    fn next_ready(&mut self, turn: &Turn) -> Option<u32> {
        let (slot, busy) = self.tasks().requests.with_in(turn, |requests| {
            let busy = !requests.changes.is_empty();
            let slot = if busy {
                None
            } else {
                requests.ready.pop_front()
            };
            (slot, busy)
        });
        if !busy {
            return slot;
        }
        self.begin_and_drop(turn);
        self.tasks()
            .requests
            .with_in(turn, |requests| requests.ready.pop_front())
    }

    #[cold]
    fn begin_and_drop(&mut self, turn: &Turn) {
        let changes = self
            .tasks()
            .requests
            .with_in(turn, |requests| std::mem::take(&mut requests.changes));
        for change in changes {
            match change {
                Change::Begin(ticket, body) => {
                    let shared = self.cx.shared_arc();
                    let slot = self.slots.insert_spawned(shared, ticket, body);
                    shared.make_ready(turn, slot);
                }
                Change::Abort(ticket) => {
                    drop(self.slots.remove_ticket(ticket));
                    message::reject_orphans(self.cx.shared(), turn);
                }
            }
        }
    }

    /// Polls one slot and acts on what became of it.
    #[inline]
    fn poll(&mut self, turn: &Turn, slot: u32) -> Turned {
        let tasks = self.cx.shared().tasks();
        let Some((body, request, waker)) = self.slots.begin_poll(tasks, slot) else {
            return Turned::Well;
        };
        let mut task = task::Context::from_waker(waker);
        let polled = match body {
            Body::Request => match request {
                Some(future) => guarded::<S, _>(|| future.poll(&mut task)),
                None => return Turned::Well,
            },
            Body::Spawned(future) => guarded::<S, _>(|| future.as_mut().poll(&mut task)),
            Body::Run(future) => match future.as_mut().poll(&mut task) {
                Poll::Pending => Ok(Poll::Pending),
                Poll::Ready(result) => return self.ran(turn, slot, result),
            },
            Body::Start(future) => match future.as_mut().poll(&mut task) {
                Poll::Pending => Ok(Poll::Pending),
                Poll::Ready(result) => return self.started(turn, slot, result),
            },
            Body::Free(_) => return Turned::Well,
        };
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Ok(()))) => self.slots.finish(slot),
            Ok(Poll::Ready(Err(error))) => {
                let request = self.slots.request(slot);
                self.slots.finish(slot);
                self.failed(turn, request, error);
            }
            Err(panic) => self.panicked(turn, slot, panic),
        }
        // The requests that were dropped in this poll.
        message::reject_orphans(self.cx.shared(), turn);
        Turned::Well
    }

    /// A task has panicked, which ends only the task.
    #[cold]
    fn panicked(&mut self, turn: &Turn, slot: u32, panic: guard::Panic) {
        let request = self.slots.request(slot);
        // Unwinding has dropped the task's own values; what is left of it may panic once more.
        let slots = &mut self.slots;
        if let Err(again) = guard::run(|| slots.finish(slot)) {
            log::error!("a task panicked again when it was dropped: {}", again.text);
        }
        self.failed(turn, request, panicked(panic));
    }

    /// A task has failed: its caller learns why, or the log if no answer is due.
    #[cold]
    fn failed(&mut self, turn: &Turn, request: Option<Orphan>, error: Error) {
        let (reason, text) = (error.reason(), error.to_string());
        // The error may hold the message, which is dropped unanswered here.
        drop(error);
        let own = request.map(|request| (request, reason, text.as_str()));
        if message::reject_orphans_and(self.cx.shared(), turn, own) {
            return;
        }
        // The guard has logged panics already.
        if reason != Reason::PANICKED {
            log::error!("{text}");
        }
    }

    /// The start of the service has ended.
    #[cold]
    fn started(&mut self, turn: &Turn, slot: u32, result: Result<S>) -> Turned {
        self.slots.finish(slot);
        let service = match result {
            Ok(service) => service,
            Err(error) => {
                host::exit(self.cx.token(), error.reason().0, &error.to_string());
                return Turned::Over;
            }
        };
        let this = Arc::new(Instance {
            service,
            cx: self.cx.clone(),
        });
        let stage = std::mem::replace(&mut self.stage, Stage::Running(Arc::clone(&this)));
        let known: Arc<dyn std::any::Any + Send + Sync> = this.clone();
        let requests = &self.tasks().requests;
        requests.with_in(turn, |requests| requests.this = Some(known));
        let task = Box::pin(async move { this.service.run(&this.cx).await });
        self.insert(turn, Body::Run(task));
        if let Stage::Starting(early) = stage {
            for message in early {
                let request = message.is_owed().then(|| Orphan {
                    caller: message.source().0,
                    session: message.session(),
                });
                if let Some(slot) = self.begin(turn, request, || message) {
                    self.cx.shared().make_ready(turn, slot);
                }
            }
        }
        Turned::Well
    }

    /// The service's own task has ended.
    #[cold]
    fn ran(&mut self, turn: &Turn, slot: u32, result: Result<()>) -> Turned {
        self.slots.finish(slot);
        if let Err(error) = result {
            host::exit(self.cx.token(), error.reason().0, &error.to_string());
            return Turned::Over;
        }
        self.rest(turn);
        Turned::Well
    }

    /// Gives back what only the start has needed, if the service is idle: it may stay so.
    #[cold]
    fn rest(&mut self, turn: &Turn) {
        let requests = &self.cx.shared().tasks().requests;
        requests.with_in(turn, |requests| {
            if requests.ready.is_empty() && requests.changes.is_empty() {
                requests.ready.shrink_to_fit();
                self.slots.shrink();
            }
        });
    }
}

/// Runs the code of a request or a spawned task, under a guard of its own if that is what the service wants.
#[inline]
fn guarded<S: Service, R>(f: impl FnOnce() -> R) -> Result<R, guard::Panic> {
    if S::ON_PANIC == OnPanic::Request {
        guard::run(f)
    } else {
        Ok(f())
    }
}

/// The error of a request whose handler has panicked.
fn panicked(panic: guard::Panic) -> Error {
    Error::msg(panic.text).with_reason(Reason::PANICKED)
}
