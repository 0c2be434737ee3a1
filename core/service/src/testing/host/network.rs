//! What the harbor service tells the fake node.
#![allow(unsafe_code)]

use skynet_abi::{Context, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_OK};

use super::{own_turn, put};
use crate::PeerState;
use crate::testing::count;
use crate::testing::state::State;

/// Works on the context's node in the turn of its harbor service.
fn as_harbor(context: Context, f: impl FnOnce(&mut State) -> i32) -> i32 {
    own_turn(context, |state| {
        if state
            .harbor
            .is_some_and(|(service, _)| service == context.handle)
        {
            f(state)
        } else {
            STATUS_INVALID
        }
    })
}

pub(super) unsafe extern "C" fn node_lost(
    context: Context,
    harbor: u32,
    reason: u32,
    failed: *mut usize,
) -> i32 {
    count("node_lost");
    as_harbor(context, |state| {
        let count = state.fail_calls(reason, "", |callee| callee >> 24 == harbor);
        // SAFETY: the caller's place.
        unsafe { put(failed, count) };
        STATUS_OK
    })
}

pub(super) unsafe extern "C" fn call_moved(
    context: Context,
    caller: u32,
    session: i32,
    callee: u32,
) -> i32 {
    count("call_moved");
    as_harbor(context, |state| {
        if callee == 0 {
            STATUS_INVALID
        } else if state.move_call(caller, session, callee) {
            STATUS_OK
        } else {
            STATUS_NOT_FOUND
        }
    })
}

pub(super) unsafe extern "C" fn peer_state(context: Context, harbor: u32, peer: u32) -> i32 {
    count("peer_state");
    as_harbor(context, |state| {
        match (u8::try_from(harbor), PeerState::from_number(peer)) {
            (Ok(harbor @ 1..), Some(peer)) => {
                state.peers.insert(harbor, peer);
                STATUS_OK
            }
            _ => STATUS_INVALID,
        }
    })
}
