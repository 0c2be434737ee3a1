//! A turn: one service handles a budget of messages, then makes room for others.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::atomic::Ordering;

use skynet_abi::{
    Context, DELIVER_FAILED, DELIVER_KEEP, DELIVER_RELEASE, FLAG_BY_NAME, FLAG_CALL, FLAG_REPLY,
    FLAG_SHARED, KIND_SOCKET, Message, NAME_SIZE, REASON_PANICKED, REASON_UNKNOWN, SOCKET_DATA,
    SOCKET_UDP,
};

use crate::accounting::Stopwatch;
use crate::buffer::{FLAG_MATCHED, Letter};
use crate::current;
use crate::end;
use crate::loader::LoadedModule;
use crate::mailbox::Batch;
use crate::node::node;
use crate::scheduler::Seat;
use crate::send::{self, KIND_SETTLED};
use crate::service::{Ending, OVERLOAD_FIRST, Service, Turn, add_own};
use crate::trace;

/// A service of which so few messages fit into a turn keeps its worker long enough for others to take even a lone
/// service that it makes runnable.
const LONG_TURN_BUDGET: u32 = 2;

/// Kinds above this are the node's own, and may need more than delivery.
const KIND_LAST: u16 = 255;

/// What is to be done with the service after its turn.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum After {
    /// Nothing waits for it.
    Rests,
    /// Messages wait: back into a run queue.
    Again,
    /// It has ended; the slot is free.
    Ended,
}

/// Runs one turn of a service taken from a run queue, and charges it with the time.
pub(crate) fn run(
    service: &'static Service,
    seat: Option<&'static Seat>,
    watch: &mut Stopwatch,
) -> After {
    let (module, instance, budget) = {
        // SAFETY: the service was taken out of the one queue it was in, so this thread has its turn.
        let turn = unsafe { service.turn() };
        (
            turn.module.expect("a scheduled service has a module"),
            turn.instance,
            turn.cost.budget(),
        )
    };
    let receiver = Receiver {
        service,
        context: service.context(),
        module,
        instance,
        seat,
    };
    let began = watch.now();
    service.usage.turn_began.store(began, Ordering::Relaxed);
    if let Some(seat) = seat {
        seat.begin_turn(began, budget <= LONG_TURN_BUDGET);
    }
    let handle = receiver.context.handle;
    let handled = current::turn(service, handle, seat, module.plugin, || {
        deliver_some(&receiver, budget)
    });
    let is_long = seat.is_some_and(|seat| seat.open.load(Ordering::Relaxed));
    add_own(&service.usage.messages, u64::from(handled.messages));
    // SAFETY: the turn is still ours, and its callbacks are over.
    watch.charge(
        service,
        unsafe { service.turn() },
        handled.messages,
        is_long,
    );
    service.usage.turn_began.store(0, Ordering::Relaxed);
    // A release is a part of the turn: it may take long too.
    let after = settle(service, handled);
    if let Some(seat) = seat {
        seat.end_turn();
    }
    after
}

fn settle(service: &'static Service, handled: Handled) -> After {
    let mailbox = service.mailbox();
    let rests = if handled.lone {
        if service.is_ending() || !mailbox.rest_after() {
            // SAFETY: the turn is still ours.
            put_pending(service, unsafe { service.turn() }, mailbox.take_after());
            false
        } else {
            true
        }
    } else {
        // SAFETY: as above.
        let left = unsafe { service.turn() }.pending.len();
        if service.is_ending() || left != 0 || !mailbox.rest() {
            mailbox.delivered(handled.messages, left);
            false
        } else {
            true
        }
    };
    if !rests && service.is_ending() {
        end::end(service);
        return After::Ended;
    }
    // Somebody who ended it just before it came to rest found it scheduled and left the rest to us.
    if !rests || (service.is_ending() && mailbox.schedule()) {
        return After::Again;
    }
    After::Rests
}

/// What a turn did.
struct Handled {
    messages: u32,
    /// It was the mailbox's lone message.
    lone: bool,
}

/// A service in its turn, and where that is. Not passed by reference: the compiler keeps it in registers.
#[derive(Clone, Copy)]
struct Receiver {
    service: &'static Service,
    context: Context,
    module: &'static LoadedModule,
    instance: *mut c_void,
    seat: Option<&'static Seat>,
}

#[inline]
fn deliver_some(receiver: &Receiver, budget: u32) -> Handled {
    let service = receiver.service;
    let mut handled = Handled {
        messages: 0,
        lone: false,
    };
    if service.is_ending() {
        return handled;
    }
    // SAFETY: between two deliveries nobody else uses the turn.
    let mut next = if unsafe { service.turn() }.pending.is_empty() {
        let lone = service.mailbox().lone();
        handled.lone = lone.is_some();
        lone.or_else(|| {
            // SAFETY: as above.
            let turn = unsafe { service.turn() };
            put_pending(service, turn, service.mailbox().take());
            turn.pending.next()
        })
    } else {
        // SAFETY: as above.
        unsafe { service.turn() }.pending.next()
    };
    while let Some(letter) = next {
        receiver.take(letter);
        handled.messages += 1;
        if handled.lone || handled.messages == budget || service.is_ending() {
            break;
        }
        // SAFETY: as above.
        next = unsafe { service.turn() }.pending.next();
    }
    handled
}

