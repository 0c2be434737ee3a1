//! What holds for all streams, however they are torn.

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_gate_wire::{DecodeError, Framing};

use super::{FRAMINGS, Outcome, decode};

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

/// The same by somebody who has all of the stream before him.
fn model(framing: Framing, limit: usize, mut stream: &[u8]) -> Outcome {
    let mut packets = Vec::new();
    loop {
        let cut = match framing {
            Framing::Line => cut_line(stream, limit),
            Framing::Length2 => cut_packet::<2>(stream, limit),
            _ => cut_packet::<4>(stream, limit),
        };
        match cut {
            Ok(Some((packet, rest))) => {
                packets.push(packet.to_vec());
                stream = rest;
            }
            Ok(None) => return (packets, Ok(stream.len())),
            Err(error) => return (packets, Err(error)),
        }
    }
}

/// The first packet of a stream, and what is behind it.
type Cut<'a> = Result<Option<(&'a [u8], &'a [u8])>, DecodeError>;

fn cut_packet<const N: usize>(stream: &[u8], limit: usize) -> Cut<'_> {
    let Some((header, body)) = stream.split_first_chunk::<N>() else {
        return Ok(None);
    };
    let found = header
        .iter()
        .fold(0, |len, byte| len * 256 + u64::from(*byte));
    if found > limit as u64 {
        return Err(DecodeError::PacketTooLong { found, limit });
    }
    Ok(body.split_at_checked(found as usize))
}

fn cut_line(stream: &[u8], limit: usize) -> Cut<'_> {
    let end = stream.iter().position(|byte| *byte == b'\n');
    let line = &stream[..end.unwrap_or(stream.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > limit {
        return Err(DecodeError::LineTooLong { limit });
    }
    Ok(end.map(|end| (line, &stream[end + 1..])))
}

/// Frames of which lengths and bodies are right, nearly right or neither.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let frame = (
        0_u32..20,
        vec(any::<u8>(), 0..20),
        any::<bool>(),
        2_usize..5,
    );
    let frame = frame.prop_map(|(len, body, is_right, width)| {
        let len = if is_right { body.len() as u32 } else { len };
        [&len.to_be_bytes()[4 - width..], &body, b"\r\n"].concat()
    });
    vec(frame, 0..6).prop_map(|frames| frames.concat())
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

    #[test]
    fn any_split_of_any_stream_gives_what_all_of_it_gives(
        stream in prop_oneof![streams(), vec(any::<u8>(), 0..80)],
        cuts in cuts(),
        max in prop_oneof![0_usize..24, Just(0xffff), Just(usize::MAX)],
    ) {
        for framing in [Framing::Length2, Framing::Length4, Framing::Line] {
            let expected = model(framing, max, &stream);
            prop_assert_eq!(&decode(framing, max, [&stream[..]]), &expected, "{}", framing);
            prop_assert_eq!(&decode(framing, max, cut(&stream, &cuts)), &expected, "{}", framing);
            prop_assert_eq!(&decode(framing, max, stream.chunks(1)), &expected, "{}", framing);
        }
    }

    #[test]
    fn packets_come_as_soon_as_they_are_complete(
        packets in vec(vec(b'a'..=b'z', 0..9), 1..5),
    ) {
        for framing in [Framing::Length2, Framing::Length4, Framing::Line] {
            let (mut stream, mut ends) = (Vec::new(), Vec::new());
            for packet in &packets {
                framing.encode(packet, &mut stream).unwrap();
                ends.push(stream.len());
            }
            for len in 0..=stream.len() {
                let complete = ends.iter().filter(|end| **end <= len).count();
                let begun = len - complete.checked_sub(1).map_or(0, |last| ends[last]);
                let expected = (packets[..complete].to_vec(), Ok(begun));
                prop_assert_eq!(decode(framing, 9, stream[..len].chunks(1)), expected, "{}", framing);
            }
        }
    }
}
