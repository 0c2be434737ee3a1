//! Bodies of every size, cut as unmodified nodes cut them, both ways.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::exposed::{aimed, came, count};
use super::number;
use crate::scenario::Stage;
use crate::scenario::clustered::Site;
use crate::stock::cluster::{ClusterClient, answer, parts, vectors};
use crate::stock::link::{To, begin, framed, small, text};

const SVC: To<'_> = To::Name("@svc");
/// Where something changes, and what is large.
const SIZES: [usize; 9] = [
    0,
    1,
    32_767,
    32_768,
    32_769,
    65_536,
    65_537,
    1 << 20,
    16 << 20,
];

pub(super) fn run(stage: &Stage, site: &Site) -> Result<()> {
    let client = ClusterClient::connect(site.address)?;
    captured(site, &client)?;
    let begun = Instant::now();
    for (session, size) in (30..).zip(SIZES) {
        let body = made(size);
        client.send(&request(session, &body))?;
        client
            .expect(&answer(session, &body).concat())
            .with_context(|| format!("{size} bytes"))?;
    }
    stage.detail(format!(
        "bodies of 0 bytes to 16 MiB there and back: {}",
        crate::say::duration(begun.elapsed())
    ));
    mixed(&client)
}

fn captured(site: &Site, client: &ClusterClient) -> Result<()> {
    client.send(&vectors::call_in_parts())?;
    let body = vectors::call_in_parts_body();
    client.expect(&answer(8, &body).concat())?;
    client.send(&request(22, &[0x78; 32769]))?;
    client.expect(&vectors::answer_in_parts())?;
    let before = count(site)?;
    let push = aimed(vectors::push_in_parts(), number(&site.driver)?);
    client.send(&push)?;
    // The first bytes of a text of 40000.
    came(site, before + 1, "15, 40, 9c, 61, 61")?;
    client.fence(10)
}

/// Parts of two requests and small ones in between: each is answered with its own.
fn mixed(client: &ClusterClient) -> Result<()> {
    let (first, second) = (made(100_000), made(70_000));
    let start = |session, body: &[u8]| framed(&begin(SVC, session, body.len() as u32));
    client.send(&[start(51, &first), start(52, &second)].concat())?;
    let (ours, others) = (parts(51, &first), parts(52, &second));
    for at in 0..ours.len().max(others.len()) {
        for part in [ours.get(at), others.get(at)].into_iter().flatten() {
            client.send(part)?;
        }
        if at == 1 {
            client.send(&framed(&small(SVC, 53, &text("between"))))?;
            client.expect(&answer(53, &text("between")).concat())?;
        }
    }
    let mut wanted = [(51, first), (52, second)].to_vec();
    while !wanted.is_empty() {
        let found = client.response()?;
        let at = wanted
            .iter()
            .position(|(session, _)| *session == found.session);
        let (session, body) = wanted.swap_remove(at.context("a session that was not asked")?);
        ensure!(
            found.result == Ok(body),
            "session {session} got another body"
        );
    }
    Ok(())
}

/// The frames of a request to the service, as an unmodified client cuts it.
fn request(session: u32, body: &[u8]) -> Vec<u8> {
    if body.len() < 0x8000 {
        return framed(&small(SVC, session, body));
    }
    let start = framed(&begin(SVC, session, body.len() as u32));
    [vec![start], parts(session, body)].concat().concat()
}

/// Bytes of which no two parts are the same; they begin with no command.
fn made(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at / 251 + at % 251) as u8).collect()
}
