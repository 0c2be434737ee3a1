//! Captured packets of unmodified nodes, and what ours look like to them.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_master_wire::{
    Decoder, Extension, FromMaster, Life, NameFlag, NodeKind, PacketError, ToMaster, Welcome,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

/// A slave's packet, both ways.
fn to_master(hex: &str, packet: &ToMaster) {
    let bytes = bytes(hex);
    assert_eq!(packet.encode().unwrap(), bytes, "{packet:?}");
    let mut decoder = Decoder::default();
    let mut chunk = &bytes[..];
    let payload = decoder.next(&mut chunk).unwrap();
    assert_eq!(&ToMaster::parse(payload).unwrap(), packet);
    assert!(chunk.is_empty());
}

/// A master's packet, both ways.
fn from_master(hex: &str, packet: &FromMaster) {
    let bytes = bytes(hex);
    assert_eq!(packet.encode().unwrap(), bytes, "{packet:?}");
    assert_eq!(&FromMaster::parse(&bytes[1..]).unwrap(), packet);
}

#[test]
fn captured_packets_of_slaves() {
    to_master(
        "13 0c48 0a07 74 3132372e302e302e313a32363037",
        &ToMaster::Hello {
            id: 7,
            address: "127.0.0.1:2607".to_owned(),
            extension: None,
        },
    );
    to_master(
        "0e 0c52 34 50594e414d45 2220000007",
        &ToMaster::Register {
            name: "PYNAME".to_owned(),
            handle: 0x0700_0020,
            moves: false,
        },
    );
    to_master(
        "07 0c51 24 4543484f",
        &ToMaster::Query {
            name: "ECHO".to_owned(),
        },
    );
}

#[test]
fn captured_packets_of_a_master() {
    from_master(
        "04 0c57 0a01",
        &FromMaster::Welcome {
            dialers: 1,
            extension: None,
        },
    );
    from_master(
        "13 0c43 0a0c 74 3132372e302e302e313a32363232",
        &FromMaster::Connect {
            id: 12,
            address: "127.0.0.1:2622".to_owned(),
            life: None,
        },
    );
    let name = |name: &str, handle| FromMaster::Name {
        name: name.to_owned(),
        handle,
        flag: None,
    };
    from_master(
        "0e 0c4e 34 50594e414d45 2220000007",
        &name("PYNAME", 0x0700_0020),
    );
    from_master("0c 0c4e 24 4543484f 2209000001", &name("ECHO", 0x0100_0009));
    from_master("04 0c44 0a08", &FromMaster::Down { id: 8, ended: None });
    // No other node: `W 0`. Integers of 0 have no bytes.
    from_master(
        "03 0c57 02",
        &FromMaster::Welcome {
            dialers: 0,
            extension: None,
        },
    );
    // A handle of harbor 128 and above does not fit into 32 bits with a sign.
    from_master(
        "10 0c4e 24 4543484f 32 0900008000000000",
        &name("ECHO", 0x8000_0009),
    );
}

#[test]
fn our_packets_of_slaves() {
    let extension = Extension {
        rejoin: true,
        auto: false,
        secret: true,
        epoch: 0x0102_0304_0506_0708,
        nonce: *b"nonce567",
    };
    to_master(
        "28 0c48 0a07 74 3132372e302e302e313a32363037 a4 736b31 05 0807060504030201 6e6f6e6365353637",
        &ToMaster::Hello {
            id: 7,
            address: "127.0.0.1:2607".to_owned(),
            extension: Some(extension),
        },
    );
    to_master(
        "0f 0c52 34 50594e414d45 2220000007 09",
        &ToMaster::Register {
            name: "PYNAME".to_owned(),
            handle: 0x0700_0020,
            moves: true,
        },
    );
    to_master(
        "07 0c55 24 4543484f",
        &ToMaster::Unregister {
            name: "ECHO".to_owned(),
        },
    );
    to_master(
        &format!("25 0c50 152000 {}", "ab".repeat(32)),
        &ToMaster::Proof { proof: [0xab; 32] },
    );
    to_master("04 0c42 0a02", &ToMaster::Beat { number: 2 });
    to_master("02 0c47", &ToMaster::Goodbye);
}

