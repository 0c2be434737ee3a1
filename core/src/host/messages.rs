//! Messages: sending, to one or many, and waking.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use skynet_abi::{
    self as abi, Context, FLAG_BY_NAME, FLAG_CALL, FLAG_OWNED, FLAG_REPLY, Message, PEER_ABSENT,
    PEER_OPEN, STATUS_DEAD, STATUS_INVALID, STATUS_NO_MEMORY, STATUS_NOT_FOUND, STATUS_OK,
    STATUS_TOO_LARGE,
};

use super::{MAX_PAYLOAD, bytes, owned, with_own_turn, with_sender, write};
use crate::buffer::{Buffer, Letter};
use crate::current;
use crate::end;
use crate::node::{Node, node};
use crate::send::{self, Destination, Outgoing, Refused};

/// Longer names cannot exist.
const MAX_NAME: u32 = 255;

/// Whom the message is for.
///
/// # Safety
/// As the ABI says of sent messages.
#[inline]
unsafe fn destination(message: &Message) -> Result<Destination<'_>, i32> {
    if message.flags & FLAG_BY_NAME == 0 {
        return Ok(Destination::Handle(message.destination));
    }
    if message.name_len > MAX_NAME {
        return Err(STATUS_INVALID);
    }
    // SAFETY: the plugin vouches for the name, by the ABI.
    let name = unsafe { bytes(message.name, message.name_len as usize) };
    Ok(Destination::Name(name))
}

#[inline]
fn check_payload(message: &Message) -> Result<(), i32> {
    if message.len > MAX_PAYLOAD {
        return Err(STATUS_TOO_LARGE);
    }
    let is_owned = message.flags & FLAG_OWNED != 0;
    if message.data.is_null() && (message.len != 0 || is_owned) {
        return Err(STATUS_INVALID);
    }
    Ok(())
}

/// The message's payload as a letter; an owned buffer is taken over.
///
/// # Safety
/// As the ABI says of sent messages.
#[inline(always)]
unsafe fn letter(message: &Message) -> Result<Letter, i32> {
    check_payload(message)?;
    if message.flags & FLAG_OWNED == 0 {
        // SAFETY: the plugin vouches for the payload, by the ABI.
        let payload = unsafe { bytes(message.data, message.len) };
        return Letter::copy(payload).map_err(|_| STATUS_NO_MEMORY);
    }
    // SAFETY: passed on.
    unsafe { owned_letter(message) }
}

/// # Safety
/// As the ABI says of sent messages.
unsafe fn owned_letter(message: &Message) -> Result<Letter, i32> {
    let data = NonNull::new(message.data).ok_or(STATUS_INVALID)?;
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(data) };
    if message.len > buffer.capacity() {
        let _ = buffer.into_raw();
        return Err(STATUS_INVALID);
    }
    if buffer.is_shared() {
        let payload = buffer.share();
        return match Letter::shared(buffer, message.len) {
            Ok(letter) => {
                // One count is the letter's, so the other goes.
                drop(payload);
                Ok(letter)
            }
            Err(_) => {
                let _ = payload.into_raw();
                Err(STATUS_NO_MEMORY)
            }
        };
    }
    Ok(Letter::from_buffer(buffer, message.len))
}

pub(super) unsafe extern "C" fn send(
    context: Context,
    message: *const Message,
    session: *mut i32,
) -> i32 {
    // SAFETY: the plugin vouches for the message, by the ABI.
    let Some(message) = (unsafe { message.as_ref() }) else {
        return STATUS_INVALID;
    };
    if let Some(service) = current::service_of(context)
        && let Some(receiver) = send::plain_receiver(message)
    {
        // SAFETY: passed on.
        let letter = match unsafe { letter(message) } {
            Ok(letter) => letter,
            Err(status) => return status,
        };
        return match send::send_plain(service, receiver, message, letter) {
            Ok(()) => {
                // SAFETY: the plugin vouches for the place, by the ABI.
                unsafe { write(session, 0) };
                STATUS_OK
            }
            Err(refused) => give_back(message, refused),
        };
    }
    // SAFETY: passed on.
    unsafe { send_special(context, message, session) }
}

/// The message is the plugin's again, if it was.
#[cold]
fn give_back(message: &Message, (status, letter): Refused) -> i32 {
    if message.flags & FLAG_OWNED != 0 {
        let _ = letter.into_buffer().into_raw();
    }
    status
}

/// # Safety
/// As [`send`].
unsafe fn send_special(context: Context, message: &Message, session: *mut i32) -> i32 {
    with_sender(context, |sender| {
        // SAFETY: passed on.
        let mut outgoing = match unsafe { destination(message) } {
            Ok(to) => Outgoing::new(message, to),
            Err(status) => return status,
        };
        // SAFETY: passed on.
        let letter = match unsafe { letter(message) } {
            Ok(letter) => letter,
            Err(status) => return status,
        };
        match outgoing.send(sender, letter) {
            Ok(number) => {
                // SAFETY: the plugin vouches for the place, by the ABI.
                unsafe { write(session, number) };
                STATUS_OK
            }
            Err(refused) => give_back(message, refused),
        }
    })
}

