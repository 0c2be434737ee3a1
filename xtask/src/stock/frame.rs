//! Frames of the link between two nodes.

use std::io::{self, Read};

use anyhow::{Result, bail, ensure};

/// The type of an answer.
const RESPONSE: u8 = 1;
/// The type of an error.
const ERROR: u8 = 7;
/// Bytes behind the body.
const COOKIE: usize = 12;

/// One frame, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) body: Vec<u8>,
    pub(crate) source: u32,
    /// The type in the top byte, the handle without its node below.
    pub(crate) word: u32,
    pub(crate) session: i32,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            body,
            source,
            word,
            session,
        } = self;
        let shown = &body[..body.len().min(64)];
        write!(
            f,
            "frame({} bytes {shown:02x?}, from {source:08x}, word {word:08x}, session {session:08x})",
            body.len()
        )
    }
}

/// The bytes of a frame.
pub(crate) fn frame(body: &[u8], source: u32, word: u32, session: i32) -> Vec<u8> {
    let length = (body.len() + COOKIE) as u32;
    let mut out = Vec::with_capacity(body.len() + 16);
    out.extend(length.to_be_bytes());
    out.extend(body);
    out.extend(source.to_be_bytes());
    out.extend(word.to_be_bytes());
    out.extend(session.to_be_bytes());
    out
}

impl Frame {
    /// Takes a whole frame apart.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let found = read(&mut &*bytes)?;
        let Some(Ok(frame)) = found else {
            bail!("{found:?} is no frame");
        };
        ensure!(frame.bytes() == bytes, "bytes follow the frame");
        Ok(frame)
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        frame(&self.body, self.source, self.word, self.session)
    }

    /// Its type.
    pub(crate) fn kind(&self) -> u8 {
        (self.word >> 24) as u8
    }

    /// For which service, without its node.
    pub(crate) fn destination(&self) -> u32 {
        self.word & 0x00ff_ffff
    }

    /// The bytes of its answer, from the service that got it.
    pub(crate) fn reply(&self, node: u8, body: &[u8]) -> Vec<u8> {
        self.answer(node, RESPONSE, body)
    }

    /// The bytes of an error, as an unmodified node answers it.
    pub(crate) fn error(&self, node: u8) -> Vec<u8> {
        self.answer(node, ERROR, &[])
    }

    fn answer(&self, node: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let source = u32::from(node) << 24 | self.destination();
        let word = u32::from(kind) << 24 | self.source & 0x00ff_ffff;
        frame(body, source, word, self.session)
    }
}

/// Reads one frame. `None`: the connection has ended between two. `Some(Err(_))`: a header that no node may send.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Result<Frame, [u8; 4]>>> {
    let mut header = [0; 4];
    if stream.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..])?;
    let length = u32::from_be_bytes(header) as usize;
    if header[0] != 0 || length < COOKIE {
        return Ok(Some(Err(header)));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let word = |at: usize| {
        let four = &body[length - COOKIE + at..][..4];
        u32::from_be_bytes([four[0], four[1], four[2], four[3]])
    };
    let (source, destination, session) = (word(0), word(4), word(8).cast_signed());
    body.truncate(length - COOKIE);
    Ok(Some(Ok(Frame {
        body,
        source,
        word: destination,
        session,
    })))
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{self, bytes};
    use super::*;

    #[test]
    fn captured_frames_are_read_and_written() {
        let check = |vector: &str, body: usize, source, word, session| {
            let found = Frame::parse(&bytes(vector)).unwrap();
            let parts = (found.body.len(), found.source, found.word, found.session);
            assert_eq!(parts, (body, source, word, session), "{vector}");
        };
        check(vectors::CALL, 12, 0x0700_0010, 0x0a00_0009, 5);
        check(vectors::REPLY, 7, 0x0100_0009, 0x0100_0010, 5);
        check(vectors::SEND, 7, 0x0700_0010, 0x0a00_0009, 0);
        check(vectors::ERROR, 0, 0x0100_0009, 0x0700_0010, 6);
        check(vectors::REPORT, 12, 0x0200_0006, 0x0a00_0008, 2);
        check(vectors::REPORTED, 1, 0x0100_0008, 0x0100_0006, 2);
        check(vectors::UPDATE, 24, 0x0200_0008, 0x0a00_0007, 2);
        check(vectors::UPDATED, 0, 0x0100_0007, 0x0100_0008, 2);
        check(vectors::QUERY, 16, 0x0200_0007, 0x0a00_0007, 4);
        check(vectors::QUERIED, 2, 0x0100_0007, 0x0100_0007, 4);
        check(vectors::SUBSCRIBE, 7, 0x0200_0008, 0x0a00_000a, 4);
        check(vectors::MULTICAST, 15, 0x0200_0007, 0x0200_000a, 1);
        check(vectors::MULTICAST_BACK, 15, 0x0200_0007, 0x0200_0008, 1);
        check(vectors::DELETE, 6, 0x0200_0008, 0x0a00_000a, 0);
        check(vectors::DELETED, 7, 0x0100_000a, 0x0a00_0008, 0);
    }

    #[test]
    fn answers_are_the_captured_ones() {
        let check = |request: &str, node, body: &[u8], answer: &str| {
            let request = Frame::parse(&bytes(request)).unwrap();
            assert_eq!(request.reply(node, body), bytes(answer));
        };
        check(
            vectors::CALL,
            1,
            &bytes("0a 01 1c 74 77 6f 09"),
            vectors::REPLY,
        );
        check(vectors::REPORT, 1, &[0], vectors::REPORTED);
        check(vectors::UPDATE, 1, &[], vectors::UPDATED);
        check(vectors::QUERY, 1, &[0x0a, 1], vectors::QUERIED);
        let mut call = Frame::parse(&bytes(vectors::CALL)).unwrap();
        call.session = 6;
        assert_eq!(call.error(1), bytes(vectors::ERROR));
    }

    #[test]
    fn wrong_headers_are_told_from_ends() {
        assert!(matches!(read(&mut &[][..]), Ok(None)));
        assert!(read(&mut &[0, 0, 0][..]).is_err());
        let header = bytes(vectors::TOO_LONG);
        assert!(matches!(read(&mut &*header), Ok(Some(Err([1, 0, 0, 0])))));
        assert!(matches!(read(&mut &[0, 0, 0, 11][..]), Ok(Some(Err(_)))));
    }
}