#[test]
fn our_packets_of_a_master() {
    let life = Life {
        epoch: u64::MAX,
        kind: NodeKind::Ours,
    };
    let address = "127.0.0.1:2607".to_owned();
    let welcome = |proof| FromMaster::Welcome {
        dialers: 2,
        extension: Some(Welcome {
            id: 7,
            epoch: 0x0102_0304_0506_0708,
            proof,
        }),
    };
    // Epochs are integers with a sign; without a secret the proof is empty.
    from_master(
        "14 0c57 0a02 1c736b31 0a07 320807060504030201 04",
        &welcome(None),
    );
    let proof = "cd".repeat(32);
    from_master(
        &format!("36 0c57 0a02 1c736b31 0a07 320807060504030201 152000 {proof}"),
        &welcome(Some([0xcd; 32])),
    );
    from_master(
        "1e 0c43 0a0c 74 3132372e302e302e313a32363037 1c736b31 22ffffffff 0a02",
        &FromMaster::Connect {
            id: 12,
            address: address.clone(),
            life: Some(life),
        },
    );
    from_master(
        "1b 0c4c 0a0c 74 3132372e302e302e313a32363037 22ffffffff 0a02 09",
        &FromMaster::Node {
            id: 12,
            address,
            life,
            dials: true,
        },
    );
    let name = |flag| FromMaster::Name {
        name: "ECHO".to_owned(),
        handle: 0x0100_0009,
        flag: Some(flag),
    };
    from_master(
        "11 0c4e 24 4543484f 2209000001 1c736b31 02",
        &name(NameFlag::Bound),
    );
    from_master(
        "12 0c4e 24 4543484f 2209000001 1c736b31 0a01",
        &name(NameFlag::Refused),
    );
    from_master(
        "12 0c4e 24 4543484f 2209000001 1c736b31 0a02",
        &name(NameFlag::Moved),
    );
    from_master(
        "0f 0c44 0a08 1c736b31 0a05 24 6c656674",
        &FromMaster::Down {
            id: 8,
            ended: Some((5, "left".to_owned())),
        },
    );
    from_master(
        "13 0c41 84 000102030405060708090a0b0c0d0e0f",
        &FromMaster::Challenge {
            nonce: std::array::from_fn(|index| index as u8),
        },
    );
    from_master(
        "07 0c55 24 4543484f",
        &FromMaster::Unbound {
            name: "ECHO".to_owned(),
        },
    );
    from_master(
        "07 0c45 24 676f6e65",
        &FromMaster::Refused {
            text: "gone".to_owned(),
        },
    );
    from_master("04 0c42 0a03", &FromMaster::Beat { number: 3 });
}

#[test]
fn what_skynet_would_ignore_is_ignored() {
    // An unmodified master ignores what follows the values that it knows; so do we.
    let hello = ToMaster::parse(&bytes("0c48 0a07 0c61 09")).unwrap();
    assert!(matches!(
        hello,
        ToMaster::Hello {
            id: 7,
            extension: None,
            ..
        }
    ));
    let down = FromMaster::parse(&bytes("0c44 0a08 0c78 0a05")).unwrap();
    assert_eq!(down, FromMaster::Down { id: 8, ended: None });
    let unknown = FromMaster::parse(&bytes("0c5a 0a08")).unwrap();
    assert!(matches!(unknown, FromMaster::Unknown { packet } if packet == "Z"));
}

#[test]
fn wrong_packets_are_refused_with_a_reason() {
    let check = |hex: &str, expected: &str| {
        let error = ToMaster::parse(&bytes(hex)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("", "empty");
    check("0a01", "no type");
    check("ff", "");
    check("0c48", "value 2");
    check("0c48 12 0001 0c61", "256");
    check("0c48 0a07 0a07", "value 3");
    check("0c52 0c61 0c62", "value 3");
    check("0c50 0c61", "one of 1 bytes");
    let master = FromMaster::parse(&bytes("0c4c 0a07")).unwrap_err();
    assert!(master.to_string().contains("\"L\": value 3"), "{master}");
}

#[test]
fn packets_that_are_too_long_are_not_written() {
    let hello = |len: usize, extension| {
        let address = "a".repeat(len);
        let hello = ToMaster::Hello {
            id: 7,
            address,
            extension,
        };
        hello.encode()
    };
    assert_eq!(hello(248, None).unwrap().len(), 256);
    assert_eq!(hello(249, None), Err(PacketError::TooLong { found: 256 }));
    let extension = Extension {
        rejoin: false,
        auto: false,
        secret: false,
        epoch: 1,
        nonce: [0; 8],
    };
    assert!(hello(227, Some(extension)).is_ok());
    assert!(hello(228, Some(extension)).is_err());
    let refused = FromMaster::Refused {
        text: "\u{e9}".repeat(300),
    };
    let bytes = refused.encode().unwrap();
    let FromMaster::Refused { text } = FromMaster::parse(&bytes[1..]).unwrap() else {
        panic!("another packet");
    };
    assert_eq!(text, "\u{e9}".repeat(100));
    // Whatever is told of a node fits.
    let address = "a".repeat(skynet_master_wire::MAX_ADDRESS);
    let life = Life {
        epoch: 1 << 63,
        kind: NodeKind::Unmodified,
    };
    let node = FromMaster::Node {
        id: 255,
        address,
        life: Life { epoch: 0, ..life },
        dials: true,
    };
    assert!(node.encode().is_ok());
}
