//! Sockets: operations of plugins, and the way of events to them.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::time::Duration;

use skynet_abi::{self as abi, Context, STATUS_DEAD, STATUS_INVALID, STATUS_OK, SocketPart, Text};

use super::{bytes, is_alive, owned, text, write};
use crate::buffer::{Buffer, Letter};
use crate::current;
use crate::node::node;
use crate::send;
use crate::socket::{OwnedPart, Part, Parts, SocketError};

fn with_sockets(
    context: Context,
    body: impl FnOnce(&crate::socket::Sockets) -> Result<(), SocketError>,
) -> i32 {
    if let Some(service) = current::service_of(context) {
        service.has_sockets.store(true, Ordering::Relaxed);
    } else {
        let service = node().registry.visit(context.handle);
        let Some(service) = service.filter(|service| service.is(context)) else {
            return STATUS_DEAD;
        };
        service.has_sockets.store(true, Ordering::Relaxed);
    }
    match body(&node().sockets) {
        Ok(()) => STATUS_OK,
        Err(error) => {
            node().log.debug(context.handle, || error.to_string());
            error.status()
        }
    }
}

pub(super) unsafe extern "C" fn socket_listen(
    context: Context,
    address: Text,
    backlog: u32,
    socket: *mut i32,
) -> i32 {
    // SAFETY: the plugin vouches for the text, by the ABI.
    let address = unsafe { text(address) };
    with_sockets(context, |sockets| {
        let id = sockets.listen(context, &address, backlog)?;
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(socket, id) };
        Ok(())
    })
}

pub(super) unsafe extern "C" fn socket_connect(
    context: Context,
    address: Text,
    timeout: u64,
    socket: *mut i32,
) -> i32 {
    // SAFETY: the plugin vouches for the text, by the ABI.
    let address = unsafe { text(address) };
    with_sockets(context, |sockets| {
        let id = sockets.connect(context, &address, Duration::from_millis(timeout))?;
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(socket, id) };
        Ok(())
    })
}

pub(super) unsafe extern "C" fn socket_start(context: Context, socket: i32) -> i32 {
    with_sockets(context, |sockets| sockets.start(context, socket))
}

pub(super) unsafe extern "C" fn socket_pause(context: Context, socket: i32) -> i32 {
    with_sockets(context, |sockets| sockets.pause(socket))
}

pub(super) unsafe extern "C" fn socket_write(
    context: Context,
    socket: i32,
    parts: *const SocketPart,
    count: usize,
    priority: u32,
) -> i32 {
    if !is_alive(context) {
        return STATUS_DEAD;
    }
    if count == 0 || parts.is_null() || count > 1024 {
        return STATUS_INVALID;
    }
    // SAFETY: the plugin vouches for `count` parts, by the ABI.
    let given = unsafe { std::slice::from_raw_parts(parts, count) };
    if given.iter().any(|part| !is_inside(part)) {
        return STATUS_INVALID;
    }
    // SAFETY: the plugin vouches for each part, by the ABI.
    let mut parts: Parts<'_> = given
        .iter()
        .map(|part| unsafe { write_part(part) })
        .collect();
    match node().sockets.write(socket, &mut parts, priority) {
        Ok(()) => STATUS_OK,
        Err(error) => {
            for part in parts {
                if let Part::Owned(part) = part {
                    // It is the plugin's again.
                    let _ = part.into_buffer().into_raw();
                }
            }
            error.status()
        }
    }
}

/// Whether an owned part lies within its buffer, and a borrowed one is somewhere.
fn is_inside(part: &SocketPart) -> bool {
    if part.data.is_null() {
        return part.len == 0 && part.buffer.is_null();
    }
    let Some(buffer) = NonNull::new(part.buffer) else {
        return true;
    };
    // SAFETY: a live buffer, by the ABI; the ownership goes back at once.
    let buffer = unsafe { Buffer::from_raw(buffer) };
    let start = part.data.addr().checked_sub(buffer.as_ptr().addr());
    let end = start.and_then(|start| start.checked_add(part.len));
    let is_inside = end.is_some_and(|end| end <= buffer.capacity());
    let _ = buffer.into_raw();
    is_inside
}

/// # Safety
/// As the ABI says of parts, and [`is_inside`].
unsafe fn write_part<'a>(part: &SocketPart) -> Part<'a> {
    let Some(buffer) = NonNull::new(part.buffer) else {
        // SAFETY: the plugin vouches for the bytes, by the ABI.
        return Part::Borrowed(unsafe { bytes(part.data, part.len) });
    };
    let start = part.data.addr() - part.buffer.addr();
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(buffer) };
    // SAFETY: inside, as was checked; written and given away, by the ABI.
    Part::Owned(unsafe { OwnedPart::new(buffer, start, part.len) })
}

pub(super) unsafe extern "C" fn socket_close(context: Context, socket: i32, linger: u64) -> i32 {
    with_sockets(context, |sockets| {
        sockets.close(socket, Duration::from_millis(linger))
    })
}

pub(super) unsafe extern "C" fn socket_shutdown(
    context: Context,
    socket: i32,
    direction: u32,
) -> i32 {
    with_sockets(context, |sockets| sockets.shutdown(socket, direction))
}

pub(super) unsafe extern "C" fn socket_set(
    context: Context,
    socket: i32,
    option: u32,
    value: u64,
) -> i32 {
    with_sockets(context, |sockets| sockets.set(socket, option, value))
}

pub(super) unsafe extern "C" fn socket_udp(
    context: Context,
    address: Text,
    socket: *mut i32,
) -> i32 {
    // SAFETY: the plugin vouches for the text, by the ABI.
    let address = unsafe { text(address) };
    with_sockets(context, |sockets| {
        let id = sockets.udp(context, &address)?;
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(socket, id) };
        Ok(())
    })
}

pub(super) unsafe extern "C" fn socket_udp_connect(
    context: Context,
    socket: i32,
    address: Text,
) -> i32 {
    // SAFETY: the plugin vouches for the text, by the ABI.
    let address = unsafe { text(address) };
    with_sockets(context, |sockets| sockets.udp_connect(socket, &address))
}

pub(super) unsafe extern "C" fn socket_send_to(
    context: Context,
    socket: i32,
    address: Text,
    data: Text,
) -> i32 {
    // SAFETY: the plugin vouches for the bytes, by the ABI.
    let address = unsafe { bytes(address.data, address.len) };
    // SAFETY: as above.
    let data = unsafe { bytes(data.data, data.len) };
    with_sockets(context, |sockets| sockets.send_to(socket, address, data))
}

/// Hands the events of sockets to their owners.
#[derive(Debug)]
pub(crate) struct SocketEvents;

impl crate::socket::EventSink for SocketEvents {
    fn event(
        &self,
        owner: Context,
        socket: i32,
        event: u32,
        value: u64,
        payload: &[&[u8]],
    ) -> bool {
        if node().find(owner).is_none() {
            return false;
        }
        let len = payload.iter().map(|part| part.len()).sum();
        let Ok(buffer) = Buffer::concat(payload) else {
            return true;
        };
        let mut letter = Letter::from_buffer(buffer, len);
        letter.kind = abi::KIND_SOCKET as u16;
        letter.session = socket;
        letter.reason = event as u16;
        letter.value = value;
        send::post(owner.handle, letter)
    }
}
