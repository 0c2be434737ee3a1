//! What tests send, and what they get.

use skynet_abi as abi;

use crate::message::Head;
use crate::testing::Node;
use crate::testing::state::{Body, Entry, Mail};
use crate::{Buffer, CallError, Destination, Handle, Payload, Peer, Reason, Reply, SendError};

/// A message that came to somebody whom the test plays.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Received {
    /// Who got it.
    pub to: Handle,
    /// Who sent it.
    pub source: Handle,
    /// One of `KIND_*`.
    pub kind: u32,
    /// Its session.
    pub session: i32,
    /// Any of `FLAG_*`.
    pub flags: u32,
    /// Of an error or an exit.
    pub reason: Reason,
    /// Of a timer or the like.
    pub value: u64,
    /// Its trace id; 0 for none.
    pub trace: u64,
    /// When the sender of a request stops waiting, in nanoseconds of the node's clock; 0 for never.
    pub deadline: u64,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Received {
    /// Whether the sender waits for an answer.
    #[must_use]
    pub const fn is_call(&self) -> bool {
        self.flags & abi::FLAG_CALL != 0
    }

    /// The payload as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    pub(super) fn from(mail: Mail) -> Self {
        Self {
            to: mail.head.destination,
            source: mail.head.source,
            kind: mail.head.kind,
            session: mail.head.session,
            flags: mail.head.flags,
            reason: Reason(mail.head.reason),
            value: mail.head.value,
            trace: mail.head.trace,
            deadline: mail.head.deadline,
            payload: mail.payload.to_vec(),
        }
    }
}

/// A call that the test has begun; see [`Node::begin_call`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    callee: Peer,
    session: i32,
}

impl Node {
    /// Sends a message in the test's own name. It is delivered by [`run`](Self::run).
    ///
    /// # Errors
    /// It lies in no mailbox.
    pub fn send<'a>(
        &mut self,
        to: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SendError> {
        self.post(self.tester, to.into(), kind, 0, 0, payload.into())
            .map(|_| ())
    }

    /// Sends a message in the name of somebody whom the test plays, with a session of its choice.
    ///
    /// # Errors
    /// It lies in no mailbox.
    pub fn send_from<'a>(
        &mut self,
        from: Handle,
        to: impl Into<Destination<'a>>,
        kind: u32,
        session: i32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SendError> {
        self.post(from, to.into(), kind, 0, session, payload.into())
            .map(|_| ())
    }

    /// Calls, and runs until the node is idle.
    ///
    /// # Errors
    /// The call failed, or nothing answered before the node was idle.
    pub fn call<'a>(
        &mut self,
        to: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<Reply, CallError> {
        let pending = self.begin_call(to, kind, payload)?;
        self.run();
        match self.finish_call(&pending) {
            Some(outcome) => outcome,
            None => Err(CallError::Failed {
                callee: pending.callee,
                reason: Reason::NONE,
                text: "the node is idle and no answer has come".to_owned(),
                timeout: None,
            }),
        }
    }

    /// Sends a request. It is delivered by [`run`](Self::run).
    ///
    /// # Errors
    /// It lies in no mailbox.
    pub fn begin_call<'a>(
        &mut self,
        to: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Result<Pending, CallError> {
        let to = to.into();
        let session = self
            .post(self.tester, to, kind, abi::FLAG_CALL, 0, payload.into())
            .map_err(CallError::NotSent)?;
        Ok(Pending {
            callee: Peer::from(to),
            session,
        })
    }

    /// The outcome of a call, once it is there.
    pub fn finish_call(&mut self, pending: &Pending) -> Option<Result<Reply, CallError>> {
        let answer = self.take(pending.session)?;
        if answer.kind != abi::KIND_ERROR {
            return Some(Ok(Reply {
                buffer: Buffer::from(&answer.payload[..]),
                source: answer.source,
            }));
        }
        let mut callee = pending.callee.clone();
        callee.handle = callee.handle.or(Some(answer.source));
        Some(Err(CallError::Failed {
            callee,
            reason: answer.reason,
            text: answer.text(),
            timeout: None,
        }))
    }

    /// The answer with a session, if it came.
    pub(super) fn take(&mut self, session: i32) -> Option<Received> {
        let tester = self.tester.0;
        let mut state = self.state();
        let Some(Entry {
            body: Body::Peer(inbox),
            ..
        }) = state.entries.get_mut(&tester)
        else {
            return None;
        };
        let place = inbox.iter().position(|received| {
            received.session == session && received.flags & abi::FLAG_REPLY != 0
        })?;
        inbox.remove(place)
    }

    fn post(
        &mut self,
        from: Handle,
        to: Destination<'_>,
        kind: u32,
        flags: u32,
        session: i32,
        payload: Payload<'_>,
    ) -> Result<i32, SendError> {
        let (destination, name) = match to {
            Destination::Handle(handle) => (handle, None),
            Destination::Name(name) => (Handle::SYSTEM, Some(name.to_owned())),
        };
        let by_name = if name.is_some() { abi::FLAG_BY_NAME } else { 0 };
        let head = Head {
            source: from,
            destination,
            session,
            kind,
            flags: flags | by_name,
            reason: 0,
            value: 0,
            trace: 0,
            deadline: 0,
        };
        let payload = match payload {
            Payload::Bytes(bytes) => Buffer::from(&*bytes),
            Payload::Buffer(buffer) => buffer,
        };
        let mail = Mail {
            head,
            name,
            payload,
        };
        let sent = self.state().post(from.0, mail);
        sent.map_err(|(status, mail)| SendError {
            peer: Peer::from(to),
            status,
            buffer: Some(mail.payload),
        })
    }

    /// Somebody whom the test plays: has a handle, and keeps what it is sent.
    pub fn peer(&mut self) -> Handle {
        Handle(self.state().add(Body::Peer(Default::default())))
    }

    /// The handle that the test's own messages come from.
    #[must_use]
    pub const fn tester(&self) -> Handle {
        self.tester
    }

    /// Ends a [`peer`](Self::peer), as if it were a service that was killed.
    pub fn end_peer(&mut self, peer: Handle, reason: Reason) {
        self.state().forget(peer.0, reason.0, "");
        self.run();
    }

    /// Takes what somebody was sent whom the test plays ([`peer`](Self::peer) or [`tester`](Self::tester)).
    pub fn received(&mut self, peer: Handle) -> Vec<Received> {
        match self.state().entries.get_mut(&peer.0) {
            Some(Entry {
                body: Body::Peer(inbox),
                ..
            }) => inbox.drain(..).collect(),
            _ => Vec::new(),
        }
    }

    /// Answers a request that somebody got whom the test plays, and runs until the node is idle.
    pub fn answer<'a>(&mut self, request: &Received, payload: impl Into<Payload<'a>>) {
        let to = Destination::Handle(request.source);
        let sent = self.post(
            request.to,
            to,
            abi::KIND_RESPONSE,
            0,
            request.session,
            payload.into(),
        );
        // The caller may have ended: then nobody waits.
        drop(sent);
        self.run();
    }

    /// Answers a request with an error, and runs until the node is idle.
    pub fn fail(&mut self, request: &Received, reason: Reason, text: &str) {
        let mut mail = Mail::from_node(abi::KIND_ERROR, request.source.0, text.as_bytes());
        mail.head.session = request.session;
        mail.head.reason = reason.0;
        let sent = self.state().post(request.to.0, mail);
        drop(sent);
        self.run();
    }
}
