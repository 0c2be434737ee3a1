//! Any frames, any bytes, torn anywhere.

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_harbor_wire::{Control, Cookie, Extra, Flags, Format, Fragment, Go, MAX_BODY};

use super::said::{Said, hello, parse, parse_after_go};

const MAX: usize = 4000;

fn cookies() -> impl Strategy<Value = Cookie> {
    (any::<u32>(), any::<u8>(), 0u32..1 << 24, any::<i32>()).prop_map(
        |(source, kind, destination, session)| Cookie {
            source,
            kind,
            destination,
            session,
        },
    )
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 0..MAX - 40)]
}

fn stock() -> impl Strategy<Value = Said> {
    (cookies(), bodies()).prop_map(|(cookie, body)| Said::Data {
        flags: Flags::NONE,
        extra: None,
        fragment: None,
        cookie,
        body,
    })
}

fn messages() -> impl Strategy<Value = Said> {
    let extras = proptest::option::of(any::<(u64, u64)>());
    let fragments = proptest::option::of(any::<(u32, u32, u32)>());
    let parts = (0u8..4, extras, fragments, cookies(), bodies());
    parts.prop_map(|(flags, extra, fragment, cookie, body)| {
        let extra = extra.map(|(trace, remaining)| Extra { trace, remaining });
        let fragment = fragment.filter(|_| !body.is_empty());
        let fragment = fragment.map(|(stream, before, after)| {
            let spare = (MAX_BODY - body.len()) as u32;
            let offset = before % (spare + 1);
            let total = offset + body.len() as u32 + after % (spare - offset + 1);
            Fragment {
                stream,
                total,
                offset,
            }
        });
        let mut flags = Flags(flags);
        if extra.is_some() {
            flags |= Flags::EXTRA;
        }
        if fragment.is_some() {
            flags |= Flags::FRAGMENT;
        }
        Said::Data {
            flags,
            extra,
            fragment,
            cookie,
            body,
        }
    })
}

fn errors() -> impl Strategy<Value = Said> {
    (cookies(), bodies(), any::<u16>()).prop_map(|(mut cookie, text, reason)| {
        cookie.kind = 7;
        Said::Data {
            flags: Flags::REASON,
            extra: None,
            fragment: None,
            cookie,
            body: [&reason.to_le_bytes(), &text[..]].concat(),
        }
    })
}

fn controls() -> impl Strategy<Value = Said> {
    prop_oneof![
        any::<u64>().prop_map(Control::Ack),
        any::<u64>().prop_map(Control::Ping),
        any::<u64>().prop_map(Control::Pong),
        Just(Control::Goodbye),
    ]
    .prop_map(Said::Control)
}

fn extended() -> impl Strategy<Value = Said> {
    prop_oneof![4 => messages(), 1 => errors(), 1 => controls()]
}

/// `bytes` in pieces of the given sizes, used again and again.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1usize..8, 1usize..5000], 1..20)
}

proptest! {
    #[test]
    fn what_was_said_is_heard(
        stock in vec(stock(), 0..6),
        extended in vec(extended(), 0..12),
        sizes in sizes(),
    ) {
        let go = Said::Go(Go { id: 7, proof: None });
        let greeting = [Said::hello(&hello()), go];
        let said: Vec<_> = stock.iter().chain(&greeting).cloned().collect();
        let mut bytes: Vec<u8> = said.iter().flat_map(Said::stock).collect();
        bytes.extend(extended.iter().flat_map(Said::extended));
        let expected = (said.into_iter().chain(extended).collect(), None);
        prop_assert_eq!(parse_after_go(MAX, pieces(&bytes, &sizes)), expected);
    }

    #[test]
    fn any_bytes_are_the_same_in_any_pieces(
        bytes in vec(prop_oneof![3 => 0u8..3, 1 => Just(0x80), 1 => any::<u8>()], 0..300),
        sizes in sizes(),
    ) {
        for format in [Format::Stock, Format::Extended] {
            let whole = parse(format, MAX, [&bytes[..]]);
            prop_assert_eq!(parse(format, MAX, pieces(&bytes, &sizes)), whole);
        }
    }
}
