//! What must hold once a service has ended.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use skynet_service::{Context, Handle, KIND_TEXT};

use crate::promises::violation;

/// The contexts of services that live, kept beyond their ends.
static CONTEXTS: LazyLock<Mutex<HashMap<u32, Context>>> = LazyLock::new(Mutex::default);

/// The service lives.
pub(crate) fn born(cx: &Context) {
    CONTEXTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(cx.handle().0, cx.clone());
}

/// The node says that `handle` has ended: neither can it be reached any more, nor can anything be done in its name.
pub(crate) fn check(cx: &Context, handle: Handle) {
    let dead = CONTEXTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&handle.0);
    let fails = |text: &str| {
        violation(
            cx,
            "dead",
            handle.0,
            format_args!("{handle} has ended {text}"),
        )
    };
    if cx.send(handle, KIND_TEXT, "are you there?").is_ok() {
        fails("and takes messages");
    }
    let Some(dead) = dead else { return };
    if dead.wake(1) {
        fails("and is woken");
    }
    if dead.send(cx.handle(), KIND_TEXT, "I am not").is_ok() {
        fails("and sends messages");
    }
}
