//! The table of functions that plugins call: the boundary's inner side.
//!
//! Every function here takes what a plugin gave, checks it, and calls the safe runtime. Pointers must point where the
//! ABI says; numbers, lengths, texts, handles and ids may be anything.
#![allow(unsafe_code)]

mod buffers;
mod messages;
mod services;
mod sockets;

use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use skynet_abi::{self as abi, Context, Host, Prelude, STATUS_DEAD, STATUS_WRONG_TURN, Text};

use crate::buffer::Buffer;
use crate::current;
use crate::node::node;
use crate::send::Sender;
use crate::service::{Service, Turn};

pub(crate) use sockets::SocketEvents;

/// Larger payloads are refused: nothing that long can be meant.
const MAX_PAYLOAD: usize = 1 << 40;

struct Table(Host);

// SAFETY: the only raw pointer leads to an atomic of the node, which lives as long as the process.
unsafe impl Sync for Table {}
// SAFETY: as above.
unsafe impl Send for Table {}

static TABLE: OnceLock<Table> = OnceLock::new();

/// The table of the node whose log level lies at `log_level`.
pub(crate) fn table(log_level: &'static AtomicU32) -> &'static Host {
    &TABLE
        .get_or_init(|| {
            Table(Host {
                prelude: Prelude::new(size_of::<Host>()),
                log_level: log_level.as_ptr(),
                buffer_alloc: Some(buffers::buffer_alloc),
                buffer_grow: Some(buffers::buffer_grow),
                buffer_capacity: Some(buffers::buffer_capacity),
                buffer_free: Some(buffers::buffer_free),
                buffer_ref: Some(buffers::buffer_ref),
                buffer_unique: Some(buffers::buffer_unique),
                send: Some(messages::send),
                send_many: Some(messages::send_many),
                wake: Some(messages::wake),
                node_lost: Some(messages::node_lost),
                log: Some(services::log),
                now: Some(services::now),
                command: Some(services::text_command),
                launch: Some(services::launch_service),
                ready: Some(services::ready),
                exit: Some(services::exit),
                watch: Some(services::watch),
                unwatch: Some(services::unwatch),
                set_option: Some(services::set_option),
                blocking_begin: Some(services::blocking_begin),
                blocking_end: Some(services::blocking_end),
                timer_set: Some(services::timer_set),
                timer_cancel: Some(services::timer_cancel),
                socket_listen: Some(sockets::socket_listen),
                socket_connect: Some(sockets::socket_connect),
                socket_start: Some(sockets::socket_start),
                socket_pause: Some(sockets::socket_pause),
                socket_write: Some(sockets::socket_write),
                socket_close: Some(sockets::socket_close),
                socket_shutdown: Some(sockets::socket_shutdown),
                socket_set: Some(sockets::socket_set),
                socket_udp: Some(sockets::socket_udp),
                socket_udp_connect: Some(sockets::socket_udp_connect),
                socket_send_to: Some(sockets::socket_send_to),
                call_moved: Some(messages::call_moved),
                peer_state: Some(messages::peer_state),
            })
        })
        .0
}

/// # Safety
/// `data` is readable for `len` bytes, unless `len` is 0.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: the plugin vouches for the range, by the ABI.
    unsafe { std::slice::from_raw_parts(data, len) }
}

/// # Safety
/// As the ABI says of texts.
unsafe fn text<'a>(text: Text) -> std::borrow::Cow<'a, str> {
    // SAFETY: passed on.
    String::from_utf8_lossy(unsafe { bytes(text.data, text.len) })
}

/// # Safety
/// `target` is null or writable.
unsafe fn write<T>(target: *mut T, value: T) {
    if !target.is_null() {
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { target.write(value) };
    }
}

/// A text for the plugin, which frees it.
fn out(value: &str) -> abi::Buffer {
    match Buffer::concat(&[value.as_bytes(), b"\0"]) {
        Ok(buffer) => abi::Buffer {
            data: buffer.into_raw().as_ptr(),
            len: value.len(),
        },
        Err(_) => abi::Buffer::NULL,
    }
}

/// A buffer that the plugin owns.
///
/// # Safety
/// As the ABI says of owned buffers.
unsafe fn owned(data: NonNull<u8>) -> Buffer {
    // SAFETY: the plugin vouches for it.
    let buffer = unsafe { Buffer::from_raw(data) };
    if let Some((keeper, bytes)) = buffer.take_kept() {
        uncount(keeper, bytes);
    }
    buffer
}

/// So many of the bytes that a service had kept are kept no more, mostly by its own doing.
fn uncount(keeper: u32, bytes: usize) {
    let uncount = |service: &Service| {
        service
            .usage
            .kept
            .fetch_sub(bytes as i64, Ordering::Relaxed);
    };
    if let Some(service) = current::service_with(keeper) {
        uncount(service);
    } else if let Some(service) = node().registry.visit(keeper) {
        uncount(&service);
    }
}

fn with_own_turn(context: Context, body: impl FnOnce(&'static Service, &mut Turn) -> i32) -> i32 {
    match current::service_of(context) {
        // SAFETY: this thread is inside a callback of the service, during which nobody else uses the turn.
        Some(service) => body(service, unsafe { service.turn() }),
        None => wrong_turn(context),
    }
}

fn wrong_turn(context: Context) -> i32 {
    if node().find(context).is_some() {
        STATUS_WRONG_TURN
    } else {
        STATUS_DEAD
    }
}

#[inline]
fn with_sender(context: Context, body: impl FnOnce(&mut Sender<'_>) -> i32) -> i32 {
    if let Some(service) = current::service_of(context) {
        // SAFETY: see `with_own_turn`.
        let turn = unsafe { service.turn() };
        return body(&mut Sender::OwnTurn(service, turn));
    }
    match node().find(context) {
        Some(service) => body(&mut Sender::Elsewhere(service)),
        None => STATUS_DEAD,
    }
}

/// Whether the service that `context` names is alive or in its last turn.
fn is_alive(context: Context) -> bool {
    current::service_of(context).is_some() || node().find(context).is_some()
}

/// The next session of a service in its own turn.
pub(crate) fn next_session(service: &'static Service) -> i32 {
    // SAFETY: callers are in a callback of the service, in which nobody else uses the turn.
    unsafe { service.turn() }.next_session()
}

/// Calls a service's `signal`, at the same time as whatever it does.
pub(crate) fn signal(service: &Service, handle: u32, number: i32) {
    let _gate = service
        .signal_gate
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((module, instance)) = service.signal_target() else {
        return;
    };
    // The slot may have another life by now, or this one may be ending.
    let context = service.context();
    if context.handle != handle || node().find(context).is_none() {
        return;
    }
    if let Some(hook) = module.signal {
        // SAFETY: the instance is the module's, and the gate keeps it from being released meanwhile.
        unsafe { hook(instance, context, number) };
    }
}
