//! How our nodes recognise each other, and the proofs.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_cluster_wire::{
    Beat, ClientHello, FLAG_PROOF, Handshake, Probe, ProbeError, Proof, Role, Secret, ServerHello,
    is_probe, proof_taken,
};

const NONCE: [u8; 16] = *b"0123456789abcdef";
const HELLO: ClientHello = ClientHello {
    nonce: NONCE,
    heartbeat_ms: 3000,
    flags: 0,
};
const ANSWER: ServerHello = ServerHello {
    nonce: NONCE,
    heartbeat_ms: 0x0102_0304,
    flags: FLAG_PROOF,
    proof: Some([0xab; 32]),
};

#[test]
fn probes_to_the_byte() {
    let check = |bytes: &[u8], expected: &[u8], probe| {
        assert_eq!(bytes, expected);
        assert_eq!(Probe::parse(bytes), Ok(probe));
        assert!(is_probe(bytes));
    };
    check(
        &HELLO.write(),
        b"\xf4\0SKYNET\x01\x010123456789abcdef\xb8\x0b\0\0\0",
        Probe::Hello(HELLO),
    );
    let proof = Proof([0xab; 32]);
    let expected = [&b"\x15\x29\0\0SKYNET\x01\x02"[..], &[0xab; 32]].concat();
    check(&proof.write(), &expected, Probe::Proof(proof));
    let beat = Beat {
        stamp: 0x0102_0304_0506_0708,
    };
    let expected = b"\x8c\0SKYNET\x01\x03\x08\x07\x06\x05\x04\x03\x02\x01";
    check(&beat.write(), expected, Probe::Beat(beat));
}

#[test]
fn answers_to_the_byte() {
    let expected = [
        &b"\x15\x3e\0\0SKYNET\x01\x010123456789abcdef\x04\x03\x02\x01\x01"[..],
        &[0xab; 32],
    ]
    .concat();
    assert_eq!(*ANSWER.write(), expected);
    assert_eq!(ServerHello::parse(&expected), Ok(ANSWER));
    assert!(ANSWER.wants_proof());
    let plain = ServerHello {
        flags: 0,
        proof: None,
        ..ANSWER
    };
    let expected = b"\xf4\0SKYNET\x01\x010123456789abcdef\x04\x03\x02\x01\0";
    assert_eq!(*plain.write(), *expected);
    assert_eq!(ServerHello::parse(expected), Ok(plain));
    assert!(!plain.wants_proof());
    assert_eq!(*proof_taken(), *b"\x4c\0SKYNET\x01\x02");
}

/// Flags of a later version mean nothing to this one.
#[test]
fn unknown_flags_are_ignored() {
    let hello = ClientHello {
        flags: 0xff,
        ..HELLO
    };
    assert_eq!(Probe::parse(&hello.write()), Ok(Probe::Hello(hello)));
    let answer = ServerHello {
        flags: 0xfe,
        ..ANSWER
    };
    assert_eq!(ServerHello::parse(&answer.write()), Ok(answer));
    assert!(!answer.wants_proof());
}

#[test]
fn what_is_no_probe() {
    let pack = |name: &[u8]| {
        let mut writer = skynet_seri::Writer::new();
        writer.string(name).unwrap();
        writer.finish().unwrap()
    };
    let check = |body: &[u8], probe: bool, error| {
        assert_eq!(is_probe(body), probe, "{body:02x?}");
        assert_eq!(Probe::parse(body), Err(error), "{body:02x?}");
        if !matches!(error, ProbeError::What(_)) {
            assert_eq!(ServerHello::parse(body), Err(error), "{body:02x?}");
        }
    };
    check(b"", false, ProbeError::Magic);
    check(b"\x1csvc", false, ProbeError::Magic);
    check(b"\x0a\x01", false, ProbeError::Magic);
    check(&pack(b"\0SKYNEt\x01\x01"), false, ProbeError::Magic);
    check(
        &[&HELLO.write()[..], b"\0"].concat(),
        false,
        ProbeError::Magic,
    );
    check(&HELLO.write()[..30], false, ProbeError::Magic);
    check(&pack(b"\0SKYNET"), true, ProbeError::Length);
    check(&pack(b"\0SKYNET\x01"), true, ProbeError::Length);
    check(&pack(b"\0SKYNET\x02\x01"), true, ProbeError::Version(2));
    check(&pack(b"\0SKYNET\x01\x04"), true, ProbeError::What(4));
    check(&pack(b"\0SKYNET\x01\x01"), true, ProbeError::Length);
    let long = [&HELLO.write()[1..], b"x"].concat();
    check(&pack(&long), true, ProbeError::Length);
    for wrong in [
        &b"\x02"[..],
        b"\x02\0",
        b"\x03\0\0\0\0\0\0\0",
        b"\x03\0\0\0\0\0\0\0\0\0",
    ] {
        let body = pack(&[b"\0SKYNET\x01", wrong].concat());
        assert_eq!(Probe::parse(&body), Err(ProbeError::Length), "{wrong:02x?}");
    }
    let short_proof = [&plain_answer()[1..], &[1; 31]].concat();
    assert_eq!(
        ServerHello::parse(&pack(&short_proof)),
        Err(ProbeError::Length)
    );
    let beat = Beat { stamp: 1 }.write();
    assert_eq!(ServerHello::parse(&beat), Err(ProbeError::What(3)));
}

