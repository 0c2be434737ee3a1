//! Packets to bytes and back.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
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

/// The bytes, cut at some places.
fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..8)
}

proptest! {
    #[test]
    fn packets_come_back_however_they_are_torn(
        packets in vec(vec(any::<u8>().prop_filter("line end", |byte| !b"\r\n".contains(byte)), 0..600), 0..6),
        cuts in cuts(),
    ) {
        for framing in [Framing::Length2, Framing::Length4, Framing::Line] {
            let mut bytes = Vec::new();
            packets.iter().for_each(|packet| framing.encode(packet, &mut bytes).unwrap());
            let expected = (packets.clone(), Ok(0));
            prop_assert_eq!(decode(framing, 600, cut(&bytes, &cuts)), expected, "{}", framing);
        }
    }

    #[test]
    fn any_bytes_decode_alike_however_they_are_torn(
        bytes in vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"\r\n\x00\x01"[..])], 0..60),
        cuts in cuts(),
        max in 0_usize..12,
    ) {
        for framing in FRAMINGS {
            let whole = decode(framing, max, [&bytes[..]]);
            let torn = decode(framing, max, cut(&bytes, &cuts));
            if framing == Framing::Raw {
                prop_assert_eq!(whole.0.concat(), torn.0.concat());
            } else {
                prop_assert_eq!(whole, torn, "{}", framing);
            }
        }
    }
}
