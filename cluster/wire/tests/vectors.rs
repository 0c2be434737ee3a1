//! Captured bytes between Skynet nodes, both ways.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_cluster_wire::{
    Address, Framer, Kind, Malformed, PART, Request, Response, begin, error, ok, part,
    response_begin, response_part, small_request, trace,
};

const SVC: Address<'_> = Address::Name(b"@svc");

/// Bytes from hexadecimal digits, with bars between their parts.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

/// The frames of a stream that is cut nowhere.
fn frames(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    while let Some(frame) = framer.next(&mut stream).unwrap() {
        frames.push(frame.to_vec());
    }
    assert_eq!(framer.pending(), 0);
    frames
}

/// `stream` is what is written for the requests, and is read as them.
fn check_requests(stream: &[u8], requests: &[Request<'_>]) {
    let mut written = Vec::new();
    for request in requests {
        match *request {
            Request::Small {
                address,
                session,
                ack,
                body,
            } => small_request(&mut written, address, session, ack, body).unwrap(),
            Request::Begin {
                address,
                session,
                kind,
                total,
            } => begin(&mut written, address, session, kind, total).unwrap(),
            Request::Part {
                session,
                bytes,
                last,
            } => part(&mut written, session, bytes, last).unwrap(),
            Request::Trace(tag) => trace(&mut written, tag),
            Request::Deadline(_) => panic!("no vector has one"),
        }
    }
    assert_eq!(written, stream);
    let frames = frames(stream);
    let parsed: Vec<_> = frames
        .iter()
        .map(|frame| Request::parse(frame).unwrap())
        .collect();
    assert_eq!(parsed, requests);
    assert!(!parsed.iter().any(Request::is_extension));
}

fn check_small(text: &str, address: Address<'_>, session: u32, body: &[u8]) {
    let request = Request::Small {
        address,
        session,
        ack: false,
        body,
    };
    check_requests(&hex(text), &[request]);
}

#[test]
fn small_requests() {
    check_small(
        "00 12 | 80 | 04 40 73 76 63 | 01 00 00 00 | 2c 48 45 4c 4c 4f 0a 01",
        SVC,
        1,
        &skynet_seri::pack!("HELLO", 1).unwrap(),
    );
    check_small(
        "00 11 | 80 | 04 2e 73 76 63 | 02 00 00 00 | 34 48 45 4c 4c 4f 32",
        Address::Name(b".svc"),
        2,
        b"\x34HELLO2",
    );
    check_small(
        "00 10 | 00 | 11 00 00 00 | 03 00 00 00 | 34 48 45 4c 4c 4f 33",
        Address::Handle(0x11),
        3,
        b"\x34HELLO3",
    );
    check_small(
        "00 0d | 00 | 00 00 00 00 | 04 00 00 00 | 1c 73 76 63",
        Address::Handle(0),
        4,
        &skynet_seri::pack!("svc").unwrap(),
    );
    check_small(
        "00 11 | 80 | 04 40 73 76 63 | 00 00 00 00 | 34 50 55 53 48 45 44",
        SVC,
        0,
        b"\x34PUSHED",
    );
}

#[test]
fn a_call_in_parts() {
    let mut body = vec![7; PART];
    body.push(0x61);
    let stream = [
        hex("00 0e | 81 | 04 40 73 76 63 | 08 00 00 00 | 01 80 00 00"),
        hex("80 05 | 02 | 08 00 00 00"),
        body[..PART].to_vec(),
        hex("00 06 | 03 | 08 00 00 00 | 61"),
    ]
    .concat();
    let begin = Request::Begin {
        address: SVC,
        session: 8,
        kind: Kind::Call,
        total: 32769,
    };
    check_requests(
        &stream,
        &[
            begin,
            request_part(8, &body[..PART], false),
            request_part(8, b"a", true),
        ],
    );
}

#[test]
fn a_push_in_parts() {
    let body = vec![9; 40003];
    let stream = [
        hex("00 0d | 41 | 11 00 00 00 | 09 00 00 00 | 43 9c 00 00"),
        hex("80 05 | 02 | 09 00 00 00"),
        body[..PART].to_vec(),
        hex("1c 48 | 03 | 09 00 00 00"),
        body[PART..].to_vec(),
    ]
    .concat();
    let begin = Request::Begin {
        address: Address::Handle(0x11),
        session: 9,
        kind: Kind::Push,
        total: 40003,
    };
    check_requests(
        &stream,
        &[
            begin,
            request_part(9, &body[..PART], false),
            request_part(9, &body[PART..], true),
        ],
    );
}

/// 32768 bytes are a beginning and one part.
#[test]
fn a_call_of_one_part() {
    let body = vec![7; PART];
    let stream = [
        hex("00 0e | 81 | 04 40 73 76 63 | 05 00 00 00 | 00 80 00 00"),
        hex("80 05 | 03 | 05 00 00 00"),
        body.clone(),
    ]
    .concat();
    let begin = Request::Begin {
        address: SVC,
        session: 5,
        kind: Kind::Call,
        total: 32768,
    };
    check_requests(&stream, &[begin, request_part(5, &body, true)]);
}

fn request_part(session: u32, bytes: &[u8], last: bool) -> Request<'_> {
    Request::Part {
        session,
        bytes,
        last,
    }
}

