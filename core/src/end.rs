//! The end of a service: nobody waits on it in vain, and nothing of it is left.
#![allow(unsafe_code)]

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use skynet_abi::{
    KIND_EXIT, REASON_DEAD, REASON_KILLED, REASON_NODE_LOST, REASON_NONE, reason_text,
};

use crate::buffer::Letter;
use crate::current;
use crate::node::{Node, node};
use crate::send;
use crate::service::{Ending, Service};

/// Makes a service end: at once it can no longer be found, and it is released as soon as its turn allows. False: there
/// is no such service, or it is ending already.
pub(crate) fn kill(handle: u32, ending: Ending) -> bool {
    let node = node();
    let Some(service) = node.registry.visit(handle) else {
        return false;
    };
    let context = service.context();
    if context.handle != handle {
        return false;
    }
    if !service.set_ending(context, ending) {
        // Somebody else does the rest; but who is told that it is gone must not reach it any more.
        unpublish(node, &service, handle);
        return false;
    }
    unpublish(node, &service, handle);
    // Its turn may be kept by messages for another node.
    node.peers.wake();
    match service.found().schedule() {
        Some(service) => node.schedule(service),
        // In its turn, or soon to be; if that turn never ends, its callers must be told all the same.
        None => node.monitor.watch_killed(context),
    }
    true
}

/// The service ends when its turn does. For whoever holds the turn. False: it is ending already.
pub(crate) fn exit(service: &'static Service, ending: Ending) -> bool {
    let context = service.context();
    let is_first = service.set_ending(context, ending);
    if is_first {
        unpublish(node(), service, context.handle);
    }
    is_first
}

/// Takes a service that is ending out of the tables, which must be done before anybody is told. More than one may do so.
pub(crate) fn unpublish(node: &Node, service: &Service, handle: u32) {
    node.registry.remove(service, handle);
    if service.has_names.load(Ordering::SeqCst) {
        node.names.unbind(handle);
    }
}

/// Releases a service whose turn this thread holds.
pub(crate) fn end(service: &'static Service) {
    let node = node();
    let handle = service.handle();
    let context = service.context();
    service.set_ending(context, Ending::default());
    unpublish(node, service, handle);
    let ending = service.shared().ending.clone().unwrap_or_default();
    let reason = if ending.reason == REASON_NONE {
        REASON_DEAD
    } else {
        ending.reason
    };

    answer_all(service, handle, reason, &ending.text);
    release_instance(service);
    // The release may have sent to itself or received meanwhile.
    answer_all(service, handle, reason, &ending.text);

    let (calls, watchers) = {
        let mut shared = service.shared();
        (
            shared.calls.drain().collect::<Vec<_>>(),
            std::mem::take(&mut shared.watchers),
        )
    };
    for call in calls.into_iter().filter(|call| call.timer != 0) {
        node.timers.cancel(call.timer);
    }
    if service.has_sockets.load(Ordering::Relaxed) {
        node.sockets.close_owned(context);
    }
    if node.harbor.load(Ordering::Relaxed) == handle {
        node.harbor.store(0, Ordering::Relaxed);
        node.peers.reset();
        fail_remote_calls(node);
    }
    for watcher in watchers {
        if node.find(watcher).is_some() {
            post_exit(watcher.handle, handle, &ending);
        }
    }
    let monitor = node.exit_monitor.load(Ordering::Relaxed);
    if monitor != 0 && monitor != handle {
        post_exit(monitor, handle, &ending);
    }
    service.finish();
    if node.registry.recycle(service) == 0 {
        node.stop.request("the last service has ended", false);
    }
}

fn release_instance(service: &'static Service) {
    // SAFETY: the caller of `end` holds the turn.
    let turn = unsafe { service.turn() };
    let (Some(module), instance) = (turn.module.take(), turn.instance) else {
        return;
    };
    let _gate = service
        .signal_gate
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    service.set_signal_target(None);
    current::within(service, module.plugin, || {
        // SAFETY: `instance` is what this module's `create` made; it is released once, since the module was taken.
        unsafe { (module.release)(instance, service.context()) };
    });
}

/// Closes the mailbox and gives every call that the service has not answered an error.
fn answer_all(service: &'static Service, handle: u32, reason: u32, text: &str) {
    // SAFETY: the caller of `end` holds the turn.
    let turn = unsafe { service.turn() };
    let pending = std::mem::replace(&mut turn.pending, crate::mailbox::Batch::EMPTY);
    for letter in pending.chain(service.mailbox().close()) {
        send::bounce(letter, reason, text);
    }
    for (caller, session) in turn.debts.drain().collect::<Vec<_>>() {
        send::post_error(handle, caller, session, reason, text);
    }
    if let Some((caller, session)) = turn.starting.take() {
        let command = service.shared().command.clone();
        node().log.error(
            handle,
            &format!("launch {command} FAILED: {}", why(reason, text)),
        );
        send::post_error(handle, caller, session, reason, text);
    }
}

fn post_exit(to: u32, handle: u32, ending: &Ending) {
    let Ok(mut letter) = Letter::copy(ending.text.as_bytes()) else {
        return;
    };
    letter.kind = KIND_EXIT as u16;
    letter.source = handle;
    letter.reason = ending.reason as u16;
    send::post(to, letter);
}

/// Fails the calls of all services that wait on a callee that `is_lost` picks; returns how many.
pub(crate) fn fail_calls(is_lost: impl Fn(u32) -> bool, reason: u32, text: &str) -> usize {
    let mut failed = 0;
    for service in node().registry.services().iter() {
        let caller = service.handle();
        for (session, callee) in service.shared().calls.waiting_on(&is_lost) {
            send::post_error(callee, caller, session, reason, text);
            failed += 1;
        }
    }
    failed
}

/// Nobody carries answers of other nodes any more: fails the calls to them, and those to global names.
fn fail_remote_calls(node: &Node) {
    fail_calls(
        |callee| callee == 0 || !node.registry.is_local(callee),
        REASON_NODE_LOST,
        "the harbor service has ended",
    );
}

/// A killed service that does not leave its callback: tells those who wait on it.
pub(crate) fn abandon(handle: u32) {
    let node = node();
    if node.harbor.load(Ordering::Relaxed) == handle {
        fail_remote_calls(node);
    }
    fail_calls(
        |callee| callee == handle,
        REASON_KILLED,
        "the service was killed and has not left its callback",
    );
}

fn why(reason: u32, text: &str) -> &str {
    if text.is_empty() {
        reason_text(reason)
    } else {
        text
    }
}
