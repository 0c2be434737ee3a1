//! How two nodes greet each other and prove what they know, and messages in fragments.

use std::collections::BTreeMap;

use skynet_harbor_wire::{
    Control, Cookie, Extra, Flags, Fragment, Go, Hello, Link, LinkRole, MAX_BODY, MasterLink,
    MasterRole, Reassembler, Secret, split_reason,
};

use crate::input::Input;
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "link",
    about: "harbor/wire: HELLO, GO, proofs, control frames, fragments",
    run,
    seeds,
    tokens: &[
        b"SKY1\x01\x01",
        b"SKYG",
        b"\x0e127.0.0.1:2607",
        b"\x02\0\0\0\0\0\0\0\0",
        b"0123456789abcdef\r\n",
    ],
    max_len: 8192,
    memory: Bound {
        base: 1 << 19,
        per_byte: 64,
    },
};

const STREAMS: usize = 3;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(4) {
        0 => check_greeting(input.any(), input.rest()),
        1 => check_control(input.rest()),
        2 => check_proofs(input),
        _ => check_fragments(input),
    }
}

/// What was read is written as it was.
fn check_greeting(id: u8, body: &[u8]) {
    let hello = Hello::read(id, body);
    if let Ok(hello) = &hello {
        assert!(hello.id != 0 && hello.epoch != 0 && hello.address.len() <= 255);
        let printable = !hello.address.contains(char::is_control);
        assert!(printable, "an address that a terminal obeys");
        let frame = hello.write().expect("what was read can be said");
        assert_eq!(&frame[4..frame.len() - 12], body, "HELLO");
    }
    let go = Go::read(id, body);
    if let Ok(go) = &go {
        let frame = go.write();
        assert_eq!(&frame[4..frame.len() - 12], body, "GO");
        assert_eq!(frame[frame.len() - 12], id);
    }
    assert!(hello.is_err() || go.is_err(), "it cannot be both");
    for error in hello.err().into_iter().chain(go.err()) {
        assert!(error.to_string().len() < 100, "an error is too long");
    }
}

fn check_control(payload: &[u8]) {
    if let Some(control) = Control::read(payload) {
        let frame = control.write();
        assert_eq!(frame[..4], [0x80, 0, 0, payload.len() as u8]);
        assert_eq!(&frame[4..], payload);
    }
    if let Some((reason, text)) = split_reason(payload) {
        assert_eq!([&reason.to_le_bytes(), text].concat(), payload);
    }
}

/// A proof holds for what it is about, and for nothing else.
fn check_proofs(mut input: Input<'_>) {
    let link = Link {
        dialer_nonce: input.any(),
        acceptor_nonce: input.any(),
        dialer_id: input.any(),
        acceptor_id: input.any(),
        dialer_epoch: input.any(),
        acceptor_epoch: input.any(),
    };
    let address = input.text(300);
    let master = MasterLink {
        slave_nonce: input.any(),
        master_nonce: link.acceptor_nonce,
        id: link.dialer_id,
        epoch: link.dialer_epoch,
        address: &address,
    };
    let flip = input.below(256);
    let text = input.rest();
    let Ok(secret) = Secret::read(text) else {
        assert!(text.len() < 16 + 2 || text.len() > 4096);
        return;
    };
    assert!((16..=4098).contains(&text.len()));
    let proof = link.prove(&secret, LinkRole::Dialer);
    let mut wrong = proof;
    wrong[flip / 8] ^= 1 << (flip % 8);
    assert!(link.verify(&secret, LinkRole::Dialer, &proof));
    assert!(!link.verify(&secret, LinkRole::Dialer, &wrong));
    assert!(!link.verify(&secret, LinkRole::Acceptor, &proof));
    let proof = master.prove(&secret, MasterRole::Slave);
    assert!(master.verify(&secret, MasterRole::Slave, &proof));
    assert!(!master.verify(&secret, MasterRole::Slave, &proof[..flip / 8]));
    assert!(!master.verify(&secret, MasterRole::Master, &proof));
}

/// A message under way, as a plain list of what came.
struct Under {
    flags: Flags,
    extra: Option<Extra>,
    cookie: Cookie,
    total: usize,
    body: Vec<u8>,
}

/// Fragments that continue what came, and others, against a plain model.
fn check_fragments(mut input: Input<'_>) {
    let max_bytes = input.edge(&[0, 100, 1 << 16, MAX_BODY as u64]) as usize;
    let mut streams = Reassembler::<Vec<u8>>::new(STREAMS, max_bytes);
    let mut model = BTreeMap::<u32, Under>::new();
    let mut came = 0;
    while !input.is_empty() {
        let stream = input.below(STREAMS + 2) as u32;
        let (flags, cookie, fragment) = part(&mut input, stream, model.get(&stream));
        let extra = (input.below(2) == 1).then_some(Extra {
            trace: came as u64,
            remaining: 0,
        });
        let rest = fragment.total.saturating_sub(fragment.offset) as usize;
        let most = if input.below(2) == 0 { rest } else { 300 };
        let bytes = input.bytes(most);
        came += bytes.len();
        // 64 KiB or four times what came, and the table of streams.
        let taken = within(4 * came.max(1 << 14) + 4096, "a fragment", || {
            streams.accept(flags | Flags::FRAGMENT, extra, fragment, cookie, bytes)
        });
        let under = Under {
            flags,
            extra,
            cookie,
            total: fragment.total as usize,
            body: Vec::new(),
        };
        let offset = fragment.offset as usize;
        let expected = accept(&mut model, max_bytes, stream, offset, under, bytes);
        match (taken, expected) {
            (Ok(None), Ok(None)) => {}
            (Ok(Some(found)), Ok(Some(wanted))) => {
                assert_eq!(found.body, wanted.body);
                let found = (found.flags, found.extra, found.cookie);
                assert_eq!(found, (wanted.flags, wanted.extra, wanted.cookie));
            }
            (Err(error), Err(())) => {
                assert!(error.to_string().len() < 120, "an error is too long");
                return;
            }
            (taken, expected) => panic!("{taken:?}, but {:?}", expected.map(|done| done.is_some())),
        }
        assert_eq!(streams.streams(), model.len());
        let sum: usize = model.values().map(|under| under.total).sum();
        assert_eq!(streams.bytes(), sum);
    }
}

