//! Requests that wait for something to happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::time::Duration;

use crate::context::TaskHandle;
use crate::{Context, Error, Handle, Local, Message, Reason, Responder, Result};

/// Requests that are answered later, by what they wait for: a name, a path, a number.
///
/// [`add`](Self::add) takes the duty to answer out of a request, [`take`](Self::take) gives it back to whoever brings
/// what was waited for. In between nothing of the request is kept but that, and it is dropped as soon as nobody waits
/// any more: when the caller's deadline has passed, when the caller has ended, and when the caller's node is lost (which
/// the service `.cslave` tells).
///
/// Clones are the same set. Everything here belongs to the service's own turns, as a [`Local`] does.
///
/// ```
/// # use skynet_service::testing::Node;
/// use skynet_service::{Context, KIND_TEXT, Message, Result, Service, Waiters};
///
/// /// Answers a question when somebody sends the text that it is about.
/// struct Matchmaker { waiting: Waiters<String> }
///
/// impl Service for Matchmaker {
///     async fn start(_cx: &Context, _args: &str) -> Result<Self> { Ok(Self { waiting: Waiters::new(1000) }) }
///     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
///         let topic = message.text()?.to_owned();
///         if message.is_call() {
///             return self.waiting.add(cx, topic, &message);
///         }
///         for waiter in self.waiting.take(&topic) {
///             waiter.reply("found")?;
///         }
///         Ok(())
///     }
/// }
/// # let mut node = Node::new();
/// # let service = node.launch::<Matchmaker>("")?;
/// # let call = node.begin_call(service, KIND_TEXT, "moon")?;
/// # node.run();
/// # assert!(node.finish_call(&call).is_none());
/// # node.send(service, KIND_TEXT, "moon")?;
/// # node.run();
/// # assert_eq!(node.finish_call(&call).unwrap()?.bytes(), b"found");
/// # Ok::<(), skynet_service::Error>(())
/// ```
pub struct Waiters<K> {
    state: Arc<Local<State<K>>>,
    limit: usize,
}

/// One request.
struct Waiter<K> {
    key: K,
    responder: Responder,
    /// When its caller gives up, in nanoseconds of the node's clock; 0 for never.
    deadline: u64,
}

/// The requests of one caller.
#[derive(Default)]
struct Caller {
    tickets: BTreeSet<u64>,
    /// Waits for its end; none for a caller on another node.
    watch: Option<TaskHandle>,
}

/// The task that drops what is overdue.
struct Alarm {
    at: u64,
    task: TaskHandle,
}

struct State<K> {
    last_ticket: u64,
    waiting: BTreeMap<u64, Waiter<K>>,
    by_key: BTreeMap<K, BTreeSet<u64>>,
    by_caller: BTreeMap<Handle, Caller>,
    by_deadline: BTreeSet<(u64, u64)>,
    alarm: Option<Alarm>,
    /// The nodes whose loss somebody waits for.
    links: BTreeSet<u8>,
}

impl<K> Default for State<K> {
    fn default() -> Self {
        Self {
            last_ticket: 0,
            waiting: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_caller: BTreeMap::new(),
            by_deadline: BTreeSet::new(),
            alarm: None,
            links: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone> State<K> {
    fn insert(&mut self, waiter: Waiter<K>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let caller = self.by_caller.entry(waiter.responder.caller());
        caller.or_default().tickets.insert(ticket);
        if waiter.deadline != 0 {
            self.by_deadline.insert((waiter.deadline, ticket));
        }
        let of_key = self.by_key.entry(waiter.key.clone());
        of_key.or_default().insert(ticket);
        self.waiting.insert(ticket, waiter);
    }

    fn remove(&mut self, ticket: u64) -> Option<Responder> {
        let waiter = self.waiting.remove(&ticket)?;
        self.by_deadline.remove(&(waiter.deadline, ticket));
        if let Some(of_key) = self.by_key.get_mut(&waiter.key) {
            of_key.remove(&ticket);
            if of_key.is_empty() {
                self.by_key.remove(&waiter.key);
            }
        }
        let handle = waiter.responder.caller();
        if let Some(caller) = self.by_caller.get_mut(&handle) {
            caller.tickets.remove(&ticket);
            if caller.tickets.is_empty() {
                let watch = caller.watch.take();
                self.by_caller.remove(&handle);
                if let Some(watch) = watch {
                    watch.abort();
                }
            }
        }
        Some(waiter.responder)
    }

    /// The requests of these callers, in the order of their arrival for each.
    fn of_callers(&self, callers: impl RangeBounds<Handle>) -> Vec<u64> {
        let callers = self.by_caller.range(callers);
        callers
            .flat_map(|(_, caller)| caller.tickets.iter().copied())
            .collect()
    }
}

impl<K: Ord + Clone + Send + 'static> Waiters<K> {
    /// An empty set. More than `limit` requests at a time are refused.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            state: Arc::default(),
            limit,
        }
    }

