//! The node's commands and log, a service's life, and timers.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use skynet_abi::{
    self as abi, Context, OPTION_HARBOR, OPTION_MAILBOX_LIMIT, STATUS_DEAD, STATUS_FAILED,
    STATUS_FULL, STATUS_INVALID, STATUS_NO_MEMORY, STATUS_OK, STATUS_PENDING, Text,
};

use super::{buffers, is_alive, out, text, with_own_turn, write, wrong_turn};
use crate::buffer::Letter;
use crate::clock;
use crate::command;
use crate::config::HarborId;
use crate::current;
use crate::end;
use crate::journal;
use crate::launch;
use crate::mailbox::LIMIT_MAX;
use crate::node::{Node, node};
use crate::send;
use crate::service::{Ending, Service};
use crate::timers::Event;
use crate::worker;

pub(super) unsafe extern "C" fn log(context: Context, level: u32, target: Text, record: Text) {
    let node = node();
    if level > journal::LEVEL.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the plugin vouches for the text, by the ABI.
    let target = unsafe { text(target) };
    // SAFETY: as above.
    let record = unsafe { text(record) };
    node.log
        .record(level.max(1), context.handle, &target, &record);
}

pub(super) unsafe extern "C" fn now() -> u64 {
    clock::now_ns()
}

pub(super) unsafe extern "C" fn text_command(
    context: Context,
    name: Text,
    parameter: Text,
    result: *mut abi::Buffer,
) -> i32 {
    let Some(service) = current::service_of(context) else {
        return wrong_turn(context);
    };
    // SAFETY: the plugin vouches for the text, by the ABI.
    let name = unsafe { text(name) };
    // SAFETY: as above.
    let parameter = unsafe { text(parameter) };
    let (status, answer) = match command::run(service, &name, &parameter) {
        Ok(answer) => (STATUS_OK, answer),
        Err(error) => (error.status(), Some(error.to_string())),
    };
    let answer = answer.map_or(abi::Buffer::NULL, |answer| out(&answer));
    if result.is_null() {
        // SAFETY: made by `out`.
        unsafe { buffers::buffer_free(answer.data) };
    } else {
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(result, answer) };
    }
    status
}

pub(super) unsafe extern "C" fn launch_service(
    context: Context,
    command: Text,
    handle: *mut u32,
    session: *mut i32,
    error: *mut abi::Buffer,
) -> i32 {
    let Some(launcher) = current::service_of(context) else {
        return wrong_turn(context);
    };
    // SAFETY: the plugin vouches for the text, by the ABI.
    let command = unsafe { text(command) };
    match launch::launch(Some(launcher), &command) {
        Ok(launched) => {
            // SAFETY: the plugin vouches for the places, by the ABI.
            unsafe { write(handle, launched.handle) };
            // SAFETY: as above.
            unsafe { write(session, launched.session) };
            if launched.session == 0 {
                STATUS_OK
            } else {
                STATUS_PENDING
            }
        }
        Err(failure) => {
            if !error.is_null() {
                // SAFETY: as above.
                unsafe { write(error, out(&failure.to_string())) };
            }
            STATUS_FAILED
        }
    }
}

