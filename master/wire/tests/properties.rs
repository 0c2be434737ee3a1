//! Any packet comes back, and any bytes are taken or refused.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::prelude::*;
use skynet_master_wire::{
    Decoder, Extension, FromMaster, Life, NameFlag, NodeKind, ToMaster, Welcome, check_name,
};

fn extension() -> impl Strategy<Value = Extension> {
    (any::<(bool, bool, bool)>(), any::<u64>(), any::<[u8; 8]>()).prop_map(
        |((rejoin, auto, secret), epoch, nonce)| Extension {
            rejoin,
            auto,
            secret,
            epoch,
            nonce,
        },
    )
}

fn kind() -> impl Strategy<Value = NodeKind> {
    prop_oneof![
        Just(NodeKind::Unknown),
        Just(NodeKind::Unmodified),
        Just(NodeKind::Ours)
    ]
}

fn life() -> impl Strategy<Value = Life> {
    (any::<u64>(), kind()).prop_map(|(epoch, kind)| Life { epoch, kind })
}

fn to_master() -> impl Strategy<Value = ToMaster> {
    prop_oneof![
        (any::<u8>(), ".{0,50}", proptest::option::of(extension())).prop_map(
            |(id, address, extension)| ToMaster::Hello {
                id,
                address,
                extension
            }
        ),
        (".{0,15}", any::<u32>(), any::<bool>()).prop_map(|(name, handle, moves)| {
            ToMaster::Register {
                name,
                handle,
                moves,
            }
        }),
        ".{0,15}".prop_map(|name| ToMaster::Query { name }),
        ".{0,15}".prop_map(|name| ToMaster::Unregister { name }),
        any::<[u8; 32]>().prop_map(|proof| ToMaster::Proof { proof }),
        any::<i64>().prop_map(|number| ToMaster::Beat { number }),
        Just(ToMaster::Goodbye),
    ]
}

fn from_master() -> impl Strategy<Value = FromMaster> {
    let flag = prop_oneof![
        Just(NameFlag::Bound),
        Just(NameFlag::Refused),
        Just(NameFlag::Moved)
    ];
    let welcome = (any::<u8>(), any::<u64>(), any::<Option<[u8; 32]>>())
        .prop_map(|(id, epoch, proof)| Welcome { id, epoch, proof });
    prop_oneof![
        (any::<u32>(), proptest::option::of(welcome))
            .prop_map(|(dialers, extension)| FromMaster::Welcome { dialers, extension }),
        (any::<u8>(), ".{0,50}", proptest::option::of(life()))
            .prop_map(|(id, address, life)| FromMaster::Connect { id, address, life }),
        (".{0,15}", any::<u32>(), proptest::option::of(flag))
            .prop_map(|(name, handle, flag)| FromMaster::Name { name, handle, flag }),
        (any::<u8>(), proptest::option::of((any::<u64>(), ".{0,50}")))
            .prop_map(|(id, ended)| FromMaster::Down { id, ended }),
        any::<[u8; 16]>().prop_map(|nonce| FromMaster::Challenge { nonce }),
        (any::<u8>(), ".{0,50}", life(), any::<bool>()).prop_map(|(id, address, life, dials)| {
            FromMaster::Node {
                id,
                address,
                life,
                dials,
            }
        }),
        ".{0,15}".prop_map(|name| FromMaster::Unbound { name }),
        ".{0,50}".prop_map(|text| FromMaster::Refused { text }),
        any::<i64>().prop_map(|number| FromMaster::Beat { number }),
    ]
}

/// All packets of a stream that comes in pieces of `size`.
fn packets(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::default();
    let mut packets = Vec::new();
    for mut chunk in stream.chunks(size) {
        while let Some(packet) = decoder.next(&mut chunk) {
            packets.push(packet.to_vec());
        }
    }
    packets
}

proptest! {
    #[test]
    fn packets_of_slaves_come_back(packet in to_master()) {
        let bytes = packet.encode().unwrap();
        prop_assert_eq!(ToMaster::parse(&bytes[1..]).unwrap(), packet);
    }

    #[test]
    fn packets_of_a_master_come_back(packet in from_master()) {
        let bytes = packet.encode().unwrap();
        prop_assert_eq!(FromMaster::parse(&bytes[1..]).unwrap(), packet);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = ToMaster::parse(&bytes);
        let _ = FromMaster::parse(&bytes);
        let _ = check_name(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn streams_are_cut_the_same_in_any_pieces(
        stream in proptest::collection::vec(any::<u8>(), 1..2000),
        size in 1_usize..300,
    ) {
        prop_assert_eq!(packets(&stream, size), packets(&stream, stream.len()));
    }
}
