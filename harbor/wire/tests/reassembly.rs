//! Fragments to messages.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_harbor_wire::{
    Assembled, Cookie, Extra, Flags, Fragment, MAX_BODY, Reassembler, Sink, Why,
};

const COOKIE: Cookie = Cookie {
    source: 0x0700_0010,
    kind: 10,
    destination: 9,
    session: 5,
};

fn part(stream: u32, total: usize, offset: usize) -> Fragment {
    Fragment {
        stream,
        total: total as u32,
        offset: offset as u32,
    }
}

fn accept<B: Sink>(
    streams: &mut Reassembler<B>,
    fragment: Fragment,
    bytes: &[u8],
) -> Result<Option<Assembled<B>>, Why> {
    let flags = Flags::CALL | Flags::FRAGMENT;
    let result = streams.accept(flags, None, fragment, COOKIE, bytes);
    result.map_err(|error| {
        assert_eq!(error.fragment, fragment);
        error.why
    })
}

#[test]
fn parts_of_several_messages_in_any_mix() {
    let mut streams = Reassembler::<Vec<u8>>::new(2, 11);
    assert_eq!(accept(&mut streams, part(1, 6, 0), b"abc"), Ok(None));
    assert_eq!(accept(&mut streams, part(9, 5, 0), b"12"), Ok(None));
    assert_eq!((streams.streams(), streams.bytes()), (2, 11));
    let message = |body: &[u8]| Assembled {
        flags: Flags::CALL,
        extra: None,
        cookie: COOKIE,
        body: body.to_vec(),
    };
    let done = accept(&mut streams, part(1, 6, 3), b"def");
    assert_eq!(done, Ok(Some(message(b"abcdef"))));
    // Its number is free again.
    assert_eq!(accept(&mut streams, part(1, 6, 0), b"ABC"), Ok(None));
    let done = accept(&mut streams, part(9, 5, 2), b"345");
    assert_eq!(done, Ok(Some(message(b"12345"))));
    assert_eq!((streams.streams(), streams.bytes()), (1, 6));
    streams.clear();
    assert_eq!((streams.streams(), streams.bytes()), (0, 0));
}

#[test]
fn a_message_may_be_one_part() {
    let mut streams = Reassembler::<Vec<u8>>::new(1, 3);
    let done = accept(&mut streams, part(1, 3, 0), b"abc")
        .unwrap()
        .unwrap();
    assert_eq!(done.body, b"abc");
    assert_eq!(streams.bytes(), 0);
}

#[test]
fn what_comes_besides_the_body_is_that_of_the_first_part() {
    let extra = |trace| {
        Some(Extra {
            trace,
            remaining: 2,
        })
    };
    let flags = Flags::CALL | Flags::FRAGMENT | Flags::EXTRA;
    let mut streams = Reassembler::<Vec<u8>>::new(1, 9);
    streams
        .accept(flags, extra(1), part(1, 9, 0), COOKIE, b"abc")
        .unwrap();
    streams
        .accept(flags, extra(7), part(1, 9, 3), COOKIE, b"def")
        .unwrap();
    let flags = Flags::CALL | Flags::FRAGMENT;
    let done = streams
        .accept(flags, None, part(1, 9, 6), COOKIE, b"ghi")
        .unwrap()
        .unwrap();
    assert_eq!((done.extra, done.flags), (extra(1), Flags::CALL));
}

/// The second of two parts, after `abc` at 0 of 6 in stream 1.
fn second(fragment: Fragment, bytes: &[u8]) -> Result<Option<Assembled<Vec<u8>>>, Why> {
    let mut streams = Reassembler::new(2, 10);
    accept(&mut streams, part(1, 6, 0), b"abc").unwrap();
    accept(&mut streams, fragment, bytes)
}

#[test]
fn a_part_that_is_not_the_next_is_refused() {
    for (fragment, bytes, why) in [
        (part(2, 6, 3), &b"def"[..], Why::NoBeginning),
        (part(1, 6, 0), b"abc", Why::Order),
        (part(1, 6, 2), b"def", Why::Order),
        (part(1, 6, 4), b"de", Why::Order),
        (part(1, 7, 3), b"def", Why::Order),
        (part(1, 6, 3), b"", Why::Outside),
        (part(1, 6, 3), b"defg", Why::Outside),
        (part(1, 6, u32::MAX as usize), b"def", Why::Outside),
        (part(2, MAX_BODY + 1, 0), b"def", Why::Outside),
        (part(2, 5, 0), b"def", Why::TooManyBytes),
    ] {
        assert_eq!(second(fragment, bytes), Err(why), "{fragment:?}");
    }
    assert_eq!(second(part(2, 4, 0), b"def"), Ok(None));
}

