//! How frames are written, and the parts they are made of.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use crate::{COOKIE, Cookie, Sink};

/// Bytes of the header of a frame.
pub const HEADER: usize = 4;
/// The largest length that a header can tell: bytes of a frame without its header.
pub const MAX_FRAME: usize = 0x00ff_ffff;
/// The largest body of a message: 16,777,203 bytes.
pub const MAX_BODY: usize = MAX_FRAME - COOKIE;
/// The largest body that is sent in one extended frame. A larger one is cut into fragments.
pub const MAX_WHOLE: usize = 64 * 1024;
/// The body bytes of a fragment; the last one of a message may have fewer.
pub const FRAGMENT_BODY: usize = 32 * 1024;
/// The largest extended frame that one of our nodes sends, without its header: what to allow on a proven link.
pub const MAX_EXTENDED_FRAME: usize = EXTRA + FRAGMENT + MAX_WHOLE + COOKIE;

/// Bytes of an [`Extra`].
pub(crate) const EXTRA: usize = 16;
/// Bytes of a [`Fragment`].
pub(crate) const FRAGMENT: usize = 12;
/// Bytes of the longest [`Control`], and of the shortest.
pub(crate) const CONTROL: std::ops::RangeInclusive<usize> = 1..=9;

/// The first byte of an extended frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// None: a message that is no call and has nothing special.
    pub const NONE: Self = Self(0);
    /// A message that its sender waits for an answer to.
    pub const CALL: Self = Self(0x01);
    /// The source is not of the sender's node, or this answers a request that was redirected.
    pub const REDIRECTED: Self = Self(0x02);
    /// A part of a message; a [`Fragment`] says which. Set by whoever writes a frame with one.
    pub const FRAGMENT: Self = Self(0x04);
    /// An [`Extra`] comes first. Set by whoever writes a frame with one.
    pub const EXTRA: Self = Self(0x08);
    /// No message: the call `session` of the destination is now owed by the source.
    pub const MOVED: Self = Self(0x10);
    /// An error message whose body begins with a reason: two bytes, little-endian.
    pub const REASON: Self = Self(0x20);
    /// No message but a [`Control`].
    pub const CONTROL: Self = Self(0x80);

    /// Whether all of `others` are set.
    #[inline]
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// These without `others`.
    #[inline]
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Bytes between the header and the body of a data frame.
    #[inline]
    pub(crate) const fn prefix(self) -> usize {
        let extra = if self.contains(Self::EXTRA) { EXTRA } else { 0 };
        let fragment = if self.contains(Self::FRAGMENT) {
            FRAGMENT
        } else {
            0
        };
        extra + fragment
    }
}

impl BitOr for Flags {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#04x})", self.0)
    }
}

/// What a message carries besides its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extra {
    /// The trace id, 0 for none.
    pub trace: u64,
    /// Nanoseconds until the deadline of the call, when the frame was written; 0 for none.
    pub remaining: u64,
}

impl Extra {
    /// The bytes on the wire.
    #[inline]
    #[must_use]
    pub fn write(&self) -> [u8; EXTRA] {
        let mut bytes = [0; EXTRA];
        bytes[..8].copy_from_slice(&self.trace.to_le_bytes());
        bytes[8..].copy_from_slice(&self.remaining.to_le_bytes());
        bytes
    }

    /// What the first bytes say.
    #[inline]
    pub(crate) fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (trace, rest) = bytes.split_first_chunk()?;
        let (remaining, rest) = rest.split_first_chunk()?;
        let extra = Self {
            trace: u64::from_le_bytes(*trace),
            remaining: u64::from_le_bytes(*remaining),
        };
        Some((extra, rest))
    }
}

/// Which part of a message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The message, among those that are under way.
    pub stream: u32,
    /// Bytes of the whole body: 1 to [`MAX_BODY`].
    pub total: u32,
    /// Where this part begins.
    pub offset: u32,
}

impl Fragment {
    /// The bytes on the wire.
    #[inline]
    #[must_use]
    pub fn write(&self) -> [u8; FRAGMENT] {
        let mut bytes = [0; FRAGMENT];
        bytes[..4].copy_from_slice(&self.stream.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.total.to_le_bytes());
        bytes[8..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }

    /// What the first bytes say.
    #[inline]
    pub(crate) fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (stream, rest) = bytes.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let fragment = Self {
            stream: u32::from_le_bytes(*stream),
            total: u32::from_le_bytes(*total),
            offset: u32::from_le_bytes(*offset),
        };
        Some((fragment, rest))
    }

    /// Whether `len` bytes can be this part of a message.
    #[inline]
    pub(crate) fn holds(&self, len: usize) -> bool {
        self.total as usize <= MAX_BODY
            && len > 0
            && (self.offset as usize)
                .checked_add(len)
                .is_some_and(|end| end <= self.total as usize)
    }
}

/// A frame about the link itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// All data frames up to this number lie in mailboxes.
    Ack(u64),
    /// Asks for a [`Pong`](Self::Pong) with the same number.
    Ping(u64),
    /// Answers a [`Ping`](Self::Ping).
    Pong(u64),
    /// The node ends in good order; nothing comes after this.
    Goodbye,
}

