//! Frames that no client should send. An unmodified server goes on after each of them, and so does ours.

use std::net::TcpStream;

use anyhow::{Context, Result, ensure};

use super::pair;
use crate::client::PATIENCE as SHORT;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::Site;
use crate::stock::link::{Link, Response, To, begin, begin_push, framed, part, small, text};

/// The largest part.
const PART: usize = 0x8000;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("every malformed frame, from a client");
    let (near, far) = pair(stage, ["well", "formed"])?;
    let mut client = Link::connect(far.address)?;
    works(&mut client, 1)?;
    for (number, (what, frame)) in (100..).zip(undecodable()) {
        client.send(&frame)?;
        works(&mut client, number).with_context(|| what)?;
    }
    answered(&mut client)?;
    pushes(&mut client, &far)?;
    stage.step("garbage on the port of a cluster");
    garbage(&far)?;
    works(&mut client, 5000)?;
    // Cut in the midst of things.
    let mut other = Link::connect(far.address)?;
    other.send(&begin(To::Name("@svc"), 9, 100_000))?;
    other.send(&part(9, &[7; PART], false))?;
    other.send_bytes(&framed(&small(To::Name("@svc"), 3, b""))[..5])?;
    drop(other);
    near.reaches("far")?;
    far.node.stop()
}

/// The connection is good, and nothing else has come on it.
fn works(client: &mut Link, session: u32) -> Result<()> {
    let body = [text("ECHO"), text("still")].concat();
    client.send(&small(To::Name("@svc"), session, &body))?;
    let wanted = Response {
        session,
        kind: 1,
        data: text("still"),
    };
    let found = client.response(SHORT)?;
    ensure!(found == wanted, "found {found:?}, wanted {wanted:?}");
    Ok(())
}

/// What is logged and passed over.
fn undecodable() -> Vec<(&'static str, Vec<u8>)> {
    let start = begin(To::Name("@svc"), 7, 40_000);
    let numeric = begin(To::Handle(17), 7, 40_000);
    let pushed = begin_push(To::Name("@svc"), 7, 40_000);
    vec![
        ("nothing", vec![]),
        ("a type that is unknown", vec![0x07, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("another one", vec![0xff; 64]),
        (
            "a type with the bit for names that has none",
            vec![0x82, 1, b'a', 0, 0, 0, 0],
        ),
        ("a type alone", vec![0x00]),
        ("a type with a name alone", vec![0x80]),
        (
            "a request without a session",
            small(To::Handle(1), 1, b"")[..8].to_vec(),
        ),
        (
            "a name without an end",
            vec![0x80, 200, b'a', b'b', b'c', b'd', b'e', b'f', b'g'],
        ),
        ("a name of no bytes", vec![0x80, 0, 1, 0, 0, 0, 0, 0]),
        ("a name without a session", vec![0x80, 1, b'a', 1, 0, 0]),
        ("a start that is too short", numeric[..12].to_vec()),
        ("a start that is too long", [&numeric[..], &[0]].concat()),
        (
            "a start by name that is too short",
            start[..start.len() - 1].to_vec(),
        ),
        (
            "a start by name that is too long",
            [&start[..], &[0]].concat(),
        ),
        (
            "a pushed start that is too long",
            [&pushed[..], &[0]].concat(),
        ),
        ("a part without a session", vec![0x02, 1, 0, 0]),
        ("a last part without a session", vec![0x03, 1, 0, 0]),
        ("a part of nothing that was begun", part(77, b"abc", false)),
    ]
}

/// What an unmodified server answers with an error.
fn answered(client: &mut Link) -> Result<()> {
    let mut fails = |what: &str, frames: &[Vec<u8>], session: u32| -> Result<Vec<u8>> {
        for frame in frames {
            client.send(frame)?;
        }
        let found = client.response(SHORT).with_context(|| what.to_owned())?;
        ensure!(
            found.session == session && matches!(found.kind, 0 | 5),
            "{what}: found {found:?}"
        );
        works(client, 1000 + session).with_context(|| what.to_owned())?;
        Ok(found.data)
    };
    let to = To::Name("@svc");
    fails(
        "a last part of nothing that was begun",
        &[part(7, b"abc", true)],
        7,
    )?;
    fails(
        "less than was said",
        &[begin(to, 8, 40_000), part(8, b"a", true)],
        8,
    )?;
    let more = [
        begin(to, 9, 33_000),
        part(9, &[0; PART], false),
        part(9, &[0; PART], true),
    ];
    fails("more than was said", &more, 9)?;
    let pushed = [begin_push(to, 10, 40_000), part(10, b"a", true)];
    fails("a push of less than was said", &pushed, 10)?;
    let told = fails("4 GiB", &[begin(to, 11, u32::MAX)], 11)?;
    ensure!(!told.is_empty(), "4 GiB were refused without a word");
    fails(
        "a query for nobody",
        &[small(To::Handle(0), 12, &text("nobody"))],
        12,
    )?;
    fails(
        "a query of no name",
        &[small(To::Handle(0), 13, b"\xff\xff")],
        13,
    )?;
    fails(
        "a name of nobody",
        &[small(To::Name("@nobody"), 14, b"")],
        14,
    )?;
    fails(
        "what is no name",
        &[small(To::Name("\u{1}\u{2}"), 15, b"")],
        15,
    )?;
    Ok(())
}

/// Pushes that go nowhere are nobody's business, and a session may be used again.
fn pushes(client: &mut Link, far: &Site) -> Result<()> {
    client.send(&small(To::Name("@nobody"), 0, b""))?;
    client.send(&small(To::Handle(0x00ff_fff0), 0, b""))?;
    works(client, 2000)?;
    let held = [text("HOLD")].concat();
    for _ in 0..2 {
        client.send(&small(To::Name("@svc"), 2001, &held))?;
    }
    far.wait_held(2)?;
    far.tell("RELEASE")?;
    for _ in 0..2 {
        let found = client.response(SHORT)?;
        ensure!(found.session == 2001 && found.kind == 1, "{found:?}");
    }
    works(client, 2002)
}

fn garbage(far: &Site) -> Result<()> {
    let mut open: Vec<TcpStream> = Vec::new();
    let mut state = 0x5eed_u64;
    for round in 0..60_usize {
        let byte = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let noise: Vec<u8> = (0..1 + round * 97).map(byte).collect();
        let mut link = Link::connect(far.address)?;
        // It may have been closed in the midst of this.
        let _ = link.send_bytes(&noise);
        open.push(link.stream().try_clone()?);
    }
    for bytes in [
        vec![0; 70_000],
        vec![0xff; 200_000],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut link = Link::connect(far.address)?;
        let _ = link.send_bytes(&bytes);
        open.push(link.stream().try_clone()?);
    }
    drop(open);
    crate::deadline::eventually("all of them to be gone", PATIENCE, || {
        Ok((far.services("clusteragent")? <= 2).then_some(()))
    })
}
