//! Bytes of a connection to packets.

use std::fmt;

use crate::Framing;

/// A buffer larger than this is given back when its packet is done, so that idle connections are small.
const KEPT_CAPACITY: usize = 4096;

/// Cuts the bytes of one connection into packets.
///
/// A packet that lies within one chunk is returned as a part of the chunk; only what is torn over chunks is
/// buffered, and never more than the largest packet that is allowed. Room is made as bytes arrive, not because a
/// header claims them. Empty packets are returned too.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    max: usize,
    /// The length header, as far as it came.
    header: [u8; 4],
    header_len: usize,
    /// The length that a complete header told.
    body: Option<usize>,
    buffer: Vec<u8>,
    /// The buffer holds a packet that was returned.
    returned: bool,
    refused: Option<DecodeError>,
}

impl Decoder {
    /// A decoder for a new connection that refuses packets of more than `max` bytes (without header and line end).
    /// Raw chunks are not limited: whoever reads the connection chose their size.
    #[must_use]
    pub fn new(framing: Framing, max: usize) -> Self {
        Self {
            framing,
            max,
            header: [0; 4],
            header_len: 0,
            body: None,
            buffer: Vec::new(),
            returned: false,
            refused: None,
        }
    }

    /// The next packet, from what is buffered and `chunk`, of which the used part is cut off. To be called until it
    /// returns nothing: then the chunk is used up.
    ///
    /// ```
    /// use skynet_gate_wire::{Decoder, Framing};
    /// let mut decoder = Decoder::new(Framing::Line, 80);
    /// let mut lines = Vec::new();
    /// for mut chunk in [&b"one\r\ntw"[..], b"o\n"] {
    ///     while let Some(line) = decoder.decode(&mut chunk)? {
    ///         lines.push(line.to_vec());
    ///     }
    /// }
    /// assert_eq!(lines, [b"one", b"two"]);
    /// # Ok::<(), skynet_gate_wire::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// When a packet is too large. The connection cannot go on: every later call gives the same error.
    pub fn decode<'a, 'c: 'a>(
        &'a mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Option<&'a [u8]>, DecodeError> {
        self.forget_returned();
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        let found = match self.framing {
            Framing::Length2 => self.decode_length::<2>(chunk),
            Framing::Length4 => self.decode_length::<4>(chunk),
            Framing::Line => self.decode_line(chunk),
            Framing::Raw => Ok(Found::raw(chunk)),
        };
        match found {
            Ok(Found::Nothing) => Ok(None),
            Ok(Found::InChunk(packet)) => Ok(Some(packet)),
            Ok(Found::InBuffer(len)) => {
                self.returned = true;
                Ok(Some(&self.buffer[..len]))
            }
            Err(error) => {
                self.buffer = Vec::new();
                self.refused = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Bytes of a packet that is not complete yet, with what came of its header. When the connection ends and
    /// this is not 0, a packet was cut off.
    #[must_use]
    pub fn pending(&self) -> usize {
        if self.returned {
            0
        } else {
            self.header_len + self.buffer.len()
        }
    }

    fn forget_returned(&mut self) {
        if std::mem::take(&mut self.returned) {
            if self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer = Vec::new();
            }
            self.buffer.clear();
        }
    }

    fn decode_length<'c, const N: usize>(
        &mut self,
        chunk: &mut &'c [u8],
    ) -> Result<Found<'c>, DecodeError> {
        let Some(len) = self.body_len::<N>(chunk)? else {
            return Ok(Found::Nothing);
        };
        let missing = len - self.buffer.len();
        let Some((part, rest)) = chunk.split_at_checked(missing) else {
            self.keep(std::mem::take(chunk), len);
            return Ok(Found::Nothing);
        };
        *chunk = rest;
        self.body = None;
        self.header_len = 0;
        if self.buffer.is_empty() {
            return Ok(Found::InChunk(part));
        }
        self.keep(part, len);
        Ok(Found::InBuffer(len))
    }