impl Control {
    const ACK: u8 = 2;
    const PING: u8 = 3;
    const PONG: u8 = 4;
    const GOODBYE: u8 = 6;

    /// The whole frame.
    #[must_use]
    pub fn write(&self) -> Head {
        let (kind, number) = match *self {
            Self::Ack(number) => (Self::ACK, Some(number)),
            Self::Ping(number) => (Self::PING, Some(number)),
            Self::Pong(number) => (Self::PONG, Some(number)),
            Self::Goodbye => (Self::GOODBYE, None),
        };
        let len = if number.is_some() { 9 } else { 1 };
        let mut head = Head::new(Flags::CONTROL, len);
        head.push(&[kind]);
        if let Some(number) = number {
            head.push(&number.to_le_bytes());
        }
        head
    }

    /// What a control frame without its header says.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (&kind, rest) = payload.split_first()?;
        if kind == Self::GOODBYE {
            return rest.is_empty().then_some(Self::Goodbye);
        }
        let number = u64::from_le_bytes(rest.try_into().ok()?);
        match kind {
            Self::ACK => Some(Self::Ack(number)),
            Self::PING => Some(Self::Ping(number)),
            Self::PONG => Some(Self::Pong(number)),
            _ => None,
        }
    }
}

/// The bytes of a frame before its body; of a control frame all there are.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    bytes: [u8; HEADER + EXTRA + FRAGMENT],
    len: u8,
}

impl Head {
    /// The header of a frame of `len` bytes, which fit into 24 bits.
    #[inline]
    fn new(flags: Flags, len: u32) -> Self {
        let mut bytes = [0; HEADER + EXTRA + FRAGMENT];
        let word = u32::from(flags.0) << 24 | len;
        bytes[..HEADER].copy_from_slice(&word.to_be_bytes());
        Self {
            bytes,
            len: HEADER as u8,
        }
    }

    #[inline]
    fn push(&mut self, part: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for Head {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl std::ops::Deref for Head {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// The header of a stock frame. `body_len` bytes of body and the [`Cookie`] come after it.
///
/// # Errors
/// When the body has more than [`MAX_BODY`] bytes.
#[inline]
pub fn stock_header(body_len: usize) -> Result<[u8; HEADER], TooLarge> {
    Ok(frame_len(0, body_len)?.to_be_bytes())
}

/// What comes before the body of an extended data frame. `body_len` bytes of body and the [`Cookie`] come after it.
///
/// `extra` and `fragment` set their flags themselves. A body of more than [`MAX_WHOLE`] bytes is to be cut into
/// fragments.
///
/// # Errors
/// When the frame would be too long for its header.
#[inline]
pub fn data_head(
    flags: Flags,
    extra: Option<Extra>,
    fragment: Option<Fragment>,
    body_len: usize,
) -> Result<Head, TooLarge> {
    let mut flags = flags.without(Flags::EXTRA | Flags::FRAGMENT);
    if extra.is_some() {
        flags |= Flags::EXTRA;
    }
    if fragment.is_some() {
        flags |= Flags::FRAGMENT;
    }
    let mut head = Head::new(flags, frame_len(flags.prefix(), body_len)?);
    if let Some(extra) = extra {
        head.push(&extra.write());
    }
    if let Some(fragment) = fragment {
        head.push(&fragment.write());
    }
    Ok(head)
}

/// Appends a whole stock frame.
///
/// # Errors
/// When the body has more than [`MAX_BODY`] bytes; nothing is appended.
#[inline]
pub fn append_stock<B: Sink>(out: &mut B, cookie: Cookie, body: &[u8]) -> Result<(), TooLarge> {
    let header = stock_header(body.len())?;
    append(out, &header, body, cookie);
    Ok(())
}

/// Appends a whole extended data frame; see [`data_head`].
///
/// # Errors
/// When the frame would be too long for its header; nothing is appended.
#[inline]
pub fn append_data<B: Sink>(
    out: &mut B,
    flags: Flags,
    extra: Option<Extra>,
    fragment: Option<Fragment>,
    cookie: Cookie,
    body: &[u8],
) -> Result<(), TooLarge> {
    let head = data_head(flags, extra, fragment, body.len())?;
    append(out, &head, body, cookie);
    Ok(())
}

#[inline]
fn append<B: Sink>(out: &mut B, head: &[u8], body: &[u8], cookie: Cookie) {
    out.append(head);
    out.append(body);
    out.append(&cookie.write());
}

/// Bytes of a data frame without its header, which its header can tell.
#[inline]
fn frame_len(prefix: usize, body_len: usize) -> Result<u32, TooLarge> {
    let most = MAX_BODY - prefix;
    if body_len > most {
        return Err(TooLarge {
            found: body_len,
            limit: most,
        });
    }
    Ok((prefix + body_len + COOKIE) as u32)
}

/// A body that does not fit into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// Bytes of the body.
    pub found: usize,
    /// Bytes that are allowed.
    pub limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message of {} bytes, at most {} can go to another node",
            self.found, self.limit
        )
    }
}

impl std::error::Error for TooLarge {}