/// The next fragment of a message, of which one thing may be wrong.
fn part(input: &mut Input<'_>, stream: u32, known: Option<&Under>) -> (Flags, Cookie, Fragment) {
    let (mut flags, mut cookie, mut fragment) = match known {
        Some(under) => {
            let fragment = Fragment {
                stream,
                total: under.total as u32,
                offset: under.body.len() as u32,
            };
            (under.flags, under.cookie, fragment)
        }
        None => {
            let cookie = Cookie {
                source: stream,
                kind: 10,
                destination: 9,
                session: 1,
            };
            let fragment = Fragment {
                stream,
                total: input.edge(&[1, 100, 1 << 16, MAX_BODY as u64]) as u32,
                offset: 0,
            };
            (Flags(input.any::<u8>() & 3), cookie, fragment)
        }
    };
    let edges = [fragment.offset.into(), fragment.total.into()];
    match input.below(32) {
        28 => flags.0 ^= 1,
        29 => cookie.session ^= 2,
        30 => fragment.total = input.edge(&edges) as u32,
        31 => fragment.offset = input.edge(&edges) as u32,
        _ => {}
    }
    (flags, cookie, fragment)
}

/// What the reassembler is to do.
fn accept(
    model: &mut BTreeMap<u32, Under>,
    max_bytes: usize,
    stream: u32,
    offset: usize,
    under: Under,
    bytes: &[u8],
) -> Result<Option<Under>, ()> {
    let total = under.total;
    if bytes.is_empty() || offset + bytes.len() > total || total > MAX_BODY {
        return Err(());
    }
    let others: usize = model.values().map(|under| under.total).sum();
    let begins = !model.contains_key(&stream);
    if begins && (offset != 0 || model.len() == STREAMS || others + total > max_bytes) {
        return Err(());
    }
    let now = (under.flags, under.cookie, total, offset);
    let begun = model.entry(stream).or_insert(under);
    let next = (begun.flags, begun.cookie, begun.total, begun.body.len());
    if now != next {
        return Err(());
    }
    begun.body.extend_from_slice(bytes);
    if begun.body.len() < total {
        return Ok(None);
    }
    Ok(model.remove(&stream))
}

/// The frame of a HELLO.
pub(super) fn hello() -> Vec<u8> {
    let hello = Hello {
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
    hello.write().expect("it can be said")
}

fn seeds() -> Vec<Vec<u8>> {
    let body = |frame: Vec<u8>| frame[4..frame.len() - 12].to_vec();
    let go = |proof| body(Go { id: 7, proof }.write());
    let mut seeds = Vec::new();
    for body in [body(hello()), go(None), go(Some([7; 32]))] {
        seeds.push([&[0, 7], &body[..]].concat());
    }
    for control in [Control::Ack(7), Control::Goodbye] {
        seeds.push([&[1], &control.write()[4..]].concat());
    }
    for secret in [
        &b"0123456789abcdef\n"[..],
        b"0123456789abcdef0123456789abcdef",
    ] {
        let fields = [3; 16 + 16 + 2 + 16];
        let address = b"\x0e\x00127.0.0.1:2607";
        seeds.push([&[2], &fields[..], address, &[5; 8], &[17], secret].concat());
    }
    seeds.push([&[3][..], &(0..=255).collect::<Vec<u8>>()].concat());
    for wrong in [&[0][..], &[28], &[29], &[30, 1, 99], &[31, 1, 24]] {
        seeds.push(fragments(wrong));
    }
    seeds
}

/// An input with two messages, part by part in turns; one part has something wrong.
fn fragments(wrong: &[u8]) -> Vec<u8> {
    let mut seed = vec![3, 0];
    seed.extend_from_slice(&(1_u64 << 16).to_le_bytes());
    for round in 0..4 {
        for stream in 0..2 {
            seed.push(stream);
            if round == 0 {
                // It has 100 bytes and no flags.
                seed.extend_from_slice(&[1, 100, 0]);
            }
            seed.extend_from_slice(if (round, stream) == (2, 1) {
                wrong
            } else {
                &[0]
            });
            // No extra, as much as is left or 25 bytes.
            seed.extend_from_slice(&[0, 0, 25, 0]);
            seed.extend_from_slice(&[stream + round; 25]);
        }
    }
    seed
}