#[test]
fn a_part_belongs_to_one_message() {
    let begin = || {
        let mut streams = Reassembler::<Vec<u8>>::new(2, 10);
        accept(&mut streams, part(1, 6, 0), b"abc").unwrap();
        streams
    };
    let other = Cookie {
        session: 6,
        ..COOKIE
    };
    let why = |flags, cookie| {
        let result = begin().accept(flags, None, part(1, 6, 3), cookie, b"def");
        result.err().map(|error| error.why)
    };
    assert_eq!(why(Flags::CALL, COOKIE), None);
    assert_eq!(why(Flags::CALL, other), Some(Why::OtherMessage));
    assert_eq!(why(Flags::NONE, COOKIE), Some(Why::OtherMessage));
}

#[test]
fn only_so_many_messages_are_under_way() {
    let mut streams = Reassembler::<Vec<u8>>::new(3, MAX_BODY);
    for stream in 0..3 {
        assert_eq!(accept(&mut streams, part(stream, 2, 0), b"a"), Ok(None));
    }
    let error = accept(&mut streams, part(3, 2, 0), b"a");
    assert_eq!(error, Err(Why::TooManyStreams));
    assert!(accept(&mut streams, part(0, 2, 1), b"a").unwrap().is_some());
    assert_eq!(accept(&mut streams, part(3, 2, 0), b"a"), Ok(None));
}

/// Remembers how much room was asked for.
#[derive(Debug, Default)]
struct Counted {
    bytes: Vec<u8>,
    room: usize,
    grown: usize,
}

impl Sink for Counted {
    fn reserve(&mut self, additional: usize) {
        self.room = self.bytes.len() + additional;
        self.grown += 1;
    }

    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        assert!(self.bytes.len() <= self.room, "room is made first");
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

#[test]
fn room_follows_what_came_in_few_steps() {
    let (total, size) = (MAX_BODY, 32 * 1024);
    let mut streams = Reassembler::<Counted>::new(1, total);
    let bytes = vec![7; total];
    let mut done = None;
    for (index, bytes) in bytes.chunks(size).enumerate() {
        done = accept(&mut streams, part(1, total, index * size), bytes).unwrap();
    }
    let body = done.unwrap().body;
    assert_eq!((body.bytes.len(), body.room), (total, total));
    assert!(body.grown <= 6, "{} steps", body.grown);

    let mut streams = Reassembler::<Counted>::new(1, total);
    accept(&mut streams, part(1, total, 0), b"abc").unwrap();
    assert!(
        format!("{streams:?}").contains("room: 65536"),
        "{streams:?}"
    );
}

proptest! {
    #[test]
    fn messages_survive_any_interleaving(
        messages in vec((vec(any::<u8>(), 1..300), 1usize..50), 1..6),
        picks in vec(any::<proptest::sample::Index>(), 0..200),
    ) {
        let mut streams = Reassembler::<Vec<u8>>::new(6, 6 * 300);
        let mut sent = vec![0; messages.len()];
        let mut done = vec![None; messages.len()];
        let mut send = |which: usize| {
            let (body, size) = &messages[which];
            let offset = sent[which];
            if offset < body.len() {
                let bytes = &body[offset..(offset + size).min(body.len())];
                sent[which] += bytes.len();
                let fragment = part(which as u32, body.len(), offset);
                if let Some(message) = accept(&mut streams, fragment, bytes).unwrap() {
                    done[which] = Some(message.body);
                }
            }
        };
        for pick in picks {
            send(pick.index(messages.len()));
        }
        for which in 0..messages.len() {
            (0..300).for_each(|_| send(which));
        }
        for ((body, _), done) in messages.iter().zip(done) {
            prop_assert_eq!(Some(body), done.as_ref());
        }
        prop_assert_eq!(streams.bytes(), 0);
    }

    #[test]
    fn any_parts_are_taken_or_refused_within_the_bounds(
        parts in vec((0u32..4, 0usize..40, 0usize..40, vec(any::<u8>(), 0..20)), 0..100),
    ) {
        let mut streams = Reassembler::<Vec<u8>>::new(3, 60);
        for (stream, total, offset, bytes) in parts {
            if let Ok(Some(message)) = accept(&mut streams, part(stream, total, offset), &bytes) {
                prop_assert_eq!(message.body.len(), total);
            }
            prop_assert!(streams.streams() <= 3 && streams.bytes() <= 60);
        }
    }
}
