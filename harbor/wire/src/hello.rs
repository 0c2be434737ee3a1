//! The first frames of a link between our nodes, which look like error messages that nobody waits for.

use std::fmt;

use crate::{COOKIE, Cookie, append_stock};

/// The type of a HELLO or GO: an error message.
const KIND: u8 = 7;
/// Its destination: the logger of an unmodified node, which ignores errors.
const DESTINATION: u32 = 1;
/// Its session: one that no call uses.
const SESSION: i32 = 0x7fff_fffe;
const HELLO_MAGIC: [u8; 4] = *b"SKY1";
const GO_MAGIC: [u8; 4] = *b"SKYG";
const VERSION: u8 = 1;
const LISTENS: u8 = 1;
const SECRET: u8 = 2;
const GAVE_UP: u8 = 4;
/// Bytes of a HELLO body before the address.
const FIXED: usize = 4 + 1 + 1 + 4 + 8 + 8 + 8 + 16 + 1;

/// The longest HELLO without the header of its frame: what to allow before a peer is known.
pub const MAX_HELLO_FRAME: usize = FIXED + 255 + COOKIE;

/// What a node says about itself, and what it knows of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The sender's harbor id, not 0.
    pub id: u8,
    /// Whether it can be dialled at any time, not only while it starts.
    pub keeps_listening: bool,
    /// Whether it has a secret, and so wants a proof.
    pub has_secret: bool,
    /// Whether it has taken the peer for lost since their last link, so that answers to the peer's calls may be missing.
    pub gave_up: bool,
    /// Milliseconds of silence after which it takes the peer for lost. The larger of both counts.
    pub heartbeat_ms: u32,
    /// The sender's life, not 0.
    pub epoch: u64,
    /// The life of the peer that it was last linked with, 0 for none.
    pub known_epoch: u64,
    /// How many data frames of that life it has; the peer goes on with the next one.
    pub last_received: u64,
    /// Random bytes that the peer's proof must be made with.
    pub nonce: [u8; 16],
    /// Where it listens: at most 255 bytes, none of them a control character.
    pub address: &'a str,
}

impl<'a> Hello<'a> {
    /// The whole frame.
    ///
    /// # Errors
    /// When a field cannot be said.
    pub fn write(&self) -> Result<Vec<u8>, HelloError> {
        self.check()?;
        let address_len = u8::try_from(self.address.len()).map_err(|_| HelloError::Address)?;
        let mut body = Vec::with_capacity(FIXED + self.address.len());
        body.extend_from_slice(&HELLO_MAGIC);
        body.push(VERSION);
        body.push(
            LISTENS * u8::from(self.keeps_listening)
                + SECRET * u8::from(self.has_secret)
                + GAVE_UP * u8::from(self.gave_up),
        );
        body.extend_from_slice(&self.heartbeat_ms.to_le_bytes());
        body.extend_from_slice(&self.epoch.to_le_bytes());
        body.extend_from_slice(&self.known_epoch.to_le_bytes());
        body.extend_from_slice(&self.last_received.to_le_bytes());
        body.extend_from_slice(&self.nonce);
        body.push(address_len);
        body.extend_from_slice(self.address.as_bytes());
        Ok(frame(self.id, &body))
    }

    /// What the body of a HELLO from node `id` says.
    ///
    /// # Errors
    /// When it is not a HELLO that this version understands.
    pub fn read(id: u8, body: &'a [u8]) -> Result<Self, HelloError> {
        let mut rest = body.strip_prefix(&HELLO_MAGIC).ok_or(HelloError::Magic)?;
        let [version] = take(&mut rest)?;
        if version != VERSION {
            return Err(HelloError::Version(version));
        }
        let [flags] = take(&mut rest)?;
        if flags & !(LISTENS | SECRET | GAVE_UP) != 0 {
            return Err(HelloError::Flags(flags));
        }
        let hello = Self {
            id,
            keeps_listening: flags & LISTENS != 0,
            has_secret: flags & SECRET != 0,
            gave_up: flags & GAVE_UP != 0,
            heartbeat_ms: u32::from_le_bytes(take(&mut rest)?),
            epoch: u64::from_le_bytes(take(&mut rest)?),
            known_epoch: u64::from_le_bytes(take(&mut rest)?),
            last_received: u64::from_le_bytes(take(&mut rest)?),
            nonce: take(&mut rest)?,
            address: {
                let [len] = take(&mut rest)?;
                if rest.len() != usize::from(len) {
                    return Err(HelloError::Length);
                }
                std::str::from_utf8(rest).map_err(|_| HelloError::Address)?
            },
        };
        hello.check()?;
        Ok(hello)
    }

