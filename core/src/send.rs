//! From a sender to a mailbox: who may send what, whom it reaches (`resolve.rs`), and who owes whom an answer.

mod resolve;

use std::sync::atomic::Ordering;
use std::time::Instant;

use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_REDIRECTED, FLAG_REPLY, KIND_ERROR, KIND_RESPONSE,
    Message, STATUS_DEAD, STATUS_FULL, STATUS_INVALID, STATUS_NODE_LOST, STATUS_NOT_FOUND,
    STATUS_WRONG_TURN,
};

use crate::buffer::{Buffer, FLAG_MATCHED, Letter};
use crate::call::OpenCall;
use crate::clock;
use crate::node::node;
use crate::peers;
use crate::service::{Found, Pushed, Service, Turn, add_own};
use crate::timers::Event;
use resolve::{Receiver, find_absent};

pub(crate) use resolve::parse_handle;

/// Kinds above this are the host's.
const KIND_LAST: u32 = 255;
/// Internal kind: the debt (`destination`'s caller in `value`, session) is paid; from replies sent outside the turn.
pub(crate) const KIND_SETTLED: u16 = 0x7f01;

/// A message that somebody wants to send.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    /// As the sender filled it in.
    message: &'a Message,
    to: Destination<'a>,
    session: i32,
    /// Those of [`SENDER_FLAGS`] that the sender set, and what follows from its kind.
    flags: u32,
    deadline: u64,
}

/// The flags that a sender decides on and the receiver sees.
const SENDER_FLAGS: u32 = FLAG_CALL | FLAG_REPLY | FLAG_REDIRECTED;

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination<'a> {
    Handle(u32),
    Name(&'a [u8]),
}

/// Who sends.
pub(crate) enum Sender<'a> {
    /// The service itself, in its turn.
    OwnTurn(&'static Service, &'a mut Turn),
    /// Somebody on the service's behalf.
    Elsewhere(Found),
}

impl Sender<'_> {
    fn handle(&self) -> u32 {
        match self {
            Self::OwnTurn(service, _) => service.handle(),
            Self::Elsewhere(service) => service.handle(),
        }
    }

    /// Whose turn may be kept until the message can be sent.
    fn waiter(&self) -> Option<&'static Service> {
        match self {
            Self::OwnTurn(service, _) => Some(service),
            Self::Elsewhere(_) => None,
        }
    }
}

/// A refused message: the status, and the message back.
pub(crate) type Refused = (i32, Letter);

impl<'a> Outgoing<'a> {
    /// What `message` says, for `to`.
    #[inline]
    pub(crate) fn new(message: &'a Message, to: Destination<'a>) -> Self {
        let mut flags = message.flags & SENDER_FLAGS;
        if (message.kind == KIND_RESPONSE || message.kind == KIND_ERROR) && message.session != 0 {
            flags |= FLAG_REPLY;
        }
        Self {
            message,
            to,
            session: message.session,
            flags,
            deadline: message.deadline,
        }
    }

    /// Sends `letter`'s payload. Returns the session.
    #[inline]
    pub(crate) fn send(&mut self, sender: &mut Sender<'_>, letter: Letter) -> Result<i32, Refused> {
        let receiver = match self
            .check(sender)
            .and_then(|()| self.resolve(self.to, sender.waiter()))
        {
            Ok(receiver) => receiver,
            Err(status) => {
                self.settle_in_vain(sender, status);
                return Err((status, letter));
            }
        };
        if self.flags & FLAG_CALL != 0 {
            return self.send_call(sender, receiver, letter);
        }
        let is_reply = self.flags & FLAG_REPLY != 0;
        // A caller may be known by another handle than its own: see `Registry::own_form`.
        let caller = match self.to {
            Destination::Handle(handle) => handle,
            Destination::Name(_) => receiver.handle,
        };
        let letter = self.fill(letter, sender.handle(), &receiver);
        let sent = push(receiver.service, letter, !is_reply);
        if is_reply {
            settle(sender, caller, self.session);
        }
        sent?;
        if let Sender::OwnTurn(service, _) = sender {
            add_own(&service.usage.sent, 1);
        }
        Ok(self.session)
    }

