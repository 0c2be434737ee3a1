//! Streams of packets: whole, torn anywhere and byte by byte the same as a decoder that has all of it before it.

use skynet_gate_wire::{DecodeError, Decoder, Framing};

use crate::input::{Input, pieces};
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "framing",
    about: "gate/wire: streams as packets, 2- and 4-byte lengths, lines, raw",
    run,
    seeds,
    tokens: &[
        b"\0\0",
        b"\0\x01",
        b"\xff\xff",
        b"\0\0\0\0",
        b"\0\0\0\x01",
        b"\xff\xff\xff\xff",
        b"\x80\0\0\0",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\r\n",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 1 << 14,
        per_byte: 400,
    },
};

/// Packets up to the end or the first error; what is pending then, or the error.
type Outcome = (Vec<Vec<u8>>, Result<usize, DecodeError>);

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let framing = [
        Framing::Length2,
        Framing::Length4,
        Framing::Line,
        Framing::Raw,
    ][input.below(4)];
    let limit = input.edge(&[
        0,
        1,
        5,
        80,
        4096,
        65_535,
        65_536,
        1 << 20,
        u64::from(u32::MAX),
    ]);
    let max = usize::try_from(limit).unwrap_or(usize::MAX);
    let cuts = input.bytes(8);
    let stream = input.rest();
    let torn = pieces(stream, cuts);
    if framing == Framing::Raw {
        let (packets, end) = decode(framing, max, &torn);
        assert_eq!((packets.concat().as_slice(), end), (stream, Ok(0)));
        return;
    }
    let expected = model(framing, max, stream);
    assert_eq!(decode(framing, max, &[stream]), expected, "at once");
    assert_eq!(decode(framing, max, &torn), expected, "torn");
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(decode(framing, max, &single), expected, "byte by byte");
    check_memory(framing, max, stream, &torn);
    check_encoding(framing, max, stream, &expected);
}

fn decode(framing: Framing, max: usize, chunks: &[&[u8]]) -> Outcome {
    let mut decoder = Decoder::new(framing, max);
    let mut packets = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(packet)) => {
                    assert!(framing == Framing::Raw || packet.len() <= max, "too long");
                    packets.push(packet.to_vec());
                }
                Ok(None) => break,
                Err(error) => {
                    let again = decoder.decode(&mut &b"\0\0\0\0\n"[..]);
                    assert_eq!(again, Err(error.clone()), "it stays refused");
                    return (packets, Err(error));
                }
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (packets, Ok(decoder.pending()))
}

/// The same, by somebody who has all of the stream before him.
fn model(framing: Framing, max: usize, mut stream: &[u8]) -> Outcome {
    let mut packets = Vec::new();
    let end = loop {
        let packet = match framing {
            Framing::Line => first_line(&mut stream, max),
            _ => first_packet(
                &mut stream,
                if framing == Framing::Length2 { 2 } else { 4 },
                max,
            ),
        };
        match packet {
            Ok(Some(packet)) => packets.push(packet.to_vec()),
            Ok(None) => break Ok(stream.len()),
            Err(error) => break Err(error),
        }
    };
    (packets, end)
}

fn first_packet<'a>(
    stream: &mut &'a [u8],
    header: usize,
    limit: usize,
) -> Result<Option<&'a [u8]>, DecodeError> {
    let Some((head, body)) = stream.split_at_checked(header) else {
        return Ok(None);
    };
    let found = head
        .iter()
        .fold(0, |len, byte| len * 256 + u64::from(*byte));
    if found > limit as u64 {
        return Err(DecodeError::PacketTooLong { found, limit });
    }
    let Some((packet, rest)) = body.split_at_checked(found as usize) else {
        return Ok(None);
    };
    *stream = rest;
    Ok(Some(packet))
}

fn first_line<'a>(stream: &mut &'a [u8], limit: usize) -> Result<Option<&'a [u8]>, DecodeError> {
    let too_long = Err(DecodeError::LineTooLong { limit });
    let Some(end) = stream.iter().position(|byte| *byte == b'\n') else {
        // The carriage return may turn out to be a part of the end.
        let line = stream.strip_suffix(b"\r").unwrap_or(stream);
        return if line.len() > limit {
            too_long
        } else {
            Ok(None)
        };
    };
    let line = &stream[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    *stream = &stream[end + 1..];
    if line.len() > limit {
        too_long
    } else {
        Ok(Some(line))
    }
}

/// Memory follows what came, and the largest packet; twice that for the moment in which a buffer grows.
fn check_memory(framing: Framing, max: usize, stream: &[u8], chunks: &[&[u8]]) {
    let most = stream.len().saturating_mul(2).min(max.saturating_add(1));
    within(2 * most + 64, "the decoder", || {
        let mut decoder = Decoder::new(framing, max);
        for mut chunk in chunks.iter().copied() {
            while let Ok(Some(_)) = decoder.decode(&mut chunk) {}
        }
    });
}

/// The packets, framed again, are what the stream began with.
fn check_encoding(framing: Framing, max: usize, stream: &[u8], (packets, end): &Outcome) {
    let mut again = Vec::new();
    for packet in packets {
        framing
            .encode(packet, &mut again)
            .expect("what was a packet can be framed");
    }
    if framing == Framing::Line {
        let stripped = packets.iter().all(|packet| !packet.ends_with(b"\r"));
        let expected = (packets.clone(), Ok(0));
        assert!(!stripped || decode(framing, max, &[&again]) == expected);
    } else {
        assert!(stream.starts_with(&again));
        let pending = end.as_ref().map_or(0, |pending| *pending);
        assert!(end.is_err() || again.len() + pending == stream.len());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let packets: [&[u8]; 5] = [b"hello", b"", b"a", &[b'x'; 300], b"the end"];
    let mut seeds = Vec::new();
    for (index, framing) in [
        Framing::Length2,
        Framing::Length4,
        Framing::Line,
        Framing::Raw,
    ]
    .into_iter()
    .enumerate()
    {
        for (max, cuts) in [
            (300_u64, &b""[..]),
            (65_535, b"\x01"),
            (5, b"\x03\x02"),
            (0, b"\x78"),
        ] {
            let mut stream = Vec::new();
            for packet in packets {
                framing.encode(packet, &mut stream).expect("short packets");
            }
            seeds.push(seed(index as u8, max, cuts, &stream));
        }
    }
    seeds.push(seed(
        0,
        65_535,
        b"\x05",
        &[&b"\xff\xff"[..], &[7; 65_535]].concat(),
    ));
    seeds.push(seed(
        1,
        65_536,
        b"\xff",
        &[&b"\0\x01\0\0"[..], &[7; 65_536]].concat(),
    ));
    seeds.push(seed(1, 1 << 20, b"", b"\xff\xff\xff\xffabc"));
    seeds.push(seed(2, 3, b"\x01", b"abc\r\nabcd\n"));
    seeds.push(seed(2, 3, b"\x04", b"abc\rd\n"));
    seeds
}

/// An input as [`run`] takes it apart.
fn seed(framing: u8, max: u64, cuts: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut seed = vec![framing, 0];
    seed.extend_from_slice(&max.to_le_bytes());
    seed.extend_from_slice(&(cuts.len() as u16).to_le_bytes());
    seed.extend_from_slice(cuts);
    seed.extend_from_slice(stream);
    seed
}
