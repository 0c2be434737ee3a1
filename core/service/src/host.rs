//! The node's table of functions, one thin wrapper each.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use skynet_abi as abi;
use skynet_abi::{STATUS_OK, STATUS_UNSUPPORTED, Text};

use crate::buffer::Buffer;

struct Table(abi::Host);

// SAFETY: functions, numbers and a pointer to an atomic that lives as long as the process; the ABI says of each
// function which thread may call it, and the node checks.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

static TABLE: OnceLock<Table> = OnceLock::new();

/// Installs the node's table, once per process. Returns false when a different one is there already.
pub(crate) fn install(host: abi::Host) -> bool {
    let installed = TABLE.get_or_init(|| Table(host));
    ptr::eq(installed.0.log_level, host.log_level)
}

/// Copies and installs the table that `host` points to.
///
/// # Safety
/// As [`abi::Host::adopt`].
pub(crate) unsafe fn adopt(host: *const abi::Host) -> Result<bool, abi::Mismatch> {
    // SAFETY: the caller's promise.
    let table = unsafe { abi::Host::adopt(host) }?;
    Ok(install(table))
}

#[inline]
fn table() -> &'static abi::Host {
    match TABLE.get() {
        Some(table) => &table.0,
        None => panic!(
            "there is no node: this works in a loaded plugin, or in a test after testing::Node::new()"
        ),
    }
}

/// Whether there is a node to speak to.
pub(crate) fn is_installed() -> bool {
    TABLE.get().is_some()
}

/// The node's log level, 0 when there is no node.
#[inline]
pub(crate) fn log_level() -> u32 {
    let Some(table) = TABLE.get() else { return 0 };
    // SAFETY: the ABI says that the pointer, if any, is to an atomic that lives as long as the process.
    let level = unsafe { table.0.log_level.cast::<AtomicU32>().as_ref() };
    // Relaxed: a change may be seen a little later, nothing else depends on it.
    level.map_or(0, |level| level.load(Ordering::Relaxed))
}

/// Calls an entry, or gives `$absent` on a node that does not have it.
macro_rules! call {
    ($entry:ident($($argument:expr),* $(,)?) else $absent:expr) => {
        match table().$entry {
            // SAFETY: arguments are as the ABI wants them: values, texts and pointers to places that outlive the call
            // (the wrappers that take a pointer themselves say what they need of it).
            Some(function) => unsafe { function($($argument),*) },
            None => $absent,
        }
    };
    ($entry:ident($($argument:expr),* $(,)?)) => { call!($entry($($argument),*) else STATUS_UNSUPPORTED) };
}

// Buffers.

#[inline]
pub(crate) fn buffer_alloc(capacity: usize) -> Option<NonNull<u8>> {
    NonNull::new(call!(buffer_alloc(capacity) else ptr::null_mut()))
}

/// # Safety
/// `data` is a buffer that the caller owns alone, of which `len` bytes are in use; void if one is returned.
pub(crate) unsafe fn buffer_grow(
    data: NonNull<u8>,
    len: usize,
    capacity: usize,
) -> Option<NonNull<u8>> {
    NonNull::new(call!(buffer_grow(data.as_ptr(), len, capacity) else ptr::null_mut()))
}

/// # Safety
/// `data` is a buffer that the caller owns.
#[inline]
pub(crate) unsafe fn buffer_capacity(data: NonNull<u8>) -> usize {
    call!(buffer_capacity(data.as_ptr()) else 0)
}

/// # Safety
/// `data` is a buffer that the caller owns, and owns no longer.
#[inline]
pub(crate) unsafe fn buffer_free(data: NonNull<u8>) {
    call!(buffer_free(data.as_ptr()) else ());
}

/// # Safety
/// `data` is a buffer that the caller owns; nobody writes to it any more.
pub(crate) unsafe fn buffer_ref(data: NonNull<u8>) -> Option<NonNull<u8>> {
    NonNull::new(call!(buffer_ref(data.as_ptr()) else ptr::null_mut()))
}

/// # Safety
/// `data` is a buffer that the caller owns, of which `len` bytes are in use; void if one is returned.
pub(crate) unsafe fn buffer_unique(data: NonNull<u8>, len: usize) -> Option<NonNull<u8>> {
    NonNull::new(call!(buffer_unique(data.as_ptr(), len) else ptr::null_mut()))
}

// Messages.

/// # Safety
/// The pointers in `message` are to what its lengths and flags say; an owned buffer is the caller's to give.
#[inline]
pub(crate) unsafe fn send(
    context: abi::Context,
    message: &abi::Message,
    session: Option<&mut i32>,
) -> i32 {
    call!(send(
        context,
        message,
        session.map_or(ptr::null_mut(), ptr::from_mut)
    ))
}

/// # Safety
/// As [`send`].
pub(crate) unsafe fn send_many(
    context: abi::Context,
    message: &abi::Message,
    destinations: &[crate::Handle],
    delivered: &mut usize,
) -> i32 {
    let raw: Vec<u32> = destinations.iter().map(|handle| handle.0).collect();
    call!(send_many(
        context,
        message,
        raw.as_ptr(),
        raw.len(),
        delivered
    ))
}

#[inline]
pub(crate) fn wake(context: abi::Context, value: u64) -> i32 {
    call!(wake(context, value))
}

pub(crate) fn node_lost(context: abi::Context, harbor: u32, reason: u32) -> Result<usize, i32> {
    let mut failed = 0;
    ok(call!(node_lost(context, harbor, reason, &mut failed))).map(|()| failed)
}

pub(crate) fn call_moved(context: abi::Context, caller: u32, session: i32, callee: u32) -> i32 {
    call!(call_moved(context, caller, session, callee))
}

