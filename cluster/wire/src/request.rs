//! What a client sends.

use crate::fields::Fields;
use crate::write::{Head, address_len, bounded, cut};
use crate::{Address, Malformed, Sink, Unwritable};

/// The largest body of a request in one frame; a larger one goes in parts.
pub const REQUEST_SINGLE_MAX: usize = 0x7fff;
/// Bytes of each part of a message but the last one, which may have fewer.
pub const PART: usize = 0x8000;
/// Bytes of the longest trace tag.
pub const TRACE_MAX: usize = 0x8000;
/// The session of all that is about the connection itself; requests never have it.
pub const SESSION_PROBE: u32 = 0x7fff_ffff;

const NAMED: u8 = 0x80;
const SMALL: u8 = 0x00;
const BEGIN: u8 = 0x01;
const MORE: u8 = 0x02;
const LAST: u8 = 0x03;
const TRACE: u8 = 0x04;
const DEADLINE: u8 = 0x05;
const PUSH: u8 = 0x40;
const ACK: u8 = 0x20;
const BEGIN_PUSH: u8 = BEGIN | PUSH;
const BEGIN_ACK: u8 = BEGIN | ACK;

/// What the sender of a request in parts waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The answer of the destination.
    Call,
    /// Nothing.
    Push,
    /// That the destination's mailbox took it. Only between our nodes.
    Ack,
}

/// A frame of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// A request in one frame.
    Small {
        /// Whom it is for.
        address: Address<'a>,
        /// What its answer will carry; 0 for a push, which has none.
        session: u32,
        /// It is a push that is answered when the destination's mailbox took it; the session is not 0. Only between
        /// our nodes.
        ack: bool,
        /// The packed arguments.
        body: &'a [u8],
    },
    /// The beginning of a request whose body comes in parts.
    Begin {
        /// Whom it is for.
        address: Address<'a>,
        /// What its parts and its answer carry.
        session: u32,
        /// What its sender waits for.
        kind: Kind,
        /// Bytes of the whole body, as its sender claims.
        total: u32,
    },
    /// A part of a body.
    Part {
        /// Of which request.
        session: u32,
        /// The bytes.
        bytes: &'a [u8],
        /// Nothing follows.
        last: bool,
    },
    /// The trace tag of the next request.
    Trace(&'a [u8]),
    /// Milliseconds in which the next request must be answered. Only between our nodes.
    Deadline(u32),
}

impl<'a> Request<'a> {
    /// What a frame without its length says.
    ///
    /// # Errors
    /// When it is no frame of a client.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let (&kind, rest) = frame
            .split_first()
            .ok_or(Malformed::TooShort { found: 0 })?;
        let mut fields = Fields::new(rest, kind, frame.len());
        let named = kind & NAMED != 0;
        match (kind & !NAMED, named) {
            (SMALL, _) => Self::small(&mut fields, named, false),
            (ACK, _) => Self::small(&mut fields, named, true),
            (BEGIN, _) => Self::begin(fields, named, Kind::Call),
            (BEGIN_PUSH, _) => Self::begin(fields, named, Kind::Push),
            (BEGIN_ACK, _) => Self::begin(fields, named, Kind::Ack),
            (MORE | LAST, false) => Ok(Self::Part {
                session: fields.number()?,
                bytes: fields.rest(),
                last: kind == LAST,
            }),
            (TRACE, false) => Ok(Self::Trace(rest)),
            (DEADLINE, false) => fields.last_number().map(Self::Deadline),
            _ => Err(Malformed::Type(kind)),
        }
    }

    #[inline]
    fn small(fields: &mut Fields<'a>, named: bool, ack: bool) -> Result<Self, Malformed> {
        let address = fields.address(named)?;
        let session = fields.number()?;
        if ack && session == 0 {
            return Err(Malformed::NoSession);
        }
        Ok(Self::Small {
            address,
            session,
            ack,
            body: fields.rest(),
        })
    }

    fn begin(mut fields: Fields<'a>, named: bool, kind: Kind) -> Result<Self, Malformed> {
        let address = fields.address(named)?;
        let session = fields.number()?;
        let total = fields.last_number()?;
        if kind == Kind::Ack && session == 0 {
            return Err(Malformed::NoSession);
        }
        Ok(Self::Begin {
            address,
            session,
            kind,
            total,
        })
    }

    /// Whether it is something that only our nodes say, and only to those that they have recognised.
    #[must_use]
    pub fn is_extension(&self) -> bool {
        match self {
            Self::Small { ack, .. } => *ack,
            Self::Begin { kind, .. } => *kind == Kind::Ack,
            Self::Part { .. } | Self::Trace(_) => false,
            Self::Deadline(_) => true,
        }
    }
}

