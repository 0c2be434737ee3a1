//! Every offset, size and number of the ABI as data: what `docs/abi.lock` and the C header are checked against.

use core::mem::{align_of, offset_of, size_of};

use crate::*;

/// One line of the lock: a path such as `Message.session` and its number.
pub type Line = (&'static str, u64);

macro_rules! layout {
    ($( $type:ident { $($field:ident),* $(,)? } )*) => {
        /// For each struct its size (`Name`), alignment (`Name!`) and the offset of each field (`Name.field`).
        pub const STRUCTS: &[Line] = &[$(
            (stringify!($type), size_of::<$type>() as u64),
            (concat!(stringify!($type), "!"), align_of::<$type>() as u64),
            $( (concat!(stringify!($type), ".", stringify!($field)), offset_of!($type, $field) as u64), )*
        )*];
    };
}

macro_rules! numbers {
    ($($name:ident),* $(,)?) => {
        /// Each constant by name. Negative statuses are in two's complement.
        pub const NUMBERS: &[Line] = &[$( (stringify!($name), $name as i64 as u64), )*];
    };
}

layout! {
    Context { handle, generation }
    Text { data, len }
    Buffer { data, len }
    Prelude { magic, major, minor, needs_minor, reserved, size, reserved_2 }
    Plugin { prelude, flags, name, version, load, module_count, module_size, module_offset, reserved }
    Module { name, state_version, flags, create, deliver, signal, release, quiesce, save, restore }
    Message {
        data, len, name, name_len, source, destination, session, kind, flags, reason, reserved, value, trace,
        deadline,
    }
    SocketPart { data, len, buffer }
    Host {
        prelude, log_level, buffer_alloc, buffer_grow, buffer_capacity, buffer_free, buffer_ref, buffer_unique, send,
        send_many, wake, node_lost, log, now, command, launch, ready, exit, watch, unwatch, set_option,
        blocking_begin, blocking_end, timer_set, timer_cancel, socket_listen, socket_connect, socket_start,
        socket_pause, socket_write, socket_close, socket_shutdown, socket_set, socket_udp, socket_udp_connect,
        socket_send_to, call_moved, peer_state,
    }
}

numbers! {
    MAGIC, MAJOR, MINOR, SHORT_TEXT, MAX_MODULES, NAME_SIZE, REMOTE_PAYLOAD, PLUGIN_UNWINDS, PLUGIN_GLOBAL_SYMBOLS,
    DELIVER_RELEASE, DELIVER_KEEP, DELIVER_FAILED,
    STATUS_OK, STATUS_PENDING, STATUS_DEAD, STATUS_NOT_FOUND, STATUS_FULL, STATUS_INVALID, STATUS_TOO_LARGE,
    STATUS_NO_MEMORY, STATUS_WRONG_TURN, STATUS_UNSUPPORTED, STATUS_EXISTS, STATUS_PANICKED, STATUS_FAILED,
    STATUS_CLOSED, STATUS_NODE_LOST,
    KIND_TEXT, KIND_RESPONSE, KIND_MULTICAST, KIND_CLIENT, KIND_SYSTEM, KIND_HARBOR, KIND_SOCKET_WIRE, KIND_ERROR,
    KIND_QUEUE, KIND_DEBUG, KIND_LUA, KIND_SNAX, KIND_TRACE, KIND_EXIT, KIND_TIMER, KIND_WAKE, KIND_SOCKET,
    FLAG_CALL, FLAG_REPLY, FLAG_SHARED, FLAG_BY_NAME, FLAG_REDIRECTED, FLAG_OWNED, FLAG_FOREIGN,
    REASON_NONE, REASON_FAILED, REASON_PANICKED, REASON_DEAD, REASON_KILLED, REASON_UNKNOWN, REASON_REFUSED,
    REASON_TIMED_OUT, REASON_NODE_LOST, REASON_DROPPED, REASON_TOO_LARGE, REASON_UNSUPPORTED,
    LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG, LEVEL_TRACE, OPTION_MAILBOX_LIMIT, OPTION_HARBOR,
    PEER_OPEN, PEER_FULL, PEER_FULL_BLOCK, PEER_LOST, PEER_ABSENT,
    SOCKET_DATA, SOCKET_OPEN, SOCKET_CLOSE, SOCKET_ACCEPT, SOCKET_ERROR, SOCKET_UDP, SOCKET_WARNING,
    SOCKET_READ, SOCKET_WRITE, SOCKET_BOTH, SOCKET_ABORT, SOCKET_LOW_PRIORITY,
    SOCKET_OPTION_NODELAY, SOCKET_OPTION_KEEPALIVE, SOCKET_OPTION_OUTPUT_LIMIT, SOCKET_OPTION_OUTPUT_POLICY,
    SOCKET_OPTION_DEAD_AFTER,
    SOCKET_POLICY_WARN, SOCKET_POLICY_PAUSE, SOCKET_POLICY_CLOSE,
}

// The structs cross by pointer: no compiler may add padding of its own that C would not.
const _: () = {
    assert!(size_of::<Context>() == 8);
    assert!(size_of::<Prelude>() == 24);
    assert!(size_of::<Message>() == 3 * size_of::<usize>() + 8 * 4 + 3 * 8);
    assert!(size_of::<Plugin>() == 24 + 8 + 2 * SHORT_TEXT + size_of::<usize>() + 16);
    assert!(size_of::<Module>() == SHORT_TEXT + 8 + 7 * size_of::<usize>());
    assert!(
        size_of::<Host>() == (24 + 37 * size_of::<usize>()).next_multiple_of(align_of::<u64>())
    );
};
