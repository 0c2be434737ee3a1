//! Packets to bytes and back.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

#[path = "framing/properties.rs"]
mod properties;

use skynet_gate_wire::{DecodeError, Decoder, EncodeError, Framing};

const FRAMINGS: [Framing; 4] = [
    Framing::Length2,
    Framing::Length4,
    Framing::Line,
    Framing::Raw,
];

/// Packets up to the end of the chunks or the first error, and bytes left over.
type Outcome = (Vec<Vec<u8>>, Result<usize, DecodeError>);

fn decode<'a>(framing: Framing, max: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = Decoder::new(framing, max);
    let mut packets = Vec::new();
    for mut chunk in chunks {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(packet)) => packets.push(packet.to_vec()),
                Ok(None) => break,
                Err(error) => return (packets, Err(error)),
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (packets, Ok(decoder.pending()))
}

#[test]
fn decoding() {
    /// At once and byte by byte the same.
    fn check(
        framing: Framing,
        max: usize,
        bytes: &[u8],
        packets: &[&[u8]],
        end: Result<usize, DecodeError>,
    ) {
        let expected = (packets.iter().map(|packet| packet.to_vec()).collect(), end);
        assert_eq!(
            decode(framing, max, [bytes]),
            expected,
            "{framing} {bytes:?}"
        );
        assert_eq!(
            decode(framing, max, bytes.chunks(1)),
            expected,
            "{framing} {bytes:?}, torn"
        );
    }
    use Framing::{Length2, Length4, Line};
    let packet_too_long = |found, limit| Err(DecodeError::PacketTooLong { found, limit });
    let line_too_long = |limit| Err(DecodeError::LineTooLong { limit });
    check(Length2, 9, b"", &[], Ok(0));
    check(Length2, 9, b"\x00\x05hello", &[b"hello"], Ok(0));
    check(
        Length2,
        9,
        b"\x00\x01a\x00\x00\x00\x02bc",
        &[b"a", b"", b"bc"],
        Ok(0),
    );
    check(Length2, 9, b"\x00\x01a\x00", &[b"a"], Ok(1));
    check(Length2, 9, b"\x00\x05hel", &[], Ok(5));
    check(
        Length2,
        5,
        b"\x00\x05hello\x00\x06hello!",
        &[b"hello"],
        packet_too_long(6, 5),
    );
    check(
        Length2,
        0,
        b"\x00\x00\x00\x01",
        &[b""],
        packet_too_long(1, 0),
    );
    check(
        Length4,
        9,
        b"\x00\x00\x00\x02hi\x00\x00\x00\x00",
        &[b"hi", b""],
        Ok(0),
    );
    check(
        Length4,
        1 << 24,
        b"\x01\x00\x00\x01",
        &[],
        packet_too_long((1 << 24) + 1, 1 << 24),
    );
    check(
        Length4,
        9,
        b"\x80\x00\x00\x00",
        &[],
        packet_too_long(1 << 31, 9),
    );
    check(
        Length4,
        9,
        b"\xff\xff\xff\xff",
        &[],
        packet_too_long(u64::from(u32::MAX), 9),
    );
    check(
        Line,
        9,
        b"one\ntwo\r\n\n\r\nrest",
        &[b"one", b"two", b"", b""],
        Ok(4),
    );
    check(Line, 9, b"a\rb\r\r\n", &[b"a\rb\r"], Ok(0));
    check(Line, 3, b"abc\nabc\r\nabc\r", &[b"abc", b"abc"], Ok(4));
    check(Line, 3, b"abc\nabcd\n", &[b"abc"], line_too_long(3));
    check(Line, 3, b"abcd", &[], line_too_long(3));
    check(Line, 3, b"abc\rd\n", &[], line_too_long(3));
    check(Line, 3, b"abc\r\r\n", &[], line_too_long(3));
    check(Line, 0, b"\n\r\nx", &[b"", b""], line_too_long(0));
}

#[test]
fn raw_chunks_go_on_as_they_are() {
    let chunks: [&[u8]; 3] = [b"one", b"", b"\x00\n"];
    let packets = vec![b"one".to_vec(), b"\x00\n".to_vec()];
    assert_eq!(decode(Framing::Raw, 1, chunks), (packets, Ok(0)));
}

#[test]
fn a_packet_in_one_chunk_is_not_copied() {
    for (framing, bytes) in [
        (Framing::Length2, &b"\x00\x02hi"[..]),
        (Framing::Line, b"hi\r\n"),
    ] {
        let mut decoder = Decoder::new(framing, 9);
        let mut chunk = bytes;
        let packet = decoder.decode(&mut chunk).unwrap().unwrap();
        assert!(bytes.as_ptr_range().contains(&packet.as_ptr()), "{framing}");
    }
}

#[test]
fn a_refused_connection_stays_refused() {
    let mut decoder = Decoder::new(Framing::Length2, 1);
    let error = decoder
        .decode(&mut &b"\x00\x02hi\x00\x01a"[..])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "packet of 2 bytes, at most 1 are allowed"
    );
    assert_eq!(decoder.decode(&mut &b"\x00\x01a"[..]), Err(error));
    let mut decoder = Decoder::new(Framing::Line, 3);
    let error = decoder.decode(&mut &b"hello"[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line of 4 bytes or more, at most 3 are allowed"
    );
}

