//! What a server answers.

use crate::fields::Fields;
use crate::write::{Head, bounded, cut};
use crate::{Malformed, PART, Sink, Unwritable};

/// The largest body of a response in one frame; a larger one goes in parts. One byte more than of a request.
pub const RESPONSE_SINGLE_MAX: usize = 0x8000;
/// Bytes of the longest text of an error.
pub const TEXT_MAX: usize = 0x8000;

const ERROR: u8 = 0;
const OK: u8 = 1;
const BEGIN: u8 = 2;
const MORE: u8 = 3;
const LAST: u8 = 4;
const REASON: u8 = 5;
/// Bytes of the session and the type.
const FIXED: usize = 4 + 1;

/// A frame of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response<'a> {
    /// The call failed.
    Error {
        /// Of which request.
        session: u32,
        /// What the server says about it: any bytes.
        text: &'a [u8],
    },
    /// The answer.
    Ok {
        /// Of which request.
        session: u32,
        /// The packed results.
        body: &'a [u8],
    },
    /// The beginning of an answer whose body comes in parts.
    Begin {
        /// Of which request.
        session: u32,
        /// Bytes of the whole body, as the server claims.
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
    /// The request failed, and why. Only between our nodes.
    Reason {
        /// Of which request.
        session: u32,
        /// One of the `REASON_*` of the ABI.
        reason: u32,
        /// What the server or the service says about it: any bytes.
        text: &'a [u8],
    },
}

impl<'a> Response<'a> {
    /// What a frame without its length says.
    ///
    /// # Errors
    /// When it is no frame of a server: the connection is to be closed.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        let found = frame.len();
        let too_short = Malformed::TooShort { found };
        let ([s0, s1, s2, s3, kind], rest) = frame.split_first_chunk().ok_or(too_short)?;
        let session = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
        let mut fields = Fields::new(rest, *kind, found);
        match *kind {
            ERROR => Ok(Self::Error {
                session,
                text: rest,
            }),
            OK => Ok(Self::Ok {
                session,
                body: rest,
            }),
            BEGIN => Ok(Self::Begin {
                session,
                total: fields.last_number()?,
            }),
            MORE | LAST => Ok(Self::Part {
                session,
                bytes: rest,
                last: *kind == LAST,
            }),
            REASON => Ok(Self::Reason {
                session,
                reason: fields.number()?,
                text: fields.rest(),
            }),
            unknown => Err(Malformed::Type(unknown)),
        }
    }

    /// Which request it is about.
    #[inline]
    #[must_use]
    pub const fn session(&self) -> u32 {
        match *self {
            Self::Error { session, .. }
            | Self::Ok { session, .. }
            | Self::Begin { session, .. }
            | Self::Part { session, .. }
            | Self::Reason { session, .. } => session,
        }
    }

    /// Whether it is something that only our nodes say, and only to those that they have recognised.
    #[must_use]
    pub const fn is_extension(&self) -> bool {
        matches!(self, Self::Reason { .. })
    }
}

/// Appends an answer in one frame.
///
/// # Errors
/// When it has more than [`RESPONSE_SINGLE_MAX`] bytes; nothing is appended.
#[inline]
pub fn ok(out: &mut impl Sink, session: u32, body: &[u8]) -> Result<(), Unwritable> {
    append(out, session, OK, bounded(body, RESPONSE_SINGLE_MAX)?);
    Ok(())
}

/// Appends an error, with at most [`TEXT_MAX`] bytes of its text.
pub fn error(out: &mut impl Sink, session: u32, text: &[u8]) {
    append(out, session, ERROR, cut(text, TEXT_MAX));
}

/// Appends an error of `reason`, one of the `REASON_*` of the ABI, with at most [`TEXT_MAX`] bytes of its text. Only for
/// a peer that was recognised.
pub fn reason(out: &mut impl Sink, session: u32, reason: u32, text: &[u8]) {
    let text = cut(text, TEXT_MAX);
    Head::new(FIXED + 4 + text.len())
        .number(session)
        .byte(REASON)
        .number(reason)
        .write(out);
    out.append(text);
}

/// Appends the beginning of an answer of `total` bytes; its parts have to follow.
pub fn response_begin(out: &mut impl Sink, session: u32, total: u32) {
    append(out, session, BEGIN, &total.to_le_bytes());
}

/// Appends a part of an answer.
///
/// # Errors
/// When it has more than [`PART`] bytes; nothing is appended.
pub fn response_part(
    out: &mut impl Sink,
    session: u32,
    bytes: &[u8],
    last: bool,
) -> Result<(), Unwritable> {
    let kind = if last { LAST } else { MORE };
    append(out, session, kind, bounded(bytes, PART)?);
    Ok(())
}

/// Appends a frame whose `data` has a length that fits.
#[inline]
fn append(out: &mut impl Sink, session: u32, kind: u8, data: &[u8]) {
    Head::new(FIXED + data.len())
        .number(session)
        .byte(kind)
        .write(out);
    out.append(data);
}
