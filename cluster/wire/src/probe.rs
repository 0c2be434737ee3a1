//! Queries for names that no service has: how our nodes recognise each other, and hear that the peer lives.

use std::fmt;

use skynet_seri::{Reader, SliceSink, ValueRef, Writer};

/// What all of these names begin with.
const MAGIC: [u8; 7] = *b"\0SKYNET";
const VERSION: u8 = 1;
const HELLO: u8 = 1;
const PROOF: u8 = 2;
const BEAT: u8 = 3;
/// In the flags of a [`ServerHello`]: the client is to send a [`Proof`].
pub const FLAG_PROOF: u8 = 1;

/// Bytes of the magic, the version and what it is.
const FIXED: usize = MAGIC.len() + 2;
/// Bytes of the longest: a server's HELLO with a proof, and the head of a packed string.
const LONGEST: usize = 3 + FIXED + 16 + 4 + 1 + 32;

/// Whether the body of a name query is a probe, of whatever version.
#[must_use]
pub fn is_probe(body: &[u8]) -> bool {
    name(body).is_some_and(|name| name.starts_with(&MAGIC))
}

/// What a client asks in the body of a name query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Who are you?
    Hello(ClientHello),
    /// It knows the secret.
    Proof(Proof),
    /// Are you alive?
    Beat(Beat),
}

impl Probe {
    /// What the body of a name query asks.
    ///
    /// # Errors
    /// When it is no probe, or none that this version understands.
    pub fn parse(body: &[u8]) -> Result<Self, ProbeError> {
        let (what, fields) = split(body)?;
        match what {
            HELLO => ClientHello::read(fields).map(Self::Hello),
            PROOF => Proof::read(fields).map(Self::Proof),
            BEAT => Beat::read(fields).map(Self::Beat),
            other => Err(ProbeError::What(other)),
        }
    }
}

/// The first request on a connection of one of our clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello {
    /// Random bytes that the server's proof must be made with.
    pub nonce: [u8; 16],
    /// Milliseconds of silence after which the client gives the connection up.
    pub heartbeat_ms: u32,
    /// None is defined: 0 is to be written, anything read.
    pub flags: u8,
}

impl ClientHello {
    /// The body of the query.
    #[must_use]
    pub fn write(&self) -> Packed {
        let heartbeat = self.heartbeat_ms.to_le_bytes();
        Packed::new(HELLO, [&self.nonce, &heartbeat, &[self.flags]])
    }

    fn read(mut fields: &[u8]) -> Result<Self, ProbeError> {
        let hello = Self {
            nonce: take(&mut fields)?,
            heartbeat_ms: u32::from_le_bytes(take(&mut fields)?),
            flags: u8::from_le_bytes(take(&mut fields)?),
        };
        end(fields, hello)
    }
}

/// What our servers answer to a [`ClientHello`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHello {
    /// Random bytes that the client's proof must be made with.
    pub nonce: [u8; 16],
    /// Milliseconds of silence after which the server gives the connection up.
    pub heartbeat_ms: u32,
    /// [`FLAG_PROOF`]; others are ignored.
    pub flags: u8,
    /// That the server knows the secret, if it has one; see [`Handshake`](crate::Handshake).
    pub proof: Option<[u8; 32]>,
}

impl ServerHello {
    /// Whether the client is to send a [`Proof`].
    #[must_use]
    pub fn wants_proof(&self) -> bool {
        self.flags & FLAG_PROOF != 0
    }

    /// The body of the answer.
    #[must_use]
    pub fn write(&self) -> Packed {
        let heartbeat = self.heartbeat_ms.to_le_bytes();
        let proof = self.proof.as_ref().map_or(&[][..], |proof| proof);
        Packed::new(HELLO, [&self.nonce, &heartbeat, &[self.flags], proof])
    }

    /// What the body of an answer says.
    ///
    /// # Errors
    /// When it is no answer to a [`ClientHello`].
    pub fn parse(body: &[u8]) -> Result<Self, ProbeError> {
        let (what, mut fields) = split(body)?;
        if what != HELLO {
            return Err(ProbeError::What(what));
        }
        let hello = Self {
            nonce: take(&mut fields)?,
            heartbeat_ms: u32::from_le_bytes(take(&mut fields)?),
            flags: u8::from_le_bytes(take(&mut fields)?),
            proof: match fields {
                [] => None,
                _ => Some(take(&mut fields)?),
            },
        };
        end(fields, hello)
    }
}