pub(super) unsafe extern "C" fn send_many(
    context: Context,
    message: *const Message,
    destinations: *const u32,
    count: usize,
    delivered: *mut usize,
) -> i32 {
    // SAFETY: the plugin vouches for the message, by the ABI.
    let Some(message) = (unsafe { message.as_ref() }) else {
        return STATUS_INVALID;
    };
    let by_field = FLAG_CALL | FLAG_REPLY | FLAG_BY_NAME;
    if message.flags & by_field != 0 || message.kind > 255 || count > MAX_PAYLOAD {
        return STATUS_INVALID;
    }
    if count != 0 && destinations.is_null() {
        return STATUS_INVALID;
    }
    if let Err(status) = check_payload(message) {
        return status;
    }
    with_sender(context, |sender| {
        let template = Outgoing::new(message, Destination::Handle(0));
        // SAFETY: passed on.
        let payload = match unsafe { shared_payload(message) } {
            Ok(payload) => payload,
            Err(status) => return status,
        };
        let handles = if count == 0 {
            &[][..]
        } else {
            // SAFETY: the plugin vouches for `count` handles, by the ABI.
            unsafe { std::slice::from_raw_parts(destinations, count) }
        };
        let taken = send::send_many(sender, &template, &payload, message.len, handles);
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(delivered, taken) };
        STATUS_OK
    })
}

/// # Safety
/// As the ABI says of sent messages.
unsafe fn shared_payload(message: &Message) -> Result<Buffer, i32> {
    if message.flags & FLAG_OWNED == 0 {
        // SAFETY: the plugin vouches for the payload, by the ABI.
        let payload = unsafe { bytes(message.data, message.len) };
        return Buffer::concat(&[payload, b"\0"]).map_err(|_| STATUS_NO_MEMORY);
    }
    let data = NonNull::new(message.data).ok_or(STATUS_INVALID)?;
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(data) };
    if message.len > buffer.capacity() {
        let _ = buffer.into_raw();
        return Err(STATUS_INVALID);
    }
    if !buffer.is_shared() {
        // SAFETY: one byte more than the capacity is allocated.
        let end = unsafe { buffer.as_ptr().add(message.len) };
        // SAFETY: as above; nobody else has the buffer yet.
        unsafe { end.write(0) };
    }
    Ok(buffer)
}

pub(super) unsafe extern "C" fn wake(context: Context, value: u64) -> i32 {
    if node().find(context).is_none() {
        return STATUS_DEAD;
    }
    let Ok(mut letter) = Letter::empty() else {
        return STATUS_NO_MEMORY;
    };
    letter.kind = abi::KIND_WAKE as u16;
    letter.value = value;
    if send::post(context.handle, letter) {
        STATUS_OK
    } else {
        STATUS_DEAD
    }
}

pub(super) unsafe extern "C" fn node_lost(
    context: Context,
    harbor: u32,
    reason: u32,
    failed: *mut usize,
) -> i32 {
    as_harbor(context, |_| {
        if harbor == 0 || harbor > 255 {
            return STATUS_INVALID;
        }
        let count = end::fail_calls(|callee| callee >> 24 == harbor, reason & 0xffff, "");
        // SAFETY: the plugin vouches for the place, by the ABI.
        unsafe { write(failed, count) };
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn call_moved(
    context: Context,
    caller: u32,
    session: i32,
    callee: u32,
) -> i32 {
    as_harbor(context, |_| {
        if callee == 0 {
            return STATUS_INVALID;
        }
        match send::redirect(caller, session, callee) {
            Some(_) => STATUS_OK,
            None => STATUS_NOT_FOUND,
        }
    })
}

pub(super) unsafe extern "C" fn peer_state(context: Context, harbor: u32, state: u32) -> i32 {
    as_harbor(context, |node| match (u8::try_from(harbor), state) {
        (Ok(harbor @ 1..), PEER_OPEN..=PEER_ABSENT) => {
            node.peers.set(harbor, state as u8);
            STATUS_OK
        }
        _ => STATUS_INVALID,
    })
}

/// For the harbor service in its own turn; nobody else.
fn as_harbor(context: Context, body: impl FnOnce(&'static Node) -> i32) -> i32 {
    with_own_turn(context, |service, _| {
        let node = node();
        if node.harbor.load(Ordering::Relaxed) == service.handle() {
            body(node)
        } else {
            STATUS_INVALID
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_a_buffer_holds() {
        let buffer = Buffer::concat(&[b"12345678"]).unwrap();
        let check = |buffer: &Buffer, len: usize| {
            let message = Message {
                data: buffer.as_ptr(),
                len,
                flags: FLAG_OWNED,
                ..Message::EMPTY
            };
            // SAFETY: a live buffer of which this thread owns a count; on an error it keeps it.
            unsafe { letter(&message) }.map(|letter| letter.payload().to_vec())
        };
        for len in [9, 1 << 30, MAX_PAYLOAD] {
            assert_eq!(check(&buffer, len), Err(STATUS_INVALID));
        }
        let _ = buffer.share().into_raw();
        for len in [9, 1 << 30, MAX_PAYLOAD] {
            assert_eq!(check(&buffer, len), Err(STATUS_INVALID));
        }
        // The letter takes the count that was shared.
        assert_eq!(check(&buffer, 8), Ok(b"12345678".to_vec()));
        assert!(!buffer.is_shared());
    }
}
