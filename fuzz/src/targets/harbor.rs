//! What a peer sends, in both formats and from the one to the other: whole, torn anywhere and byte by byte the same as
//! for a reader that has all of it before it.

use skynet_harbor_wire::{
    Control, Cookie, Extra, Flags, Format, Fragment, Frame, FrameError, Go, Hello, MAX_BODY,
    MAX_EXTENDED_FRAME, MAX_FRAME, Parser, append_data, append_stock,
};

use crate::input::{Input, pieces};
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "harbor",
    about: "harbor/wire: what a peer sends, stock frames and extended ones",
    run,
    seeds,
    tokens: &[
        b"\0\0\0\x0c",
        b"\0\xff\xff\xff",
        b"\x80\0\0\x09\x02",
        b"\x80\0\0\x09\x03",
        b"\x80\0\0\x01\x06",
        b"\x01\0\0\x0c",
        b"\x04\0\0\x19",
        b"\x08\0\0\x1c",
        b"\x10\0\0\x0c",
        b"\x20\0\0\x0e",
        b"SKY1\x01",
        b"SKYG",
        b"\x07\0\0\0\x07\0\0\x01\x7f\xff\xff\xfe",
        b"\0\0\0\x10SKYG\x07\0\0\0\x07\0\0\x01\x7f\xff\xff\xfe",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 1 << 18,
        per_byte: 128,
    },
};

/// A frame as values of its own.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Data {
        flags: Flags,
        extra: Option<Extra>,
        fragment: Option<Fragment>,
        cookie: Cookie,
        body: Vec<u8>,
    },
    Control(Control),
    /// The bytes of the frame.
    Hello(Vec<u8>),
    Go(Go),
}

/// Frames up to the end or the first error; what is pending then, or the error.
type Outcome<E> = (Vec<Said>, Result<usize, E>);

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let format = [Format::Stock, Format::Extended][input.below(2)];
    let limit = input.edge(&[
        0,
        11,
        12,
        64,
        318,
        MAX_EXTENDED_FRAME as u64,
        MAX_FRAME as u64,
    ]);
    let max = usize::try_from(limit).unwrap_or(usize::MAX);
    let cuts = input.bytes(8);
    let stream = input.rest();
    let torn = pieces(stream, cuts);
    let expected = parse(format, max, &[stream]);
    assert_eq!(parse(format, max, &torn), expected, "torn");
    let single: Vec<_> = stream.chunks(1).collect();
    assert_eq!(parse(format, max, &single), expected, "byte by byte");
    let (said, end) = model(format, max, stream);
    assert_eq!(expected.0, said, "as by the reader of all");
    assert_eq!(expected.1.clone().ok(), end.ok(), "as by the reader of all");
    check_memory(format, max, stream, &torn);
    check_writing(format, stream, &expected);
}

fn parse(mut format: Format, max: usize, chunks: &[&[u8]]) -> Outcome<FrameError> {
    let mut parser = Parser::<Vec<u8>>::new(format, max);
    let mut said = Vec::new();
    for mut chunk in chunks.iter().copied() {
        loop {
            match parser.next(&mut chunk) {
                Ok(Some(frame)) => said.push(frame.into()),
                Ok(None) => break,
                Err(error) => {
                    let again = parser.next(&mut &b"\x80\0\0\x01\x06\0\0\0"[..]);
                    assert_eq!(again, Err(error.clone()), "it stays refused");
                    assert!(error.to_string().len() < 120, "an error is too long");
                    return (said, Err(error));
                }
            }
            if format == Format::Stock && matches!(said.last(), Some(Said::Go(_))) {
                format = Format::Extended;
                parser.switch(format);
            }
        }
        assert!(chunk.is_empty(), "a chunk is used up");
    }
    (said, Ok(parser.pending()))
}

impl From<Frame<'_>> for Said {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Data(data) => Self::Data {
                flags: data.flags,
                extra: data.extra,
                fragment: data.fragment,
                cookie: data.cookie,
                body: data.body.take(),
            },
            Frame::Control(control) => Self::Control(control),
            Frame::Hello(hello) => Self::Hello(hello.write().expect("what was read can be said")),
            Frame::Go(go) => Self::Go(go),
        }
    }
}

/// The same, by somebody who has all of the stream before him.
fn model(mut format: Format, max: usize, mut stream: &[u8]) -> Outcome<()> {
    let mut said = Vec::new();
    loop {
        let first = match format {
            Format::Stock => first_stock(&mut stream, max),
            Format::Extended => first_extended(&mut stream, max),
        };
        match first {
            Ok(Some(frame)) => {
                if matches!(frame, Said::Go(_)) {
                    format = Format::Extended;
                }
                said.push(frame);
            }
            Ok(None) => return (said, Ok(stream.len())),
            Err(()) => return (said, Err(())),
        }
    }
}