/// The session of the request after that of `session`: they count from 1, and begin anew after 0x7ffffffe.
#[inline]
#[must_use]
pub const fn next_session(session: u32) -> u32 {
    if session >= SESSION_PROBE - 1 {
        1
    } else {
        session + 1
    }
}

/// Appends a request in one frame. Session 0 makes it a push; `ack` one that is answered when the destination's mailbox
/// took it.
///
/// # Errors
/// When the name or the body cannot be said, or there must be a session; nothing is appended.
#[inline]
pub fn small_request(
    out: &mut impl Sink,
    address: Address<'_>,
    session: u32,
    ack: bool,
    body: &[u8],
) -> Result<(), Unwritable> {
    let body = bounded(body, REQUEST_SINGLE_MAX)?;
    if ack && session == 0 {
        return Err(Unwritable::NoSession);
    }
    let kind = if ack { ACK } else { SMALL };
    let frame = 1 + address_len(address)? + 4 + body.len();
    append_address(out, frame, kind, address, session);
    out.append(body);
    Ok(())
}

/// Appends the beginning of a request of `total` bytes; its parts have to follow.
///
/// # Errors
/// When the name cannot be said, or there must be a session; nothing is appended.
pub fn begin(
    out: &mut impl Sink,
    address: Address<'_>,
    session: u32,
    kind: Kind,
    total: u32,
) -> Result<(), Unwritable> {
    if kind == Kind::Ack && session == 0 {
        return Err(Unwritable::NoSession);
    }
    let kind = match kind {
        Kind::Call => BEGIN,
        Kind::Push => BEGIN_PUSH,
        Kind::Ack => BEGIN_ACK,
    };
    let frame = 1 + address_len(address)? + 4 + 4;
    append_address(out, frame, kind, address, session);
    out.append(&total.to_le_bytes());
    Ok(())
}

/// Appends a part of a request.
///
/// # Errors
/// When it has more than [`PART`] bytes; nothing is appended.
pub fn part(out: &mut impl Sink, session: u32, bytes: &[u8], last: bool) -> Result<(), Unwritable> {
    let bytes = bounded(bytes, PART)?;
    Head::new(1 + 4 + bytes.len())
        .byte(if last { LAST } else { MORE })
        .number(session)
        .write(out);
    out.append(bytes);
    Ok(())
}

/// Appends the trace tag of the next request, of which at most [`TRACE_MAX`] bytes are taken.
#[inline]
pub fn trace(out: &mut impl Sink, tag: &[u8]) {
    let tag = cut(tag, TRACE_MAX);
    Head::new(1 + tag.len()).byte(TRACE).write(out);
    out.append(tag);
}

/// Appends the milliseconds in which the next request must be answered.
#[inline]
pub fn deadline(out: &mut impl Sink, milliseconds: u32) {
    Head::new(1 + 4)
        .byte(DEADLINE)
        .number(milliseconds)
        .write(out);
}

/// Appends the length, type, address and session of a request; the address has a length that fits.
#[inline]
fn append_address(out: &mut impl Sink, frame: usize, kind: u8, address: Address<'_>, session: u32) {
    match address {
        Address::Handle(handle) => Head::new(frame)
            .byte(kind)
            .number(handle)
            .number(session)
            .write(out),
        Address::Name(name) => {
            Head::new(frame)
                .byte(kind | NAMED)
                .byte(name.len() as u8)
                .write(out);
            out.append(name);
            out.append(&session.to_le_bytes());
        }
    }
}
