//! Parts to messages.

use std::collections::HashMap;
use std::fmt;

use crate::Sink;

/// How much room is made, as a multiple of what came.
const GROWTH: usize = 4;

/// What one peer may have under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message.
    pub message: usize,
    /// Messages at a time.
    pub open: usize,
    /// Bytes of room for all messages together.
    pub bytes: usize,
}

/// Puts the parts of one peer's messages together, each with a header of the caller's.
///
/// The parts of one message come in order, those of several messages in any mix. Room follows what came, at most four
/// times as much and never more than a message will have; what a peer claims takes none. So the bound on all
/// messages is one on what they take up, and many large ones may be begun as long as they come one after the other.
///
/// What is refused is told once, with [`Refused`] or a [`Wrong`] that gives the header back. Its parts still come, since
/// the peer does not know: they are swallowed, and the last one says [`Wrong::Dropped`], with nothing left to answer.
#[derive(Debug)]
pub struct Reassembler<B, H> {
    limits: Limits,
    /// By session; nothing in place of a message whose parts are swallowed.
    open: HashMap<u32, Option<Message<B, H>>>,
    /// The room of all messages.
    bytes: usize,
}

#[derive(Debug)]
struct Message<B, H> {
    header: H,
    total: usize,
    body: B,
    room: usize,
}

impl<B: Sink + Default, H> Reassembler<B, H> {
    /// For one peer.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            bytes: 0,
        }
    }

    /// Begins a message of `total` bytes.
    ///
    /// # Errors
    /// When it is not taken. The parts of a message that is too large are swallowed; those of one too many are
    /// [`Wrong::Unknown`], and those of a duplicate count as parts of the first.
    pub fn begin(&mut self, session: u32, total: u32, header: H) -> Result<(), Refused> {
        let Limits { message, open, .. } = self.limits;
        if self.open.contains_key(&session) {
            return Err(Refused::Duplicate);
        }
        if self.open.len() >= open {
            return Err(Refused::TooMany { limit: open });
        }
        let found = total as usize;
        let fits = found <= message;
        self.open
            .insert(session, fits.then(|| Message::new(header, found)));
        if fits {
            Ok(())
        } else {
            Err(Refused::TooLarge {
                found,
                limit: message,
            })
        }
    }

    /// Takes a part that is not the last one.
    ///
    /// # Errors
    /// When it is of no message, or cannot be of this one, which is dropped then.
    pub fn part(&mut self, session: u32, bytes: &[u8]) -> Result<(), Wrong<H>> {
        let free = self.free();
        let message = match self.open.get_mut(&session) {
            None => return Err(Wrong::Unknown),
            Some(None) => return Ok(()),
            Some(Some(message)) => message,
        };
        match message.take(bytes, free) {
            Ok(grown) => {
                self.bytes += grown;
                Ok(())
            }
            Err(overrun) => {
                let header = self.remove(session).ok_or(Wrong::Dropped)?;
                Err(self.wrong(overrun, header))
            }
        }
    }

    /// Takes the last part; returns the message.
    ///
    /// # Errors
    /// When it is of no message, or does not make it complete. Nothing more comes of this message.
    pub fn finish(&mut self, session: u32, bytes: &[u8]) -> Result<(H, B), Wrong<H>> {
        let free = self.free();
        let entry = self.open.remove(&session).ok_or(Wrong::Unknown)?;
        let mut message = entry.ok_or(Wrong::Dropped)?;
        self.bytes -= message.room;
        match message.take(bytes, free) {
            Ok(_) if message.body.len() == message.total => Ok((message.header, message.body)),
            Ok(_) => Err(Wrong::Mismatch(message.header)),
            Err(overrun) => Err(self.wrong(overrun, message.header)),
        }
    }

    /// Drops a message that nobody waits for any more; what still comes of it is swallowed.
    pub fn remove(&mut self, session: u32) -> Option<H> {
        let message = self.open.get_mut(&session)?.take()?;
        self.bytes -= message.room;
        Some(message.header)
    }

    /// Messages under way, with those that are swallowed.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Bytes of room that messages under way have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Room that may still be made.
    fn free(&self) -> usize {
        self.limits.bytes - self.bytes
    }

    fn wrong(&self, overrun: Overrun, header: H) -> Wrong<H> {
        match overrun {
            Overrun::Total => Wrong::Mismatch(header),
            Overrun::Room => Wrong::Budget {
                header,
                limit: self.limits.bytes,
            },
        }
    }
}

impl<B: Sink + Default, H> Message<B, H> {
    fn new(header: H, total: usize) -> Self {
        Self {
            header,
            total,
            body: B::default(),
            room: 0,
        }
    }

    /// Adds a part, for which at most `free` bytes more room may be made. Returns how many were.
    fn take(&mut self, bytes: &[u8], free: usize) -> Result<usize, Overrun> {
        let wanted = self.body.len() + bytes.len();
        if wanted > self.total {
            return Err(Overrun::Total);
        }
        let mut grown = 0;
        if wanted > self.room {
            grown = (wanted.saturating_mul(GROWTH).min(self.total) - self.room).min(free);
            if wanted > self.room + grown {
                return Err(Overrun::Room);
            }
            self.room += grown;
            self.body.reserve(self.room - self.body.len());
        }
        self.body.append(bytes);
        Ok(grown)
    }
}

/// Why a part cannot be added.
#[derive(Clone, Copy)]
enum Overrun {
    /// The message has fewer bytes.
    Total,
    /// There is no room.
    Room,
}

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It has too many bytes. Its parts are swallowed.
    TooLarge {
        /// Its bytes, as the peer claims.
        found: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Too many messages are under way.
    TooMany {
        /// As many as are allowed.
        limit: usize,
    },
    /// One with this session is under way.
    Duplicate,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { found, limit } => {
                write!(f, "message of {found} bytes, at most {limit} are allowed")
            }
            Self::TooMany { limit } => {
                write!(f, "more than {limit} messages in parts at a time")
            }
            Self::Duplicate => f.write_str("a message of this session is under way"),
        }
    }
}

impl std::error::Error for Refused {}

/// What is wrong with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong<H> {
    /// No message of this session is under way.
    Unknown,
    /// It was the last part of a message that was refused or dropped before. There is nothing to answer.
    Dropped,
    /// The message has more bytes than it was begun with, or ends with fewer.
    Mismatch(H),
    /// The messages under way take up too much room together.
    Budget {
        /// Of the message, which is dropped.
        header: H,
        /// Bytes that are allowed.
        limit: usize,
    },
}

impl<H> fmt::Display for Wrong<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("part of a message that was not begun"),
            Self::Dropped => f.write_str("end of a message that was dropped"),
            Self::Mismatch(_) => f.write_str("message is not as long as it was begun with"),
            Self::Budget { limit, .. } => write!(
                f,
                "messages in parts need more than {limit} bytes at a time"
            ),
        }
    }
}

impl<H: fmt::Debug> std::error::Error for Wrong<H> {}
