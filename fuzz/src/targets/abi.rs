//! What a plugin passes to the node: messages, buffers, names, parts of writes, numbers. Pointers lead where the ABI says;
//! lengths, flags, kinds, handles and ids may be anything.

use std::ptr;

use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_OWNED, FLAG_REDIRECTED, FLAG_REPLY, FLAG_SHARED,
    Message, NAME_SIZE, OPTION_HARBOR, STATUS_OK, SocketPart,
};
use skynet_core::fuzz::HARBOR;

use super::node::{self, Plugin};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "abi",
    about: "the node: messages, buffers and numbers that plugins pass",
    run,
    seeds,
    tokens: &[
        b".name",
        b":0100000",
        b"a-global-name",
        b"\0\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x01\0\0\0",
        b"\x20\0\0\0",
        b"\x29\0\0\0",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 22,
        per_byte: 2000,
    },
};

/// The largest buffer that is asked for and may be given. Larger ones are asked for too, and refused.
const ROOM: u64 = 1 << 16;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let calls = |plugin: Plugin| {
        if input.any() {
            let harbor = u64::from(OPTION_HARBOR);
            plugin.numbers(4, harbor, u64::from(HARBOR));
        }
        for _ in 0..12 {
            if input.is_empty() {
                break;
            }
            call(plugin, &mut input);
        }
    };
    node::in_turn(calls, check_received);
}

/// What a receiver is told it may touch, it may.
fn check_received(message: &Message) {
    let (payload, name) = node::contents(message);
    // Everything that is sent here is the same byte again and again; texts of the node itself are short.
    assert!(payload.len() <= ROOM as usize, "{} bytes", payload.len());
    if message.kind < 256 && message.kind != skynet_abi::KIND_ERROR {
        assert!(
            payload.iter().all(|byte| *byte == FILL),
            "a payload of other bytes"
        );
    }
    assert!(name.is_empty() || name.len() == NAME_SIZE);
    assert_eq!(message.flags & FLAG_BY_NAME != 0, !name.is_empty());
    assert_eq!(message.flags & (FLAG_OWNED | FLAG_FOREIGN), 0);
}

/// What payloads are made of.
const FILL: u8 = 0xa5;

fn call(plugin: Plugin, input: &mut Input<'_>) {
    match input.below(9) {
        0..=2 => send(plugin, input),
        3 => send_many(plugin, input),
        4 => buffers(plugin, input),
        5 => write(plugin, input),
        6 => {
            let edges = [0, 1, 2, 255, u64::from(plugin.context.handle), u64::MAX];
            let function = input.below(Plugin::NUMBERS);
            plugin.numbers(function, input.edge(&edges), input.edge(&edges));
        }
        7 => match input.below(3) {
            0 => plugin.log(input.any(), input.bytes(40), input.bytes(200)),
            1 => drop(plugin.launch(input.bytes(100))),
            _ => drop(plugin.exit(input.any(), input.bytes(100))),
        },
        _ => drop(plugin.send_to(input.any(), input.bytes(24), input.bytes(100))),
    }
}

/// A message of which everything but the pointers may be anything.
fn message(plugin: Plugin, input: &mut Input<'_>, name: &[u8]) -> Message {
    let own = u64::from(plugin.context.handle);
    let handles = [0, 1, own, own + 1, 0x0200_0001, u64::from(u32::MAX)];
    let flags = [
        FLAG_CALL,
        FLAG_REPLY,
        FLAG_SHARED,
        FLAG_BY_NAME,
        FLAG_REDIRECTED,
        FLAG_OWNED,
        FLAG_FOREIGN,
    ];
    let flags = (0..input.below(4)).fold(0, |all, _| all | flags[input.below(flags.len())]);
    Message {
        name: name.as_ptr(),
        // What is too long is not looked at.
        name_len: match input.below(8) {
            0 => 256 + input.any::<u32>() % (u32::MAX - 255),
            _ => name.len() as u32,
        },
        source: input.edge(&handles) as u32,
        destination: match input.below(2) {
            0 => plugin.context.handle,
            _ => input.edge(&handles) as u32,
        },
        session: input.edge(&[0, 1, i32::MAX as u64]) as i32,
        kind: input.edge(&[0, 1, 7, 10, 255, 0x7f01]) as u32,
        flags,
        reason: input.any(),
        value: input.any(),
        trace: input.any(),
        deadline: input.edge(&[0, 1, u64::MAX]),
        ..Message::EMPTY
    }
}

/// A buffer full of [`FILL`], and its capacity.
fn buffer(plugin: Plugin, input: &mut Input<'_>) -> (*mut u8, usize) {
    let capacity = (input.edge(&[0, 1, 15, 16, 4096, ROOM]) % (ROOM + 1)) as usize;
    let data = plugin.alloc(capacity);
    assert!(!data.is_null() && data.addr().is_multiple_of(16));
    assert_eq!(plugin.capacity(data), capacity);
    node::fill(data, &vec![FILL; capacity]);
    (data, capacity)
}