    /// The length of the current packet, once its header is complete.
    fn body_len<const N: usize>(
        &mut self,
        chunk: &mut &[u8],
    ) -> Result<Option<usize>, DecodeError> {
        if self.body.is_some() {
            return Ok(self.body);
        }
        let (part, rest) = chunk.split_at(chunk.len().min(N - self.header_len));
        *chunk = rest;
        self.header[self.header_len..][..part.len()].copy_from_slice(part);
        self.header_len += part.len();
        if self.header_len < N {
            return Ok(None);
        }
        let found = self.header[..N]
            .iter()
            .fold(0, |len, &byte| len << 8 | u64::from(byte));
        let refused = DecodeError::PacketTooLong {
            found,
            limit: self.max,
        };
        let len = usize::try_from(found)
            .ok()
            .filter(|len| *len <= self.max)
            .ok_or(refused)?;
        self.body = Some(len);
        Ok(self.body)
    }

    fn decode_line<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Found<'c>, DecodeError> {
        let refused = DecodeError::LineTooLong { limit: self.max };
        // A line of the greatest length may have a carriage return and a line feed behind it.
        let window = self
            .max
            .saturating_add(2)
            .saturating_sub(self.buffer.len())
            .min(chunk.len());
        let Some(end) = chunk[..window].iter().position(|&byte| byte == b'\n') else {
            let part = std::mem::take(chunk);
            let (len, last) = (self.buffer.len() + part.len(), part.last());
            let may_still_end = last == Some(&b'\r') && len == self.max.saturating_add(1);
            if len > self.max && !part.is_empty() && !may_still_end {
                return Err(refused);
            }
            self.keep(part, self.max.saturating_add(1));
            return Ok(Found::Nothing);
        };
        let (part, rest) = (&chunk[..end], &chunk[end + 1..]);
        *chunk = rest;
        if self.buffer.is_empty() {
            let line = part.strip_suffix(b"\r").unwrap_or(part);
            return if line.len() > self.max {
                Err(refused)
            } else {
                Ok(Found::InChunk(line))
            };
        }
        let len = self.buffer.len() + part.len();
        self.keep(part, len);
        let len = self.buffer.strip_suffix(b"\r").map_or(len, <[u8]>::len);
        if len > self.max {
            Err(refused)
        } else {
            Ok(Found::InBuffer(len))
        }
    }

    /// Buffers part of a packet that cannot grow beyond `most` bytes.
    fn keep(&mut self, part: &[u8], most: usize) {
        let wanted = self.buffer.len() + part.len();
        if wanted > self.buffer.capacity() {
            let capacity = wanted.max((wanted * 2).min(most));
            self.buffer.reserve_exact(capacity - self.buffer.len());
        }
        self.buffer.extend_from_slice(part);
    }
}

/// Where the next packet lies.
enum Found<'c> {
    Nothing,
    InChunk(&'c [u8]),
    InBuffer(usize),
}

impl<'c> Found<'c> {
    fn raw(chunk: &mut &'c [u8]) -> Self {
        match std::mem::take(chunk) {
            [] => Self::Nothing,
            bytes => Self::InChunk(bytes),
        }
    }
}

/// Why a connection cannot be decoded further.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A header announced a packet that is too large.
    PacketTooLong {
        /// Bytes that were announced.
        found: u64,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A line went on beyond what is allowed.
    LineTooLong {
        /// Bytes that are allowed.
        limit: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PacketTooLong { found, limit } => {
                write!(f, "packet of {found} bytes, at most {limit} are allowed")
            }
            Self::LineTooLong { limit } => {
                write!(
                    f,
                    "line of {} bytes or more, at most {limit} are allowed",
                    limit.saturating_add(1)
                )
            }
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_what_came_and_never_exceeds_the_largest_packet() {
        let max = if cfg!(miri) { 1 << 13 } else { 1 << 20 };
        let stream = |framing: Framing| match framing {
            Framing::Line => [vec![b'x'; max], b"\r\n".to_vec()].concat(),
            _ => [(max as u32).to_be_bytes().to_vec(), vec![b'x'; max]].concat(),
        };
        for framing in [Framing::Length4, Framing::Line] {
            let mut decoder = Decoder::new(framing, max);
            let mut came = 0;
            for mut chunk in stream(framing).chunks(1000) {
                came += chunk.len();
                while let Some(packet) = decoder.decode(&mut chunk).unwrap() {
                    assert_eq!(packet.len(), max);
                }
                let capacity = decoder.buffer.capacity();
                assert!(
                    capacity <= (2 * came).min(max + 1),
                    "{framing}: {capacity} after {came}"
                );
            }
            // Asking once more lets the packet go.
            assert_eq!(decoder.decode(&mut &b""[..]), Ok(None));
            assert_eq!((decoder.buffer.capacity(), decoder.pending()), (0, 0));
        }
    }
}