fn first_stock(stream: &mut &[u8], max: usize) -> Result<Option<Said>, ()> {
    let Some((head, rest)) = stream.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let len = u32::from_be_bytes(*head) as usize;
    if !(12..1 << 24).contains(&len) || len > max {
        return Err(());
    }
    let Some((frame, behind)) = rest.split_at_checked(len) else {
        return Ok(None);
    };
    *stream = behind;
    let (body, cookie) = frame.split_at(len - 12);
    let node = cookie[0];
    let greets = cookie[1..] == *b"\0\0\0\x07\0\0\x01\x7f\xff\xff\xfe";
    if greets && body.starts_with(b"SKY1") {
        let hello = Hello::read(node, body).map_err(drop)?;
        return Ok(Some(Said::Hello(hello.write().expect("as it was read"))));
    }
    if greets && body.starts_with(b"SKYG") {
        let proof = (body.len() > 4).then(|| body[4..].try_into());
        let proof = proof.transpose().map_err(drop)?;
        return if node == 0 {
            Err(())
        } else {
            Ok(Some(Said::Go(Go { id: node, proof })))
        };
    }
    Ok(Some(Said::Data {
        flags: Flags(0),
        extra: None,
        fragment: None,
        cookie: Cookie::read(cookie.try_into().expect("twelve bytes")),
        body: body.to_vec(),
    }))
}

fn first_extended(stream: &mut &[u8], max: usize) -> Result<Option<Said>, ()> {
    let Some((head, rest)) = stream.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let flags = head[0];
    let len = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
    let has = |flag: u8| flags & flag != 0;
    if len > max || has(0x40) || has(0x80) && flags != 0x80 || has(0x10) && has(0x25) {
        return Err(());
    }
    if flags == 0x80 {
        return first_control(stream, rest, len);
    }
    let before = if has(0x08) { 16 } else { 0 } + if has(0x04) { 12 } else { 0 };
    let Some(body_len) = len.checked_sub(before + 12) else {
        return Err(());
    };
    if has(0x10) && body_len != 0 {
        return Err(());
    }
    let Some((fields, behind)) = rest.split_at_checked(before) else {
        return Ok(None);
    };
    let long = |at: usize| u64::from_le_bytes(fields[at..at + 8].try_into().expect("eight bytes"));
    let short = |back: usize| {
        let at = before - back;
        u32::from_le_bytes(fields[at..at + 4].try_into().expect("four bytes"))
    };
    let extra = has(0x08).then(|| Extra {
        trace: long(0),
        remaining: long(8),
    });
    let fragment = has(0x04).then(|| Fragment {
        stream: short(12),
        total: short(8),
        offset: short(4),
    });
    if let Some(Fragment { total, offset, .. }) = fragment {
        let end = u64::from(offset) + body_len as u64;
        if body_len == 0 || end > u64::from(total) || total as usize > MAX_BODY {
            return Err(());
        }
    }
    let Some((frame, behind)) = behind.split_at_checked(body_len + 12) else {
        return Ok(None);
    };
    *stream = behind;
    let (body, cookie) = frame.split_at(body_len);
    let whole = fragment.map_or(body_len, |fragment| fragment.total as usize);
    if has(0x20) && (cookie[4] != 7 || whole < 2) {
        return Err(());
    }
    Ok(Some(Said::Data {
        flags: Flags(flags),
        extra,
        fragment,
        cookie: Cookie::read(cookie.try_into().expect("twelve bytes")),
        body: body.to_vec(),
    }))
}

fn first_control<'a>(
    stream: &mut &'a [u8],
    rest: &'a [u8],
    len: usize,
) -> Result<Option<Said>, ()> {
    if len == 0 || len > 9 {
        return Err(());
    }
    let Some((payload, behind)) = rest.split_at_checked(len) else {
        return Ok(None);
    };
    *stream = behind;
    let number = || Ok(u64::from_le_bytes(payload[1..].try_into().map_err(drop)?));
    let control = match (payload[0], len) {
        (2, 9) => Control::Ack(number()?),
        (3, 9) => Control::Ping(number()?),
        (4, 9) => Control::Pong(number()?),
        (6, 1) => Control::Goodbye,
        _ => return Err(()),
    };
    Ok(Some(Said::Control(control)))
}