#[test]
fn a_trace_tag_and_its_request() {
    let tag = "00 1b | 04 | 28 76 6d 31 32 31 37 31 2d 70 79 2d 31 32 29 3a 30 30 30 30 30 30 30 38 2d 31";
    let request = "00 11 | 80 | 04 40 73 76 63 | 0b 00 00 00 | 34 54 52 41 43 45 44";
    let stream = [hex(tag), hex(request)].concat();
    let small = Request::Small {
        address: SVC,
        session: 11,
        ack: false,
        body: b"\x34TRACED",
    };
    let tag = Request::Trace(b"(vm12171-py-12):00000008-1");
    check_requests(&stream, &[tag, small]);
}

/// `stream` is what is written for the responses, and is read as them.
fn check_responses(stream: &[u8], responses: &[Response<'_>]) {
    let mut written = Vec::new();
    for response in responses {
        match *response {
            Response::Error { session, text } => error(&mut written, session, text),
            Response::Ok { session, body } => ok(&mut written, session, body).unwrap(),
            Response::Begin { session, total } => response_begin(&mut written, session, total),
            Response::Part {
                session,
                bytes,
                last,
            } => response_part(&mut written, session, bytes, last).unwrap(),
            Response::Reason { .. } => panic!("no vector has one"),
        }
    }
    assert_eq!(written, stream);
    let frames = frames(stream);
    let parsed: Vec<_> = frames
        .iter()
        .map(|frame| Response::parse(frame).unwrap())
        .collect();
    assert_eq!(parsed, responses);
    let sessions = |list: &[Response<'_>]| list.iter().map(Response::session).collect::<Vec<_>>();
    assert_eq!(sessions(&parsed), sessions(responses));
    assert!(!parsed.iter().any(Response::is_extension));
}

#[test]
fn responses() {
    let body = skynet_seri::pack!("re", 1).unwrap();
    check_responses(
        &hex("00 0a | 01 00 00 00 | 01 | 14 72 65 0a 01"),
        &[Response::Ok {
            session: 1,
            body: &body,
        }],
    );
    let text = b"name not found";
    check_responses(
        &[&hex("00 13 | 05 00 00 00 | 00")[..], text].concat(),
        &[Response::Error { session: 5, text }],
    );
    let body = vec![0x77; 0x8000];
    check_responses(
        &[&hex("80 05 | 15 00 00 00 | 01")[..], &body].concat(),
        &[Response::Ok {
            session: 21,
            body: &body,
        }],
    );
}

#[test]
fn a_response_in_parts() {
    let body = vec![0x77; 0x8000];
    let stream = [
        hex("00 09 | 16 00 00 00 | 02 | 01 80 00 00"),
        hex("80 05 | 16 00 00 00 | 03"),
        body.clone(),
        hex("00 06 | 16 00 00 00 | 04 | 78"),
    ]
    .concat();
    let session = 22;
    let part = |bytes, last| Response::Part {
        session,
        bytes,
        last,
    };
    let begin = Response::Begin {
        session,
        total: 32769,
    };
    check_responses(&stream, &[begin, part(&body, false), part(b"x", true)]);
}

#[test]
fn malformed_requests() {
    let check = |text: &str, expected| {
        assert_eq!(Request::parse(&hex(text)), Err(expected), "{text}");
    };
    let length = |kind, found| Malformed::Length { kind, found };
    check("", Malformed::TooShort { found: 0 });
    check("06", Malformed::Type(6));
    check("42 01 00 00 00", Malformed::Type(0x42));
    check("82 01 00 00 00", Malformed::Type(0x82));
    check("84 61", Malformed::Type(0x84));
    check("85 01 00 00 00", Malformed::Type(0x85));
    check("60 11 00 00 00 01 00 00 00", Malformed::Type(0x60));
    check("ff", Malformed::Type(0xff));
    check("00", length(0, 1));
    check("00 11 00 00 00 01 00 00", length(0, 8));
    check("80", length(0x80, 1));
    check("80 00 01 00 00 00", Malformed::EmptyName);
    check("80 04 40 73 76", length(0x80, 5));
    check("80 04 40 73 76 63 01 00 00", length(0x80, 9));
    check("01 11 00 00 00 01 00 00 00 01 00 00", length(1, 12));
    check("01 11 00 00 00 01 00 00 00 01 00 00 00 00", length(1, 14));
    check("81 01 61 01 00 00 00 01 00 00", length(0x81, 10));
    check("81 01 61 01 00 00 00 01 00 00 00 00", length(0x81, 12));
    check("c1 00 01 00 00 00 01 00 00 00", Malformed::EmptyName);
    check("02 01 00 00", length(2, 4));
    check("03", length(3, 1));
    check("05 01 00 00", length(5, 4));
    check("05 01 00 00 00 00", length(5, 6));
    check("20 11 00 00 00 00 00 00 00", Malformed::NoSession);
    check("a1 01 61 00 00 00 00 01 00 00 00", Malformed::NoSession);
}

#[test]
fn malformed_responses() {
    let check = |text: &str, expected| {
        assert_eq!(Response::parse(&hex(text)), Err(expected), "{text}");
    };
    let length = |kind, found| Malformed::Length { kind, found };
    check("", Malformed::TooShort { found: 0 });
    check("01 00 00 00", Malformed::TooShort { found: 4 });
    check("01 00 00 00 06", Malformed::Type(6));
    check("01 00 00 00 ff 00", Malformed::Type(0xff));
    check("01 00 00 00 02", length(2, 5));
    check("01 00 00 00 02 01 80 00", length(2, 8));
    check("01 00 00 00 02 01 80 00 00 00", length(2, 10));
    check("01 00 00 00 05 01 00 00", length(5, 8));
}
