//! A connection's bytes to packets.

/// Cuts a connection's bytes into packets. It holds one packet at most.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The length byte and what has come of the packet behind it.
    held: [u8; 256],
    /// Bytes of `held` that have come.
    len: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            held: [0; 256],
            len: 0,
        }
    }
}

impl Decoder {
    /// The next packet, without its length. Takes what it needs from the front of `chunk`; `None` means that all of it
    /// was taken and the packet has not ended.
    pub fn next(&mut self, chunk: &mut &[u8]) -> Option<&[u8]> {
        if self.is_complete() {
            self.len = 0;
        }
        if self.len == 0 {
            let (&first, rest) = chunk.split_first()?;
            *chunk = rest;
            self.held[0] = first;
            self.len = 1;
        }
        let missing = self.wanted() - self.len;
        let (taken, rest) = chunk.split_at(missing.min(chunk.len()));
        *chunk = rest;
        self.held[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        self.is_complete().then(|| &self.held[1..self.len])
    }

    fn wanted(&self) -> usize {
        1 + usize::from(self.held[0])
    }

    fn is_complete(&self) -> bool {
        self.len != 0 && self.len == self.wanted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_they_are_torn() {
        let mut long = vec![255];
        long.extend([7; 255]);
        let stream = [&b"\x02ab\x00\x01c"[..], &long, b"\x03no"].concat();
        for size in 1..=stream.len() {
            let mut decoder = Decoder::default();
            let mut packets = Vec::new();
            for mut chunk in stream.chunks(size) {
                while let Some(packet) = decoder.next(&mut chunk) {
                    packets.push(packet.to_vec());
                }
                assert!(chunk.is_empty());
            }
            let expected = [&b"ab"[..], b"", b"c", &[7; 255]];
            assert_eq!(packets, expected, "in pieces of {size}");
        }
    }
}