    /// An answer that reaches nobody any more pays the debt too; one that was wrong does not.
    #[cold]
    fn settle_in_vain(&self, sender: &mut Sender<'_>, status: i32) {
        let nobody_waits = matches!(status, STATUS_DEAD | STATUS_NOT_FOUND | STATUS_NODE_LOST);
        if self.flags & FLAG_REPLY == 0 || !nobody_waits {
            return;
        }
        let caller = match self.to {
            Destination::Handle(handle) => Some(handle),
            Destination::Name(name) => std::str::from_utf8(name).ok().and_then(parse_handle),
        };
        if let Some(caller) = caller {
            settle(sender, caller, self.session);
        }
    }

    #[inline]
    fn check(&self, sender: &Sender<'_>) -> Result<(), i32> {
        if self.message.kind > KIND_LAST || self.session < 0 {
            return Err(STATUS_INVALID);
        }
        if self.flags & FLAG_CALL != 0 {
            let is_redirected = self.flags & FLAG_REDIRECTED != 0;
            if self.flags & FLAG_REPLY != 0 || (is_redirected && self.session == 0) {
                return Err(STATUS_INVALID);
            }
            if matches!(sender, Sender::Elsewhere(_)) {
                return Err(STATUS_WRONG_TURN);
            }
        }
        Ok(())
    }

    fn send_call(
        &mut self,
        sender: &mut Sender<'_>,
        receiver: Receiver,
        letter: Letter,
    ) -> Result<i32, Refused> {
        let Sender::OwnTurn(service, turn) = sender else {
            return Err((STATUS_WRONG_TURN, letter));
        };
        if self.flags & FLAG_REDIRECTED != 0 {
            return self.pass_on(service, turn, receiver, letter);
        }
        let callee = receiver.handle;
        self.deadline = self.effective_deadline();
        // Opened before it is sent: whoever looks for calls to a lost callee must find it from then on.
        match open(service, turn, self.session, OpenCall { callee, timer: 0 }) {
            Ok(session) => self.session = session,
            Err(status) => return Err((status, letter)),
        }
        if self.deadline != 0 {
            self.arm(service);
        }
        let session = self.session;
        let letter = self.fill(letter, service.handle(), &receiver);
        match push(receiver.service, letter, true) {
            Ok(()) => {
                add_own(&service.usage.sent, 1);
                Ok(session)
            }
            Err(refused) => {
                close(service, session);
                Err(refused)
            }
        }
    }

    /// When the call fails by itself, in nanoseconds of the node's clock; 0 for never.
    fn effective_deadline(&self) -> u64 {
        match (self.deadline, node().config.call_timeout) {
            (0, Some(default)) => clock::now_ns() + default.as_nanos() as u64,
            (deadline, _) => deadline,
        }
    }

    /// Sets the timer that fails the call.
    fn arm(&self, service: &'static Service) {
        let delay = self
            .deadline
            .saturating_sub(clock::now_ns())
            .div_ceil(1_000_000);
        let event = Event::CallDeadline {
            owner: service.context(),
            session: self.session,
        };
        // Without memory for another timer the call waits as if it had no deadline.
        let Some(timer) = node().timers.set(delay, event) else {
            return;
        };
        if !service.shared().calls.set_timer(self.session, timer) {
            node().timers.cancel(timer);
        }
    }

