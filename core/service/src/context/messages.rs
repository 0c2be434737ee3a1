//! Sending, calling, answering.

use std::time::Duration;

use skynet_abi as abi;

use crate::call::Call;
use crate::message;
use crate::outgoing::{self, Outgoing};
use crate::turn::Orphan;
use crate::{
    CallError, Context, Destination, Handle, Message, Payload, Peer, RawMessage, Reason, SendError,
};

/// A request that can be answered: a [`Message`] or a [`RawMessage`].
pub trait Answerable: private::Sealed {}

impl Answerable for &Message {}
impl Answerable for &mut RawMessage<'_> {}

pub(crate) mod private {
    use super::{Handle, Message, RawMessage};

    /// Who waits for the answer of a request.
    pub trait Sealed {
        /// The caller and its session.
        fn caller(&self) -> (Handle, i32);
        /// Whether the message is a call at all.
        fn is_call(&self) -> bool;
        /// Marks as answered; returns whether an answer was due.
        fn settle(&mut self) -> bool;
        /// Takes `settle` back.
        fn unsettle(&mut self);
    }

    impl Sealed for &Message {
        fn caller(&self) -> (Handle, i32) {
            (self.source(), self.session())
        }
        fn is_call(&self) -> bool {
            Message::is_call(self)
        }
        fn settle(&mut self) -> bool {
            Message::settle(self)
        }
        fn unsettle(&mut self) {
            Message::unsettle(self);
        }
    }

    impl Sealed for &mut RawMessage<'_> {
        fn caller(&self) -> (Handle, i32) {
            (self.source(), self.session())
        }
        fn is_call(&self) -> bool {
            RawMessage::is_call(self)
        }
        fn settle(&mut self) -> bool {
            RawMessage::settle(self)
        }
        fn unsettle(&mut self) {
            RawMessage::unsettle(self);
        }
    }
}

impl Context {
    /// Sends a message that needs no answer. *Any thread.*
    ///
    /// # Errors
    /// It lies in no mailbox: there is no such service, the mailbox is full, the payload too large. A [`Buffer`] comes
    /// back in the error.
    ///
    /// [`Buffer`]: crate::Buffer
    #[inline]
    pub fn send<'a>(
        &self,
        destination: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SendError> {
        outgoing::deliver(self.token(), Outgoing::new(destination, kind, payload)).map(|_| ())
    }

    /// Sends a message with all its fields. *Any thread.*
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_message(&self, message: Outgoing<'_>) -> Result<(), SendError> {
        outgoing::deliver(self.token(), message).map(|_| ())
    }

    /// Sends one payload to many services: it is stored once. Returns how many mailboxes took it. *Any thread.*
    ///
    /// # Errors
    /// The message as such cannot be sent.
    pub fn send_many<'a>(
        &self,
        destinations: &[Handle],
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<usize, SendError> {
        outgoing::deliver_many(self.token(), destinations, kind, 0, payload.into())
    }

    /// As [`send_many`](Self::send_many), with a session (of `KIND_MULTICAST`: the channel).
    ///
    /// # Errors
    /// As `send_many`.
    pub fn send_many_with_session<'a>(
        &self,
        destinations: &[Handle],
        kind: u32,
        session: i32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<usize, SendError> {
        outgoing::deliver_many(self.token(), destinations, kind, session, payload.into())
    }

