//! Messages of the fake node.
#![allow(unsafe_code)]

use skynet_abi as abi;
use skynet_abi::{
    Context, FLAG_BY_NAME, FLAG_OWNED, FLAG_SHARED, KIND_WAKE, STATUS_DEAD, STATUS_INVALID,
    STATUS_OK, Text,
};

use super::{bytes, find, lock, put, string, with};
use crate::message::Head;
use crate::testing::count;
use crate::testing::state::Mail;
use crate::{Buffer, Handle};

/// # Safety
/// As [`abi::Host::send`].
unsafe fn mail_of(message: &abi::Message) -> Mail {
    let shared = message.flags & FLAG_SHARED != 0;
    let payload = if message.flags & FLAG_OWNED != 0 {
        // SAFETY: the sender gives the buffer; `give_back` undoes this on an error.
        unsafe { Buffer::from_raw(message.data, message.len, shared) }
    } else {
        let data = Text {
            data: message.data,
            len: message.len,
        };
        // SAFETY: borrowed for the call.
        Buffer::from(unsafe { bytes(data) })
    };
    let name = (message.flags & FLAG_BY_NAME != 0).then(|| {
        let name = Text {
            data: message.name,
            len: message.name_len as usize,
        };
        // SAFETY: borrowed for the call.
        unsafe { string(name) }
    });
    let head = Head {
        source: Handle(message.source),
        destination: Handle(message.destination),
        session: message.session,
        kind: message.kind,
        flags: message.flags & !(FLAG_OWNED | FLAG_SHARED),
        reason: message.reason,
        value: 0,
        trace: message.trace,
        deadline: message.deadline,
    };
    Mail {
        head,
        name,
        payload,
    }
}

/// A message that was not taken: an owned payload is still the sender's.
fn give_back(message: &abi::Message, mail: Mail) {
    if message.flags & FLAG_OWNED != 0 {
        let _ = mail.payload.into_raw();
    }
}

pub(super) unsafe extern "C" fn send(
    context: Context,
    message: *const abi::Message,
    session: *mut i32,
) -> i32 {
    count("send");
    let Some(node) = find(context) else {
        return STATUS_DEAD;
    };
    // SAFETY: the caller lends a message.
    let message = unsafe { &*message };
    // SAFETY: as above.
    let mail = unsafe { mail_of(message) };
    let sent = lock(&node).post(context.handle, mail);
    match sent {
        Ok(given) => {
            // SAFETY: the caller's place.
            unsafe { put(session, given) };
            STATUS_OK
        }
        Err((status, mail)) => {
            give_back(message, mail);
            status
        }
    }
}

pub(super) unsafe extern "C" fn send_many(
    context: Context,
    message: *const abi::Message,
    destinations: *const u32,
    count_of: usize,
    delivered: *mut usize,
) -> i32 {
    count("send_many");
    let Some(node) = find(context) else {
        return STATUS_DEAD;
    };
    // SAFETY: the caller lends a message.
    let message = unsafe { &*message };
    if message.flags & abi::FLAG_CALL != 0 {
        return STATUS_INVALID;
    }
    // SAFETY: the caller lends `count_of` handles.
    let destinations = unsafe { std::slice::from_raw_parts(destinations, count_of) };
    // SAFETY: as above.
    let mut first = unsafe { mail_of(message) };
    let mut state = lock(&node);
    let mut taken = 0;
    for &destination in destinations {
        let mut head = first.head;
        head.destination = Handle(destination);
        let mail = Mail {
            head,
            name: None,
            payload: first.payload.share(),
        };
        taken += usize::from(state.post(context.handle, mail).is_ok());
    }
    // SAFETY: the caller's place.
    unsafe { put(delivered, taken) };
    STATUS_OK
}

pub(super) unsafe extern "C" fn wake(context: Context, value: u64) -> i32 {
    count("wake");
    with(context, STATUS_DEAD, |state| {
        let mut mail = Mail::from_node(KIND_WAKE, context.handle, &[]);
        mail.head.value = value;
        state.push(context.handle, mail);
        STATUS_OK
    })
}