/// That the client knows the secret; see [`Handshake`](crate::Handshake).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub [u8; 32]);

impl Proof {
    /// The body of the query.
    #[must_use]
    pub fn write(&self) -> Packed {
        Packed::new(PROOF, [&self.0[..]])
    }

    fn read(mut fields: &[u8]) -> Result<Self, ProbeError> {
        let proof = Self(take(&mut fields)?);
        end(fields, proof)
    }
}

/// The body of the answer to a [`Proof`] that was right.
#[must_use]
pub fn proof_taken() -> Packed {
    Packed::new(PROOF, [&[][..]])
}

/// A sign of life that asks for one. Our servers answer with the same body; any answer is a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Of the client's choice.
    pub stamp: u64,
}

impl Beat {
    /// The body of the query and of its answer.
    #[must_use]
    pub fn write(&self) -> Packed {
        Packed::new(BEAT, [&self.stamp.to_le_bytes()[..]])
    }

    fn read(mut fields: &[u8]) -> Result<Self, ProbeError> {
        let stamp = u64::from_le_bytes(take(&mut fields)?);
        end(fields, Self { stamp })
    }
}

/// The body of a probe or of its answer: one packed string.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Packed {
    fn new<const N: usize>(what: u8, fields: [&[u8]; N]) -> Self {
        let mut name = [0; LONGEST];
        let mut end = 0;
        for part in [&MAGIC[..], &[VERSION, what]].into_iter().chain(fields) {
            name[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        let mut bytes = [0; LONGEST];
        let mut writer = Writer::with_sink(SliceSink::new(&mut bytes));
        let written = writer
            .string(&name[..end])
            .and_then(|()| writer.finish())
            .map(|sink| sink.len());
        // There is room for the longest.
        let len = written.unwrap_or_default();
        debug_assert_ne!(len, 0, "{end} bytes do not fit");
        Self { bytes, len }
    }
}

impl std::ops::Deref for Packed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl AsRef<[u8]> for Packed {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed(\"{}\")", self.escape_ascii())
    }
}

/// The one string that `body` is.
fn name(body: &[u8]) -> Option<&[u8]> {
    let mut values = Reader::new(body);
    match (values.next(), values.next()) {
        (Some(Ok(ValueRef::String(name))), None) => Some(name),
        _ => None,
    }
}

/// What a probe or its answer is, and its fields.
fn split(body: &[u8]) -> Result<(u8, &[u8]), ProbeError> {
    let name = name(body).ok_or(ProbeError::Magic)?;
    let rest = name.strip_prefix(&MAGIC).ok_or(ProbeError::Magic)?;
    let ([version, what], fields) = rest.split_first_chunk().ok_or(ProbeError::Length)?;
    if *version != VERSION {
        return Err(ProbeError::Version(*version));
    }
    Ok((*what, fields))
}

fn take<const N: usize>(fields: &mut &[u8]) -> Result<[u8; N], ProbeError> {
    let (part, rest) = fields.split_first_chunk().ok_or(ProbeError::Length)?;
    *fields = rest;
    Ok(*part)
}

/// `read`, if nothing is left.
fn end<T>(fields: &[u8], read: T) -> Result<T, ProbeError> {
    if fields.is_empty() {
        Ok(read)
    } else {
        Err(ProbeError::Length)
    }
}

/// What is wrong with a probe or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeError {
    /// It does not begin as it must.
    Magic,
    /// It is of another version of these extensions.
    Version(u8),
    /// It is none of those that this version knows, or not the one that is wanted.
    What(u8),
    /// It is too short or too long.
    Length,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("no greeting of a node of ours"),
            Self::Version(found) => write!(
                f,
                "greeting of version {found}, this node speaks version {VERSION}"
            ),
            Self::What(what) => write!(f, "greeting of unknown kind {what}"),
            Self::Length => f.write_str("greeting of a wrong length"),
        }
    }
}

impl std::error::Error for ProbeError {}
