//! Bytes to frames and back.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

#[path = "parser/properties.rs"]
mod properties;
#[path = "parser/said.rs"]
mod said;

use said::{Said, greeting, hello, message, parse, parse_after_go};
use skynet_harbor_wire::{
    Control, Extra, Flags, Format, Fragment, FrameError, Go, HelloError, MAX_BODY, MAX_FRAME,
    Parser, TooLarge, data_head, split_reason,
};

/// The frames of `bytes` in `format`, whole and torn everywhere, and the error that they end with.
fn check(format: Format, max: usize, bytes: &[u8], said: &[Said], error: Option<FrameError>) {
    let expected = (said.to_vec(), error);
    assert_eq!(parse(format, max, [bytes]), expected, "in one piece");
    assert_eq!(parse(format, max, bytes.chunks(1)), expected, "in bytes");
    for end in 0..bytes.len() {
        let (first, last) = bytes.split_at(end);
        assert_eq!(parse(format, max, [first, last]), expected, "torn at {end}");
    }
}

fn refused(format: Format, bytes: &[u8], error: FrameError) {
    check(format, 1000, bytes, &[], Some(error));
}

const EXTRA: Extra = Extra {
    trace: 0x1122_3344_5566_7788,
    remaining: 5,
};
const FRAGMENT: Fragment = Fragment {
    stream: 0x0102_0304,
    total: 100,
    offset: 95,
};

#[test]
fn a_stock_frame() {
    let bytes = b"\0\0\0\x0ehi\x07\0\0\x10\x0a\0\0\x09\0\0\0\x05";
    let said = message(Flags::NONE, None, None, b"hi");
    assert_eq!(said.stock(), bytes);
    check(Format::Stock, 14, bytes, &[said], None);
}

#[test]
fn extended_frames() {
    let cookie = b"\x07\0\0\x10\x0a\0\0\x09\0\0\0\x05";
    let extra = b"\x88\x77\x66\x55\x44\x33\x22\x11\x05\0\0\0\0\0\0\0";
    let fragment = b"\x04\x03\x02\x01\x64\0\0\0\x5f\0\0\0";
    let cases: [(Said, &[&[u8]]); 5] = [
        (
            message(Flags::CALL, None, None, b"hi"),
            &[b"\x01\0\0\x0e", b"hi", cookie],
        ),
        (
            message(Flags::NONE, Some(EXTRA), None, b"hi"),
            &[b"\x08\0\0\x1e", extra, b"hi", cookie],
        ),
        (
            message(Flags::REDIRECTED, None, Some(FRAGMENT), b"hello"),
            &[b"\x06\0\0\x1d", fragment, b"hello", cookie],
        ),
        (
            message(Flags::CALL, Some(EXTRA), Some(FRAGMENT), b"hello"),
            &[b"\x0d\0\0\x2d", extra, fragment, b"hello", cookie],
        ),
        (
            message(Flags::MOVED | Flags::REDIRECTED, None, None, b""),
            &[b"\x12\0\0\x0c", cookie],
        ),
    ];
    let mut all = Vec::new();
    for (said, parts) in &cases {
        let bytes = parts.concat();
        assert_eq!(said.extended(), bytes);
        check(
            Format::Extended,
            100,
            &bytes,
            std::slice::from_ref(said),
            None,
        );
        all.extend(bytes);
    }
    check(
        Format::Extended,
        100,
        &all,
        &cases.map(|(said, _)| said),
        None,
    );
}