    /// Sends on a call of somebody else: the debt goes with it.
    fn pass_on(
        &self,
        service: &'static Service,
        turn: &mut Turn,
        receiver: Receiver,
        letter: Letter,
    ) -> Result<i32, Refused> {
        let (caller, session, callee) = (self.message.source, self.session, receiver.handle);
        let letter = self.fill(letter, service.handle(), &receiver);
        // Noted before it is sent: the next one may pass it on at once.
        let before = redirect(caller, session, callee);
        if let Err(refused) = push(receiver.service, letter, true) {
            if let Some(before) = before {
                redirect(caller, session, before);
            }
            return Err(refused);
        }
        add_own(&service.usage.sent, 1);
        turn.debts.settle(caller, session);
        Ok(session)
    }

    #[inline(always)]
    fn fill(&self, mut letter: Letter, sender: u32, receiver: &Receiver) -> Letter {
        let message = self.message;
        letter.source = if self.flags & FLAG_REDIRECTED != 0 {
            letter.flags |= self.matching(sender);
            message.source
        } else {
            sender
        };
        letter.destination = receiver.handle;
        letter.session = self.session;
        letter.kind = message.kind as u16;
        letter.flags |= self.flags as u16;
        letter.reason = message.reason as u16;
        letter.trace = message.trace;
        letter.deadline = self.deadline;
        letter.value = 0;
        if let Some(name) = &receiver.name {
            letter.set_name(**name);
        }
        letter
    }

    /// The flag of an answer that the harbor service gives for another node, unless it vouches for the source.
    #[cold]
    fn matching(&self, sender: u32) -> u16 {
        let node = node();
        let is_matched = self.flags & FLAG_REPLY != 0
            && self.message.flags & FLAG_FOREIGN == 0
            && sender == node.harbor.load(Ordering::Relaxed)
            && !node.registry.is_local(self.message.source);
        if is_matched { FLAG_MATCHED } else { 0 }
    }
}

/// Who gets a message that asks for nothing but to be delivered: to a handle of this node, no call, no answer.
#[inline]
pub(crate) fn plain_receiver(message: &Message) -> Option<Found> {
    let special = message.flags & (FLAG_BY_NAME | SENDER_FLAGS);
    if special != 0 || message.session != 0 || message.kind > KIND_LAST {
        return None;
    }
    node().registry.find(message.destination)
}

/// Sends a message to its [`plain_receiver`], in the turn of `sender`.
#[inline]
pub(crate) fn send_plain(
    sender: &'static Service,
    receiver: Found,
    message: &Message,
    mut letter: Letter,
) -> Result<(), Refused> {
    letter.source = sender.handle();
    letter.destination = message.destination;
    letter.session = 0;
    letter.kind = message.kind as u16;
    letter.reason = message.reason as u16;
    letter.trace = message.trace;
    letter.deadline = message.deadline;
    letter.value = 0;
    push(receiver, letter, true)?;
    add_own(&sender.usage.sent, 1);
    Ok(())
}

/// Notes with a local caller that `callee` must answer; returns who had to before.
pub(crate) fn redirect(caller: u32, session: i32, callee: u32) -> Option<u32> {
    let registry = &node().registry;
    if !registry.is_local(caller) {
        return None;
    }
    registry
        .visit(registry.own_form(caller))?
        .shared()
        .calls
        .redirect(session, callee)
}

#[inline(always)]
fn push(service: Found, letter: Letter, limited: bool) -> Result<(), Refused> {
    match service.push(letter, limited) {
        Pushed::Delivered => Ok(()),
        Pushed::Schedule(service) => {
            node().schedule(service);
            Ok(())
        }
        Pushed::Closed(letter) => Err((STATUS_DEAD, letter)),
        Pushed::Full(letter) => Err((STATUS_FULL, letter)),
    }
}

/// Opens a call; session 0 stands for the next free one.
pub(crate) fn open(
    service: &Service,
    turn: &mut Turn,
    session: i32,
    call: OpenCall,
) -> Result<i32, i32> {
    let mut shared = service.shared();
    if session != 0 {
        return if shared.calls.open(session, call) {
            Ok(session)
        } else {
            Err(STATUS_INVALID)
        };
    }
    loop {
        let session = turn.next_session();
        if shared.calls.open(session, call) {
            return Ok(session);
        }
    }
}