    fn check(&self) -> Result<(), HelloError> {
        if self.id == 0 {
            return Err(HelloError::Id);
        }
        if self.epoch == 0 {
            return Err(HelloError::Epoch);
        }
        if self.address.len() > 255 || self.address.chars().any(char::is_control) {
            return Err(HelloError::Address);
        }
        Ok(())
    }
}

/// Says that from here on the sender writes extended frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Go {
    /// The sender's harbor id, not 0.
    pub id: u8,
    /// That it knows the secret; see [`Link`](crate::Link).
    pub proof: Option<[u8; 32]>,
}

impl Go {
    /// The whole frame.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut body = GO_MAGIC.to_vec();
        body.extend(self.proof.iter().flatten());
        frame(self.id, &body)
    }

    /// What the body of a GO from node `id` says.
    ///
    /// # Errors
    /// When it is not a GO.
    pub fn read(id: u8, body: &[u8]) -> Result<Self, HelloError> {
        if id == 0 {
            return Err(HelloError::Id);
        }
        let rest = body.strip_prefix(&GO_MAGIC).ok_or(HelloError::Magic)?;
        let proof = match rest {
            [] => None,
            _ => Some(rest.try_into().map_err(|_| HelloError::Length)?),
        };
        Ok(Self { id, proof })
    }
}

/// A HELLO or a GO.
#[derive(Debug)]
pub(crate) enum Greeting<'a> {
    Hello(Hello<'a>),
    Go(Go),
}

impl<'a> Greeting<'a> {
    /// Whether a stock frame with this cookie can be one: a quick look.
    #[inline]
    pub(crate) fn may_be(cookie: &Cookie) -> bool {
        cookie.session == SESSION
    }

    /// Whether a stock frame is one.
    pub(crate) fn is(cookie: &Cookie, body: &[u8]) -> bool {
        *cookie == greeting_cookie(node(cookie))
            && (body.starts_with(&HELLO_MAGIC) || body.starts_with(&GO_MAGIC))
    }

    /// What it says.
    #[cold]
    pub(crate) fn read(cookie: &Cookie, body: &'a [u8]) -> Result<Self, HelloError> {
        if body.starts_with(&HELLO_MAGIC) {
            Hello::read(node(cookie), body).map(Self::Hello)
        } else {
            Go::read(node(cookie), body).map(Self::Go)
        }
    }
}

fn node(cookie: &Cookie) -> u8 {
    (cookie.source >> 24) as u8
}

fn greeting_cookie(id: u8) -> Cookie {
    Cookie {
        source: u32::from(id) << 24,
        kind: KIND,
        destination: DESTINATION,
        session: SESSION,
    }
}

/// A stock frame with a greeting; its body is short.
fn frame(id: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(4 + body.len() + COOKIE);
    let fits = append_stock(&mut frame, greeting_cookie(id), body);
    debug_assert!(
        fits.is_ok(),
        "a greeting has at most {MAX_HELLO_FRAME} bytes"
    );
    frame
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HelloError> {
    let (part, after) = rest.split_first_chunk().ok_or(HelloError::Length)?;
    *rest = after;
    Ok(*part)
}

/// What is wrong with a HELLO or a GO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HelloError {
    /// It does not begin as it must.
    Magic,
    /// It is too short or too long.
    Length,
    /// It is of another version of these extensions.
    Version(u8),
    /// It has flags that are not defined.
    Flags(u8),
    /// Its sender has harbor id 0.
    Id,
    /// Its sender has no epoch.
    Epoch,
    /// Its address is too long or not a text.
    Address,
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("no greeting"),
            Self::Length => f.write_str("greeting of a wrong length"),
            Self::Version(found) => write!(
                f,
                "greeting of version {found}, this node speaks version {VERSION}"
            ),
            Self::Flags(flags) => write!(f, "greeting with unknown flags {flags:#04x}"),
            Self::Id => f.write_str("greeting of harbor id 0, which is no node"),
            Self::Epoch => f.write_str("greeting without an epoch"),
            Self::Address => f.write_str(
                "greeting with an address of more than 255 bytes, or one that is no text",
            ),
        }
    }
}

impl std::error::Error for HelloError {}
