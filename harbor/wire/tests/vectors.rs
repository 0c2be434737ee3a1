//! Captured bytes between Skynet nodes, both ways.

use skynet_harbor_wire::{
    COOKIE, Cookie, Format, Frame, HEADER, MAX_BODY, MAX_FRAME, Parser, append_stock, stock_header,
};

/// `text` is a frame in hex, with bars between its parts.
fn check(text: &str, body: &[u8], source: u32, kind: u8, destination: u32, session: i32) {
    let bytes = hex(text);
    let cookie = Cookie {
        source,
        kind,
        destination,
        session,
    };
    let mut written = Vec::new();
    append_stock(&mut written, cookie, body).expect("it fits");
    assert_eq!(written, bytes, "{text}");
    let parts = [
        &stock_header(body.len()).expect("it fits")[..],
        body,
        &cookie.write(),
    ]
    .concat();
    assert_eq!(parts, bytes, "{text}");

    let mut parser = Parser::<Vec<u8>>::new(Format::Stock, MAX_FRAME);
    let mut chunk = &bytes[..];
    match parser.next(&mut chunk) {
        Ok(Some(Frame::Data(data))) => {
            assert_eq!(
                (data.cookie, data.body.as_slice()),
                (cookie, body),
                "{text}"
            );
            assert_eq!((data.flags.0, data.extra, data.fragment), (0, None, None));
        }
        other => panic!("{text}: {other:?}"),
    }
    assert_eq!(parser.next(&mut chunk), Ok(None));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

#[test]
fn a_hand_written_peer_and_a_node() {
    check(
        "00 00 00 18 | 24 45 43 48 4f  0a 01  1c 74 77 6f  09 | 07 00 00 10 | 0a 00 00 09 | 00 00 00 05",
        b"\x24ECHO\x0a\x01\x1ctwo\x09",
        0x0700_0010,
        10,
        9,
        5,
    );
    check(
        "00 00 00 13 | 0a 01 1c 74 77 6f 09 | 01 00 00 09 | 01 00 00 10 | 00 00 00 05",
        b"\x0a\x01\x1ctwo\x09",
        0x0100_0009,
        1,
        0x10,
        5,
    );
    check(
        "00 00 00 13 | 24 45 43 48 4f 0a 01 | 07 00 00 10 | 0a 00 00 09 | 00 00 00 00",
        b"\x24ECHO\x0a\x01",
        0x0700_0010,
        10,
        9,
        0,
    );
    check(
        "00 00 00 0c | 01 00 00 09 | 07 00 00 10 | 00 00 00 06",
        b"",
        0x0100_0009,
        7,
        0x10,
        6,
    );
}

#[test]
fn two_nodes() {
    check(
        "00000018 | 34 5245504f5254 22 06000002 | 02000006 0a000008 00000002",
        b"\x34REPORT\x22\x06\0\0\x02",
        0x0200_0006,
        10,
        8,
        2,
    );
    check(
        "0000000d | 00 | 01000008 01000006 00000002",
        b"\0",
        0x0100_0008,
        1,
        6,
        2,
    );
    check(
        "00000024 | 34 555044415445 4c 6d756c746963617374 0a02 22 08000002 | 02000008 0a000007 00000002",
        b"\x34UPDATE\x4cmulticast\x0a\x02\x22\x08\0\0\x02",
        0x0200_0008,
        10,
        7,
        2,
    );
    check(
        "0000000c | 01000007 01000008 00000002",
        b"",
        0x0100_0007,
        1,
        8,
        2,
    );
    check(
        "0000001c | 2c 5155455259 4c 4d434348414e4e454c | 02000007 0a000007 00000004",
        b"\x2cQUERY\x4cMCCHANNEL",
        0x0200_0007,
        10,
        7,
        4,
    );
    check(
        "0000000e | 0a01 | 01000007 01000007 00000004",
        b"\x0a\x01",
        0x0100_0007,
        1,
        7,
        4,
    );
    check(
        "00000013 | 24 53554252 0a01 | 02000008 0a00000a 00000004",
        b"\x24SUBR\x0a\x01",
        0x0200_0008,
        10,
        10,
        4,
    );
    // A multicast: its session is the channel, its source the publisher, which may be of any node.
    let multicast = b"\x74Remote message";
    check(
        "0000001b | 74 52656d6f7465206d657373616765 | 02000007 0200000a 00000001",
        multicast,
        0x0200_0007,
        2,
        10,
        1,
    );
    check(
        "0000001b | 74 52656d6f7465206d657373616765 | 02000007 02000008 00000001",
        multicast,
        0x0200_0007,
        2,
        8,
        1,
    );
    check(
        "00000012 | 1c 44454c 0a01 | 02000008 0a00000a 00000000",
        b"\x1cDEL\x0a\x01",
        0x0200_0008,
        10,
        10,
        0,
    );
    check(
        "00000013 | 24 44454c52 0a01 | 0100000a 0a000008 00000000",
        b"\x24DELR\x0a\x01",
        0x0100_000a,
        10,
        8,
        0,
    );
}

#[test]
fn an_answer_to_a_service_manager() {
    // Any answer lets an unmodified node go on booting: no value is no byte.
    check(
        "0000000c | 01000008 01000006 00000002",
        b"",
        0x0100_0008,
        1,
        6,
        2,
    );
}

#[test]
fn the_largest_body() {
    assert_eq!((COOKIE, HEADER, MAX_BODY), (12, 4, 16_777_203));
    assert_eq!(stock_header(MAX_BODY), Ok([0, 0xff, 0xff, 0xff]));
    assert!(stock_header(MAX_BODY + 1).is_err());
}

#[test]
fn a_destination_keeps_24_bits_and_a_session_its_sign() {
    let cookie = Cookie {
        source: 0xffff_ffff,
        kind: 255,
        destination: 0xff12_3456,
        session: -2,
    };
    let bytes = cookie.write();
    assert_eq!(bytes, *b"\xff\xff\xff\xff\xff\x12\x34\x56\xff\xff\xff\xfe");
    let read = Cookie::read(&bytes);
    assert_eq!((read.destination, read.session), (0x12_3456, -2));
}
