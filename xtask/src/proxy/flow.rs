//! One direction of a connection through a proxy.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The most that is held at a time.
const ROOM: usize = 64 * 1024;
/// So many bytes from the beginning are searched for what is replaced.
const HEAD: u64 = 4096;
/// The largest piece of a torn stream.
const LARGEST_PIECE: u64 = 64;

/// How bytes are to pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    pub(super) delay: Duration,
    pub(super) dice: Option<Dice>,
    pub(super) replaced: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A source of sizes that is the same each time.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A size from 1 to the largest.
    fn throw(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + (self.0 % LARGEST_PIECE) as usize
    }
}

/// What was read and has not been written yet.
#[derive(Debug, Default)]
pub(super) struct Flow {
    held: Vec<u8>,
    /// When it may be written.
    due: Option<Instant>,
    /// Nothing more comes.
    ended: bool,
    /// The reader has been told.
    closed: bool,
    /// Bytes written.
    pub(super) passed: u64,
    /// Bytes that may be written before the connection is cut.
    pub(super) allowed: Option<u64>,
}

/// The other end is gone, without an end or with an error.
#[derive(Debug)]
pub(super) struct Broken;

impl Flow {
    /// Whether it wants to read.
    pub(super) fn wants_input(&self) -> bool {
        self.held.is_empty() && !self.ended
    }

    /// Whether it wants to write, at this moment.
    pub(super) fn wants_output(&self, now: Instant) -> bool {
        !self.held.is_empty() && self.due.is_none_or(|due| due <= now)
    }

    /// When it will want to write, if not at this moment.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| !self.held.is_empty() && *due > now)
    }

    /// Whether everything has passed, and the end too.
    pub(super) fn is_over(&self) -> bool {
        self.closed
    }

    /// Whether it may write no more.
    pub(super) fn is_spent(&self) -> bool {
        self.allowed == Some(0)
    }

    /// Adds bytes of nobody.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Reads once.
    pub(super) fn read(&mut self, mut from: &TcpStream, manner: &Manner) -> Result<(), Broken> {
        let start = self.held.len();
        self.held.resize(start + ROOM, 0);
        let count = match from.read(&mut self.held[start..]) {
            Ok(0) => {
                self.ended = true;
                0
            }
            Ok(count) => count,
            Err(error) if is_moment(&error) => 0,
            Err(_) => return Err(Broken),
        };
        self.held.truncate(start + count);
        if self.passed < HEAD {
            for (old, new) in &manner.replaced {
                replace(&mut self.held, old, new);
            }
        }
        self.due = (!manner.delay.is_zero()).then(|| Instant::now() + manner.delay);
        Ok(())
    }

    /// Writes once, and passes the end on.
    pub(super) fn write(&mut self, mut to: &TcpStream, manner: &mut Manner) -> Result<(), Broken> {
        let mut most = self.held.len();
        if let Some(dice) = &mut manner.dice {
            most = most.min(dice.throw());
        }
        if let Some(allowed) = self.allowed {
            most = most.min(usize::try_from(allowed).unwrap_or(usize::MAX));
        }
        if most > 0 {
            let count = match to.write(&self.held[..most]) {
                Ok(count) => count,
                Err(error) if is_moment(&error) => 0,
                Err(_) => return Err(Broken),
            };
            self.held.drain(..count);
            self.passed += count as u64;
            if let Some(allowed) = &mut self.allowed {
                *allowed -= count as u64;
            }
        }
        Ok(())
    }

    /// Passes the end on when everything else has passed.
    pub(super) fn finish(&mut self, to: &TcpStream) {
        if self.ended && self.held.is_empty() && !self.closed {
            self.closed = true;
            // Fails when the reader is gone already.
            let _ = to.shutdown(Shutdown::Write);
        }
    }
}

fn is_moment(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(old.len()).position(|part| part == old) {
        bytes[at + found..][..new.len()].copy_from_slice(new);
        at += found + new.len();
    }
}
