//! Calls: requests that wait for their answer.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::shared::{Garbage, Lazy};
use crate::{Buffer, CallError, Context, Handle, Peer, Reason, Reply, SendError};

/// Spreads keys that are counted up.
#[derive(Default, Clone, Copy, Debug)]
pub(crate) struct CountedHasher(u64);

impl Hasher for CountedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte) ^ self.0.rotate_left(8));
        }
    }

    #[inline]
    fn write_i32(&mut self, number: i32) {
        self.write_u64(u64::from(number.cast_unsigned()));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // The golden ratio: neighbours land far apart, and the table's tag bits (the top ones) differ.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A map whose keys are counted up by somebody trusted.
pub(crate) type CountedMap<K, V> = HashMap<K, V, BuildHasherDefault<CountedHasher>>;

/// What came back.
pub(crate) struct Answer {
    pub(crate) buffer: Buffer,
    pub(crate) source: Handle,
    /// Of an error: why.
    pub(crate) failure: Option<Reason>,
}

/// A call that has not been looked at since its answer came, or still waits.
pub(crate) enum Waiting {
    /// Sent, not polled yet.
    Sent,
    /// The task of a slot waits.
    Task(u32),
    /// Somebody waits.
    Waker(Waker),
    /// The answer is here.
    Answered(Answer),
}

/// The open calls of a service, by session.
#[derive(Default)]
pub(crate) struct Sessions {
    /// One of them, so that a service that calls one at a time needs no table.
    first: Option<(i32, Waiting)>,
    others: Lazy<CountedMap<i32, Waiting>>,
}

impl Sessions {
    #[inline]
    fn insert(&mut self, session: i32) {
        if self.first.is_none() {
            self.first = Some((session, Waiting::Sent));
        } else {
            self.others.get().insert(session, Waiting::Sent);
        }
    }

    #[inline]
    fn get_mut(&mut self, session: i32) -> Option<&mut Waiting> {
        match &mut self.first {
            Some((first, waiting)) if *first == session => Some(waiting),
            _ => self.others.if_used()?.get_mut(&session),
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, session: i32) -> Option<Waiting> {
        match &self.first {
            Some((first, _)) if *first == session => self.first.take().map(|(_, waiting)| waiting),
            _ => self.others.if_used()?.remove(&session),
        }
    }

    /// Takes the answer of a session in, if somebody waits for it. Returns whom to wake.
    #[inline]
    pub(crate) fn answer(
        &mut self,
        session: i32,
        answer: impl FnOnce() -> Answer,
    ) -> Option<Waiting> {
        let waiting = self.get_mut(session)?;
        if let Waiting::Answered(_) = waiting {
            return None;
        }
        Some(std::mem::replace(waiting, Waiting::Answered(answer())))
    }

    /// Takes the answer, or leaves the waker.
    #[inline]
    fn poll(&mut self, session: i32, waker: &Waker, slot: Option<u32>) -> Polled {
        let Some(waiting) = self.get_mut(session) else {
            return Polled::Over(None);
        };
        if let Waiting::Answered(_) = waiting {
            return match self.remove(session) {
                Some(Waiting::Answered(answer)) => Polled::Over(Some(answer)),
                _ => Polled::Over(None),
            };
        }
        let new = match (&*waiting, slot) {
            (_, Some(slot)) => Waiting::Task(slot),
            (Waiting::Waker(known), None) if known.will_wake(waker) => return Polled::Waits(None),
            (_, None) => Waiting::Waker(waker.clone()),
        };
        match std::mem::replace(waiting, new) {
            Waiting::Waker(old) => Polled::Waits(Some(old)),
            _ => Polled::Waits(None),
        }
    }
}

/// What became of looking at a call.
enum Polled {
    /// No answer yet. A waker that was displaced is dropped outside the borrow.
    Waits(Option<Waker>),
    /// The answer, or none any more: the service was closed.
    Over(Option<Answer>),
}

enum State {
    /// It was not sent.
    NotSent(Box<SendError>),
    /// Waits for the answer of this session.
    Open(i32),
    Done,
}

/// A call on its way: resolves to the answer. The request was sent when this was made; dropping it means that the
/// answer will be ignored.
#[must_use = "the answer of a call is what it is made for; to send without one, use `send`"]
pub struct Call<'cx> {
    cx: &'cx Context,
    state: State,
    callee: Peer,
    timeout: Option<Duration>,
}

impl<'cx> Call<'cx> {
    pub(crate) fn open(
        cx: &'cx Context,
        sent: Result<i32, SendError>,
        callee: Peer,
        timeout: Option<Duration>,
    ) -> Self {
        let state = match sent {
            Ok(session) => {
                let sessions = &cx.shared().tasks().sessions;
                sessions.with(|sessions| sessions.insert(session));
                State::Open(session)
            }
            Err(error) => State::NotSent(Box::new(error)),
        };
        Self {
            cx,
            state,
            callee,
            timeout,
        }
    }

    /// The session, if the request was sent and its answer not taken yet.
    #[must_use]
    pub const fn session(&self) -> Option<i32> {
        match self.state {
            State::Open(session) => Some(session),
            _ => None,
        }
    }

    #[inline]
    fn finish(&mut self, answer: Option<Answer>) -> Result<Reply, CallError> {
        match answer {
            Some(Answer {
                buffer,
                source,
                failure: None,
            }) => Ok(Reply { buffer, source }),
            answer => Err(self.failure(answer)),
        }
    }

    /// The error of a call that is not under way.
    #[cold]
    fn not_sent(&mut self) -> CallError {
        match std::mem::replace(&mut self.state, State::Done) {
            State::NotSent(error) => CallError::NotSent(*error),
            _ => panic!("a call was polled after it had ended"),
        }
    }

    /// The error of a call that was answered by one, or whose service was closed under it.
    #[cold]
    fn failure(&mut self, answer: Option<Answer>) -> CallError {
        let nobody = Peer {
            name: None,
            handle: None,
        };
        let mut callee = std::mem::replace(&mut self.callee, nobody);
        let source = answer.as_ref().map(|answer| answer.source);
        callee.handle = callee
            .handle
            .or(source.filter(|source| !source.is_system()));
        CallError::Failed {
            callee,
            reason: answer
                .as_ref()
                .and_then(|answer| answer.failure)
                .unwrap_or(Reason::NONE),
            text: answer
                .map(|answer| String::from_utf8_lossy(&answer.buffer).into_owned())
                .unwrap_or_default(),
            timeout: self.timeout,
        }
    }
}

impl Future for Call<'_> {
    type Output = Result<Reply, CallError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let State::Open(session) = self.state else {
            return Poll::Ready(Err(self.not_sent()));
        };
        let tasks = self.cx.shared().tasks();
        let slot = tasks.polling.slot_of(task.waker());
        let polled = tasks
            .sessions
            .with(|sessions| sessions.poll(session, task.waker(), slot));
        match polled {
            Polled::Waits(old) => {
                drop(old);
                Poll::Pending
            }
            Polled::Over(answer) => {
                self.state = State::Done;
                Poll::Ready(self.finish(answer))
            }
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let State::Open(session) = self.state {
            self.cx.shared().discard(Garbage::Session(session));
        }
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("callee", &self.callee)
            .field("session", &self.session())
            .finish_non_exhaustive()
    }
}
