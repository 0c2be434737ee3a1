//! Frames that cannot be read, and requests in parts that do not fit together. The connection stays open, and what
//! follows works.

use anyhow::{Context, Result, ensure};

use crate::scenario::clustered::Site;
use crate::stock::cluster::{ClusterClient, answer, parts};
use crate::stock::link::{To, begin, begin_push, framed, part, small, text};

const SVC: To<'_> = To::Name("@svc");
/// The largest part.
const PART: usize = 0x8000;

pub(super) fn run(site: &Site) -> Result<()> {
    let client = ClusterClient::connect(site.address)?;
    for (what, frame) in unreadable() {
        client.send(&framed(&frame))?;
        works(&client).with_context(|| what)?;
    }
    // All at once, in the midst of a request in parts.
    let body = vec![0; 40_000];
    client.send(&framed(&begin(SVC, 7, 40_000)))?;
    for (_, frame) in unreadable() {
        client.send(&framed(&frame))?;
    }
    client.send(&parts(7, &body).concat())?;
    client.expect(&answer(7, &body).concat())?;
    unfit(&client)
}

fn works(client: &ClusterClient) -> Result<()> {
    client.send(&framed(&small(SVC, 99, &text("still"))))?;
    client.expect(&answer(99, &text("still")).concat())
}

fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let short = small(To::Handle(17), 1, b"");
    let numeric = begin(To::Handle(17), 9, 40_000);
    let named = begin(SVC, 9, 40_000);
    let pushed = begin_push(SVC, 9, 40_000);
    vec![
        ("nothing", vec![]),
        ("a type that nobody has", vec![0x06; 12]),
        ("another one", vec![0xff; 300]),
        ("parts by name", [&[0x82][..], &short[1..]].concat()),
        ("a tag by name", vec![0x84, b'(', b')']),
        ("a type alone", vec![0x00]),
        ("a name alone", vec![0x80]),
        ("no session", short[..8].to_vec()),
        (
            "a name that is cut off",
            vec![0x80, 200, b'@', b's', b'v', b'c'],
        ),
        ("a name of no bytes", vec![0x80, 0, 1, 0, 0, 0]),
        ("a name without a session", vec![0x80, 1, b'a', 1, 0, 0]),
        ("a start that is short", numeric[..12].to_vec()),
        ("a start that is long", [&numeric[..], &[0]].concat()),
        ("a named start that is short", named[..13].to_vec()),
        ("a named start that is long", [&named[..], &[0]].concat()),
        ("a pushed start that is long", [&pushed[..], &[0]].concat()),
        ("a part without a session", vec![0x02, 1, 0, 0]),
        ("a last part without one", vec![0x03]),
    ]
}

/// Parts of nothing, and sums that are wrong. Even a push is told of.
fn unfit(client: &ClusterClient) -> Result<()> {
    let full = [0; PART];
    let sums: [(&str, u32, Vec<Vec<u8>>); 5] = [
        ("less", 8, vec![begin(SVC, 8, 40_000), part(8, b"a", true)]),
        (
            "more",
            9,
            vec![
                begin(SVC, 9, 32_769),
                part(9, &full, false),
                part(9, b"ab", true),
            ],
        ),
        (
            "more before the end",
            10,
            vec![
                begin(SVC, 10, 33_000),
                part(10, &full, false),
                part(10, &full, false),
                part(10, b"a", true),
            ],
        ),
        (
            "less of a push",
            11,
            vec![begin_push(SVC, 11, 40_000), part(11, b"a", true)],
        ),
        (
            "4 GiB",
            12,
            vec![
                begin(SVC, 12, u32::MAX),
                part(12, &full, false),
                part(12, b"a", true),
            ],
        ),
    ];
    for (what, session, frames) in sums {
        let frames: Vec<_> = frames.iter().map(|frame| framed(frame)).collect();
        client.send(&frames.concat())?;
        let told = client.expect_error(session).with_context(|| what)?;
        ensure!(told.starts_with("Invalid large req"), "{what}: {told:?}");
        works(client).with_context(|| what)?;
    }
    client.send(&framed(&part(13, b"abc", false)))?;
    works(client)?;
    client.send(&framed(&part(13, b"abc", true)))?;
    let told = client.expect_error(13)?;
    ensure!(told.starts_with("Invalid name"), "{told:?}");
    works(client)
}