/// Memory follows what came: 64 KiB or four times that, and as much again for the moment in which a buffer grows.
fn check_memory(format: Format, max: usize, stream: &[u8], chunks: &[&[u8]]) {
    let most = (stream.len() * 4).max(1 << 16).min(max);
    within(2 * most + 64, "the parser", || {
        let mut parser = Parser::<Vec<u8>>::new(format, max);
        for mut chunk in chunks.iter().copied() {
            while let Ok(Some(frame)) = parser.next(&mut chunk) {
                if let Frame::Go(_) = frame {
                    parser.switch(Format::Extended);
                }
            }
        }
    });
}

/// The frames, written again, are what the stream began with.
fn check_writing(mut format: Format, stream: &[u8], (said, end): &Outcome<FrameError>) {
    let mut again = Vec::new();
    for frame in said {
        match frame {
            Said::Data {
                flags,
                extra,
                fragment,
                cookie,
                body,
            } => match format {
                Format::Stock => append_stock(&mut again, *cookie, body),
                Format::Extended => {
                    append_data(&mut again, *flags, *extra, *fragment, *cookie, body)
                }
            }
            .expect("what was read fits into a frame"),
            Said::Control(control) => again.extend_from_slice(&control.write()),
            Said::Hello(frame) => again.extend_from_slice(frame),
            Said::Go(go) => {
                again.extend_from_slice(&go.write());
                format = Format::Extended;
            }
        }
    }
    assert!(
        stream.starts_with(&again),
        "written again it is another stream"
    );
    let pending = end.as_ref().map_or(0, |pending| *pending);
    assert!(end.is_err() || again.len() + pending == stream.len());
}

fn seeds() -> Vec<Vec<u8>> {
    let cookie = |kind| Cookie {
        source: 0x0700_0010,
        kind,
        destination: 9,
        session: 5,
    };
    let mut stock = Vec::new();
    for (kind, body) in [
        (10, &b"\x24ECHO\x0a\x01"[..]),
        (1, b""),
        (7, b""),
        (2, &[7; 300]),
    ] {
        append_stock(&mut stock, cookie(kind), body).expect("short");
    }
    let extra = Some(Extra {
        trace: 1,
        remaining: 1_000_000_000,
    });
    let fragment = |offset| {
        Some(Fragment {
            stream: 1,
            total: 70_000,
            offset,
        })
    };
    let mut extended = Vec::new();
    for (flags, extra, fragment, kind, body) in [
        (Flags::CALL, None, None, 10, &b"hello"[..]),
        (Flags::CALL, extra, None, 10, b"hello"),
        (Flags::REDIRECTED, None, fragment(0), 10, &[1; 500]),
        (Flags::CALL, extra, fragment(69_500), 10, &[1; 500]),
        (Flags::MOVED, None, None, 1, b""),
        (Flags::REASON, None, None, 7, b"\x03\0it has ended"),
    ] {
        append_data(&mut extended, flags, extra, fragment, cookie(kind), body).expect("short");
    }
    for control in [
        Control::Ack(7),
        Control::Ping(1),
        Control::Pong(1),
        Control::Goodbye,
    ] {
        extended.extend_from_slice(&control.write());
    }
    let greeting = [super::link::hello(), Go { id: 7, proof: None }.write()].concat();
    let proven = Go {
        id: 7,
        proof: Some([9; 32]),
    };
    let proven = [super::link::hello(), proven.write(), extended.clone()].concat();
    let mixed = [&stock[..], &greeting, &extended].concat();
    let mut seeds = Vec::new();
    for cuts in [&b""[..], b"\x01", b"\x03\x02", b"\x78"] {
        for max in [12, 318, 1000, MAX_FRAME as u64] {
            seeds.push(seed(0, max, cuts, &mixed));
        }
        seeds.push(seed(0, 1000, cuts, &proven));
        seeds.push(seed(1, 1000, cuts, &extended));
    }
    seeds.push(seed(0, MAX_FRAME as u64, b"\xff", b"\0\xff\xff\xffabc"));
    seeds.push(seed(0, MAX_FRAME as u64, b"", b"\x01\0\0\0"));
    seeds.push(seed(1, MAX_FRAME as u64, b"", b"\x40\0\0\x0c"));
    let mut large = Vec::new();
    append_stock(&mut large, cookie(10), &[7; 100_000]).expect("it fits");
    seeds.push(seed(0, MAX_FRAME as u64, b"\xc8", &large));
    seeds
}

/// An input as [`run`] takes it apart.
fn seed(format: u8, max: u64, cuts: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut seed = vec![format, 0];
    seed.extend_from_slice(&max.to_le_bytes());
    seed.extend_from_slice(&(cuts.len() as u16).to_le_bytes());
    seed.extend_from_slice(cuts);
    seed.extend_from_slice(stream);
    seed
}
