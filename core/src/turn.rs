//! A turn: one service handles a budget of messages, then makes room for others.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use skynet_abi::{
    Context, DELIVER_FAILED, DELIVER_KEEP, DELIVER_RELEASE, FLAG_BY_NAME, FLAG_CALL, FLAG_REPLY,
    KIND_SOCKET, NAME_SIZE, REASON_PANICKED, REASON_UNKNOWN, SOCKET_DATA, SOCKET_UDP,
};

use crate::buffer::Letter;
use crate::clock;
use crate::current;
use crate::end;
use crate::node::node;
use crate::scheduler::Seat;
use crate::send::{self, KIND_SETTLED};
use crate::service::{Ending, OVERLOAD_FIRST, Service, add_own};
use crate::trace;

/// How long a turn should take at most, as far as the cost of a service's messages can be foreseen.
const TURN_NS: u64 = 100_000;
/// The most messages in one turn.
const BUDGET_MAX: u32 = 256;
/// A service of which so few messages fit into a turn keeps its worker long enough for others to take even a lone
/// service that it makes runnable.
const LONG_TURN_BUDGET: u32 = 2;

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

/// Runs one turn of a service taken from a run queue. `began` is the clock's time now; returns the time after it.
pub(crate) fn run(
    service: &'static Service,
    seat: Option<&'static Seat>,
    began: u64,
) -> (After, u64) {
    let (module, budget) = {
        // SAFETY: the service was taken out of the one queue it was in, so this thread has its turn.
        let turn = unsafe { service.turn() };
        (
            turn.module.expect("a scheduled service has a module"),
            turn.budget,
        )
    };
    service.usage.turn_began.store(began, Ordering::Relaxed);
    if let Some(seat) = seat {
        seat.begin_turn(began, budget <= LONG_TURN_BUDGET);
    }
    let handled = current::within(service, module.plugin, || {
        deliver_some(service, seat, budget)
    });
    let ended = clock::turn_ns();
    account(service, began, ended, handled);
    // A release is a part of the turn: it may take long too.
    let after = settle(service, handled);
    if let Some(seat) = seat {
        seat.end_turn();
    }
    (after, ended)
}

fn settle(service: &'static Service, handled: u32) -> After {
    if service.is_ending() {
        end::end(service);
        return After::Ended;
    }
    // SAFETY: the turn is still ours.
    let left = unsafe { service.turn() }.pending.len();
    if left != 0 || !service.mailbox().rest() {
        service.mailbox().delivered(handled, left);
        return After::Again;
    }
    // Somebody who ended it just before `rest` found it scheduled and left the rest to us.
    if service.is_ending() && service.mailbox().schedule() {
        return After::Again;
    }
    After::Rests
}

fn deliver_some(service: &'static Service, seat: Option<&'static Seat>, budget: u32) -> u32 {
    let context = service.context();
    let mut handled = 0;
    take(service);
    while handled < budget && !service.is_ending() {
        // SAFETY: between two deliveries nobody else uses the turn.
        let Some(letter) = unsafe { service.turn() }.pending.next() else {
            break;
        };
        if let Some(seat) = seat {
            seat.source.store(letter.source, Ordering::Relaxed);
        }
        deliver(service, context, letter);
        handled += 1;
    }
    handled
}

/// Takes new messages out of the mailbox once those from before are delivered.
fn take(service: &Service) {
    // SAFETY: called at the begin of a turn, where nobody else uses it.
    let turn = unsafe { service.turn() };
    if !turn.pending.is_empty() {
        return;
    }
    turn.pending = service.mailbox().take();
    let waiting = turn.pending.len();
    if waiting >= turn.overload_mark {
        while waiting >= turn.overload_mark {
            turn.overload_mark = turn.overload_mark.saturating_mul(2);
        }
        node().log.warn(
            service.handle(),
            &format!("May overload, message queue length = {waiting}"),
        );
    } else if waiting <= 1 {
        turn.overload_mark = OVERLOAD_FIRST;
    }
}

fn deliver(service: &'static Service, context: Context, mut letter: Letter) {
    let flags = u32::from(letter.flags);
    if letter.destination != context.handle && !is_harbor(context.handle) {
        // The sender found a service that ended, and its slot is ours now.
        return send::bounce(letter, REASON_UNKNOWN, "the service has ended");
    }
    if letter.kind == KIND_SETTLED {
        // SAFETY: inside the turn; no other reference into it is in use between two deliveries.
        unsafe { service.turn() }
            .debts
            .settle(letter.value as u32, letter.session);
        return;
    }
    if flags & FLAG_REPLY != 0
        && letter.destination == context.handle
        && !send::close(service, letter.session)
    {
        node().stray_replies.fetch_add(1, Ordering::Relaxed);
        return;
    }
    if letter.kind == KIND_SOCKET as u16 && is_input(u32::from(letter.reason)) {
        node().sockets.handled(letter.session, letter.len);
    }
    let (module, instance) = {
        // SAFETY: as above.
        let turn = unsafe { service.turn() };
        if flags & FLAG_CALL != 0 && letter.destination == context.handle {
            turn.debts.owe(letter.source, letter.session);
        }
        if service.traced.load(Ordering::Relaxed) {
            trace::write(service, &letter);
        }
        (
            turn.module.expect("a running service has a module"),
            turn.instance,
        )
    };
    let name = letter.take_name();
    let mut message = letter.message();
    if let Some(name) = &name {
        message.flags |= FLAG_BY_NAME;
        message.name = name.as_ptr();
        message.name_len = NAME_SIZE as u32;
    }
    // Before the call, because a service that keeps its payload may have sent it on or freed it when the call returns.
    let lent = letter.lend(context.handle);
    // SAFETY: the instance is what this module's `create` made, the turn is ours, and `message` outlives the call. No
    // reference into the turn is used during the call, where functions of the host make their own.
    let result = unsafe { (module.deliver)(instance, context, &raw const message) };
    match result {
        DELIVER_RELEASE => lent.take_back(),
        DELIVER_KEEP => {
            let bytes = lent.give();
            service
                .usage
                .kept
                .fetch_add(bytes as i64, Ordering::Relaxed);
        }
        other => {
            lent.take_back();
            let text = match other {
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
    }
}

/// Whether the socket goes on reading only when such events are handled.
pub(crate) fn is_input(event: u32) -> bool {
    event == SOCKET_DATA || event == SOCKET_UDP
}

fn is_harbor(handle: u32) -> bool {
    node().harbor.load(Ordering::Relaxed) == handle
}

fn account(service: &Service, began: u64, ended: u64, handled: u32) {
    let spent = ended.saturating_sub(began);
    add_own(&service.usage.messages, u64::from(handled));
    add_own(&service.usage.worker_ns, spent);
    service.usage.turn_began.store(0, Ordering::Relaxed);
    if handled != 0 {
        // SAFETY: the turn is still ours, and its callbacks are over.
        let turn = unsafe { service.turn() };
        // Half of what was measured, half of what was assumed. Short callbacks need no division to see that all fit.
        let is_short = spent <= u64::from(handled) * (TURN_NS / u64::from(BUDGET_MAX));
        let fits = if is_short {
            BUDGET_MAX
        } else {
            (TURN_NS * u64::from(handled) / spent) as u32
        };
        turn.budget = (turn.budget + fits).div_ceil(2).clamp(1, BUDGET_MAX);
    }
}