fn send(plugin: Plugin, input: &mut Input<'_>) {
    let name = input.text(40).into_bytes();
    let mut message = message(plugin, input, &name);
    let borrowed = [FILL; 64];
    if message.flags & FLAG_OWNED == 0 {
        message.len = input.below(borrowed.len() + 1);
        message.data = borrowed.as_ptr().cast_mut();
        if input.below(8) == 0 {
            // Nothing where something should be.
            message.data = ptr::null_mut();
        }
        if input.below(8) == 0 {
            message.len = usize::MAX - input.below(1 << 20);
        }
        plugin.send(&message);
        return;
    }
    let (data, capacity) = buffer(plugin, input);
    message.data = data;
    message.len = input.edge(&[0, capacity as u64, 1 << 40, u64::MAX]) as usize;
    let shared = input.below(3) == 0;
    if shared {
        plugin.share(data);
    }
    let (status, _) = plugin.send(&message);
    assert!(
        status != STATUS_OK || message.len <= capacity,
        "more was sent than there is"
    );
    if status != STATUS_OK {
        // It is still ours, as it was.
        assert_eq!(plugin.capacity(data), capacity);
        plugin.free(data);
    }
    if shared {
        assert_eq!(plugin.capacity(data), capacity);
        plugin.free(data);
    }
}

fn send_many(plugin: Plugin, input: &mut Input<'_>) {
    let mut message = message(plugin, input, b"");
    let handles: Vec<u32> = (0..input.below(6))
        .map(|_| match input.below(2) {
            0 => plugin.context.handle,
            _ => input.any(),
        })
        .collect();
    let borrowed = [FILL; 64];
    if message.flags & FLAG_OWNED == 0 {
        message.len = input.below(borrowed.len() + 1);
        message.data = borrowed.as_ptr().cast_mut();
        plugin.send_many(&message, &handles);
        return;
    }
    let (data, capacity) = buffer(plugin, input);
    message.data = data;
    message.len = input.edge(&[0, capacity as u64, 1 << 40, u64::MAX]) as usize;
    let (status, delivered) = plugin.send_many(&message, &handles);
    assert!(delivered <= handles.len());
    assert!(
        status != STATUS_OK || message.len <= capacity,
        "more was sent than there is"
    );
    if status != STATUS_OK {
        assert_eq!(plugin.capacity(data), capacity);
        plugin.free(data);
    }
}

/// Buffers that grow, are shared and made unique.
fn buffers(plugin: Plugin, input: &mut Input<'_>) {
    let wanted = input.edge(&[ROOM, 1 << 40, u64::MAX]);
    if wanted > 1 << 40 {
        assert!(
            plugin.alloc(wanted as usize).is_null(),
            "nobody has so much"
        );
    }
    let (data, capacity) = buffer(plugin, input);
    let edges = [0, capacity as u64, ROOM, u64::MAX];
    let len = input.edge(&edges) as usize;
    if input.any() {
        let more = match input.edge(&edges) {
            huge if huge > 1 << 40 => huge as usize,
            more => (more % ROOM) as usize,
        };
        let larger = plugin.grow(data, len, more);
        if larger.is_null() {
            assert!(len > capacity || more > 1 << 40);
            plugin.free(data);
        } else {
            assert!(len <= capacity && plugin.capacity(larger) >= more.max(len));
            plugin.free(larger);
        }
        return;
    }
    let shared = input.any();
    if shared {
        plugin.share(data);
    }
    let unique = plugin.unique(data, len);
    if unique.is_null() {
        plugin.free(data);
    } else {
        assert!(len <= capacity, "a copy of more than there is");
        assert_eq!(unique == data, !shared);
        plugin.free(unique);
    }
    if shared {
        plugin.free(data);
    }
}

/// A write of parts to a socket that there is not: they come back.
fn write(plugin: Plugin, input: &mut Input<'_>) {
    let borrowed = [FILL; 64];
    let mut owned = Vec::new();
    let parts: Vec<_> = (0..input.below(5))
        .map(|_| {
            if input.any() {
                let len = input.below(borrowed.len() + 1);
                let data = if input.below(8) == 0 {
                    ptr::null()
                } else {
                    borrowed.as_ptr()
                };
                return SocketPart {
                    data,
                    len,
                    buffer: ptr::null_mut(),
                };
            }
            let (buffer, capacity) = buffer(plugin, input);
            owned.push(buffer);
            let start = input.edge(&[0, capacity as u64, u64::MAX]) as usize;
            SocketPart {
                data: buffer.wrapping_add(start),
                len: input.edge(&[0, capacity as u64, u64::MAX]) as usize,
                buffer,
            }
        })
        .collect();
    let status = plugin.write(input.any(), &parts, input.any());
    assert_ne!(status, STATUS_OK, "there is no socket");
    for buffer in owned {
        plugin.free(buffer);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    super::sample::random(40, 160).collect()
}
