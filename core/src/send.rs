//! From a sender to a mailbox: who may send what, whom it reaches, and who owes whom an answer.

use std::sync::atomic::Ordering;

use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_REDIRECTED, FLAG_REPLY, KIND_ERROR, KIND_HARBOR, KIND_RESPONSE,
    KIND_SYSTEM, Message, NAME_SIZE, STATUS_DEAD, STATUS_FULL, STATUS_INVALID, STATUS_NOT_FOUND,
    STATUS_WRONG_TURN,
};

use crate::buffer::{Buffer, Letter};
use crate::call::OpenCall;
use crate::clock;
use crate::node::{Node, node};
use crate::service::{Found, Pushed, Service, Turn, add_own};
use crate::timers::Event;

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

/// Whom a message will really be given to.
struct Receiver {
    /// The service with this handle, or the harbor service for one of another node.
    service: Found,
    /// 0 for a message to a global name.
    handle: u32,
    /// The global name, for the harbor service.
    name: Option<Box<[u8; NAME_SIZE]>>,
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
            .and_then(|()| resolve(self.to, self.message.kind))
        {
            Ok(receiver) => receiver,
            Err(status) => {
                self.settle_in_vain(sender);
                return Err((status, letter));
            }
        };
        if self.flags & FLAG_CALL != 0 {
            return self.send_call(sender, receiver, letter);
        }
        let is_reply = self.flags & FLAG_REPLY != 0;
        let destination = receiver.handle;
        let letter = self.fill(letter, sender.handle(), &receiver);
        let sent = push(receiver.service, letter, !is_reply);
        if is_reply {
            settle(sender, destination, self.session);
        }
        sent?;
        if let Sender::OwnTurn(service, _) = sender {
            add_own(&service.usage.sent, 1);
        }
        Ok(self.session)
    }

    /// An answer that reaches nobody any more pays the debt too.
    fn settle_in_vain(&self, sender: &mut Sender<'_>) {
        if let (Destination::Handle(caller), true) = (self.to, self.flags & FLAG_REPLY != 0) {
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

    #[inline]
    fn fill(&self, mut letter: Letter, sender: u32, receiver: &Receiver) -> Letter {
        let message = self.message;
        letter.source = if self.flags & FLAG_REDIRECTED != 0 {
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
fn redirect(caller: u32, session: i32, callee: u32) -> Option<u32> {
    node()
        .registry
        .visit(caller)?
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

#[inline]
fn resolve(to: Destination<'_>, kind: u32) -> Result<Receiver, i32> {
    let node = node();
    match to {
        Destination::Handle(handle) => match node.registry.find(handle) {
            Some(service) => Ok(Receiver {
                service,
                handle,
                name: None,
            }),
            None => resolve_remote(node, handle, kind),
        },
        Destination::Name(name) => resolve_name(node, name, kind),
    }
}

/// A handle that no service here has.
#[cold]
fn resolve_remote(node: &Node, handle: u32, kind: u32) -> Result<Receiver, i32> {
    if handle == 0 {
        return Err(STATUS_INVALID);
    }
    if node.registry.is_local(handle) {
        return Err(STATUS_DEAD);
    }
    Ok(Receiver {
        service: harbor(node, kind)?,
        handle,
        name: None,
    })
}

fn harbor(node: &Node, kind: u32) -> Result<Found, i32> {
    if kind == KIND_SYSTEM || kind == KIND_HARBOR {
        return Err(STATUS_INVALID);
    }
    node.registry
        .find(node.harbor.load(Ordering::Relaxed))
        .ok_or(STATUS_NOT_FOUND)
}

fn resolve_name(node: &Node, name: &[u8], kind: u32) -> Result<Receiver, i32> {
    match name {
        [b'.', local_name @ ..] => {
            let name = std::str::from_utf8(local_name).map_err(|_| STATUS_NOT_FOUND)?;
            let handle = node.names.find(name).ok_or(STATUS_NOT_FOUND)?;
            resolve(Destination::Handle(handle), kind)
        }
        [b':', ..] => {
            let text = std::str::from_utf8(name).map_err(|_| STATUS_INVALID)?;
            let handle = parse_handle(text).ok_or(STATUS_INVALID)?;
            resolve(Destination::Handle(handle), kind)
        }
        [] => Err(STATUS_INVALID),
        global if global.len() >= NAME_SIZE => Err(STATUS_NOT_FOUND),
        global => {
            let harbor = harbor(node, kind)?;
            let mut padded = [0; NAME_SIZE];
            padded[..global.len()].copy_from_slice(global);
            Ok(Receiver {
                service: harbor,
                handle: 0,
                name: Some(Box::new(padded)),
            })
        }
    }
}

/// The handle that `:hex` means.
pub(crate) fn parse_handle(text: &str) -> Option<u32> {
    let digits = text.strip_prefix(':')?;
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
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
    let service = if node.registry.is_local(destination) {
        node.registry.find(destination)
    } else {
        node.registry.find(node.harbor.load(Ordering::Relaxed))
    };
    let Some(service) = service else { return false };
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
    let mut delivered = 0;
    for &handle in destinations {
        let Ok(receiver) = resolve(Destination::Handle(handle), template.message.kind) else {
            continue;
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
