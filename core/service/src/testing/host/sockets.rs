//! Sockets of the fake node.
#![allow(unsafe_code)]

use std::net::SocketAddr;

use skynet_abi as abi;
use skynet_abi::{Context, STATUS_DEAD, STATUS_INVALID, STATUS_OK, Text};

use super::{bytes, put, string, with};
use crate::Buffer;
use crate::socket::SocketEvent;
use crate::testing::count;
use crate::testing::state::{Mail, State};

/// Events of an operation, or why it failed.
fn events(context: Context, f: impl FnOnce(&mut State) -> Result<Vec<(u32, Mail)>, i32>) -> i32 {
    with(context, STATUS_DEAD, |state| match f(state) {
        Ok(events) => {
            state.push_events(events);
            STATUS_OK
        }
        Err(status) => status,
    })
}

/// # Safety
/// `place` is null or writable.
unsafe fn opened(
    context: Context,
    place: *mut i32,
    open: impl FnOnce(&mut State) -> (i32, Vec<(u32, Mail)>),
) -> i32 {
    events(context, |state| {
        let (id, events) = open(state);
        // SAFETY: the caller's promise.
        unsafe { put(place, id) };
        Ok(events)
    })
}

pub(super) unsafe extern "C" fn socket_listen(
    context: Context,
    address: Text,
    _backlog: u32,
    socket: *mut i32,
) -> i32 {
    count("socket_listen");
    // SAFETY: borrowed for the call.
    let address = unsafe { string(address) };
    // SAFETY: the caller's place.
    unsafe {
        opened(context, socket, |state| {
            state.network.listen(context.handle, &address)
        })
    }
}

pub(super) unsafe extern "C" fn socket_connect(
    context: Context,
    address: Text,
    _timeout: u64,
    socket: *mut i32,
) -> i32 {
    count("socket_connect");
    // SAFETY: borrowed for the call.
    let address = unsafe { string(address) };
    // SAFETY: the caller's place.
    unsafe {
        opened(context, socket, |state| {
            state.network.connect(context.handle, &address)
        })
    }
}

pub(super) unsafe extern "C" fn socket_start(context: Context, socket: i32) -> i32 {
    count("socket_start");
    events(context, |state| state.network.start(context.handle, socket))
}

pub(super) unsafe extern "C" fn socket_pause(context: Context, socket: i32) -> i32 {
    count("socket_pause");
    events(context, |state| {
        state.network.pause(socket).map(|()| Vec::new())
    })
}

pub(super) unsafe extern "C" fn socket_write(
    context: Context,
    socket: i32,
    parts: *const abi::SocketPart,
    parts_count: usize,
    _priority: u32,
) -> i32 {
    count("socket_write");
    // SAFETY: the caller lends the parts.
    let parts = unsafe { std::slice::from_raw_parts(parts, parts_count) };
    let mut all = Vec::new();
    for part in parts {
        let text = Text {
            data: part.data,
            len: part.len,
        };
        // SAFETY: each part is readable.
        all.extend_from_slice(unsafe { bytes(text) });
    }
    let status = events(context, |state| state.network.write(socket, &all));
    if status == STATUS_OK {
        for part in parts {
            // SAFETY: given up by the caller.
            drop(unsafe { Buffer::from_raw(part.buffer, 0, false) });
        }
    }
    status
}

pub(super) unsafe extern "C" fn socket_close(context: Context, socket: i32, _linger: u64) -> i32 {
    count("socket_close");
    events(context, |state| state.network.close(socket))
}

pub(super) unsafe extern "C" fn socket_shutdown(
    context: Context,
    socket: i32,
    direction: u32,
) -> i32 {
    count("socket_shutdown");
    events(context, |state| state.network.shutdown(socket, direction))
}

pub(super) unsafe extern "C" fn socket_set(
    context: Context,
    socket: i32,
    option: u32,
    value: u64,
) -> i32 {
    count("socket_set");
    events(context, |state| {
        state
            .network
            .set(socket, option, value)
            .map(|()| Vec::new())
    })
}

pub(super) unsafe extern "C" fn socket_udp(
    context: Context,
    address: Text,
    socket: *mut i32,
) -> i32 {
    count("socket_udp");
    // SAFETY: borrowed for the call.
    let address = unsafe { string(address) };
    // SAFETY: the caller's place.
    unsafe {
        opened(context, socket, |state| {
            state.network.udp(context.handle, &address)
        })
    }
}

pub(super) unsafe extern "C" fn socket_udp_connect(
    context: Context,
    socket: i32,
    address: Text,
) -> i32 {
    count("socket_udp_connect");
    // SAFETY: borrowed for the call.
    let address = unsafe { string(address) };
    events(context, |state| {
        state
            .network
            .udp_connect(socket, &address)
            .map(|()| Vec::new())
    })
}

pub(super) unsafe extern "C" fn socket_send_to(
    context: Context,
    socket: i32,
    address: Text,
    data: Text,
) -> i32 {
    count("socket_send_to");
    // SAFETY: borrowed for the call.
    let address = unsafe { bytes(address) };
    // SAFETY: borrowed for the call.
    let data = unsafe { bytes(data) };
    let to: Option<SocketAddr> = match SocketEvent::parse(socket, abi::SOCKET_UDP, 0, address) {
        SocketEvent::Udp { from, .. } => Some(from),
        _ if address.is_empty() => None,
        _ => return STATUS_INVALID,
    };
    events(context, |state| state.network.send_to(socket, to, data))
}
