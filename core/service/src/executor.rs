//! Runs the tasks of one service in its turns.

mod slots;
pub(crate) mod wake;

use std::future::Future;
use std::sync::Arc;
use std::task::{self, Poll};

use skynet_abi as abi;

use crate::call::{Answer, Waiting};
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
async fn handle<S: Service>(this: Arc<Instance<S>>, message: Message) -> Result<()> {
    this.service.handle(&this.cx, message).await
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

/// What became of one poll.
enum Step<S> {
    Pending,
    Done(Result<()>),
    Started(Result<S>),
    Ran(Result<()>),
    Panicked(String),
}

impl<S, F, H> Runner for Executor<S, F, H>
where
    S: Service,
    F: Future<Output = Result<()>> + Send,
    H: Fn(Arc<Instance<S>>, Message) -> F + Send,
{
    fn start(&mut self, turn: &Turn, args: &str) -> Started {
        let cx = self.cx.clone();
        let args = args.to_owned();
        let start = Box::pin(async move { S::start(&cx, &args).await });
        self.insert(turn, Body::Start(start));
        match self.run(turn) {
            Turned::Over => Started::Failed,
            Turned::Well if self.this().is_some() => Started::Running,
            Turned::Well => Started::Pending,
        }
    }

    #[inline]
    fn deliver(&mut self, turn: &Turn, message: &mut RawMessage<'_>) -> Turned {
        let was_running = self.this().is_some();
        self.route(turn, message);
        let turned = self.run(turn);
        if !was_running && turned == Turned::Well && self.this().is_some() {
            host::ready(self.cx.token());
        }
        turned
    }

    fn stop(&mut self, turn: &Turn) {
        while let Some(body) = self.slots.take_any() {
            drop(body);
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
    H: Fn(Arc<Instance<S>>, Message) -> F + Send,
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

    fn insert(&mut self, turn: &Turn, body: Body<S, F>) {
        let slot = self.slots.insert(self.cx.shared_arc(), body);
        self.cx.shared().make_ready(turn, slot);
    }

    /// Gives a message to whoever it is for.
    #[inline]
    fn route(&mut self, turn: &Turn, raw: &mut RawMessage<'_>) {
        let carried =
            raw.destination().0 != self.cx.token().handle || raw.flags() & abi::FLAG_BY_NAME != 0;
        match raw.kind() {
            abi::KIND_RESPONSE | abi::KIND_ERROR if !carried => self.answer(turn, raw),
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
            _ => self.request(turn, raw.keep()),
        }
    }

    /// An answer that nobody waits for any more stays the node's, which frees it.
    #[inline]
    fn answer(&mut self, turn: &Turn, raw: &mut RawMessage<'_>) {
        let failure = (raw.kind() == abi::KIND_ERROR).then(|| raw.reason());
        let shared = self.cx.shared();
        let waiting = shared.tasks().sessions.with_in(turn, |sessions| {
            sessions.answer(raw.session(), || Answer {
                source: raw.source(),
                buffer: raw.keep_buffer(),
                failure,
            })
        });
        match waiting {
            Some(Waiting::Task(slot)) => shared.make_ready(turn, slot),
            Some(Waiting::Waker(waker)) => waker.wake(),
            _ => {}
        }
    }

    #[inline]
    fn request(&mut self, turn: &Turn, message: Message) {
        let this = match &mut self.stage {
            Stage::Running(this) => this,
            Stage::Starting(early) => return early.push(message),
            Stage::Stopped => return,
        };
        let request = message.is_owed().then(|| Orphan {
            caller: message.source().0,
            session: message.session(),
        });
        let future = (self.handle)(Arc::clone(this), message);
        let slot = self
            .slots
            .insert_request(self.cx.shared_arc(), future, request);
        self.cx.shared().make_ready(turn, slot);
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

    /// Polls what is ready.
    #[inline]
    fn run(&mut self, turn: &Turn) -> Turned {
        for _ in 0..POLLS_PER_TURN {
            let Some(slot) = self.next_ready(turn) else {
                return Turned::Well;
            };
            let Some((step, request)) = self.poll(slot) else {
                continue;
            };
            if self.settle(turn, slot, step, request) == Turned::Over {
                return Turned::Over;
            }
        }
        self.come_back(turn);
        Turned::Well
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
                    self.reject_orphans(turn);
                }
            }
        }
    }

    /// Polls one slot; returns also the request that it answers. `None` if nothing is there (any more).
    #[inline]
    fn poll(&mut self, slot: u32) -> Option<(Step<S>, Option<Orphan>)> {
        let tasks = self.cx.shared().tasks();
        let (body, waker, request) = self.slots.begin_poll(tasks, slot)?;
        let mut task = task::Context::from_waker(waker);
        let step = match body {
            Body::Request(place) => {
                let future = place.as_mut().as_pin_mut()?;
                step_of::<S, S>(|| future.poll(&mut task))
            }
            Body::Spawned(future) => step_of::<S, S>(|| future.as_mut().poll(&mut task)),
            Body::Start(future) => match future.as_mut().poll(&mut task) {
                Poll::Pending => Step::Pending,
                Poll::Ready(result) => Step::Started(result),
            },
            Body::Run(future) => match future.as_mut().poll(&mut task) {
                Poll::Pending => Step::Pending,
                Poll::Ready(result) => Step::Ran(result),
            },
            Body::Free(_) => return None,
        };
        Some((step, request))
    }

    /// Acts on what became of a poll.
    #[inline]
    fn settle(&mut self, turn: &Turn, slot: u32, step: Step<S>, request: Option<Orphan>) -> Turned {
        match step {
            Step::Pending => self.reject_orphans(turn),
            Step::Done(Ok(())) => {
                self.slots.finish(slot);
                self.reject_orphans(turn);
            }
            Step::Done(Err(error)) => {
                self.slots.finish(slot);
                self.failed(turn, request, error);
            }
            Step::Started(result) => {
                self.slots.finish(slot);
                return self.started(turn, result);
            }
            Step::Ran(result) => {
                self.slots.finish(slot);
                if let Err(error) = result {
                    host::exit(self.cx.token(), error.reason().0, &error.to_string());
                    return Turned::Over;
                }
                self.rest(turn);
            }
            Step::Panicked(text) => {
                // Unwinding has dropped the task's own values; what is left of it may panic once more.
                let slots = &mut self.slots;
                if let Err(again) = guard::run(|| slots.finish(slot)) {
                    log::error!("a task panicked again when it was dropped: {}", again.text);
                }
                let error = Error::msg(text).with_reason(Reason::PANICKED);
                self.failed(turn, request, error);
            }
        }
        Turned::Well
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

    /// Answers the requests that were dropped in the last poll, if some were.
    #[inline]
    fn reject_orphans(&mut self, turn: &Turn) {
        message::reject_orphans(self.cx.shared(), turn);
    }

    fn started(&mut self, turn: &Turn, result: Result<S>) -> Turned {
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
                self.request(turn, message);
            }
        }
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

/// Polls a request or a spawned task, under a guard of its own if that is what the service wants.
#[inline]
fn step_of<S: Service, T>(poll: impl FnOnce() -> Poll<Result<()>>) -> Step<T> {
    let poll = if S::ON_PANIC == OnPanic::Request {
        match guard::run(poll) {
            Ok(poll) => poll,
            Err(panic) => return Step::Panicked(panic.text),
        }
    } else {
        poll()
    };
    match poll {
        Poll::Pending => Step::Pending,
        Poll::Ready(outcome) => Step::Done(outcome),
    }
}
