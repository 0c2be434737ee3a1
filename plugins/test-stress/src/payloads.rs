//! Payloads of any size that show whether they were changed: handed on, kept, shared, copied.

use skynet_service::{Buffer, Context, Handle, RawMessage};

use crate::figures;
use crate::promises::violation;
use crate::random::Random;

/// One receiver; the session says how often it may be sent on.
pub(crate) const KIND_BLOCK: u32 = 100;
/// Many receivers of one payload; the session counts the sender's.
pub(crate) const KIND_SHARED: u32 = 101;
/// Payloads that one service keeps at a time.
const KEPT: usize = 16;
/// Bytes of most payloads, and of the longest ones.
const SHORT: u64 = 300;
const LONG: u64 = 70_000;

/// The byte at this place of the payload with this seed.
fn byte_at(seed: u64, place: u64) -> u8 {
    ((seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 24) as u8
}

/// A payload.
pub(crate) fn make(random: &mut Random) -> Buffer {
    let seed = random.next();
    let longest = if random.once_in(32) { LONG } else { SHORT };
    let len = random.below(longest);
    let mut buffer = Buffer::with_capacity(8 + len as usize);
    buffer.extend_from_slice(&seed.to_le_bytes());
    let bytes: Vec<u8> = (0..len).map(|place| byte_at(seed, place)).collect();
    buffer.extend_from_slice(&bytes);
    buffer
}

/// Whether it is as it was made.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let Some((seed, rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let seed = u64::from_le_bytes(*seed);
    rest.iter()
        .zip(0..)
        .all(|(&byte, place)| byte == byte_at(seed, place))
}

/// The payloads that one service keeps.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    buffers: Vec<(Buffer, u32)>,
}

impl Kept {
    pub(crate) fn len(&self) -> usize {
        self.buffers.len()
    }

    /// Takes a payload of `source`'s; the oldest is checked and dropped when there are too many.
    pub(crate) fn keep(&mut self, cx: &Context, buffer: Buffer, source: u32) {
        self.buffers.push((buffer, source));
        if self.buffers.len() > KEPT {
            let (buffer, source) = self.buffers.remove(0);
            check(cx, &buffer, source, "a kept payload");
        }
    }

    /// One of them, still whole.
    pub(crate) fn take(&mut self, cx: &Context, random: &mut Random) -> Option<Buffer> {
        let last = self.buffers.len().checked_sub(1)? as u64;
        let index = random.below(last + 1) as usize;
        let (buffer, source) = self.buffers.swap_remove(index);
        check(cx, &buffer, source, "a kept payload");
        Some(buffer)
    }

    pub(crate) fn drop_all(&mut self, cx: &Context) {
        for (buffer, source) in self.buffers.drain(..) {
            check(cx, &buffer, source, "a kept payload");
        }
    }
}

pub(crate) fn check(cx: &Context, bytes: &[u8], source: u32, what: &str) {
    if !is_whole(bytes) {
        violation(
            cx,
            "payloads",
            source,
            format_args!(
                "{what} of {} bytes from :{source:08x} was changed",
                bytes.len()
            ),
        );
    }
}

/// What becomes of a payload that came.
pub(crate) enum Next {
    Nothing,
    SendOn(Buffer),
}

/// A payload came: it is checked, and perhaps kept, sent on, or written over.
pub(crate) fn came(
    cx: &Context,
    message: &mut RawMessage<'_>,
    kept: &mut Kept,
    random: &mut Random,
) -> Next {
    let source = message.source().0;
    let is_block = message.kind() == KIND_BLOCK;
    if is_block {
        figures::BLOCKS_CAME.count();
    } else {
        figures::SHARED_CAME.count();
    }
    check(cx, message.bytes(), source, "a payload");
    match random.below(8) {
        0 | 1 => kept.keep(cx, message.keep_buffer(), source),
        2 | 3 if is_block && message.session() > 0 => return Next::SendOn(message.keep_buffer()),
        4 => {
            // Whoever has the same bytes must not see this.
            let mut own = message.keep_buffer();
            own.as_mut_slice().fill(0xaa);
        }
        5 => {
            let mut one = message.keep_buffer();
            let other = one.share();
            kept.keep(cx, one, source);
            kept.keep(cx, other, source);
        }
        _ => {}
    }
    Next::Nothing
}

/// Who gets the same payload: some of those known.
pub(crate) fn some_of(known: impl Iterator<Item = Handle>, random: &mut Random) -> Vec<Handle> {
    known.filter(|_| random.once_in(2)).collect()
}
