//! Tasks and time.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::executor::Instance;
use crate::shared::Change;
use crate::timer::{Elapsed, Interval, Sleep};
use crate::{Context, HostError, Result, Service, host};

/// What a spawned task may end with: nothing, or a [`Result`](crate::Result) whose error goes to the log.
pub trait Outcome {
    /// As a result.
    ///
    /// # Errors
    /// The task's own.
    fn into_result(self) -> Result<()>;
}

impl Outcome for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl Outcome for Result<()> {
    fn into_result(self) -> Result<()> {
        self
    }
}

/// A spawned task. It goes on when this is dropped.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    cx: Context,
    ticket: u64,
}

impl TaskHandle {
    /// Drops the task where it stands, if it has not ended, at the end of the current poll. *Own turn.*
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn abort(&self) {
        let requests = &self.cx.shared().tasks().requests;
        requests.with(|requests| requests.changes.push(Change::Abort(self.ticket)));
    }
}

/// The running service itself, shared: what tasks keep to work on it.
pub struct This<S: Service>(Arc<Instance<S>>);

impl<S: Service> Clone for This<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Service> Deref for This<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0.service
    }
}

impl<S: Service> fmt::Debug for This<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "This({})", self.0.cx.handle())
    }
}

impl Context {
    /// Runs a task beside the current one. It ends with the service. *Own turn.*
    ///
    /// The task owns what it works with: a clone of this context, and of [the service](Self::this). What it ends with is
    /// nothing, or a `Result` whose error goes to the log, so an endless loop with a `?` in it belongs in a function,
    /// which says that:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use skynet_service::{Context, KIND_TEXT, Message, Result, Service};
    /// async fn knock(cx: Context) -> Result<()> {
    ///     loop {
    ///         cx.call(".door", KIND_TEXT, "knock").await?;
    ///         cx.sleep(Duration::from_secs(1)).await;
    ///     }
    /// }
    ///
    /// # struct Visitor;
    /// # impl Service for Visitor {
    /// async fn start(cx: &Context, _args: &str) -> Result<Self> {
    ///     cx.spawn(knock(cx.clone()));
    ///     Ok(Self)
    /// }
    /// # async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> { Ok(()) }
    /// # }
    /// ```
    ///
    /// [`spawn_with`](Self::spawn_with) makes the clone itself.
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn spawn<F>(&self, task: F) -> TaskHandle
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        let body = Box::pin(async move { task.await.into_result() });
        let ticket = self.shared().tasks().requests.with(|requests| {
            requests.last_ticket += 1;
            let change = Change::Begin(requests.last_ticket, body);
            requests.changes.push(change);
            requests.last_ticket
        });
        TaskHandle {
            cx: self.clone(),
            ticket,
        }
    }

    /// As [`spawn`](Self::spawn), of a task that is given a context of its own:
    /// `cx.spawn_with(async |cx| cx.sleep(SECOND).await)`. *Own turn.*
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn spawn_with<F>(&self, task: impl FnOnce(Self) -> F) -> TaskHandle
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.spawn(task(self.clone()))
    }

    /// The running service, to be moved into spawned tasks. `None` before it has started, when `S` is another type,
    /// and outside the service's own turn.
    #[must_use]
    pub fn this<S: Service>(&self) -> Option<This<S>> {
        let requests = &self.shared().tasks().requests;
        let this: Arc<dyn Any + Send + Sync> =
            requests.try_with(|requests| requests.this.clone())??;
        this.downcast::<Instance<S>>().ok().map(This)
    }

    /// Waits. The time counts from this call; it is never shorter, and rounded up to milliseconds. *Own turn.*
    pub fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Sleep::new(self, duration)
    }

    /// Ticks every `period`, first after one period. *Own turn.*
    ///
    /// # Panics
    /// When `period` is zero.
    #[must_use]
    pub fn interval(&self, period: Duration) -> Interval<'_> {
        Interval::new(self, period)
    }

    /// Waits for a future, at most for `limit`; then it is dropped. *Own turn.*
    ///
    /// # Errors
    /// The time is up.
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> std::result::Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(limit));
        std::future::poll_fn(|task| {
            if let Poll::Ready(output) = future.as_mut().poll(task) {
                return Poll::Ready(Ok(output));
            }
            sleep.as_mut().poll(task).map(|()| Err(Elapsed { limit }))
        })
        .await
    }

    /// Lets the other tasks, and then the other services, go first. *Own turn.*
    pub async fn yield_now(&self) {
        let mut yielded = false;
        std::future::poll_fn(|task| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// For raw services: a `KIND_TIMER` message with `value` (below 2^63) comes after `delay`. Returns the timer's id.
    /// *Any thread.*
    ///
    /// # Errors
    /// The service has ended.
    pub fn timer_set(&self, delay: Duration, value: u64) -> std::result::Result<u64, HostError> {
        let delay = u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        host::timer_set(self.token(), delay, value)
            .map_err(|status| HostError::new("set a timer", status))
    }

    /// Cancels a timer of [`timer_set`](Self::timer_set). Returns false when it has fired (its message may still be on
    /// its way). *Any thread.*
    pub fn timer_cancel(&self, timer: u64) -> bool {
        host::timer_cancel(self.token(), timer) == skynet_abi::STATUS_OK
    }
}