pub(crate) fn peer_state(context: abi::Context, harbor: u32, state: u32) -> i32 {
    call!(peer_state(context, harbor, state))
}

// The node.

pub(crate) fn log(context: abi::Context, level: u32, target: &str, text: &str) {
    if is_installed() {
        call!(log(
            context,
            level,
            Text::new(target.as_bytes()),
            Text::new(text.as_bytes())
        ) else ());
    }
}

#[inline]
pub(crate) fn now() -> u64 {
    call!(now() else 0)
}

pub(crate) fn command(
    context: abi::Context,
    command: &str,
    parameter: &str,
) -> (i32, Option<Buffer>) {
    let mut result = abi::Buffer::NULL;
    let status = call!(command(
        context,
        Text::new(command.as_bytes()),
        Text::new(parameter.as_bytes()),
        &mut result,
    ));
    // SAFETY: the node hands over what it wrote.
    (status, unsafe { Buffer::from_host(result) })
}

// The service's life.

/// What [`abi::Host::launch`] said.
pub(crate) struct Launched {
    pub(crate) status: i32,
    pub(crate) handle: u32,
    pub(crate) session: i32,
    pub(crate) error: Option<Buffer>,
}

pub(crate) fn launch(context: abi::Context, line: &str) -> Launched {
    let (mut handle, mut session, mut error) = (0, 0, abi::Buffer::NULL);
    let status = call!(launch(
        context,
        Text::new(line.as_bytes()),
        &mut handle,
        &mut session,
        &mut error
    ));
    // SAFETY: the node hands over what it wrote.
    let error = unsafe { Buffer::from_host(error) };
    Launched {
        status,
        handle,
        session,
        error,
    }
}

pub(crate) fn ready(context: abi::Context) -> i32 {
    call!(ready(context))
}

pub(crate) fn exit(context: abi::Context, reason: u32, text: &str) -> i32 {
    call!(exit(context, reason, Text::new(text.as_bytes())))
}

pub(crate) fn watch(context: abi::Context, handle: u32) -> i32 {
    call!(watch(context, handle))
}

pub(crate) fn unwatch(context: abi::Context, handle: u32) -> i32 {
    call!(unwatch(context, handle))
}

pub(crate) fn set_option(context: abi::Context, option: u32, value: u64) -> i32 {
    call!(set_option(context, option, value))
}

pub(crate) fn blocking_begin(context: abi::Context) -> i32 {
    call!(blocking_begin(context))
}

pub(crate) fn blocking_end(context: abi::Context) -> i32 {
    call!(blocking_end(context))
}

// Timers.

pub(crate) fn timer_set(context: abi::Context, delay: u64, value: u64) -> Result<u64, i32> {
    let mut timer = 0;
    ok(call!(timer_set(context, delay, value, &mut timer))).map(|()| timer)
}

pub(crate) fn timer_cancel(context: abi::Context, timer: u64) -> i32 {
    call!(timer_cancel(context, timer))
}

// Sockets.

pub(crate) fn socket_listen(
    context: abi::Context,
    address: &str,
    backlog: u32,
) -> Result<i32, i32> {
    let mut socket = 0;
    ok(call!(socket_listen(
        context,
        Text::new(address.as_bytes()),
        backlog,
        &mut socket
    )))
    .map(|()| socket)
}

pub(crate) fn socket_connect(
    context: abi::Context,
    address: &str,
    timeout: u64,
) -> Result<i32, i32> {
    let mut socket = 0;
    ok(call!(socket_connect(
        context,
        Text::new(address.as_bytes()),
        timeout,
        &mut socket
    )))
    .map(|()| socket)
}

pub(crate) fn socket_start(context: abi::Context, socket: i32) -> i32 {
    call!(socket_start(context, socket))
}

pub(crate) fn socket_pause(context: abi::Context, socket: i32) -> i32 {
    call!(socket_pause(context, socket))
}

/// # Safety
/// Each part is readable, and its buffer, if any, the caller's to give.
#[inline]
pub(crate) unsafe fn socket_write(
    context: abi::Context,
    socket: i32,
    parts: &[abi::SocketPart],
    priority: u32,
) -> i32 {
    call!(socket_write(
        context,
        socket,
        parts.as_ptr(),
        parts.len(),
        priority
    ))
}

pub(crate) fn socket_close(context: abi::Context, socket: i32, linger: u64) -> i32 {
    call!(socket_close(context, socket, linger))
}

pub(crate) fn socket_shutdown(context: abi::Context, socket: i32, direction: u32) -> i32 {
    call!(socket_shutdown(context, socket, direction))
}

pub(crate) fn socket_set(context: abi::Context, socket: i32, option: u32, value: u64) -> i32 {
    call!(socket_set(context, socket, option, value))
}

pub(crate) fn socket_udp(context: abi::Context, address: &str) -> Result<i32, i32> {
    let mut socket = 0;
    ok(call!(socket_udp(
        context,
        Text::new(address.as_bytes()),
        &mut socket
    )))
    .map(|()| socket)
}

pub(crate) fn socket_udp_connect(context: abi::Context, socket: i32, address: &str) -> i32 {
    call!(socket_udp_connect(
        context,
        socket,
        Text::new(address.as_bytes())
    ))
}

pub(crate) fn socket_send_to(
    context: abi::Context,
    socket: i32,
    address: &[u8],
    data: &[u8],
) -> i32 {
    call!(socket_send_to(
        context,
        socket,
        Text::new(address),
        Text::new(data)
    ))
}

/// A status as a result.
pub(crate) fn ok(status: i32) -> Result<(), i32> {
    if status == STATUS_OK {
        Ok(())
    } else {
        Err(status)
    }
}