pub(super) unsafe extern "C" fn ready(context: Context) -> i32 {
    with_own_turn(context, |service, turn| {
        launch::ready(service, turn);
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn exit(context: Context, reason: u32, why: Text) -> i32 {
    with_own_turn(context, |service, _| {
        // SAFETY: the plugin vouches for the text, by the ABI.
        let text = unsafe { text(why) }.into_owned();
        end::exit(
            service,
            Ending {
                reason: reason & 0xffff,
                text,
            },
        );
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn watch(context: Context, handle: u32) -> i32 {
    if !is_alive(context) {
        return STATUS_DEAD;
    }
    let node = node();
    let own_form = node.registry.own_form(handle);
    if let Some(target) = node.registry.visit(own_form) {
        let mut shared = target.shared();
        // Checked under the lock under which the end collects its watchers.
        if target.handle() == own_form && !target.is_ending() {
            if !shared.watchers.contains(&context) {
                shared.watchers.push(context);
            }
            return STATUS_OK;
        }
        drop(shared);
        // Whoever ends it may not have come so far yet.
        end::unpublish(node, &target, own_form);
    }
    let (reason, text) = no_exit_to_wait_for(node, handle);
    let Ok(mut letter) = Letter::copy(text.as_bytes()) else {
        return STATUS_NO_MEMORY;
    };
    letter.kind = abi::KIND_EXIT as u16;
    letter.source = handle;
    letter.reason = reason as u16;
    if send::post(context.handle, letter) {
        STATUS_OK
    } else {
        STATUS_DEAD
    }
}

/// Why somebody who watches this service is told at once that it has ended.
fn no_exit_to_wait_for(node: &Node, handle: u32) -> (u32, &'static str) {
    if node.registry.is_local(handle) {
        return (abi::REASON_UNKNOWN, "");
    }
    match node.peers.state(handle) {
        abi::PEER_LOST | abi::PEER_ABSENT => (abi::REASON_NODE_LOST, ""),
        _ => (
            abi::REASON_UNSUPPORTED,
            "services of other nodes cannot be watched; their node can",
        ),
    }
}

pub(super) unsafe extern "C" fn unwatch(context: Context, handle: u32) -> i32 {
    let registry = &node().registry;
    let Some(target) = registry.visit(registry.own_form(handle)) else {
        return STATUS_DEAD;
    };
    let mut shared = target.shared();
    let before = shared.watchers.len();
    shared.watchers.retain(|watcher| *watcher != context);
    if shared.watchers.len() < before {
        STATUS_OK
    } else {
        abi::STATUS_NOT_FOUND
    }
}

pub(super) unsafe extern "C" fn set_option(context: Context, option: u32, value: u64) -> i32 {
    with_own_turn(context, |service, _| match option {
        OPTION_MAILBOX_LIMIT => match u32::try_from(value) {
            Ok(limit) => {
                service.set_limit(limit.min(LIMIT_MAX));
                STATUS_OK
            }
            Err(_) => STATUS_INVALID,
        },
        OPTION_HARBOR => become_harbor(node(), service, value),
        _ => STATUS_INVALID,
    })
}

fn become_harbor(node: &Node, service: &Service, id: u64) -> i32 {
    let id = match (u8::try_from(id), node.config.harbor) {
        (Ok(id), HarborId::Fixed(own)) if id == own => id,
        (Ok(id @ 1..), HarborId::Auto) => id,
        _ => return STATUS_INVALID,
    };
    let handle = service.handle();
    let holder = node.harbor.load(Ordering::Relaxed);
    if holder == 0 && !node.registry.take_id(id) {
        return STATUS_INVALID;
    }
    let holder = node
        .harbor
        .compare_exchange(0, handle, Ordering::Relaxed, Ordering::Relaxed);
    match holder {
        Err(holder) if holder != handle => abi::STATUS_EXISTS,
        _ if node.registry.harbor() == u32::from(id) << 24 => STATUS_OK,
        _ => STATUS_INVALID,
    }
}

pub(super) unsafe extern "C" fn blocking_begin(context: Context) -> i32 {
    with_own_turn(context, |_, _| {
        // Without another worker the others wait too.
        let _ = worker::hand_over(node());
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn blocking_end(context: Context) -> i32 {
    // The successor stays, and this thread leaves when its turn ends.
    with_own_turn(context, |_, _| STATUS_OK)
}

pub(super) unsafe extern "C" fn timer_set(
    context: Context,
    delay: u64,
    value: u64,
    timer: *mut u64,
) -> i32 {
    if !is_alive(context) {
        return STATUS_DEAD;
    }
    match node().timers.set(
        delay,
        Event::Timer {
            owner: context,
            value,
        },
    ) {
        Some(id) => {
            // SAFETY: the plugin vouches for the place, by the ABI.
            unsafe { write(timer, id) };
            STATUS_OK
        }
        None => STATUS_FULL,
    }
}

pub(super) unsafe extern "C" fn timer_cancel(context: Context, timer: u64) -> i32 {
    if is_alive(context) && node().timers.cancel(timer) {
        STATUS_OK
    } else {
        STATUS_DEAD
    }
}