#[test]
fn control_frames() {
    for (control, bytes) in [
        (Control::Ack(3), &b"\x80\0\0\x09\x02\x03\0\0\0\0\0\0\0"[..]),
        (
            Control::Ping(u64::MAX),
            b"\x80\0\0\x09\x03\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (Control::Pong(1), b"\x80\0\0\x09\x04\x01\0\0\0\0\0\0\0"),
        (Control::Goodbye, b"\x80\0\0\x01\x06"),
    ] {
        assert_eq!(control.write().as_slice(), bytes);
        check(Format::Extended, 9, bytes, &[Said::Control(control)], None);
    }
}

#[test]
fn a_reason_stands_before_the_text_of_an_error() {
    let mut said = message(Flags::REASON, None, None, b"\x02\x01gone");
    said.kind(7);
    check(
        Format::Extended,
        100,
        &said.extended(),
        &[said.clone()],
        None,
    );
    assert_eq!(split_reason(b"\x02\x01gone"), Some((0x0102, &b"gone"[..])));
    assert_eq!(split_reason(b"\x02"), None);
    said.kind(1);
    let error = FrameError::Reason { kind: 1, len: 6 };
    refused(Format::Extended, &said.extended(), error);
    let mut said = message(Flags::REASON, None, None, b"\x02");
    said.kind(7);
    let error = FrameError::Reason { kind: 7, len: 1 };
    refused(Format::Extended, &said.extended(), error);
}

#[test]
fn the_greeting_is_recognised_and_ends_the_stock_format() {
    let (hello, go) = (
        hello(),
        Go {
            id: 7,
            proof: Some([9; 32]),
        },
    );
    let message = message(Flags::CALL, None, None, b"hi");
    let said = [
        Said::hello(&hello),
        Said::Go(go),
        message.clone(),
        Said::Control(Control::Goodbye),
    ];
    let bytes = [
        hello.write().unwrap(),
        go.write(),
        message.extended(),
        Control::Goodbye.write().to_vec(),
    ]
    .concat();
    for size in 1..=bytes.len() {
        let result = parse_after_go(400, bytes.chunks(size));
        assert_eq!(result, (said.to_vec(), None), "chunks of {size}");
    }
}

#[test]
fn only_an_exact_greeting_is_one() {
    let go = greeting(b"SKYG");
    check(
        Format::Stock,
        100,
        &go.stock(),
        &[Said::Go(Go { id: 7, proof: None })],
        None,
    );
    // In an extended frame it is nothing special.
    check(
        Format::Extended,
        100,
        &go.extended(),
        std::slice::from_ref(&go),
        None,
    );
    for change in 0..5 {
        let mut other = greeting(if change == 0 { b"SKYX" } else { b"SKYG" });
        let cookie = other.cookie_mut();
        match change {
            1 => cookie.kind = 1,
            2 => cookie.destination = 2,
            3 => cookie.session = 0x7fff_fffd,
            4 => cookie.source += 1,
            _ => {}
        }
        check(Format::Stock, 100, &other.stock(), &[other.clone()], None);
    }
    for (body, error) in [
        (&b"SKY1"[..], HelloError::Length),
        (b"SKY1\x02", HelloError::Version(2)),
        (b"SKYGx", HelloError::Length),
    ] {
        refused(
            Format::Stock,
            &greeting(body).stock(),
            FrameError::Hello(error),
        );
    }
}

#[test]
fn what_cannot_be_a_stock_frame_is_refused() {
    refused(Format::Stock, b"\x01\0\0\0", FrameError::FirstByte(1));
    refused(
        Format::Stock,
        b"\0\0\0\x0b",
        FrameError::TooShort {
            found: 11,
            least: 12,
        },
    );
    refused(
        Format::Stock,
        b"\0\0\0\0",
        FrameError::TooShort {
            found: 0,
            least: 12,
        },
    );
    let error = FrameError::TooLong {
        found: 1001,
        limit: 1000,
    };
    refused(Format::Stock, b"\0\0\x03\xe9", error);
}

#[test]
fn what_cannot_be_an_extended_frame_is_refused() {
    let error = |found, least| FrameError::TooShort { found, least };
    refused(Format::Extended, b"\x01\0\0\x0b", error(11, 12));
    refused(Format::Extended, b"\x08\0\0\x1b", error(27, 28));
    refused(Format::Extended, b"\x04\0\0\x17", error(23, 24));
    let error = FrameError::TooLong {
        found: 1001,
        limit: 1000,
    };
    refused(Format::Extended, b"\x01\0\x03\xe9", error);
    for flags in [0x40, 0x41, 0x81, 0xff, 0x11, 0x14, 0x30] {
        let error = FrameError::Flags(Flags(flags));
        refused(Format::Extended, &[flags, 0, 0, 40], error);
    }
    let error = FrameError::TooLong {
        found: 13,
        limit: 12,
    };
    refused(Format::Extended, b"\x10\0\0\x0d", error);
    for len in [0, 10] {
        let error = FrameError::Control { kind: None, len };
        refused(Format::Extended, &[0x80, 0, 0, len as u8], error);
    }
    for payload in [
        &b"\x06\0"[..],
        b"\x01",
        b"\x02",
        b"\x02\0\0\0\0\0\0\0",
        b"\x05\0\0\0\0\0\0\0\0",
    ] {
        let bytes = [&[0x80, 0, 0, payload.len() as u8], payload].concat();
        let error = FrameError::Control {
            kind: Some(payload[0]),
            len: payload.len(),
        };
        refused(Format::Extended, &bytes, error);
    }
}

#[test]
fn a_fragment_lies_within_its_message() {
    for (total, offset, body) in [
        (4, 0, &b"hello"[..]),
        (100, 96, b"hello"),
        (100, u32::MAX, b"hello"),
        (0, 0, b""),
        (100, 0, b""),
        (MAX_BODY as u32 + 1, 0, b"hello"),
    ] {
        let fragment = Fragment {
            stream: 1,
            total,
            offset,
        };
        let said = message(Flags::NONE, None, Some(fragment), body);
        let error = FrameError::Fragment {
            fragment,
            len: body.len(),
        };
        refused(Format::Extended, &said.extended(), error);
    }
    // Refused before the body comes.
    let mut bytes = data_head(Flags::NONE, None, Some(FRAGMENT), 500)
        .unwrap()
        .to_vec();
    bytes.push(0);
    let error = FrameError::Fragment {
        fragment: FRAGMENT,
        len: 500,
    };
    refused(Format::Extended, &bytes, error);
}

#[test]
fn a_whole_frame_is_measured_too() {
    let frame = message(Flags::NONE, None, None, b"hi").stock();
    for format in [Format::Stock, Format::Extended] {
        let error = FrameError::TooLong {
            found: 14,
            limit: 13,
        };
        check(format, 13, &frame, &[], Some(error));
    }
}

#[test]
fn an_error_stays() {
    let mut parser = Parser::<Vec<u8>>::new(Format::Stock, 100);
    let error = Err(FrameError::FirstByte(1));
    assert_eq!(parser.next(&mut &b"\x01\0\0\0"[..]), error);
    let frame = message(Flags::NONE, None, None, b"hi").stock();
    assert_eq!(parser.next(&mut &frame[..]), error);
    assert_eq!(parser.next(&mut &b""[..]), error);
}

#[test]
fn pending_tells_of_a_frame_that_was_cut_off() {
    let frame = message(Flags::NONE, Some(EXTRA), None, b"hello").extended();
    let mut parser = Parser::<Vec<u8>>::new(Format::Extended, 100);
    for end in 0..frame.len() {
        assert_eq!(parser.pending(), end);
        assert_eq!(parser.next(&mut &frame[end..end].to_vec()[..]), Ok(None));
        let complete = parser.next(&mut &frame[end..=end]).unwrap().is_some();
        assert_eq!(complete, end + 1 == frame.len());
    }
    assert_eq!(parser.pending(), 0);
}

#[test]
fn a_gathered_body_can_be_taken() {
    let bodies: [&[u8]; 3] = [b"one", b"two", b"three"];
    let stream: Vec<u8> = bodies
        .iter()
        .flat_map(|body| message(Flags::NONE, None, None, body).extended())
        .collect();
    for size in 1..=stream.len() {
        let mut parser = Parser::<Vec<u8>>::new(Format::Extended, MAX_FRAME);
        let mut taken = Vec::new();
        for mut chunk in stream.chunks(size) {
            while let Some(frame) = parser.next(&mut chunk).unwrap() {
                let skynet_harbor_wire::Frame::Data(data) = frame else {
                    panic!("{frame:?}");
                };
                taken.push(data.body.take());
            }
        }
        assert_eq!(taken, bodies, "chunks of {size}");
    }
}

#[test]
fn a_body_that_fits_no_frame_is_refused() {
    let whole = |extra, len| data_head(Flags::NONE, extra, None, len);
    assert_eq!(whole(None, MAX_BODY).unwrap().as_slice(), b"\0\xff\xff\xff");
    let error = TooLarge {
        found: MAX_BODY + 1,
        limit: MAX_BODY,
    };
    assert_eq!(whole(None, MAX_BODY + 1).unwrap_err(), error);
    assert!(whole(Some(EXTRA), MAX_BODY - 16).is_ok());
    assert!(whole(Some(EXTRA), MAX_BODY - 15).is_err());
    assert!(whole(None, usize::MAX).is_err());
}
