//! HELLO, GO and the proofs.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_harbor_wire::{
    Go, Hello, HelloError, Link, LinkRole, MAX_HELLO_FRAME, MasterLink, MasterRole, Secret,
};

const HELLO: Hello<'_> = Hello {
    id: 7,
    keeps_listening: true,
    has_secret: true,
    gave_up: false,
    heartbeat_ms: 3000,
    epoch: 0x1122_3344_5566_7788,
    known_epoch: 5,
    last_received: 6,
    nonce: *b"0123456789abcdef",
    address: "127.0.0.1:2607",
};

/// The body of a HELLO or GO.
fn body(frame: &[u8]) -> &[u8] {
    &frame[4..frame.len() - 12]
}

#[test]
fn a_hello_to_the_byte() {
    let frame = HELLO.write().unwrap();
    let expected = [
        &b"\0\0\0\x4d"[..],
        b"SKY1\x01\x03\xb8\x0b\0\0",
        b"\x88\x77\x66\x55\x44\x33\x22\x11\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0",
        b"0123456789abcdef\x0e127.0.0.1:2607",
        b"\x07\0\0\0\x07\0\0\x01\x7f\xff\xff\xfe",
    ]
    .concat();
    assert_eq!(frame, expected);
    assert_eq!(Hello::read(7, body(&frame)), Ok(HELLO));
    let gave_up = Hello {
        gave_up: true,
        ..HELLO
    };
    assert_eq!(body(&gave_up.write().unwrap())[5], 7);
}

#[test]
fn a_go_to_the_byte() {
    let go = Go {
        id: 200,
        proof: None,
    };
    let cookie = b"\xc8\0\0\0\x07\0\0\x01\x7f\xff\xff\xfe";
    assert_eq!(go.write(), [&b"\0\0\0\x10SKYG"[..], cookie].concat());
    assert_eq!(Go::read(200, b"SKYG"), Ok(go));
    let proof = [0xab; 32];
    let go = Go {
        id: 200,
        proof: Some(proof),
    };
    let expected = [&b"\0\0\0\x30SKYG"[..], &proof, cookie].concat();
    assert_eq!(go.write(), expected);
    assert_eq!(Go::read(200, body(&expected)), Ok(go));
}

#[test]
fn a_hello_that_cannot_be_read_is_refused() {
    let good = HELLO.write().unwrap();
    let check = |change: &dyn Fn(&mut Vec<u8>), error| {
        let mut bytes = body(&good).to_vec();
        change(&mut bytes);
        assert_eq!(Hello::read(7, &bytes), Err(error));
    };
    check(&|bytes| bytes[0] = b'X', HelloError::Magic);
    check(&|bytes| bytes[4] = 0, HelloError::Version(0));
    check(&|bytes| bytes[4] = 2, HelloError::Version(2));
    check(&|bytes| bytes[5] = 8, HelloError::Flags(8));
    check(&|bytes| bytes[10..18].fill(0), HelloError::Epoch);
    check(&|bytes| bytes.push(b'1'), HelloError::Length);
    check(&|bytes| bytes[55] = b'\n', HelloError::Address);
    check(&|bytes| bytes[55] = 0xff, HelloError::Address);
    for len in 4..body(&good).len() {
        check(&|bytes| bytes.truncate(len), HelloError::Length);
    }
    assert_eq!(Hello::read(0, body(&good)), Err(HelloError::Id));
}

#[test]
fn a_hello_that_cannot_be_said_is_refused() {
    let long = "x".repeat(256);
    let hellos = [
        (Hello { id: 0, ..HELLO }, HelloError::Id),
        (Hello { epoch: 0, ..HELLO }, HelloError::Epoch),
        (
            Hello {
                address: &long,
                ..HELLO
            },
            HelloError::Address,
        ),
        (
            Hello {
                address: "a\0",
                ..HELLO
            },
            HelloError::Address,
        ),
    ];
    for (hello, error) in hellos {
        assert_eq!(hello.write(), Err(error));
    }
    let longest = Hello {
        address: &long[..255],
        ..HELLO
    };
    let frame = longest.write().unwrap();
    assert_eq!(frame.len(), 4 + MAX_HELLO_FRAME);
    assert_eq!(Hello::read(7, body(&frame)), Ok(longest));
}

#[test]
fn a_go_of_a_wrong_length_is_refused() {
    assert_eq!(Go::read(0, b"SKYG"), Err(HelloError::Id));
    assert_eq!(Go::read(7, b"SKYX"), Err(HelloError::Magic));
    for len in (1..80).filter(|len| *len != 32) {
        let bytes = [&b"SKYG"[..], &vec![1; len]].concat();
        assert_eq!(Go::read(7, &bytes), Err(HelloError::Length));
    }
}

const LINK: Link = Link {
    dialer_nonce: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    acceptor_nonce: [
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    ],
    dialer_id: 3,
    acceptor_id: 200,
    dialer_epoch: 0x1122_3344_5566_7788,
    acceptor_epoch: 0x99aa_bbcc_ddee_ff00,
};