    /// Sends a request, now, and returns the future of its answer. *Own turn.*
    #[inline]
    pub fn call<'a>(
        &self,
        destination: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Call<'_> {
        self.request(Outgoing::new(destination, kind, payload), None)
    }

    /// As [`call`](Self::call), failing with [`Reason::TIMED_OUT`] when `timeout` has passed.
    pub fn call_timeout<'a>(
        &self,
        destination: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
        timeout: Duration,
    ) -> Call<'_> {
        let message = Outgoing::new(destination, kind, payload).deadline(self.deadline_in(timeout));
        self.request(message, Some(timeout))
    }

    /// As [`call`](Self::call), for a message with all its fields.
    pub fn call_message(&self, message: Outgoing<'_>) -> Call<'_> {
        self.request(message, None)
    }

    /// Elsewhere than in its own turn the node refuses it.
    #[inline(always)]
    pub(crate) fn request(&self, message: Outgoing<'_>, timeout: Option<Duration>) -> Call<'_> {
        let callee = Peer::from(message.destination());
        let sent = outgoing::deliver(self.token(), message.call_flag());
        Call::open(self, sent, callee, timeout)
    }

    /// Sends a request whose answer arrives as a message of its own, for raw services: `KIND_RESPONSE` or `KIND_ERROR`
    /// with the returned session. *Own turn.*
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn call_raw(&self, message: Outgoing<'_>) -> Result<i32, SendError> {
        outgoing::deliver(self.token(), message.call_flag())
    }

    fn deadline_in(&self, timeout: Duration) -> u64 {
        let deadline = self.now().saturating_add(timeout);
        u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Answers a request. *Any thread.* For a message that is not a request it does nothing, and a caller that has
    /// ended meanwhile is not an error.
    ///
    /// Its error is not that of a handler, so as the last line of one it is `Ok(cx.reply(&message, "done")?)`.
    ///
    /// # Errors
    /// It was answered already (`STATUS_EXISTS`); or the payload cannot be sent, and the answer is still due.
    #[inline]
    pub fn reply<'a>(
        &self,
        mut request: impl Answerable,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SendError> {
        let (caller, session) = request.caller();
        if !request.settle() {
            return not_owed(request.is_call(), caller);
        }
        let reply = Outgoing::new(caller, abi::KIND_RESPONSE, payload).session(session);
        outgoing::answer(self.token(), reply).inspect_err(|_| request.unsettle())
    }

    /// Answers a request with an error. *Any thread.*
    ///
    /// # Errors
    /// It was answered already (`STATUS_EXISTS`).
    pub fn reply_error(
        &self,
        mut request: impl Answerable,
        reason: Reason,
        text: &str,
    ) -> Result<(), SendError> {
        let (caller, session) = request.caller();
        if !request.settle() {
            return not_owed(request.is_call(), caller);
        }
        let orphan = Orphan {
            caller: caller.0,
            session,
        };
        message::reject(self.token(), orphan, reason, text);
        Ok(())
    }

    /// Passes a message on as it is: the receiver sees the original source, and owes it the answer if it is a request.
    /// The payload is not copied. *Any thread.*
    ///
    /// # Errors
    /// It cannot be sent; the message, and the answer if one is due, is back with the caller.
    pub fn redirect<'a>(
        &self,
        mut message: Message,
        destination: impl Into<Destination<'a>>,
    ) -> Result<(), RedirectError> {
        let head = *message.head();
        let owed = message.settle();
        let payload = std::mem::take(message.buffer_mut());
        let mut outgoing = Outgoing::new(destination, head.kind, payload)
            .source(head.source)
            .session(head.session)
            .trace(head.trace)
            .deadline(head.deadline);
        if owed {
            outgoing = outgoing.call_flag();
        }
        match outgoing::deliver(self.token(), outgoing) {
            Ok(_) => Ok(()),
            Err(mut error) => {
                if let Some(buffer) = error.buffer.take() {
                    *message.buffer_mut() = buffer;
                }
                if owed {
                    message.unsettle();
                }
                Err(RedirectError {
                    message: Box::new(message),
                    error: Box::new(error),
                })
            }
        }
    }

    /// Asks somebody else and passes the answer on: the receiver sees this service as the source. A message that is
    /// not a request is just sent.
    ///
    /// # Errors
    /// The message was not a request and could not be sent. A failed call is answered to the requester with the same
    /// reason.
    pub async fn forward<'a>(
        &self,
        mut message: Message,
        destination: impl Into<Destination<'a>> + Send,
    ) -> Result<(), SendError> {
        let kind = message.kind();
        let payload = std::mem::take(message.buffer_mut());
        if !message.is_owed() {
            return self.send(destination, kind, payload);
        }
        let answer = self.call(destination, kind, payload).await;
        match answer {
            Ok(reply) => self.reply(&message, reply),
            Err(CallError::Failed { reason, text, .. }) => {
                self.reply_error(&message, reason, &text)
            }
            Err(error) => self.reply_error(&message, error.reason(), &error.to_string()),
        }
    }
}

fn not_owed(is_call: bool, caller: Handle) -> Result<(), SendError> {
    if !is_call {
        return Ok(());
    }
    Err(SendError {
        peer: Peer {
            name: Some("the caller, who has its answer".into()),
            handle: Some(caller),
        },
        status: abi::STATUS_EXISTS,
        buffer: None,
    })
}

/// A message was not passed on; it comes back with this.
#[derive(Debug)]
pub struct RedirectError {
    /// The message, with the answer still due if it was.
    pub message: Box<Message>,
    /// Why.
    pub error: Box<SendError>,
}

impl std::fmt::Display for RedirectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for RedirectError {}
