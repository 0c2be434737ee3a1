//! What a server answers to a client of a cluster.

use skynet_cluster_wire::{Response, Unwritable, error, ok, reason, response_begin, response_part};

use super::cluster::{Messages, frames, seeds as with_limits};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "cluster_client",
    about: "cluster/wire: what a client gets, responses and messages in parts",
    run,
    seeds,
    tokens: &[
        b"\0\x05\x01\0\0\0\x01",
        b"\0\x05\x01\0\0\0\0",
        b"\0\x09\x01\0\0\0\x02",
        b"\x80\x05\x01\0\0\0\x03",
        b"\0\x06\x01\0\0\0\x04a",
        b"\0\x09\x01\0\0\0\x05\x03\0\0\0",
        b"\xff\xff\xff\xff",
        b"name not found",
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
        let parsed = Response::parse(&frame);
        assert_eq!(parsed.ok(), model(&frame), "as by the plain reader");
        match parsed {
            Ok(response) => check(&response, &frame, &mut messages),
            // The connection ends.
            Err(error) => {
                assert!(error.to_string().len() < 60, "an error is too long");
                return;
            }
        }
    }
}

fn check(response: &Response<'_>, frame: &[u8], messages: &mut Messages) {
    check_writing(response, frame);
    assert_eq!(response.session().to_le_bytes(), frame[..4]);
    assert_eq!(response.is_extension(), frame[4] == 5);
    match *response {
        Response::Begin { session, total } => messages.begin(session, total),
        Response::Part {
            session,
            bytes,
            last,
        } => messages.part(session, bytes, last),
        _ => {}
    }
}

/// Written again it is the frame, unless no server of ours would send it.
fn check_writing(response: &Response<'_>, frame: &[u8]) {
    let mut out = Vec::new();
    let written = match *response {
        Response::Error { text, .. } | Response::Reason { text, .. } if text.len() > 0x8000 => {
            return;
        }
        Response::Error { session, text } => {
            error(&mut out, session, text);
            Ok(())
        }
        Response::Ok { session, body } => ok(&mut out, session, body),
        Response::Begin { session, total } => {
            response_begin(&mut out, session, total);
            Ok(())
        }
        Response::Part {
            session,
            bytes,
            last,
        } => response_part(&mut out, session, bytes, last),
        Response::Reason {
            session,
            reason: number,
            text,
        } => {
            reason(&mut out, session, number, text);
            Ok(())
        }
    };
    match written {
        Ok(()) => {
            assert_eq!(out[..2], (frame.len() as u16).to_be_bytes());
            assert_eq!(&out[2..], frame);
        }
        Err(Unwritable::Bytes { .. }) => assert!(frame.len() > 0x8005 && out.is_empty()),
        Err(other) => panic!("{other}"),
    }
}

/// A frame, by somebody who looks at the whole of it.
fn model(frame: &[u8]) -> Option<Response<'_>> {
    let number = |at: usize| {
        let bytes = frame.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let session = number(0)?;
    let data = frame.get(5..)?;
    Some(match frame[4] {
        0 => Response::Error {
            session,
            text: data,
        },
        1 => Response::Ok {
            session,
            body: data,
        },
        2 if frame.len() == 9 => Response::Begin {
            session,
            total: number(5)?,
        },
        3 | 4 => Response::Part {
            session,
            bytes: data,
            last: frame[4] == 4,
        },
        5 => Response::Reason {
            session,
            reason: number(5)?,
            text: &frame[9..],
        },
        _ => return None,
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let mut stream = Vec::new();
    ok(&mut stream, 1, b"\x14re\x0a\x01").expect("short");
    error(&mut stream, 5, b"name not found");
    reason(&mut stream, 6, 3, b"it has ended");
    response_begin(&mut stream, 22, 90);
    response_begin(&mut stream, 23, 0);
    response_part(&mut stream, 22, &[7; 60], false).expect("short");
    response_part(&mut stream, 23, b"", true).expect("short");
    ok(&mut stream, 24, &[7; 300]).expect("short");
    response_part(&mut stream, 22, &[7; 30], true).expect("short");
    let malformed = [&stream[..], b"\0\x04\x01\0\0\0", &stream].concat();
    [with_limits(&stream), with_limits(&malformed)].concat()
}
