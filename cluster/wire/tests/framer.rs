//! Bytes to frames.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_cluster_wire::{FrameTooLong, Framer, MAX_FRAME, Request, Response};

/// The frames of `chunks`, and how it ended: bytes pending, or the error.
fn cut(limit: usize, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<usize, FrameTooLong>) {
    let mut framer = Framer::new();
    framer.limit(limit);
    let mut frames = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match framer.next(&mut chunk) {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framer.next(&mut &b"\0\0"[..]), Err(error), "it stays so");
                    return (frames, Err(error));
                }
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (frames, Ok(framer.pending()))
}

#[test]
fn a_frame_that_is_whole_is_a_part_of_its_chunk() {
    let stream = b"\0\x02hi\0\0\0\x01!\0".to_vec();
    let mut framer = Framer::new();
    let mut chunk = &stream[..];
    let frame = framer.next(&mut chunk).unwrap().unwrap();
    assert!(std::ptr::eq(frame, &raw const stream[2..4]));
    assert_eq!(framer.next(&mut chunk), Ok(Some(&b""[..])));
    assert_eq!(framer.next(&mut chunk), Ok(Some(&b"!"[..])));
    assert_eq!(framer.next(&mut chunk), Ok(None));
    assert_eq!(framer.pending(), 1);
}

#[test]
fn a_torn_frame_is_gathered() {
    let mut framer = Framer::new();
    let frame = vec![7; MAX_FRAME];
    let stream = [&[0xff, 0xff], &frame[..], b"\0\x01x"].concat();
    assert_eq!(framer.next(&mut &stream[..1]), Ok(None));
    assert_eq!(framer.next(&mut &stream[1..100]), Ok(None));
    assert_eq!(framer.pending(), 100);
    let shown = format!("{framer:?}");
    assert!(shown.len() < 1000, "{shown}");
    let mut chunk = &stream[100..];
    assert_eq!(framer.next(&mut chunk), Ok(Some(&frame[..])));
    assert_eq!(framer.pending(), 0);
    assert_eq!(framer.next(&mut chunk), Ok(Some(&b"x"[..])));
    assert_eq!(framer.next(&mut chunk), Ok(None));
}

#[test]
fn a_frame_beyond_the_limit_is_refused_for_good() {
    let refused = FrameTooLong {
        found: 11,
        limit: 10,
    };
    let exact = [&[0, 10][..], &[1; 10]].concat();
    let over = [&[0, 11][..], &[1; 11]].concat();
    let stream = [&exact[..], &over, &exact].concat();
    let expected = (vec![vec![1; 10]], Err(refused));
    assert_eq!(cut(10, &[&stream]), expected);
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(cut(10, &single), expected);
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1usize..8, 1usize..5000], 1..20)
}

/// `bytes` in pieces of the given sizes, used again and again.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn frames_are_the_same_in_any_pieces(
        frames in vec(prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..9000)], 0..10),
        rest in vec(any::<u8>(), 0..2),
        sizes in sizes(),
    ) {
        let mut stream = Vec::new();
        for frame in &frames {
            stream.extend_from_slice(&(frame.len() as u16).to_be_bytes());
            stream.extend_from_slice(frame);
        }
        stream.extend_from_slice(&rest);
        let expected = (frames, Ok(rest.len()));
        prop_assert_eq!(cut(MAX_FRAME, &pieces(&stream, &sizes)), expected);
    }

    #[test]
    fn any_bytes_are_cut_the_same_in_any_pieces(
        bytes in vec(prop_oneof![3 => 0u8..3, 1 => any::<u8>()], 0..300),
        sizes in sizes(),
    ) {
        for limit in [0, 10, 300, MAX_FRAME] {
            let whole = cut(limit, &[&bytes]);
            prop_assert_eq!(cut(limit, &pieces(&bytes, &sizes)), whole);
        }
    }

    #[test]
    fn any_frame_is_read_or_refused(
        kind in prop_oneof![
            Just(0u8), Just(1), Just(2), Just(3), Just(5), Just(0x20), Just(0x21), Just(0x41),
            Just(0x80), Just(0x81), Just(0xa0), Just(0xa1), Just(0xc1), any::<u8>(),
        ],
        bytes in vec(prop_oneof![3 => 0u8..6, 1 => any::<u8>()], 0..60),
    ) {
        let request = [&[kind][..], &bytes].concat();
        if let Err(error) = Request::parse(&request) {
            prop_assert!(error.to_string().len() < 60);
        }
        if let Err(error) = Response::parse(&bytes) {
            prop_assert!(error.to_string().len() < 60);
        }
    }
}
