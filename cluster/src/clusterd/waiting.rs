//! Requests for nodes that are not known yet.

use std::time::Duration;

use skynet_service::{Context, Error, Message, Reason, Result, TaskHandle, log};

use super::Clusterd;
use super::nodes::Patience;
use super::request::Wanted;
use super::route::unknown;

/// One request.
pub(super) struct Waiter {
    wanted: Wanted,
    message: Box<Message>,
    /// Waits for the end of a caller who would wait for ever.
    watch: Option<TaskHandle>,
}

/// The task that ends the waiting.
pub(super) struct Alarm {
    at: Duration,
    task: TaskHandle,
}

impl Clusterd {
    /// Has a request wait for its node, as long as the table of nodes says.
    pub(super) fn hold(
        &self,
        cx: &Context,
        node: String,
        wanted: Wanted,
        message: Message,
    ) -> Result<()> {
        let (patience, is_first) = self.state.with(|state| {
            let patience = state.nodes.patience(self.settings.wait);
            (patience, state.held.count(&node) == 0)
        });
        if is_first {
            self.tell_wanted(cx, &node);
        }
        let end = match patience {
            Patience::None => return Err(unknown(&node, " (and nobody waits for it)")),
            Patience::Some(wait) => Some(cx.now().saturating_add(wait)),
            Patience::Endless => None,
        };
        if is_first {
            log::info!("somebody waits for cluster node {node}, which is not known");
        }
        let deadline = deadline(&message);
        let end = end.into_iter().chain(deadline).min();
        let can_watch = end.is_none() && message.is_call() && !cx.is_remote(message.source());
        let (bytes, caller) = (message.bytes().len(), message.source());
        let waiter = Waiter {
            wanted,
            message: Box::new(message),
            watch: None,
        };
        let added = self
            .state
            .with(|state| state.held.add(&node, waiter, bytes, end));
        let Ok(ticket) = added else {
            return Err(Error::refused(format_args!(
                "cluster node {node} is not known, and too much waits already for nodes to be known"
            )));
        };
        if can_watch {
            let task = cx.spawn_with(async move |cx| {
                cx.watch(caller).await;
                if let Some(this) = cx.this::<Self>() {
                    drop(this.state.with(|state| state.held.remove(ticket)));
                }
            });
            self.state.with(|state| {
                if let Some(waiter) = state.held.get_mut(ticket) {
                    waiter.watch = Some(task);
                }
            });
        }
        self.set_alarm(cx);
        Ok(())
    }

    /// A node is known now: what has waited for it goes on, in its order.
    pub(super) fn release(&self, cx: &Context, node: &str) {
        let waiters = self.state.with(|state| state.held.take(node));
        if !waiters.is_empty() {
            log::info!(
                "cluster node {node} is known now: {} requests go on",
                waiters.len()
            );
        }
        for waiter in waiters {
            let served = self.serve(cx, node, &waiter.wanted, &waiter.message);
            self.conclude(cx, node, waiter, served);
        }
    }

    /// Nobody may wait any longer.
    pub(super) fn release_all(&self, cx: &Context) {
        for (node, waiter) in self.state.with(|state| state.held.take_all()) {
            let error = unknown(&node, " (and nobody waits for it any longer)");
            self.conclude(cx, &node, waiter, Err(error));
        }
    }

    /// Makes sure that somebody wakes up when the first one's time is up.
    fn set_alarm(&self, cx: &Context) {
        let at = self.state.with(|state| {
            let next = state.held.next_end()?;
            let is_set = state.alarm.as_ref().is_some_and(|set| set.at <= next);
            (!is_set).then_some(next)
        });
        let Some(at) = at else {
            return;
        };
        let task = cx.spawn_with(async move |cx| {
            cx.sleep(at.saturating_sub(cx.now())).await;
            if let Some(this) = cx.this::<Self>() {
                this.state.with(|state| state.alarm = None);
                this.end_overdue(&cx);
                this.set_alarm(&cx);
            }
        });
        let former = self
            .state
            .with(|state| state.alarm.replace(Alarm { at, task }));
        if let Some(former) = former {
            former.task.abort();
        }
    }

    fn end_overdue(&self, cx: &Context) {
        let now = cx.now();
        for (node, waiter) in self.state.with(|state| state.held.take_overdue(now)) {
            let is_callers = deadline(&waiter.message).is_some_and(|deadline| deadline <= now);
            let why = format!(" (waited {} s)", self.settings.wait.as_secs_f64());
            let error = unknown(&node, &why);
            let error = if is_callers {
                error.with_reason(Reason::TIMED_OUT)
            } else {
                error
            };
            self.conclude(cx, &node, waiter, Err(error));
        }
    }

    /// Ends the waiting of one; with an error for whoever waits, or for the log.
    fn conclude(&self, cx: &Context, node: &str, waiter: Waiter, served: Result<()>) {
        if let Some(watch) = &waiter.watch {
            watch.abort();
        }
        let Err(error) = served else {
            return;
        };
        let message = &*waiter.message;
        if message.is_owed() {
            // Somebody who has ended meanwhile need not know.
            let _ = cx.reply_error(message, error.reason(), &error.to_string());
            return;
        }
        let from = message.source();
        match self.state.with(|state| state.losses.add(cx.now())) {
            Some(0) => log::warn!("a message of {from} to cluster node {node} is lost: {error}"),
            Some(more) => log::warn!(
                "a message of {from} to cluster node {node} is lost: {error} (and {more} before it)"
            ),
            None => {}
        }
    }
}

/// Messages that were lost, of which the log is told once in a second.
#[derive(Default)]
pub(super) struct Losses {
    told: Option<Duration>,
    untold: u64,
}

impl Losses {
    /// One more. Returns how many the log was not told of, if it is to be told now.
    fn add(&mut self, now: Duration) -> Option<u64> {
        const QUIET: Duration = Duration::from_secs(1);
        if self
            .told
            .is_some_and(|told| now.saturating_sub(told) < QUIET)
        {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// When the caller gives up, if it has said so.
fn deadline(message: &Message) -> Option<Duration> {
    let deadline = message.deadline();
    (deadline != 0).then(|| Duration::from_nanos(deadline))
}