const MASTER: MasterLink<'_> = MasterLink {
    slave_nonce: [0, 1, 2, 3, 4, 5, 6, 7],
    master_nonce: LINK.acceptor_nonce,
    id: 7,
    epoch: 0x1122_3344_5566_7788,
    address: "127.0.0.1:2607",
};

fn secret() -> Secret {
    Secret::read("0123456789abcdef").unwrap()
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn proofs_are_those_of_another_implementation() {
    for (role, proof) in [
        (
            LinkRole::Dialer,
            "97ee4f9288393bbe929bc709f01626a7d58ad3da1fe13e91cece76b229125d07",
        ),
        (
            LinkRole::Acceptor,
            "8dfb5e423cbb4d17655b51489f968426b5077bab062024488ab22e11816f88ad",
        ),
    ] {
        assert_eq!(hex(LINK.prove(&secret(), role)), proof);
    }
    for (role, proof) in [
        (
            MasterRole::Slave,
            "18061381572e68eda33ad41c634750edd2c326dfc01bfd64422d63448a8270ea",
        ),
        (
            MasterRole::Master,
            "450fc0a77807bbbae03c58003e3350726b071919a91fc177c2f2f515144e9208",
        ),
    ] {
        assert_eq!(hex(MASTER.prove(&secret(), role)), proof);
    }
    let long = Secret::read("k".repeat(4096)).unwrap();
    let proof = "78e3f17361921c1bc61d29b96a28fb88b06ca3288f49ae19c820213abf7afdda";
    assert_eq!(hex(LINK.prove(&long, LinkRole::Dialer)), proof);
}

#[test]
fn a_proof_holds_for_its_own_link_and_role_alone() {
    let proof = LINK.prove(&secret(), LinkRole::Dialer);
    let holds = |link: Link| link.verify(&secret(), LinkRole::Dialer, &proof);
    assert!(holds(LINK));
    assert!(!holds(Link {
        dialer_nonce: [1; 16],
        ..LINK
    }));
    assert!(!holds(Link {
        acceptor_nonce: [1; 16],
        ..LINK
    }));
    assert!(!holds(Link {
        dialer_id: 4,
        ..LINK
    }));
    assert!(!holds(Link {
        acceptor_id: 4,
        ..LINK
    }));
    assert!(!holds(Link {
        dialer_epoch: 4,
        ..LINK
    }));
    assert!(!holds(Link {
        acceptor_epoch: 4,
        ..LINK
    }));
    assert!(!LINK.verify(&secret(), LinkRole::Acceptor, &proof));
    let other = Secret::read("0123456789abcdeF").unwrap();
    assert!(!LINK.verify(&other, LinkRole::Dialer, &proof));
    for bit in 0..256 {
        let mut wrong = proof;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!LINK.verify(&secret(), LinkRole::Dialer, &wrong));
    }
}

#[test]
fn a_proof_to_the_master_holds_for_its_own_link_and_role_alone() {
    let proof = MASTER.prove(&secret(), MasterRole::Slave);
    let holds = |link: MasterLink<'_>| link.verify(&secret(), MasterRole::Slave, &proof);
    assert!(holds(MASTER));
    assert!(!holds(MasterLink {
        slave_nonce: [1; 8],
        ..MASTER
    }));
    assert!(!holds(MasterLink {
        master_nonce: [1; 16],
        ..MASTER
    }));
    assert!(!holds(MasterLink { id: 8, ..MASTER }));
    assert!(!holds(MasterLink { epoch: 8, ..MASTER }));
    assert!(!holds(MasterLink {
        address: "127.0.0.1:2608",
        ..MASTER
    }));
    assert!(!MASTER.verify(&secret(), MasterRole::Master, &proof));
    assert!(!MASTER.verify(&secret(), MasterRole::Slave, b""));
    assert!(!MASTER.verify(&secret(), MasterRole::Slave, &proof[..31]));
}

proptest! {
    #[test]
    fn a_hello_is_read_as_it_was_written(
        id in 1u8..,
        flags: (bool, bool, bool),
        heartbeat_ms: u32,
        numbers in (1u64.., any::<u64>(), any::<u64>()),
        nonce: [u8; 16],
        address in "[^\\p{Cc}]{0,60}",
    ) {
        let hello = Hello {
            id,
            keeps_listening: flags.0,
            has_secret: flags.1,
            gave_up: flags.2,
            heartbeat_ms,
            epoch: numbers.0,
            known_epoch: numbers.1,
            last_received: numbers.2,
            nonce,
            address: &address,
        };
        let frame = hello.write().unwrap();
        prop_assert_eq!(Hello::read(id, body(&frame)), Ok(hello));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..100), magic: bool) {
        let bytes = if magic { [b"SKY1\x01\x01", &bytes[..]].concat() } else { bytes };
        if let Ok(hello) = Hello::read(7, &bytes) {
            let frame = hello.write().unwrap();
            prop_assert_eq!(body(&frame), bytes);
        }
    }
}
