//! Messages as handlers get them.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use skynet_abi as abi;

use crate::outgoing::{self, Outgoing};
use crate::shared::Shared;
use crate::turn::{self, Orphan, Turn, TurnId};
use crate::{Buffer, Handle, Reason};

/// The fields of a message, apart from payload and name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) source: Handle,
    pub(crate) destination: Handle,
    pub(crate) session: i32,
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) reason: u32,
    pub(crate) value: u64,
    pub(crate) trace: u64,
    pub(crate) deadline: u64,
}

/// The parts of the service that a message needs to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) id: TurnId,
    pub(crate) context: abi::Context,
}

/// One received message, owned.
///
/// A request (one that [is a call](Self::is_call)) is answered exactly once: by [`Context::reply`](crate::Context),
/// `reply_error`, `redirect`, or by its [`Responder`]. If it is dropped before, the caller gets an error reply: with
/// the handler's error if that is how the handler ended, else with [`Reason::DROPPED`].
pub struct Message {
    head: Head,
    buffer: Buffer,
    name: Option<Box<str>>,
    owner: Owner,
    /// Whether an answer is due. Relaxed everywhere: it is a mark, and publishes nothing.
    owed: AtomicBool,
}

impl Message {
    #[inline]
    pub(crate) const fn new(
        head: Head,
        buffer: Buffer,
        name: Option<Box<str>>,
        owner: Owner,
        owed: bool,
    ) -> Self {
        Self {
            head,
            buffer,
            name,
            owner,
            owed: AtomicBool::new(owed),
        }
    }

