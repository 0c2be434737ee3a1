//! How our nodes of a cluster recognise each other, and what they prove.

use skynet_cluster_wire::{
    Beat, ClientHello, Handshake, Probe, Proof, Role, Secret, ServerHello, is_probe, proof_taken,
};

use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "cluster_hello",
    about: "cluster/wire: probes, their answers, proofs",
    run,
    seeds,
    tokens: &[
        b"\xf4\0SKYNET\x01\x01",
        b"\x15\x29\0\0SKYNET\x01\x02",
        b"\x15\x3e\0\0SKYNET\x01\x01",
        b"\x8c\0SKYNET\x01\x03",
        b"\x4c\0SKYNET\x01\x02",
        b"\0SKYNET",
        b"0123456789abcdef\r\n",
    ],
    max_len: 8192,
    memory: Bound {
        base: 1 << 18,
        per_byte: 32,
    },
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(2) {
        0 => check_probe(input.rest()),
        _ => check_proofs(input),
    }
}

/// What was read says the same when it is written; a reader takes longer forms of a string than a writer makes.
fn check_probe(body: &[u8]) {
    let probe = Probe::parse(body);
    if let Ok(probe) = probe {
        assert!(is_probe(body));
        let again = match probe {
            Probe::Hello(hello) => hello.write(),
            Probe::Proof(proof) => proof.write(),
            Probe::Beat(beat) => beat.write(),
        };
        assert_eq!(Probe::parse(&again), Ok(probe));
        assert!(body.ends_with(&again[3..]) && again.len() <= body.len());
    }
    let answer = ServerHello::parse(body);
    if let Ok(answer) = answer {
        assert!(is_probe(body));
        let again = answer.write();
        assert_eq!(ServerHello::parse(&again), Ok(answer));
        assert!(body.ends_with(&again[3..]) && again.len() <= body.len());
    }
    // Without a proof the two are the same bytes.
    if let (Ok(probe), Ok(answer)) = (probe, answer) {
        let Probe::Hello(hello) = probe else {
            panic!("{probe:?} is {answer:?} too")
        };
        assert_eq!((hello.nonce, answer.proof), (answer.nonce, None));
    }
    assert!(
        Probe::parse(&proof_taken()).is_err(),
        "an answer is no probe"
    );
    for error in probe.err().into_iter().chain(answer.err()) {
        assert!(error.to_string().len() < 80, "an error is too long");
    }
}

/// A proof holds for what it is about, and for nothing else.
fn check_proofs(mut input: Input<'_>) {
    let handshake = Handshake {
        client_nonce: input.any(),
        server_nonce: input.any(),
        binding: input.any(),
    };
    let flip = input.below(256);
    let Ok(secret) = Secret::read(input.rest()) else {
        return;
    };
    let other = Handshake {
        binding: handshake.binding.is_none().then_some([0; 32]),
        ..handshake
    };
    for (role, reverse) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let proof = handshake.prove(&secret, role);
        let mut wrong = proof;
        wrong[flip / 8] ^= 1 << (flip % 8);
        assert!(handshake.verify(&secret, role, &proof));
        assert!(!handshake.verify(&secret, role, &wrong));
        assert!(!handshake.verify(&secret, reverse, &proof));
        assert!(!other.verify(&secret, role, &proof));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let nonce = *b"0123456789abcdef";
    let client = ClientHello {
        nonce,
        heartbeat_ms: 3000,
        flags: 0,
    };
    let server = |proof| ServerHello {
        nonce,
        heartbeat_ms: 3000,
        flags: 1,
        proof,
    };
    let mut seeds = Vec::new();
    for body in [
        client.write(),
        server(None).write(),
        server(Some([9; 32])).write(),
        Proof([9; 32]).write(),
        Beat { stamp: 7 }.write(),
        proof_taken(),
    ] {
        seeds.push([&[0], &body[..]].concat());
    }
    // A byte too long.
    let long = [
        &[0, 0x15, 0x3f][..],
        &server(Some([9; 32])).write()[2..],
        &[9],
    ];
    seeds.push(long.concat());
    // The same string in the long form, and one of another version.
    seeds.push(b"\0\x25\x11\0\0\0\0SKYNET\x01\x03\x07\0\0\0\0\0\0\0".to_vec());
    seeds.push(b"\0\x8c\0SKYNET\x02\x03\x07\0\0\0\0\0\0\0".to_vec());
    let nonces = [3; 16 + 16];
    let plain = [&[1][..], &nonces, &[0], &[17], b"0123456789abcdef"];
    let bound = [
        &[1][..],
        &nonces,
        &[1],
        &[5; 32],
        &[17],
        b"0123456789abcdef\n",
    ];
    seeds.push(plain.concat());
    seeds.push(bound.concat());
    seeds
}
