//! The turns that the fake node gives to services.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;

use skynet_abi as abi;
use skynet_abi::{
    DELIVER_FAILED, DELIVER_KEEP, FLAG_BY_NAME, FLAG_SHARED, NAME_SIZE, STATUS_DEAD, STATUS_OK,
    STATUS_PENDING, STATUS_UNSUPPORTED, Text,
};

use super::{Shared, lock};
use crate::testing::state::{Body, Entry, Mail};
use crate::{Buffer, Reason};

/// An instance of a plugin's module. A token that goes back to the module's own functions, in turns.
#[derive(Clone, Copy)]
pub(in crate::testing) struct Instance(*mut c_void);

// SAFETY: nobody looks behind it but the module's own functions, and by the ABI those may be called on any thread.
unsafe impl Send for Instance {}

/// Launches a service: its handle, and `STATUS_OK` or `STATUS_PENDING`; or what went wrong.
pub(in crate::testing) fn create(
    node: &Shared,
    module: abi::Module,
    args: &str,
) -> Result<(u32, i32), (i32, String)> {
    let (handle, context) = {
        let mut state = lock(node);
        let handle = state.add(Body::Service {
            module,
            instance: None,
            started: false,
        });
        state.turns.push(handle);
        (handle, state.context(handle))
    };
    let mut made: *mut c_void = ptr::null_mut();
    let status = match module.create {
        // SAFETY: as the ABI says: the service's own turn, a place for the instance.
        Some(function) => unsafe { function(context, Text::new(args.as_bytes()), &mut made) },
        None => STATUS_UNSUPPORTED,
    };
    let mut state = lock(node);
    state.turns.pop();
    let Some(entry) = state.entries.get_mut(&handle) else {
        return Err((STATUS_DEAD, String::new()));
    };
    let wants_to_end = entry.exit.is_some();
    if status == STATUS_OK || status == STATUS_PENDING {
        entry.body = Body::Service {
            module,
            instance: Some(Instance(made)),
            started: status == STATUS_OK,
        };
        if wants_to_end {
            state.doomed.push_back(handle);
        }
        return Ok((handle, status));
    }
    let (reason, text) = entry
        .exit
        .take()
        .unwrap_or((Reason::FAILED.0, String::new()));
    state.forget(handle, reason, &text);
    Err((status, text))
}

/// Delivers one message. Returns whether the service goes on.
pub(in crate::testing) fn deliver(node: &Shared, handle: u32, mail: Mail) {
    let (module, instance, context) = {
        let mut state = lock(node);
        let Some(Entry {
            body:
                Body::Service {
                    module,
                    instance: Some(instance),
                    ..
                },
            ..
        }) = state.entries.get(&handle)
        else {
            return;
        };
        let found = (*module, *instance, state.context(handle));
        state.turns.push(handle);
        found
    };
    let Mail {
        head,
        name,
        payload,
    } = mail;
    let (data, len, shared) = payload.into_raw();
    let name = name.filter(|_| head.flags & FLAG_BY_NAME != 0);
    // As the node does: filled up with zeros.
    let name = name.map_or_else(Vec::new, |name| {
        let mut bytes = name.into_bytes();
        bytes.resize(NAME_SIZE, 0);
        bytes
    });
    let message = abi::Message {
        data,
        len,
        name: name.as_ptr(),
        name_len: name.len() as u32,
        source: head.source.0,
        destination: head.destination.0,
        session: head.session,
        kind: head.kind,
        flags: head.flags | if shared { FLAG_SHARED } else { 0 },
        reason: head.reason,
        reserved: 0,
        value: head.value,
        trace: head.trace,
        deadline: head.deadline,
    };
    let outcome = match module.deliver {
        // SAFETY: as the ABI says: a living instance in its own turn, a message for the call.
        Some(function) => unsafe { function(instance.0, context, &message) },
        None => DELIVER_FAILED,
    };
    if outcome != DELIVER_KEEP {
        // SAFETY: the service has not kept it.
        drop(unsafe { Buffer::from_raw(data, len, shared) });
    }
    let mut state = lock(node);
    state.turns.pop();
    if let Some(entry) = state.entries.get_mut(&handle) {
        if outcome == DELIVER_FAILED && entry.exit.is_none() {
            entry.exit = Some((Reason::FAILED.0, String::new()));
        }
        if entry.exit.is_some() {
            state.doomed.push_back(handle);
        }
    }
}

/// Gives a service a signal, as any thread may.
pub(in crate::testing) fn signal(
    node: &Shared,
    instance: Instance,
    module: &abi::Module,
    handle: u32,
    number: i32,
) {
    let context = lock(node).context(handle);
    if let Some(function) = module.signal {
        // SAFETY: the instance lives: only `retire` releases it, on this very thread.
        unsafe { function(instance.0, context, number) };
    }
}

/// Ends a service: its last turn, then everything that it leaves behind.
pub(in crate::testing) fn retire(node: &Shared, handle: u32) {
    let (released, context) = {
        let mut state = lock(node);
        let Some(entry) = state.entries.get_mut(&handle) else {
            return;
        };
        let released = match &mut entry.body {
            Body::Service {
                module, instance, ..
            } => instance
                .take()
                .and_then(|instance| Some((module.release?, instance))),
            Body::Peer(_) => None,
        };
        state.turns.push(handle);
        (released, state.context(handle))
    };
    if let Some((function, instance)) = released {
        // SAFETY: as the ABI says: a last turn, and the instance was taken out for it.
        unsafe { function(instance.0, context) };
    }
    let mut state = lock(node);
    state.turns.pop();
    let (reason, text) = state
        .entries
        .get_mut(&handle)
        .and_then(|entry| entry.exit.take())
        .unwrap_or_default();
    state.forget(handle, reason, &text);
}
