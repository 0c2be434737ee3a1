//! What nodes and their master say to each other: cut the same however it is torn, read or refused, and written again as
//! it was read. And names.

use skynet_master_wire::{
    Decoder, Extension, FromMaster, Life, MAX_NAME, MAX_PACKET, NameFlag, NodeKind, ToMaster,
    Welcome, check_name,
};

use crate::input::{Input, pieces};
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "master",
    about: "master/wire: packets between nodes and their master, names",
    run,
    seeds,
    tokens: &[
        b"\x13\x0cH\x0a\x07",
        b"\x0cR",
        b"\x0cQ",
        b"\x0cW\x0a\x01",
        b"\x0cC",
        b"\x0cN",
        b"\x0cD",
        b"\x0cA\x84",
        b"\x0cP\x15\x20\x00",
        b"\x0cL",
        b"\x0cU",
        b"\x0cE",
        b"\x0cB",
        b"\x0cG",
        b"\x1csk1",
        b"\xa4sk1",
        b"\x22\x09\x00\x00\x01",
        b"\x32\x09\x00\x00\x80\x00\x00\x00\x00",
        b"0x1p-3",
    ],
    max_len: 1 << 14,
    memory: Bound {
        base: 1 << 14,
        per_byte: 400,
    },
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(3) {
        0 => {
            let cuts = input.bytes(8);
            stream(input.rest(), cuts);
        }
        1 => name(&String::from_utf8_lossy(input.rest())),
        _ => packet(input.rest()),
    }
}

fn stream(stream: &[u8], cuts: &[u8]) {
    let expected = model(stream);
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(cut(&[stream]), expected, "whole");
    assert_eq!(cut(&pieces(stream, cuts)), expected, "torn");
    assert_eq!(cut(&single), expected, "byte by byte");
    within(0, "the decoder", || {
        let (mut decoder, mut rest) = (Decoder::default(), stream);
        while decoder.next(&mut rest).is_some() {}
    });
    expected.iter().for_each(|payload| packet(payload));
}

fn cut(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::default();
    let mut packets = Vec::new();
    for mut chunk in chunks.iter().copied() {
        while let Some(packet) = decoder.next(&mut chunk) {
            packets.push(packet.to_vec());
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    packets
}

/// The same, by somebody who has all of the stream before him.
fn model(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((&len, rest)) = stream.split_first()
        && let Some((packet, rest)) = rest.split_at_checked(len.into())
    {
        packets.push(packet.to_vec());
        stream = rest;
    }
    packets
}

fn packet(payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_PACKET)];
    match ToMaster::parse(payload) {
        Ok(packet) => {
            let bytes = packet.encode().expect("what was read can be said");
            assert_eq!(usize::from(bytes[0]), bytes.len() - 1);
            assert_eq!(ToMaster::parse(&bytes[1..]), Ok(packet));
        }
        Err(error) => assert!(error.to_string().len() < 1000, "an error is too long"),
    }
    match FromMaster::parse(payload) {
        Ok(packet) => {
            let bytes = packet.encode().expect("what was read can be said");
            assert_eq!(usize::from(bytes[0]), bytes.len() - 1);
            let again = FromMaster::parse(&bytes[1..]).expect("what was written can be read");
            assert_eq!(uncut(&again), uncut(&packet));
        }
        Err(error) => assert!(error.to_string().len() < 1000, "an error is too long"),
    }
}

/// A packet as it is written: texts that are too long are cut.
fn uncut(packet: &FromMaster) -> FromMaster {
    let cut = |text: &str| text.chars().take(50).collect();
    match packet {
        FromMaster::Refused { text } => FromMaster::Refused { text: cut(text) },
        FromMaster::Down {
            id,
            ended: Some((epoch, text)),
        } => FromMaster::Down {
            id: *id,
            ended: Some((*epoch, cut(text))),
        },
        packet => packet.clone(),
    }
}

fn name(text: &str) {
    let is_name = check_name(text).is_ok();
    let may_be = (1..=MAX_NAME).contains(&text.len())
        && !text.starts_with(['.', ':'])
        && !text.contains('\0');
    assert!(may_be || !is_name, "{text:?} cannot be a name");
    // What Rust takes for a number, but for words like "inf", is one to Lua as well.
    let is_number = text.trim_ascii().parse::<f64>().is_ok();
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    assert!(!(is_name && is_number && has_digit), "{text:?} is a number");
    let is_word = text.bytes().all(|byte| byte.is_ascii_uppercase());
    assert!(is_name || !may_be || !is_word, "{text:?} is a name");
}

fn seeds() -> Vec<Vec<u8>> {
    let address = || "127.0.0.1:2607".to_owned();
    let life = Life {
        epoch: u64::MAX,
        kind: NodeKind::Ours,
    };
    let hello = |extension| ToMaster::Hello {
        id: 7,
        address: address(),
        extension,
    };
    let extension = Extension {
        rejoin: true,
        auto: true,
        secret: true,
        epoch: 1 << 40,
        nonce: [7; 8],
    };
    let name = || "ECHO".to_owned();
    let to_master = [
        hello(None),
        hello(Some(extension)),
        ToMaster::Register {
            name: name(),
            handle: 0x8000_0009,
            moves: true,
        },
        ToMaster::Query { name: name() },
        ToMaster::Unregister { name: name() },
        ToMaster::Proof { proof: [7; 32] },
        ToMaster::Beat { number: 2 },
        ToMaster::Goodbye,
    ];
    let welcome = Welcome {
        id: 7,
        epoch: 5,
        proof: Some([1; 32]),
    };
    let from_master = [
        FromMaster::Welcome {
            dialers: 3,
            extension: Some(welcome),
        },
        FromMaster::Connect {
            id: 9,
            address: address(),
            life: Some(life),
        },
        FromMaster::Name {
            name: name(),
            handle: 0x0100_0009,
            flag: Some(NameFlag::Moved),
        },
        FromMaster::Down {
            id: 8,
            ended: Some((6, "left".to_owned())),
        },
        FromMaster::Challenge { nonce: [2; 16] },
        FromMaster::Node {
            id: 9,
            address: address(),
            life,
            dials: true,
        },
        FromMaster::Unbound { name: name() },
        FromMaster::Refused {
            text: "e".repeat(200),
        },
        FromMaster::Beat { number: -1 },
    ];
    let to_master = to_master.iter().map(ToMaster::encode);
    let from_master = from_master.iter().map(FromMaster::encode);
    let packets: Vec<_> = to_master.chain(from_master).flatten().collect();
    let mut seeds = vec![[&[0][..], &packets.concat()].concat()];
    seeds.extend(packets.iter().map(|packet| [&[2], &packet[1..]].concat()));
    for name in ["ECHO", "0x.8p1", " 12 ", "sixteen bytes !!", ".x", "1e"] {
        seeds.push([&[1], name.as_bytes()].concat());
    }
    seeds
}
