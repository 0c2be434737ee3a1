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

/// What is known of a call.
pub(crate) enum Waiting {
    /// There is none.
    Vacant,
    /// Sent, not polled yet.
    Sent,
    /// The task of a slot waits.
    Task(u32),
    /// Somebody waits.
    Waker(Waker),
    /// The answer is here.
    Answered(Answer),
}

/// Whom an answer wakes.
pub(crate) enum Woken {
    Nobody,
    Task(u32),
    Waker(Waker),
}

/// What became of looking at a call.
enum Polled {
    /// No answer yet. A waker that was displaced is dropped outside the borrow.
    Waits(Option<Waker>),
    /// The answer, or none any more: the service was closed.
    Over(Option<Answer>),
}

/// The open calls of a service, by session. Answers are moved out by their fields, not as a whole: a whole that was just
/// written by its fields would have to be waited for.
pub(crate) struct Sessions {
    /// One of them, so that a service that calls one at a time needs no table. Its session is 0 when there is none.
    first: i32,
    waiting: Waiting,
    others: Lazy<CountedMap<i32, Waiting>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            first: 0,
            waiting: Waiting::Vacant,
            others: Lazy::default(),
        }
    }
}

impl Sessions {
    #[inline]
    fn insert(&mut self, session: i32) {
        if self.first == 0 {
            self.first = session;
            self.waiting = Waiting::Sent;
        } else {
            self.others.get().insert(session, Waiting::Sent);
        }
    }

    #[inline]
    fn find(&mut self, session: i32) -> Option<&mut Waiting> {
        if self.first == session {
            return Some(&mut self.waiting);
        }
        self.others.if_used()?.get_mut(&session)
    }

    /// Forgets a call, of which nothing is known any more.
    #[inline]
    fn vacate(&mut self, session: i32) {
        if self.first == session {
            self.first = 0;
        } else if let Some(others) = self.others.if_used() {
            others.remove(&session);
        }
    }

    /// Forgets a call. What was known is returned, to be dropped outside the borrow.
    pub(crate) fn remove(&mut self, session: i32) -> Option<Waiting> {
        let waiting = std::mem::replace(self.find(session)?, Waiting::Vacant);
        self.vacate(session);
        Some(waiting)
    }

    /// Takes the answer of a session in, if somebody waits for it.
    #[inline]
    pub(crate) fn answer(&mut self, session: i32, answer: impl FnOnce() -> Answer) -> Woken {
        let Some(waiting) = self.find(session) else {
            return Woken::Nobody;
        };
        match *waiting {
            Waiting::Task(slot) => {
                *waiting = Waiting::Answered(answer());
                Woken::Task(slot)
            }
            Waiting::Sent => {
                *waiting = Waiting::Answered(answer());
                Woken::Nobody
            }
            Waiting::Waker(_) => match std::mem::replace(waiting, Waiting::Answered(answer())) {
                Waiting::Waker(waker) => Woken::Waker(waker),
                _ => Woken::Nobody,
            },
            Waiting::Vacant | Waiting::Answered(_) => Woken::Nobody,
        }
    }

    /// Takes the answer, or leaves the waker.
    #[inline]
    fn poll(&mut self, session: i32, waker: &Waker, slot: Option<u32>) -> Polled {
        let Some(waiting) = self.find(session) else {
            return Polled::Over(None);
        };
        if let Waiting::Answered(_) = waiting {
            let Waiting::Answered(answer) = std::mem::replace(waiting, Waiting::Vacant) else {
                return Polled::Over(None);
            };
            self.vacate(session);
            return Polled::Over(Some(answer));
        }
        match (waiting, slot) {
            (Waiting::Waker(known), None) if known.will_wake(waker) => Polled::Waits(None),
            (waiting @ Waiting::Waker(_), slot) => {
                let new = slot.map_or_else(|| Waiting::Waker(waker.clone()), Waiting::Task);
                match std::mem::replace(waiting, new) {
                    Waiting::Waker(old) => Polled::Waits(Some(old)),
                    _ => Polled::Waits(None),
                }
            }
            (waiting, Some(slot)) => {
                *waiting = Waiting::Task(slot);
                Polled::Waits(None)
            }
            (waiting, None) => {
                *waiting = Waiting::Waker(waker.clone());
                Polled::Waits(None)
            }
        }
    }
}

/// A call has been sent.
fn enrol(cx: &Context, session: i32) {
    let sessions = &cx.shared().tasks().sessions;
    sessions.with(|sessions| sessions.insert(session));
}

/// A call on its way: resolves to the answer. The request was sent when this was made; dropping it means that the
/// answer will be ignored.
#[must_use = "the answer of a call is what it is made for; to send without one, use `send`"]
pub struct Call<'cx> {
    cx: &'cx Context,
    /// Whose answer is waited for; 0 when the call was not sent, or is over.
    session: i32,
    /// Why it was not sent.
    not_sent: Option<Box<SendError>>,
    callee: Peer,
    timeout: Option<Duration>,
}

impl<'cx> Call<'cx> {
    #[inline(always)]
    pub(crate) fn open(
        cx: &'cx Context,
        sent: Result<i32, SendError>,
        callee: Peer,
        timeout: Option<Duration>,
    ) -> Self {
        let (session, not_sent) = match sent {
            Ok(session) => (session, None),
            Err(error) => (0, Some(Box::new(error))),
        };
        if session != 0 {
            enrol(cx, session);
        }
        Self {
            cx,
            session,
            not_sent,
            callee,
            timeout,
        }
    }

    /// The session, if the request was sent and its answer not taken yet.
    #[must_use]
    pub const fn session(&self) -> Option<i32> {
        match self.session {
            0 => None,
            session => Some(session),
        }
    }

    #[inline]
    fn finish(&mut self, answer: Option<Answer>) -> Result<Reply, CallError> {
        // Only what has failed is put together again.
        let Some(answer) = answer else {
            return Err(self.failure(None));
        };
        let Answer {
            buffer,
            source,
            failure,
        } = answer;
        match failure {
            None => Ok(Reply { buffer, source }),
            Some(reason) => Err(self.failure(Some((buffer, source, reason)))),
        }
    }

    /// The error of a call that is not under way.
    #[cold]
    fn not_sent(&mut self) -> CallError {
        match self.not_sent.take() {
            Some(error) => CallError::NotSent(*error),
            None => panic!("a call was polled after it had ended"),
        }
    }

    /// The error of a call that was answered by one, or whose service was closed under it.
    #[cold]
    fn failure(&mut self, answer: Option<(Buffer, Handle, Reason)>) -> CallError {
        let nobody = Peer {
            name: None,
            handle: None,
        };
        let mut callee = std::mem::replace(&mut self.callee, nobody);
        let (buffer, source, reason) = answer.unwrap_or_default();
        if callee.handle.is_none() && !source.is_system() {
            callee.handle = Some(source);
        }
        CallError::Failed {
            callee,
            reason,
            text: String::from_utf8_lossy(&buffer).into_owned(),
            timeout: self.timeout,
        }
    }
}

impl Future for Call<'_> {
    type Output = Result<Reply, CallError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let session = self.session;
        if session == 0 {
            return Poll::Ready(Err(self.not_sent()));
        }
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
                self.session = 0;
                Poll::Ready(self.finish(answer))
            }
        }
    }
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.session != 0 {
            self.cx.shared().discard(Garbage::Session(self.session));
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
