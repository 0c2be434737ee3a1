//! Whatever can be said is heard as it was said.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_cluster_wire::{
    Address, Framer, Kind, Request, Response, begin, deadline, error, ok, part, reason,
    response_begin, response_part, small_request, trace,
};

/// An address that owns its name.
#[derive(Debug, Clone)]
enum Whom {
    Handle(u32),
    Name(Vec<u8>),
}

impl Whom {
    fn address(&self) -> Address<'_> {
        match self {
            Self::Handle(handle) => Address::Handle(*handle),
            Self::Name(name) => Address::Name(name),
        }
    }
}

fn whom() -> impl Strategy<Value = Whom> {
    prop_oneof![
        any::<u32>().prop_map(Whom::Handle),
        vec(any::<u8>(), 1..=255).prop_map(Whom::Name),
    ]
}

/// Something to say: what it is, numbers, whom it is for, bytes.
type Said = (u8, u32, u32, bool, Whom, Vec<u8>);

fn said() -> impl Strategy<Value = Said> {
    let bytes = prop_oneof![vec(any::<u8>(), 0..60), vec(any::<u8>(), 0..3000)];
    (
        0u8..5,
        any::<u32>(),
        any::<u32>(),
        any::<bool>(),
        whom(),
        bytes,
    )
}

fn kind(number: u32) -> Kind {
    [Kind::Call, Kind::Push, Kind::Ack][number as usize % 3]
}

fn request((what, session, number, flag, whom, bytes): &Said) -> Request<'_> {
    let (session, address) = (*session, whom.address());
    match what {
        0 => Request::Small {
            address,
            session,
            ack: *flag && session != 0,
            body: bytes,
        },
        1 => Request::Begin {
            address,
            // An acknowledged push has one.
            session: session.max(1),
            kind: kind(*number),
            total: *number,
        },
        2 => Request::Part {
            session,
            bytes,
            last: *flag,
        },
        3 => Request::Trace(bytes),
        _ => Request::Deadline(*number),
    }
}

fn response((what, session, number, flag, _, bytes): &Said) -> Response<'_> {
    let (session, number) = (*session, *number);
    match what {
        0 => Response::Error {
            session,
            text: bytes,
        },
        1 => Response::Ok {
            session,
            body: bytes,
        },
        2 => Response::Begin {
            session,
            total: number,
        },
        3 => Response::Part {
            session,
            bytes,
            last: *flag,
        },
        _ => Response::Reason {
            session,
            reason: number,
            text: bytes,
        },
    }
}

fn write_request(out: &mut Vec<u8>, request: Request<'_>) {
    match request {
        Request::Small {
            address,
            session,
            ack,
            body,
        } => small_request(out, address, session, ack, body).unwrap(),
        Request::Begin {
            address,
            session,
            kind,
            total,
        } => begin(out, address, session, kind, total).unwrap(),
        Request::Part {
            session,
            bytes,
            last,
        } => part(out, session, bytes, last).unwrap(),
        Request::Trace(tag) => trace(out, tag),
        Request::Deadline(milliseconds) => deadline(out, milliseconds),
    }
}

fn write_response(out: &mut Vec<u8>, response: Response<'_>) {
    match response {
        Response::Error { session, text } => error(out, session, text),
        Response::Ok { session, body } => ok(out, session, body).unwrap(),
        Response::Begin { session, total } => response_begin(out, session, total),
        Response::Part {
            session,
            bytes,
            last,
        } => response_part(out, session, bytes, last).unwrap(),
        Response::Reason {
            session,
            reason: number,
            text,
        } => reason(out, session, number, text),
    }
}

/// The frames of a stream that comes in pieces of this size.
fn frames(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for mut chunk in stream.chunks(size) {
        while let Some(frame) = framer.next(&mut chunk).unwrap() {
            frames.push(frame.to_vec());
        }
    }
    assert_eq!(framer.pending(), 0);
    frames
}

proptest! {
    #[test]
    fn requests_are_read_as_they_were_written(
        said in vec(said(), 0..8),
        size in prop_oneof![1usize..40, 1usize..70_000],
    ) {
        let mut stream = Vec::new();
        said.iter().for_each(|said| write_request(&mut stream, request(said)));
        let frames = frames(&stream, size);
        prop_assert_eq!(frames.len(), said.len());
        for (frame, said) in frames.iter().zip(&said) {
            prop_assert_eq!(Request::parse(frame), Ok(request(said)));
        }
    }

    #[test]
    fn responses_are_read_as_they_were_written(
        said in vec(said(), 0..8),
        size in prop_oneof![1usize..40, 1usize..70_000],
    ) {
        let mut stream = Vec::new();
        said.iter().for_each(|said| write_response(&mut stream, response(said)));
        let frames = frames(&stream, size);
        prop_assert_eq!(frames.len(), said.len());
        for (frame, said) in frames.iter().zip(&said) {
            prop_assert_eq!(Response::parse(frame), Ok(response(said)));
        }
    }
}