    /// The payload.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.buffer)
    }

    /// One of `KIND_*`, or a number of the sender's own.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.head.kind
    }

    /// Who sent it, or on whose behalf.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> Handle {
        self.head.source
    }

    /// Who gets it: this service; for the harbor service also services of other nodes.
    #[must_use]
    pub const fn destination(&self) -> Handle {
        self.head.destination
    }

    /// The global name it was sent to, for the harbor service.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Pairs a reply with its call; else a number of the sender's choice.
    #[inline]
    #[must_use]
    pub const fn session(&self) -> i32 {
        self.head.session
    }

    /// Any of `FLAG_*`.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.head.flags
    }

    /// Of an error that passes through the harbor service: why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        Reason(self.head.reason)
    }

    /// The number that a timer of [`Context::timer_set`](crate::Context::timer_set) or a
    /// [`Context::wake`](crate::Context::wake) carries.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.head.value
    }

    /// Follows a request through services; 0 when not traced.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.head.trace
    }

    /// When the caller stops waiting, in nanoseconds of [`Context::now`](crate::Context::now); 0 for the default.
    #[must_use]
    pub const fn deadline(&self) -> u64 {
        self.head.deadline
    }

    /// Whether the sender waits for an answer.
    #[inline]
    #[must_use]
    pub const fn is_call(&self) -> bool {
        self.head.flags & abi::FLAG_CALL != 0
    }

    /// Whether an answer is still due.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.owed.load(Ordering::Relaxed)
    }

    /// Takes the duty to answer out of the message, so that the answer can be given later, without the payload.
    /// `None` if no answer is due.
    #[must_use]
    pub fn take_responder(&self) -> Option<Responder> {
        self.owed.swap(false, Ordering::Relaxed).then(|| Responder {
            caller: self.head.source,
            session: self.head.session,
            owner: self.owner,
            owed: true,
        })
    }

    /// The answer is given elsewhere, for example by another node: the message may be dropped without one.
    pub fn set_answered(&self) {
        self.owed.store(false, Ordering::Relaxed);
    }

    /// The payload, to send on or keep. If an answer is still due, the caller gets [`Reason::DROPPED`].
    #[must_use]
    pub fn into_buffer(mut self) -> Buffer {
        std::mem::take(&mut self.buffer)
    }

    pub(crate) const fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    /// Marks as answered; returns whether an answer was due.
    #[inline]
    pub(crate) fn settle(&self) -> bool {
        // Not a swap: two threads that race to answer one message are both told yes, and the node drops the second.
        let owed = self.owed.load(Ordering::Relaxed);
        self.owed.store(false, Ordering::Relaxed);
        owed
    }

    /// Takes [`settle`](Self::settle) back.
    pub(crate) fn unsettle(&self) {
        self.owed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Message {
    #[inline]
    fn drop(&mut self) {
        if *self.owed.get_mut() {
            orphan(self.owner, self.head.source, self.head.session);
        }
    }
}

/// A request was dropped. Within a turn of its service the executor answers when it knows how the handler ended;
/// elsewhere the caller is told at once.
#[cold]
fn orphan(owner: Owner, caller: Handle, session: i32) {
    let orphan = Orphan {
        caller: caller.0,
        session,
    };
    if !turn::leave_orphan(owner.id, orphan) {
        reject(owner.context, orphan, Reason::DROPPED, "");
    }
}

/// Answers the requests that were dropped in this turn since the last time, if there are any, as dropped.
#[inline]
pub(crate) fn reject_orphans(shared: &Shared, turn: &Turn) {
    if turn.has_orphans() {
        reject_orphans_and(shared, turn, None);
    }
}

/// Answers the requests that were dropped in this turn since the last time: `own` as given, others as dropped; those of
/// a service that has asked for its end are left to the node, which answers with the reason of that. Returns whether
/// `own` was among them.
#[cold]
pub(crate) fn reject_orphans_and(
    shared: &Shared,
    turn: &Turn,
    own: Option<(Orphan, Reason, &str)>,
) -> bool {
    let Some((last, before)) = turn.take_orphans() else {
        return false;
    };
    let context = shared.owner.context;
    let mut found = false;
    for orphan in before.into_iter().chain([last]) {
        match own {
            Some((own, reason, text)) if own == orphan => {
                found = true;
                reject(context, orphan, reason, text);
            }
            _ if shared.exits() => {}
            _ => reject(context, orphan, Reason::DROPPED, ""),
        }
    }
    found
}

/// Sends the error reply of a request. If that fails, nobody waits any more.
pub(crate) fn reject(context: abi::Context, orphan: Orphan, reason: Reason, text: &str) {
    let outcome = outgoing::deliver(
        context,
        Outgoing::new(Handle(orphan.caller), abi::KIND_ERROR, text)
            .session(orphan.session)
            .reason(reason),
    );
    drop(outcome);
}

impl Deref for Message {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.head.kind)
            .field("source", &self.head.source)
            .field("session", &self.head.session)
            .field("call", &self.is_call())
            .field("len", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

/// The duty to answer one request. Dropped unused, it answers with [`Reason::DROPPED`].
#[must_use = "dropping it answers the request with an error"]
#[derive(Debug)]
pub struct Responder {
    caller: Handle,
    session: i32,
    owner: Owner,
    owed: bool,
}

impl Responder {
    /// Who waits.
    #[must_use]
    pub const fn caller(&self) -> Handle {
        self.caller
    }

    /// Answers. *Any thread.* A caller that has ended meanwhile is not an error.
    ///
    /// # Errors
    /// The payload cannot be sent; the caller gets an error reply.
    pub fn reply<'a>(
        mut self,
        payload: impl Into<crate::Payload<'a>>,
    ) -> Result<(), crate::SendError> {
        let reply =
            Outgoing::new(self.caller, abi::KIND_RESPONSE, payload.into()).session(self.session);
        outgoing::answer(self.owner.context, reply)?;
        self.owed = false;
        Ok(())
    }

    /// The answer is given elsewhere, for example by another node: this may be dropped without one. Where nobody waits
    /// for it any more, answer with an error: until then the node takes it that one is owed.
    pub fn set_answered(mut self) {
        self.owed = false;
    }

    /// Answers with an error. *Any thread.*
    pub fn reply_error(mut self, reason: Reason, text: &str) {
        self.owed = false;
        let orphan = Orphan {
            caller: self.caller.0,
            session: self.session,
        };
        reject(self.owner.context, orphan, reason, text);
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if self.owed {
            orphan(self.owner, self.caller, self.session);
        }
    }
}

/// The answer of a call.
pub struct Reply {
    pub(crate) buffer: Buffer,
    pub(crate) source: Handle,
}

impl Reply {
    /// The payload.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.buffer)
    }

    /// Who answered.
    #[must_use]
    pub const fn source(&self) -> Handle {
        self.source
    }

    /// The payload, to send on or keep.
    #[must_use]
    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }
}

impl Deref for Reply {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes from {})", self.buffer.len(), self.source)
    }
}