#[test]
fn encoding() {
    let check = |framing: Framing, packet: &[u8], expected: &[u8]| {
        let mut out = b"before".to_vec();
        framing.encode(packet, &mut out).unwrap();
        assert_eq!(out, [b"before", expected].concat());
    };
    check(Framing::Length2, b"hello", b"\x00\x05hello");
    check(Framing::Length2, b"", b"\x00\x00");
    check(Framing::Length4, b"hello", b"\x00\x00\x00\x05hello");
    check(Framing::Line, b"hello", b"hello\n");
    check(Framing::Raw, b"a\nb", b"a\nb");
    assert_eq!(
        &*Framing::Length2.encode_header(0xffff).unwrap(),
        b"\xff\xff"
    );
    assert_eq!(
        &*Framing::Length4.encode_header(0x01_0203).unwrap(),
        b"\x00\x01\x02\x03"
    );
    let mut out = Vec::new();
    let too_long = EncodeError::TooLong {
        found: 0x1_0000,
        limit: 0xffff,
    };
    assert_eq!(
        Framing::Length2.encode(&[0; 0x1_0000], &mut out),
        Err(too_long)
    );
    let line_feed = EncodeError::LineFeed { offset: 1 };
    assert_eq!(Framing::Line.encode(b"a\nb", &mut out), Err(line_feed));
    assert_eq!(out, b"");
}

#[test]
fn names() {
    for framing in FRAMINGS {
        assert_eq!(framing.to_string().parse(), Ok(framing));
    }
    assert_eq!("S".parse(), Ok(Framing::Length2));
    assert_eq!("L".parse(), Ok(Framing::Length4));
    let error = "x".parse::<Framing>().unwrap_err().to_string();
    assert_eq!(
        error,
        "framing \"x\": wanted length2 (S), length4 (L), line or raw"
    );
}

#[test]
#[cfg_attr(miri, ignore = "would take minutes")]
fn lengths_at_the_limit() {
    /// A packet of `len` bytes and a short one behind it, torn at every place where something changes.
    fn check(framing: Framing, max: usize, len: usize) {
        let header: &[u8] = match framing {
            Framing::Length2 => &(len as u16).to_be_bytes(),
            Framing::Length4 => &(len as u32).to_be_bytes(),
            _ => b"",
        };
        let body = vec![b'x'; len];
        let mut next = Vec::new();
        framing.encode(b"", &mut next).unwrap();
        let stream = [header, &body, framing.terminator(), &next].concat();
        let expected = match (len <= max, framing) {
            (true, _) => (vec![body, Vec::new()], Ok(0)),
            (false, Framing::Line) => (vec![], Err(DecodeError::LineTooLong { limit: max })),
            (false, _) => {
                let (found, limit) = (len as u64, max);
                (vec![], Err(DecodeError::PacketTooLong { found, limit }))
            }
        };
        let end = stream.len() - next.len();
        let places = (0..8).flat_map(|near| [near, end.saturating_sub(near), end + near]);
        for at in places.filter(|at| *at <= stream.len()) {
            let (head, tail) = stream.split_at(at);
            let found = decode(framing, max, [head, tail]);
            assert!(found == expected, "{framing}, {len} of {max}, torn at {at}");
        }
        let found = decode(framing, max, stream.chunks(1));
        assert!(found == expected, "{framing}, {len} of {max}, byte by byte");
    }
    for framing in [Framing::Length2, Framing::Length4, Framing::Line] {
        for max in [0, 1, 2, 255, 256, 65_534, 65_535, 65_536] {
            for len in [0, 1, max - max.min(1), max, max + 1] {
                if len <= framing.max_len() {
                    check(framing, max, len);
                }
            }
        }
    }
}

#[test]
fn headers_alone_decide() {
    // Nothing of the body is there, and nothing of it is waited for.
    let refused = |framing: Framing, max: usize, header: &[u8]| {
        let mut decoder = Decoder::new(framing, max);
        assert!(decoder.decode(&mut &*header).is_err(), "{header:?} {max}");
    };
    let accepted = |framing: Framing, max: usize, header: &[u8]| {
        let mut decoder = Decoder::new(framing, max);
        assert_eq!(decoder.decode(&mut &*header), Ok(None), "{header:?} {max}");
        assert_eq!(decoder.pending(), header.len());
    };
    accepted(Framing::Length2, 0xffff, b"\xff\xff");
    refused(Framing::Length2, 0xfffe, b"\xff\xff");
    accepted(Framing::Length4, 0x01_0000, b"\0\x01\0\0");
    refused(Framing::Length4, 0xffff, b"\0\x01\0\0");
    accepted(Framing::Length4, u32::MAX as usize, b"\xff\xff\xff\xff");
    refused(Framing::Length4, u32::MAX as usize - 1, b"\xff\xff\xff\xff");
    accepted(Framing::Length4, usize::MAX, b"\xff\xff\xff\xff");
}