fn plain_answer() -> Vec<u8> {
    let plain = ServerHello {
        proof: None,
        ..ANSWER
    };
    plain.write().to_vec()
}

const HANDSHAKE: Handshake = Handshake {
    client_nonce: NONCE,
    server_nonce: *b"fedcba9876543210",
    binding: None,
};

fn secret() -> Secret {
    Secret::read("0123456789abcdef").unwrap()
}

#[test]
fn proofs_are_those_of_another_implementation() {
    let check = |handshake: Handshake, role, expected: &str| {
        let proof = handshake.prove(&secret(), role);
        let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{handshake:?} {role:?}");
        assert!(handshake.verify(&secret(), role, &proof));
    };
    let bound = Handshake {
        binding: Some([0x5a; 32]),
        ..HANDSHAKE
    };
    check(
        HANDSHAKE,
        Role::Client,
        "d5206981262ccf807e9098800a59b4bb330f10ee445eec2851c6e8f5070113ce",
    );
    check(
        HANDSHAKE,
        Role::Server,
        "ea0f65f03a8e7aea14964a20204c79bdf9047ba8eae9d1526d6468a32a2a06b6",
    );
    check(
        bound,
        Role::Client,
        "5add8fea26b88f0c7cc06b4955fcdfe65875b5c7e0e97940133d1051158db3cb",
    );
    check(
        bound,
        Role::Server,
        "18c2467dd8c74eee3b97923ab9e128ff5eaf7290a387f8fd047269bfeb0384f9",
    );
}

#[test]
fn a_proof_holds_for_its_own_connection_and_role_alone() {
    let proof = HANDSHAKE.prove(&secret(), Role::Client);
    let holds = |handshake: Handshake| handshake.verify(&secret(), Role::Client, &proof);
    assert!(holds(HANDSHAKE));
    assert!(!holds(Handshake {
        client_nonce: [1; 16],
        ..HANDSHAKE
    }));
    assert!(!holds(Handshake {
        server_nonce: [1; 16],
        ..HANDSHAKE
    }));
    assert!(!holds(Handshake {
        binding: Some([0; 32]),
        ..HANDSHAKE
    }));
    assert!(!HANDSHAKE.verify(&secret(), Role::Server, &proof));
    let other = Secret::read("0123456789abcdeF").unwrap();
    assert!(!HANDSHAKE.verify(&other, Role::Client, &proof));
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        nonce: [u8; 16],
        heartbeat_ms: u32,
        flags: u8,
        proof: Option<[u8; 32]>,
        stamp: u64,
    ) {
        let hello = ClientHello { nonce, heartbeat_ms, flags };
        prop_assert_eq!(Probe::parse(&hello.write()), Ok(Probe::Hello(hello)));
        let answer = ServerHello { nonce, heartbeat_ms, flags, proof };
        prop_assert_eq!(ServerHello::parse(&answer.write()), Ok(answer));
        let beat = Beat { stamp };
        prop_assert_eq!(Probe::parse(&beat.write()), Ok(Probe::Beat(beat)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..80), magic: bool) {
        let name = if magic { [b"\0SKYNET\x01", &bytes[..]].concat() } else { bytes };
        let body = skynet_seri::encode(&[skynet_seri::Value::String(name.clone())]).unwrap();
        for body in [&body, &name] {
            if let Err(error) = Probe::parse(body) {
                prop_assert!(error.to_string().len() < 60);
            } else {
                prop_assert!(is_probe(body));
            }
            if let Err(error) = ServerHello::parse(body) {
                prop_assert!(error.to_string().len() < 60);
            }
        }
    }
}
