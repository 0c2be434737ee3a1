//! Frames of a cluster's connection, and what is written in several of them.

use std::io::{self, Read};

use super::PART;
use crate::stock::link::{framed, part};

/// Reads a frame, without its length. `None`: the connection has ended between two.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    if stream.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..])?;
    let mut frame = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut frame)?;
    Ok(Some(frame))
}

/// The frames that a stream of bytes is.
pub(super) fn split(mut bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    while let Some(frame) = read(&mut bytes)? {
        frames.push(frame);
    }
    Ok(frames)
}

/// Four bytes at a place, little-endian.
pub(super) fn number(frame: &[u8], at: usize) -> Option<u32> {
    let bytes = frame.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// The frames with the parts of a request.
pub(crate) fn parts(session: u32, body: &[u8]) -> Vec<Vec<u8>> {
    let last = body.len().div_ceil(PART) - 1;
    let parts = body.chunks(PART).enumerate();
    parts
        .map(|(at, bytes)| framed(&part(session, bytes, at == last)))
        .collect()
}

/// The frames of an answer, as an unmodified server cuts it.
pub(crate) fn answer(session: u32, body: &[u8]) -> Vec<Vec<u8>> {
    let frame =
        |kind: u8, data: &[u8]| framed(&[&session.to_le_bytes()[..], &[kind], data].concat());
    if body.len() <= PART {
        return vec![frame(1, body)];
    }
    let total = (body.len() as u32).to_le_bytes();
    let last = body.len().div_ceil(PART) - 1;
    let parts = body.chunks(PART).enumerate();
    let parts = parts.map(|(at, bytes)| frame(if at == last { 4 } else { 3 }, bytes));
    [frame(2, &total)].into_iter().chain(parts).collect()
}

/// Captured frames of a response, with another session.
pub(crate) fn with_session(mut bytes: Vec<u8>, session: u32) -> Vec<u8> {
    let mut at = 0;
    while at < bytes.len() {
        let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        bytes[at + 2..at + 6].copy_from_slice(&session.to_le_bytes());
        at += 2 + length;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::vectors;
    use super::*;
    use crate::stock::vectors::bytes;

    #[test]
    fn answers_are_cut_as_they_were_captured() {
        let re = [0x14, 0x72, 0x65, 0x0a, 0x01];
        assert_eq!(answer(1, &re).concat(), bytes(vectors::OK));
        let mut body = vec![0x78; PART];
        let single = [&bytes("80 05 | 16 00 00 00 | 01")[..], &body].concat();
        assert_eq!(answer(22, &body).concat(), single);
        body.push(0x78);
        assert_eq!(answer(22, &body).concat(), vectors::answer_in_parts());
        let other = with_session(vectors::answer_in_parts(), 7);
        assert_eq!(answer(7, &body).concat(), other);
    }

    #[test]
    fn requests_are_cut_as_they_were_captured() {
        let cut = parts(8, &vectors::call_in_parts_body()).concat();
        assert!(vectors::call_in_parts().ends_with(&cut));
        assert_eq!(split(&vectors::call_in_parts()).unwrap().len(), 3);
        assert!(split(b"\0\x02a").is_err());
    }
}
