//! One target.

use crate::memory;

/// A decoder, how to feed it, and what it may use up.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: on the command line, and of its corpus.
    pub name: &'static str,
    /// What it feeds, in a few words.
    pub about: &'static str,
    /// Feeds it and checks what must hold; panics when something does not.
    pub run: fn(&[u8]),
    /// Inputs that mean something: what encoders write, and captured bytes.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes that mean something wherever they come.
    pub tokens: &'static [&'static [u8]],
    /// Bytes of the longest input.
    pub max_len: usize,
    /// The memory it may hold, that of the checks included.
    pub memory: Bound,
}

/// A bound on memory in bytes, in proportion to the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// For any input.
    pub base: usize,
    /// For each of its bytes.
    pub per_byte: usize,
}

impl Bound {
    /// What an input of `len` bytes may make the target hold.
    #[must_use]
    pub const fn of(self, len: usize) -> usize {
        self.base + self.per_byte * len
    }
}

impl Target {
    /// Feeds it `bytes`; panics when something does not hold. Returns the most bytes of memory that it held.
    pub fn check(&self, bytes: &[u8]) -> usize {
        let ((), most) = memory::most_held(|| (self.run)(bytes));
        let bound = self.memory.of(bytes.len());
        assert!(
            most <= bound,
            "{} held {most} bytes for an input of {}, at most {bound} are allowed",
            self.name,
            bytes.len()
        );
        most
    }
}
