//! What a client sends to a server of a cluster.

use skynet_cluster_wire::{
    Address, Kind, Request, Unwritable, begin, deadline, part, small_request, trace,
};

use super::cluster::{Messages, frames, seeds as with_limits};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "cluster_server",
    about: "cluster/wire: what a server gets, requests and messages in parts",
    run,
    seeds,
    tokens: &[
        b"\0\x10\0\x11\0\0\0",
        b"\0\x12\x80\x04@svc",
        b"\0\x0d\x01\x11\0\0\0\x01\0\0\0",
        b"\0\x0e\x81\x04@svc\x01\0\0\0",
        b"\0\x0d\x41",
        b"\0\x0e\xc1",
        b"\0\x0d\x21",
        b"\0\x06\x03\x01\0\0\0a",
        b"\x80\x05\x02\x01\0\0\0",
        b"\0\x05\x05",
        b"\0\x0a\xa0\x04@svc",
        b"\xff\xff\xff\xff",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 1 << 18,
        per_byte: 256,
    },
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut messages = Messages::new(&mut input);
    for frame in frames(input) {
        let parsed = Request::parse(&frame);
        assert_eq!(parsed.ok(), model(&frame), "as by the plain reader");
        match parsed {
            Ok(request) => check(&request, &frame, &mut messages),
            Err(error) => assert!(error.to_string().len() < 60, "an error is too long"),
        }
    }
}

fn check(request: &Request<'_>, frame: &[u8], messages: &mut Messages) {
    check_writing(request, frame);
    let tells = matches!(frame[0], 0x05 | 0x20 | 0x21 | 0xa0 | 0xa1);
    assert_eq!(request.is_extension(), tells);
    match *request {
        Request::Begin { session, total, .. } => messages.begin(session, total),
        Request::Part {
            session,
            bytes,
            last,
        } => messages.part(session, bytes, last),
        _ => {}
    }
}

/// Written again it is the frame, unless no client of ours would send it.
fn check_writing(request: &Request<'_>, frame: &[u8]) {
    let mut out = Vec::new();
    let written = match *request {
        Request::Small {
            address,
            session,
            ack,
            body,
        } => small_request(&mut out, address, session, ack, body),
        Request::Begin {
            address,
            session,
            kind,
            total,
        } => begin(&mut out, address, session, kind, total),
        Request::Part {
            session,
            bytes,
            last,
        } => part(&mut out, session, bytes, last),
        Request::Trace(tag) if tag.len() > 0x8000 => return,
        Request::Trace(tag) => {
            trace(&mut out, tag);
            Ok(())
        }
        Request::Deadline(milliseconds) => {
            deadline(&mut out, milliseconds);
            Ok(())
        }
    };
    match written {
        Ok(()) => {
            assert_eq!(out[..2], (frame.len() as u16).to_be_bytes());
            assert_eq!(&out[2..], frame);
        }
        Err(Unwritable::Bytes { .. }) => assert!(frame.len() > 0x8000 && out.is_empty()),
        Err(other) => panic!("{other}"),
    }
}

/// A frame, by somebody who looks at the whole of it.
fn model(frame: &[u8]) -> Option<Request<'_>> {
    let number = |at: usize| {
        let bytes = frame.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let kind = *frame.first()?;
    let bytes = || frame.get(5..);
    match kind {
        0x02 | 0x03 => {
            return Some(Request::Part {
                session: number(1)?,
                bytes: bytes()?,
                last: kind == 3,
            });
        }
        0x04 => return Some(Request::Trace(&frame[1..])),
        0x05 if frame.len() == 5 => return number(1).map(Request::Deadline),
        _ => {}
    }
    let (address, at) = if kind >= 0x80 {
        let len = usize::from(*frame.get(1)?);
        let name = frame.get(2..2 + len).filter(|name| !name.is_empty())?;
        (Address::Name(name), 2 + len)
    } else {
        (Address::Handle(number(1)?), 5)
    };
    let session = number(at)?;
    let (begins, kind) = match kind & 0x7f {
        0x00 => (false, Kind::Call),
        0x20 => (false, Kind::Ack),
        0x01 => (true, Kind::Call),
        0x41 => (true, Kind::Push),
        0x21 => (true, Kind::Ack),
        _ => return None,
    };
    if kind == Kind::Ack && session == 0 {
        return None;
    }
    if !begins {
        return Some(Request::Small {
            address,
            session,
            ack: kind == Kind::Ack,
            body: &frame[at + 4..],
        });
    }
    let total = number(at + 4)?;
    (frame.len() == at + 8).then_some(Request::Begin {
        address,
        session,
        kind,
        total,
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let mut stream = Vec::new();
    for address in [Address::Handle(0x11), Address::Name(b"@svc")] {
        for (session, ack) in [(0, false), (1, false), (2, true)] {
            small_request(&mut stream, address, session, ack, b"\x2cHELLO\x0a\x01").expect("short");
        }
        trace(&mut stream, b"(host1-db-12):00000008-1");
        deadline(&mut stream, 1500);
        for (session, kind) in [(8, Kind::Call), (9, Kind::Push), (10, Kind::Ack)] {
            begin(&mut stream, address, session, kind, 90).expect("short");
            part(&mut stream, session, &[7; 60], false).expect("short");
        }
        for session in [10, 8, 9, 11] {
            part(&mut stream, session, &[7; 30], true).expect("short");
        }
    }
    let mut seeds = with_limits(&stream);
    let mut large = Vec::new();
    for session in [1, 2] {
        begin(&mut large, Address::Handle(1), session, Kind::Call, 50_000).expect("short");
    }
    for session in [1, 2] {
        part(&mut large, session, &[7; 0x8000], false).expect("it fits");
    }
    part(&mut large, 1, &[7; 50_000 - 0x8000], true).expect("it fits");
    begin(&mut large, Address::Handle(1), 3, Kind::Call, u32::MAX).expect("short");
    part(&mut large, 3, b"a", false).expect("it fits");
    seeds.extend(with_limits(&large).into_iter().take(1));
    seeds
}