/// New messages out of the mailbox, once those from before are delivered.
fn put_pending(service: &Service, turn: &mut Turn, batch: Batch) {
    turn.pending = batch;
    let waiting = turn.pending.len();
    if waiting >= turn.overload_mark {
        warn_of_overload(service, turn, waiting);
    } else if waiting <= 1 {
        turn.overload_mark = OVERLOAD_FIRST;
    }
}

#[cold]
fn warn_of_overload(service: &Service, turn: &mut Turn, waiting: u32) {
    while waiting >= turn.overload_mark {
        turn.overload_mark = turn.overload_mark.saturating_mul(2);
    }
    node().log.warn(
        service.handle(),
        &format!("May overload, message queue length = {waiting}"),
    );
}

impl Receiver {
    /// Delivers one message, or does what else it asks for.
    #[inline(always)]
    fn take(&self, letter: Letter) {
        if let Some(seat) = self.seat {
            seat.source.store(letter.source, Ordering::Relaxed);
        }
        let is_plain = letter.kind <= KIND_LAST
            && u32::from(letter.flags) & !FLAG_SHARED == 0
            && letter.destination == self.context.handle
            && !self.service.traced.load(Ordering::Relaxed);
        if is_plain {
            return self.deliver(letter, None);
        }
        if let Some((letter, name)) = prepare(self.service, self.context, letter) {
            self.deliver(letter, name.as_deref());
        }
    }

    #[inline(always)]
    fn deliver(&self, letter: Letter, name: Option<&[u8; NAME_SIZE]>) {
        let message = view(&letter, name);
        // Before the call, because a service that keeps its payload may have sent it on or freed it when the call
        // returns.
        let lent = letter.lend(self.context.handle);
        // SAFETY: the instance is what this module's `create` made, the turn is ours, and `message` outlives the call.
        // No reference into the turn is used during the call, where functions of the host make their own.
        let result =
            unsafe { (self.module.deliver)(self.instance, self.context, &raw const message) };
        match result {
            DELIVER_RELEASE => lent.take_back(),
            DELIVER_KEEP => {
                let bytes = lent.give();
                self.service
                    .usage
                    .kept
                    .fetch_add(bytes as i64, Ordering::Relaxed);
            }
            other => {
                lent.take_back();
                fail(self.service, self.context, other);
            }
        }
    }
}

/// Does what a message that is not plain asks for, before it is delivered to the name in it, if it has one. `None`: it
/// is not delivered.
fn prepare(
    service: &'static Service,
    context: Context,
    mut letter: Letter,
) -> Option<(Letter, Option<Box<[u8; NAME_SIZE]>>)> {
    let flags = u32::from(letter.flags);
    if letter.destination != context.handle && !is_carried(context.handle, letter.destination) {
        // The sender found a service that ended, and its slot is ours now.
        send::bounce(letter, REASON_UNKNOWN, "the service has ended");
        return None;
    }
    if letter.kind == KIND_SETTLED {
        // SAFETY: inside the turn; no other reference into it is in use between two deliveries.
        unsafe { service.turn() }
            .debts
            .settle(letter.value as u32, letter.session);
        return None;
    }
    if flags & FLAG_REPLY != 0
        && letter.destination == context.handle
        && !close_call(service, &letter)
    {
        node().stray_replies.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    if letter.kind == KIND_SOCKET as u16 && is_input(u32::from(letter.reason)) {
        node().sockets.handled(letter.session, letter.len);
    }
    if flags & FLAG_CALL != 0 && letter.destination == context.handle {
        // SAFETY: as above.
        unsafe { service.turn() }
            .debts
            .owe(letter.source, letter.session);
    }
    if service.traced.load(Ordering::Relaxed) {
        trace::write(service, &letter);
    }
    let name = letter.take_name();
    Some((letter, name))
}

/// Closes the call that this answers. False: it reaches nobody.
fn close_call(service: &Service, answer: &Letter) -> bool {
    if answer.flags & FLAG_MATCHED != 0 {
        return send::close_matching(service, answer.session, answer.source);
    }
    send::close(service, answer.session)
}

/// The callback panicked, or returned what means nothing.
#[cold]
fn fail(service: &Service, context: Context, result: i32) {
    let text = match result {
        DELIVER_FAILED => String::new(),
        other => format!("its callback returned {other}, which means nothing"),
    };
    service.set_ending(
        context,
        Ending {
            reason: REASON_PANICKED,
            text,
        },
    );
}

/// What a receiver sees of a letter, whose name has been [taken](Letter::take_name) out.
#[inline]
pub(crate) fn view(letter: &Letter, name: Option<&[u8; NAME_SIZE]>) -> Message {
    let mut message = letter.message();
    if let Some(name) = name {
        message.flags |= FLAG_BY_NAME;
        message.name = name.as_ptr();
        message.name_len = NAME_SIZE as u32;
    }
    message
}

/// Whether the socket goes on reading only when such events are handled.
pub(crate) fn is_input(event: u32) -> bool {
    event == SOCKET_DATA || event == SOCKET_UDP
}

/// Whether `receiver` is the harbor service, and carries messages for `destination` (0: for a name).
fn is_carried(receiver: u32, destination: u32) -> bool {
    let node = node();
    node.harbor.load(Ordering::Relaxed) == receiver
        && (destination == 0 || !node.registry.is_local(destination))
}