/// Closes a call. False: it was not open.
pub(crate) fn close(service: &Service, session: i32) -> bool {
    let closed = service.shared().calls.close(session);
    is_closed(closed)
}

/// Closes a call if it waits on the node of `source`. False: it does not, or was not open.
#[cold]
pub(crate) fn close_matching(service: &Service, session: i32, source: u32) -> bool {
    let closed = service.shared().calls.close_matching(session, source);
    is_closed(closed)
}

#[inline]
fn is_closed(closed: Option<OpenCall>) -> bool {
    match closed {
        Some(call) => {
            if call.timer != 0 {
                node().timers.cancel(call.timer);
            }
            true
        }
        None => false,
    }
}

fn settle(sender: &mut Sender<'_>, caller: u32, session: i32) {
    match sender {
        Sender::OwnTurn(_, turn) => {
            turn.debts.settle(caller, session);
        }
        Sender::Elsewhere(service) => {
            // The debts belong to the turn: tell it.
            let Ok(mut note) = Letter::empty() else {
                return;
            };
            note.kind = KIND_SETTLED;
            note.session = session;
            note.value = u64::from(caller);
            note.destination = service.handle();
            let _ = push(*service, note, false);
        }
    }
}

/// Gives a message of the node itself to a local service or, through the harbor service, to a remote one. False: nobody
/// is there.
pub(crate) fn post(destination: u32, mut letter: Letter) -> bool {
    let node = node();
    let (service, destination) = match node.registry.find(destination) {
        Some(service) => (service, destination),
        None => match find_absent(node, destination) {
            Some(found) => found,
            None => return false,
        },
    };
    letter.destination = destination;
    push(service, letter, false).is_ok()
}

/// Tells a caller that its call has failed.
pub(crate) fn post_error(callee: u32, caller: u32, session: i32, reason: u32, text: &str) {
    let Ok(mut letter) = Letter::copy(text.as_bytes()) else {
        return;
    };
    letter.kind = KIND_ERROR as u16;
    letter.flags |= FLAG_REPLY as u16;
    letter.source = callee;
    letter.session = session;
    letter.reason = reason as u16;
    post(caller, letter);
}

/// Ends a message that nobody will receive: a call gets an error.
pub(crate) fn bounce(letter: Letter, reason: u32, text: &str) {
    if u32::from(letter.flags) & FLAG_CALL == 0 {
        return;
    }
    let (callee, caller, session) = (letter.destination, letter.source, letter.session);
    drop(letter);
    post_error(callee, caller, session, reason, text);
}

/// Sends one payload to many; returns how many mailboxes took it.
pub(crate) fn send_many(
    sender: &mut Sender<'_>,
    template: &Outgoing<'_>,
    payload: &Buffer,
    len: usize,
    destinations: &[u32],
) -> usize {
    let source = sender.handle();
    let (mut waiter, began) = (sender.waiter(), Instant::now());
    let mut delivered = 0;
    for &handle in destinations {
        let receiver = match template.resolve(Destination::Handle(handle), waiter) {
            Ok(receiver) => receiver,
            Err(status) => {
                // Patience is for the call as a whole.
                if status == STATUS_FULL && began.elapsed() >= peers::PATIENCE {
                    waiter = None;
                }
                continue;
            }
        };
        let Ok(letter) = Letter::shared(payload.share(), len) else {
            break;
        };
        let letter = template.fill(letter, source, &receiver);
        delivered += usize::from(push(receiver.service, letter, true).is_ok());
    }
    if let Sender::OwnTurn(service, _) = sender {
        add_own(&service.usage.sent, delivered as u64);
    }
    delivered
}

#[cfg(all(test, not(loom)))]
mod tests;
