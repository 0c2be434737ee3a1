//! Bytes of a peer to frames.

use std::fmt;

/// Bytes of the length in front of a frame.
pub const HEADER: usize = 2;
/// The longest frame that a length can tell.
pub const MAX_FRAME: usize = u16::MAX as usize;

/// A buffer larger than this is given back when its frame is done, so that idle connections are small.
const KEPT_CAPACITY: usize = 4096;
/// How much room is made for a torn frame, as a multiple of what came.
const GROWTH: usize = 2;

/// Cuts the bytes of one connection into frames.
///
/// A frame that lies within one chunk is returned as a part of the chunk; only what is torn over chunks is gathered, and
/// never more than the longest frame that is allowed. Room is made as bytes arrive, not because a length claims them.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    /// The torn frame with its length, as far as it came.
    torn: Vec<u8>,
    /// `torn` was returned.
    returned: bool,
    refused: Option<FrameTooLong>,
}

impl Framer {
    /// For a new connection, with frames of any length.
    #[must_use]
    pub fn new() -> Self {
        Self {
            limit: MAX_FRAME,
            torn: Vec::new(),
            returned: false,
            refused: None,
        }
    }

    /// From now on refuses frames of more than `max` bytes.
    pub fn limit(&mut self, max: usize) {
        self.limit = max;
    }

    /// The next frame without its length, from what is gathered and `chunk`, of which the used part is cut off. To be
    /// called until it returns nothing: then the chunk is used up.
    ///
    /// # Errors
    /// When a frame is longer than [`limit`](Self::limit) allows. The connection cannot go on: every later call gives
    /// the same error.
    #[inline]
    pub fn next<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<&'a [u8]>, FrameTooLong> {
        if self.torn.is_empty()
            && self.refused.is_none()
            && let Some((header, rest)) = chunk.split_first_chunk()
            && let Some((frame, rest)) = rest.split_at_checked(frame_len(*header))
            && frame.len() <= self.limit
        {
            *chunk = rest;
            return Ok(Some(frame));
        }
        self.gather(chunk)
    }

    /// Bytes of a frame that is not complete yet, with what came of its length. When the connection ends and this is
    /// not 0, a frame was cut off.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.returned { 0 } else { self.torn.len() }
    }

    /// A frame that is torn, too long, or that follows one that was torn.
    fn gather<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<&'a [u8]>, FrameTooLong> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if std::mem::take(&mut self.returned) {
            self.forget();
            return self.next(chunk);
        }
        self.take(chunk, HEADER);
        let Some(header) = self.torn.first_chunk() else {
            return Ok(None);
        };
        let found = frame_len(*header);
        if found > self.limit {
            let refused = FrameTooLong {
                found,
                limit: self.limit,
            };
            self.torn = Vec::new();
            self.refused = Some(refused);
            return Err(refused);
        }
        self.take(chunk, HEADER + found);
        if self.torn.len() < HEADER + found {
            return Ok(None);
        }
        self.returned = true;
        Ok(Some(&self.torn[HEADER..]))
    }

    /// Gathers what there is of the `wanted` first bytes.
    fn take(&mut self, chunk: &mut &[u8], wanted: usize) {
        let missing = wanted.saturating_sub(self.torn.len());
        let (part, rest) = chunk.split_at(missing.min(chunk.len()));
        *chunk = rest;
        let len = self.torn.len() + part.len();
        if len > self.torn.capacity() {
            let room = (len * GROWTH).min(wanted);
            self.torn.reserve_exact(room - self.torn.len());
        }
        self.torn.extend_from_slice(part);
    }

    /// The torn frame is done.
    fn forget(&mut self) {
        if self.torn.capacity() > KEPT_CAPACITY {
            self.torn = Vec::new();
        }
        self.torn.clear();
    }
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn frame_len(header: [u8; HEADER]) -> usize {
    usize::from(u16::from_be_bytes(header))
}

/// A frame that is longer than what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTooLong {
    /// Its bytes.
    pub found: usize,
    /// Bytes that are allowed.
    pub limit: usize,
}

impl fmt::Display for FrameTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frame of {} bytes, at most {} are allowed",
            self.found, self.limit
        )
    }
}

impl std::error::Error for FrameTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a frame of so many bytes in two pieces; the room that is kept when it is done.
    fn kept_after(len: u16) -> usize {
        let mut framer = Framer::new();
        let stream = [&len.to_be_bytes()[..], &vec![7; len.into()]].concat();
        let (mut first, mut second) = stream.split_at(stream.len() / 2);
        assert_eq!(framer.next(&mut first), Ok(None));
        let frame = framer.next(&mut second).map(|frame| frame.map(<[u8]>::len));
        assert_eq!(frame, Ok(Some(len.into())));
        assert_eq!(framer.next(&mut second), Ok(None));
        framer.torn.capacity()
    }

    #[test]
    fn the_room_of_a_large_frame_is_given_back_and_that_of_a_small_one_kept() {
        assert_eq!(kept_after(u16::MAX), 0);
        assert_eq!(kept_after(1000), HEADER + 1000);
    }
}
