//! The last twelve bytes of a frame: from whom, to whom, which answer.

/// Bytes of a cookie.
pub const COOKIE: usize = 12;

/// A handle without its harbor byte: the lower 24 bits.
const LOCAL: u32 = 0x00ff_ffff;

/// What stands behind the body of every message between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cookie {
    /// The handle of the sender, with its harbor byte.
    pub source: u32,
    /// The type of the message: 1 a reply, 7 an error, 10 the lua protocol ...
    pub kind: u8,
    /// The handle of the receiver without its harbor byte: at most 24 bits.
    pub destination: u32,
    /// Which call this is or answers, 0 if it is neither.
    pub session: i32,
}

impl Cookie {
    /// The bytes on the wire. Of `destination` only the lower 24 bits are taken.
    #[inline]
    #[must_use]
    pub const fn write(&self) -> [u8; COOKIE] {
        let [s0, s1, s2, s3] = self.source.to_be_bytes();
        let [_, d1, d2, d3] = self.destination.to_be_bytes();
        let [n0, n1, n2, n3] = self.session.to_be_bytes();
        [s0, s1, s2, s3, self.kind, d1, d2, d3, n0, n1, n2, n3]
    }

    /// What the bytes say; any twelve bytes are a cookie.
    #[inline]
    #[must_use]
    pub const fn read(bytes: &[u8; COOKIE]) -> Self {
        let [s0, s1, s2, s3, d0, d1, d2, d3, n0, n1, n2, n3] = *bytes;
        Self {
            source: u32::from_be_bytes([s0, s1, s2, s3]),
            kind: d0,
            destination: u32::from_be_bytes([d0, d1, d2, d3]) & LOCAL,
            session: i32::from_be_bytes([n0, n1, n2, n3]),
        }
    }
}
