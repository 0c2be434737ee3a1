//! What our nodes say to each other besides, and what cannot be said.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_cluster_wire::{
    Address, Kind, NAME_MAX, PART, REQUEST_SINGLE_MAX, RESPONSE_SINGLE_MAX, Request, Response,
    SESSION_PROBE, TEXT_MAX, TRACE_MAX, Unwritable, begin, deadline, error, next_session, ok, part,
    reason, response_part, small_request, trace,
};

const SVC: Address<'_> = Address::Name(b"@svc");

#[test]
fn requests_to_the_byte() {
    let mut out = Vec::new();
    small_request(&mut out, Address::Handle(0x11), 3, true, b"hi").unwrap();
    small_request(&mut out, SVC, 4, true, b"").unwrap();
    begin(&mut out, Address::Handle(0x11), 5, Kind::Ack, 0x0102_0304).unwrap();
    begin(&mut out, SVC, 6, Kind::Ack, 7).unwrap();
    deadline(&mut out, 1500);
    let frames: [(&[u8], Request<'_>); 5] = [
        (
            b"\x00\x0b\x20\x11\0\0\0\x03\0\0\0hi",
            Request::Small {
                address: Address::Handle(0x11),
                session: 3,
                ack: true,
                body: b"hi",
            },
        ),
        (
            b"\x00\x0a\xa0\x04@svc\x04\0\0\0",
            Request::Small {
                address: SVC,
                session: 4,
                ack: true,
                body: b"",
            },
        ),
        (
            b"\x00\x0d\x21\x11\0\0\0\x05\0\0\0\x04\x03\x02\x01",
            Request::Begin {
                address: Address::Handle(0x11),
                session: 5,
                kind: Kind::Ack,
                total: 0x0102_0304,
            },
        ),
        (
            b"\x00\x0e\xa1\x04@svc\x06\0\0\0\x07\0\0\0",
            Request::Begin {
                address: SVC,
                session: 6,
                kind: Kind::Ack,
                total: 7,
            },
        ),
        (b"\x00\x05\x05\xdc\x05\0\0", Request::Deadline(1500)),
    ];
    assert_eq!(out, frames.map(|(bytes, _)| bytes).concat());
    for (bytes, request) in frames {
        assert_eq!(Request::parse(&bytes[2..]), Ok(request));
        assert!(request.is_extension());
    }
}

#[test]
fn a_reason_to_the_byte() {
    let mut out = Vec::new();
    reason(&mut out, 0x21, 5, b"no such service");
    assert_eq!(out, b"\x00\x18\x21\0\0\0\x05\x05\0\0\0no such service");
    let response = Response::Reason {
        session: 0x21,
        reason: 5,
        text: b"no such service",
    };
    assert_eq!(Response::parse(&out[2..]), Ok(response));
    assert!(response.is_extension());
}

#[test]
fn the_longest_are_written_and_nothing_longer() {
    let bytes = vec![1; 0x8001];
    let name = [b'n'; NAME_MAX + 1];
    let mut out = Vec::new();
    let longest = Address::Name(&name[..NAME_MAX]);
    small_request(&mut out, longest, 1, false, &bytes[..REQUEST_SINGLE_MAX]).unwrap();
    assert_eq!(out.len(), 2 + 1 + 1 + 255 + 4 + 0x7fff);
    out.clear();

    let too_many = |found, limit| Err(Unwritable::Bytes { found, limit });
    let small = |out: &mut Vec<u8>, address, session, len| {
        small_request(out, address, session, false, &bytes[..len])
    };
    assert_eq!(small(&mut out, SVC, 1, 0x8000), too_many(0x8000, 0x7fff));
    assert_eq!(part(&mut out, 1, &bytes, false), too_many(0x8001, PART));
    let limit = RESPONSE_SINGLE_MAX;
    assert_eq!(ok(&mut out, 1, &bytes), too_many(0x8001, limit));
    let last = response_part(&mut out, 1, &bytes, true);
    assert_eq!(last, too_many(0x8001, PART));
    for len in [0, NAME_MAX + 1] {
        let address = Address::Name(&name[..len]);
        let wrong = Err(Unwritable::Name { found: len });
        assert_eq!(small(&mut out, address, 1, 0), wrong);
        assert_eq!(begin(&mut out, address, 1, Kind::Call, 1), wrong);
    }
    let no_session = Err(Unwritable::NoSession);
    assert_eq!(small_request(&mut out, SVC, 0, true, b""), no_session);
    assert_eq!(begin(&mut out, SVC, 0, Kind::Ack, 1), no_session);
    assert_eq!(out, b"", "nothing is left of what is refused");
}

#[test]
fn texts_and_tags_are_cut() {
    let long = vec![b'x'; 70_000];
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(
            out.len(),
            2 + usize::from(u16::from_be_bytes([out[0], out[1]]))
        );
        out.len()
    };
    assert_eq!(written(&|out| error(out, 1, &long)), 2 + 5 + TEXT_MAX);
    assert_eq!(written(&|out| reason(out, 1, 1, &long)), 2 + 9 + TEXT_MAX);
    assert_eq!(written(&|out| trace(out, &long)), 2 + 1 + TRACE_MAX);
}

#[test]
fn sessions_count_from_1_and_spare_that_of_probes() {
    assert_eq!([0, 1, 7].map(next_session), [1, 2, 8]);
    assert_eq!(next_session(SESSION_PROBE - 2), SESSION_PROBE - 1);
    assert_eq!(
        [SESSION_PROBE - 1, SESSION_PROBE, u32::MAX].map(next_session),
        [1; 3]
    );
}

#[test]
fn addresses_are_shown_as_printable_text() {
    assert_eq!(Address::Handle(0x11).to_string(), ":00000011");
    assert_eq!(Address::Name(b"@svc\x1b\xff").to_string(), "@svc\\x1b\\xff");
}
