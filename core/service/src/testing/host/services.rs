//! The life of services in the fake node.
#![allow(unsafe_code)]

use skynet_abi as abi;
use skynet_abi::{
    Context, STATUS_DEAD, STATUS_EXISTS, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_OK,
    STATUS_PENDING, STATUS_UNSUPPORTED, Text,
};

use super::{create, find, lock, own_turn, put, put_text, string, with};
use crate::Reason;
use crate::testing::count;

pub(super) unsafe extern "C" fn launch(
    context: Context,
    line: Text,
    handle: *mut u32,
    session: *mut i32,
    error: *mut abi::Buffer,
) -> i32 {
    count("launch");
    let Some(node) = find(context) else {
        return STATUS_DEAD;
    };
    // SAFETY: borrowed for the call.
    let line = unsafe { string(line) };
    let (name, args) = line.split_once(' ').unwrap_or((&line, ""));
    let module = lock(&node).modules.get(name).copied();
    let Some(module) = module else {
        // SAFETY: the caller's place.
        unsafe { put_text(error, &format!("there is no module {name}")) };
        return STATUS_NOT_FOUND;
    };
    match create(&node, module, args) {
        Ok((new, status)) => {
            // SAFETY: the caller's place.
            unsafe { put(handle, new) };
            if status == STATUS_PENDING {
                let opened = lock(&node).open_launch(context.handle, new).unwrap_or(0);
                // SAFETY: the caller's place.
                unsafe { put(session, opened) };
            }
            status
        }
        Err((status, text)) => {
            // SAFETY: the caller's place.
            unsafe { put_text(error, &text) };
            status
        }
    }
}

pub(super) unsafe extern "C" fn ready(context: Context) -> i32 {
    count("ready");
    own_turn(context, |state| {
        state.ready(context.handle);
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn exit(context: Context, reason: u32, text: Text) -> i32 {
    count("exit");
    // SAFETY: borrowed for the call.
    let text = unsafe { string(text) };
    own_turn(context, |state| {
        if let Some(entry) = state.entries.get_mut(&context.handle) {
            entry.exit.get_or_insert((reason, text));
        }
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn watch(context: Context, handle: u32) -> i32 {
    count("watch");
    with(context, STATUS_DEAD, |state| {
        let own_form = state.own_form(handle);
        if state.is_alive(own_form) {
            state.watches.insert((context.handle, own_form));
        } else if state.is_remote(handle) {
            let text = "services of other nodes cannot be watched; their node can";
            state.push_exit(context.handle, handle, Reason::UNSUPPORTED.0, text);
        } else {
            state.push_exit(context.handle, handle, Reason::DEAD.0, "");
        }
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn unwatch(context: Context, handle: u32) -> i32 {
    count("unwatch");
    with(context, STATUS_DEAD, |state| {
        state.watches.remove(&(context.handle, handle));
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn set_option(context: Context, option: u32, value: u64) -> i32 {
    count("set_option");
    own_turn(context, |state| match option {
        abi::OPTION_MAILBOX_LIMIT => {
            if let Some(entry) = state.entries.get_mut(&context.handle) {
                entry.limit = usize::try_from(value).unwrap_or(usize::MAX);
            }
            STATUS_OK
        }
        abi::OPTION_HARBOR => match (u8::try_from(value), state.harbor) {
            (Ok(own), None) => {
                state.harbor = Some((context.handle, own));
                STATUS_OK
            }
            (Ok(own), Some(known)) if known == (context.handle, own) => STATUS_OK,
            (_, Some((holder, _))) if holder != context.handle => STATUS_EXISTS,
            _ => STATUS_INVALID,
        },
        _ => STATUS_UNSUPPORTED,
    })
}

pub(super) unsafe extern "C" fn blocking_begin(context: Context) -> i32 {
    count("blocking_begin");
    own_turn(context, |_| STATUS_OK)
}

pub(super) unsafe extern "C" fn blocking_end(context: Context) -> i32 {
    count("blocking_end");
    own_turn(context, |_| STATUS_OK)
}
