//! The function table of the fake node.
#![allow(unsafe_code)]

mod messages;
mod network;
mod services;
mod sockets;
mod turns;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skynet_abi as abi;
use skynet_abi::{Context, STATUS_DEAD, STATUS_OK, STATUS_WRONG_TURN, Text};

use super::{LogRecord, commands, count, current_node, memory};
use crate::testing::state::State;
use crate::{Buffer, Handle};

pub(super) use turns::{Instance, create, deliver, retire, signal};

/// A fake node, shared with the threads that its services make.
pub(super) type Shared = Arc<Mutex<State>>;

static NODES: Mutex<BTreeMap<u32, Shared>> = Mutex::new(BTreeMap::new());
static LEVEL: AtomicU32 = AtomicU32::new(abi::LEVEL_TRACE);

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a node that the functions find by the generation of contexts.
pub(super) fn add_node() -> (u32, Shared) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let generation = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let node = Arc::new(Mutex::new(State::new(generation)));
    lock(&NODES).insert(generation, Arc::clone(&node));
    (generation, node)
}

pub(super) fn remove_node(generation: u32) {
    let node = lock(&NODES).remove(&generation);
    drop(node);
}

fn find(context: Context) -> Option<Shared> {
    lock(&NODES).get(&context.generation).cloned()
}

/// Works on the context's node, if its service lives.
fn with<R>(context: Context, dead: R, f: impl FnOnce(&mut State) -> R) -> R {
    let Some(node) = find(context) else {
        return dead;
    };
    let mut state = lock(&node);
    if !state.is_alive(context.handle) {
        return dead;
    }
    f(&mut state)
}

/// As [`with`], in the service's own turn.
fn own_turn(context: Context, f: impl FnOnce(&mut State) -> i32) -> i32 {
    with(context, STATUS_DEAD, |state| {
        if state.is_turn(context.handle) {
            f(state)
        } else {
            STATUS_WRONG_TURN
        }
    })
}

/// # Safety
/// `text` is valid for the call.
unsafe fn bytes<'a>(text: Text) -> &'a [u8] {
    if text.data.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(text.data, text.len) }
}

/// # Safety
/// `text` is valid for the call.
unsafe fn string(text: Text) -> String {
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(unsafe { bytes(text) }).into_owned()
}

/// # Safety
/// `place` is null or writable.
unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller's promise.
        unsafe { place.write(value) };
    }
}

/// # Safety
/// `place` is null or writable.
unsafe fn put_text(place: *mut abi::Buffer, text: &str) {
    if place.is_null() {
        return;
    }
    let mut buffer = Buffer::with_capacity(text.len().max(1));
    buffer.extend_from_slice(text.as_bytes());
    let (data, len, _) = buffer.into_raw();
    // SAFETY: the caller's promise.
    unsafe { place.write(abi::Buffer { data, len }) };
}

unsafe extern "C" fn log(context: Context, level: u32, target: Text, text: Text) {
    count("log");
    let record = LogRecord {
        level,
        handle: Handle(context.handle),
        // SAFETY: borrowed for the call.
        target: unsafe { string(target) },
        // SAFETY: borrowed for the call.
        text: unsafe { string(text) },
    };
    let node = find(context).or_else(|| {
        find(Context {
            handle: 0,
            generation: current_node(),
        })
    });
    match node {
        Some(node) => lock(&node).logs.push(record),
        // A thread of nobody's: it may be any node's.
        None if context.generation == 0 => {
            let nodes: Vec<_> = lock(&NODES).values().cloned().collect();
            for node in nodes {
                lock(&node).logs.push(record.clone());
            }
        }
        None => {}
    }
}

unsafe extern "C" fn now() -> u64 {
    count("now");
    let context = Context {
        handle: 0,
        generation: current_node(),
    };
    find(context).map_or(0, |node| lock(&node).now)
}

unsafe extern "C" fn command(
    context: Context,
    command: Text,
    parameter: Text,
    result: *mut abi::Buffer,
) -> i32 {
    count("command");
    // SAFETY: borrowed for the call.
    let command = unsafe { string(command) };
    // SAFETY: borrowed for the call.
    let parameter = unsafe { string(parameter) };
    let mut answer = None;
    let mut target = None;
    let status = own_turn(context, |state| {
        if command == "SIGNAL" {
            target = commands::signal_target(state, &parameter);
            return STATUS_OK;
        }
        let (status, text) = commands::run(state, context.handle, &command, &parameter);
        answer = text;
        status
    });
    if let (Some((instance, module, handle, number)), Some(node)) = (target, find(context)) {
        signal(&node, instance, &module, handle, number);
    }
    match answer {
        // SAFETY: the caller's place.
        Some(text) => unsafe { put_text(result, &text) },
        // SAFETY: the caller's place.
        None => unsafe { put(result, abi::Buffer::NULL) },
    }
    status
}

unsafe extern "C" fn timer_set(context: Context, delay: u64, value: u64, timer: *mut u64) -> i32 {
    count("timer_set");
    with(context, STATUS_DEAD, |state| {
        let id = state.set_timer(context.handle, delay, value);
        // SAFETY: the caller's place.
        unsafe { put(timer, id) };
        STATUS_OK
    })
}

unsafe extern "C" fn timer_cancel(context: Context, timer: u64) -> i32 {
    count("timer_cancel");
    with(context, STATUS_DEAD, |state| {
        if state.cancel_timer(context.handle, timer) {
            STATUS_OK
        } else {
            STATUS_DEAD
        }
    })
}

/// Installs the table in the SDK. False when a real node's is there.
pub(super) fn install() -> bool {
    crate::host::install(table())
}

fn table() -> abi::Host {
    abi::Host {
        prelude: abi::Prelude::new(size_of::<abi::Host>()),
        log_level: LEVEL.as_ptr(),
        buffer_alloc: Some(memory::buffer_alloc),
        buffer_grow: Some(memory::buffer_grow),
        buffer_capacity: Some(memory::buffer_capacity),
        buffer_free: Some(memory::buffer_free),
        buffer_ref: Some(memory::buffer_ref),
        buffer_unique: Some(memory::buffer_unique),
        send: Some(messages::send),
        send_many: Some(messages::send_many),
        wake: Some(messages::wake),
        node_lost: Some(network::node_lost),
        log: Some(log),
        now: Some(now),
        command: Some(command),
        launch: Some(services::launch),
        ready: Some(services::ready),
        exit: Some(services::exit),
        watch: Some(services::watch),
        unwatch: Some(services::unwatch),
        set_option: Some(services::set_option),
        blocking_begin: Some(services::blocking_begin),
        blocking_end: Some(services::blocking_end),
        timer_set: Some(timer_set),
        timer_cancel: Some(timer_cancel),
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
        call_moved: Some(network::call_moved),
        peer_state: Some(network::peer_state),
    }
}