    /// Has a request wait for `key`. It is answered by whoever [takes](Self::take) it. A message that is not a request,
    /// or has been answered, does not wait.
    ///
    /// # Errors
    /// As many requests wait as are allowed; the request is not taken.
    pub fn add(&self, cx: &Context, key: K, request: &Message) -> Result<()> {
        if self.len() >= self.limit {
            return Err(Error::refused(format_args!(
                "{} requests wait already, as many as are allowed",
                self.limit
            )));
        }
        let deadline = request.deadline();
        let Some(responder) = request.take_responder() else {
            return Ok(());
        };
        let caller = responder.caller();
        let waiter = Waiter {
            key,
            responder,
            deadline,
        };
        self.state.with(|state| state.insert(waiter));
        if cx.is_remote(caller) {
            self.follow_node(cx, caller.harbor());
        } else {
            self.follow_caller(cx, caller);
        }
        self.set_alarm(cx);
        Ok(())
    }

    /// Takes all that wait for `key` out, in the order of their arrival.
    pub fn take(&self, key: &K) -> Vec<Responder> {
        self.state.with(|state| {
            let tickets = state.by_key.get(key).cloned().unwrap_or_default();
            let taken = tickets.into_iter().filter_map(|one| state.remove(one));
            taken.collect()
        })
    }

    /// How many requests wait for `key`.
    #[must_use]
    pub fn count(&self, key: &K) -> usize {
        let count = |state: &mut State<K>| state.by_key.get(key).map_or(0, BTreeSet::len);
        self.state.with(count)
    }

    /// How many requests wait for which key, in the order of the keys.
    #[must_use]
    pub fn counts(&self) -> Vec<(K, usize)> {
        self.state.with(|state| {
            let of_key = state.by_key.iter();
            of_key
                .map(|(key, tickets)| (key.clone(), tickets.len()))
                .collect()
        })
    }

    /// The smallest key in `range` that somebody waits for.
    #[must_use]
    pub fn first_key(&self, range: impl RangeBounds<K>) -> Option<K> {
        let first = |state: &mut State<K>| Some(state.by_key.range(range).next()?.0.clone());
        self.state.with(first)
    }

    /// How many requests wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.with(|state| state.waiting.len())
    }

    /// Whether no request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the requests of a service of this node when it ends.
    fn follow_caller(&self, cx: &Context, caller: Handle) {
        let is_followed = |state: &mut State<K>| {
            let known = state.by_caller.get(&caller);
            known.is_none_or(|caller| caller.watch.is_some())
        };
        if self.state.with(is_followed) {
            return;
        }
        let (this, own) = (self.clone(), cx.clone());
        let watch = cx.spawn(async move {
            own.watch(caller).await;
            this.drop_callers(caller..=caller);
        });
        self.state.with(|state| {
            if let Some(caller) = state.by_caller.get_mut(&caller) {
                caller.watch = Some(watch);
            }
        });
    }

    /// Drops the requests of another node when that is lost. The node is followed until then, so that many short waits
    /// need no more than one question.
    fn follow_node(&self, cx: &Context, node: u8) {
        if !self.state.with(|state| state.links.insert(node)) {
            return;
        }
        let (this, own) = (self.clone(), cx.clone());
        cx.spawn(async move {
            // An error: nobody can tell.
            let is_lost = own.harbor().link(node).await.is_ok();
            this.state.with(|state| state.links.remove(&node));
            if is_lost {
                let first = u32::from(node) << 24;
                this.drop_callers(Handle(first)..=Handle(first | 0x00ff_ffff));
            }
        });
    }

    fn drop_callers(&self, callers: impl RangeBounds<Handle>) {
        let gone = self.state.with(|state| {
            let tickets = state.of_callers(callers);
            let gone = tickets.into_iter().filter_map(|one| state.remove(one));
            gone.collect::<Vec<_>>()
        });
        // Reaches nobody, but the node then knows that nothing is owed any more.
        for responder in gone {
            responder.reply_error(Reason::DROPPED, "");
        }
    }

    /// Makes sure that somebody wakes up at the first deadline.
    fn set_alarm(&self, cx: &Context) {
        let first = self.state.with(|state| {
            let (first, _) = *state.by_deadline.first()?;
            let is_set = state.alarm.as_ref().is_some_and(|set| set.at <= first);
            (!is_set).then_some(first)
        });
        let Some(at) = first else {
            return;
        };
        let (this, own) = (self.clone(), cx.clone());
        let task = cx.spawn(async move {
            let rest = Duration::from_nanos(at).saturating_sub(own.now());
            own.sleep(rest).await;
            this.state.with(|state| state.alarm = None);
            this.drop_overdue(at);
            this.set_alarm(&own);
        });
        let former = self
            .state
            .with(|state| state.alarm.replace(Alarm { at, task }));
        if let Some(former) = former {
            former.task.abort();
        }
    }

    fn drop_overdue(&self, now: u64) {
        let overdue = self.state.with(|state| {
            let due = state.by_deadline.range(..=(now, u64::MAX));
            let tickets: Vec<u64> = due.map(|(_, ticket)| *ticket).collect();
            let overdue = tickets.into_iter().filter_map(|one| state.remove(one));
            overdue.collect::<Vec<_>>()
        });
        // As the node tells the caller itself, perhaps before this comes.
        for responder in overdue {
            responder.reply_error(Reason::TIMED_OUT, "");
        }
    }
}

impl<K> Clone for Waiters<K> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            limit: self.limit,
        }
    }
}

impl<K> fmt::Debug for Waiters<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiters")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
