//! How an unmodified client is served: traces, sessions, order, errors, silence.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{HEARTBEAT, pack};
use crate::deadline::expect_eq;
use crate::node::PATIENCE;
use crate::scenario::clustered::Site;
use crate::stock::cluster::{ClusterClient, answer, vectors};
use crate::stock::link::{To, framed, small, text};
use crate::stock::vectors::bytes;

const SVC: To<'_> = To::Name("@svc");
/// Calls of which none waits for the answer of the one before.
const IN_A_ROW: u32 = 500;

pub(super) fn run(site: &Site) -> Result<()> {
    let client = ClusterClient::connect(site.address)?;
    traces(site, &client)?;
    sessions(site, &client)?;
    order(&client)?;
    errors(&client)?;
    others(site, &client)?;
    silence(&client)
}

fn traces(site: &Site, client: &ClusterClient) -> Result<()> {
    let asks = framed(&small(SVC, 11, &text("TRACE")));
    client.send(&[bytes(vectors::TRACE), asks.clone()].concat())?;
    let traced = client.response()?;
    let none = answer(11, &text("0")).concat();
    ensure!(
        traced.session == 11 && traced.result.as_ref().is_ok_and(|body| *body != text("0")),
        "a traced request: {traced:02x?}"
    );
    // It is for one request.
    client.send(&asks)?;
    client.expect(&none)?;
    let line = format!("<TRACE {}>", vectors::TAG);
    site.node.wait_for_log(&line, PATIENCE)?;
    Ok(())
}

/// A session that is used again while the first call is open: both are answered.
fn sessions(site: &Site, client: &ClusterClient) -> Result<()> {
    let hold = framed(&small(SVC, 12, &text("HOLD")));
    client.send(&[hold.clone(), hold].concat())?;
    site.wait_held(2)?;
    client.fence(13)?;
    site.tell("RELEASE")?;
    let released = answer(12, &text("released")).concat();
    client.expect(&[released.clone(), released].concat())?;
    // The largest that a client of Skynet uses, and one that it does not.
    for session in [0x7fff_fffe, 0x8000_0000_u32 - 2] {
        client.send(&framed(&small(SVC, session, &text("hi"))))?;
        client.expect(&answer(session, &text("hi")).concat())?;
    }
    Ok(())
}

/// Requests go to the service in the order in which they came, and a call that is held up holds up nobody.
fn order(client: &ClusterClient) -> Result<()> {
    let request = |session: u32| pack(&["ECHO".into(), session.into()]);
    let calls = (1..=IN_A_ROW).map(|session| framed(&small(SVC, session, &request(session))));
    client.send(&calls.collect::<Vec<_>>().concat())?;
    for session in 1..=IN_A_ROW {
        client.expect(&answer(session, &pack(&[session.into()])).concat())?;
    }
    Ok(())
}

fn errors(client: &ClusterClient) -> Result<()> {
    client.send(&framed(&small(To::Name("@nobody"), 20, b"")))?;
    let told = client.expect_error(20)?;
    ensure!(told.starts_with("Invalid name"), "{told:?}");
    let fails = [text("FAIL"), text("on purpose")].concat();
    client.send(&framed(&small(SVC, 21, &fails)))?;
    client.expect_error(21)?;
    client.fence(22)
}

/// A client that goes while its call is open is nobody's trouble.
fn others(site: &Site, client: &ClusterClient) -> Result<()> {
    let other = ClusterClient::connect(site.address)?;
    other.send(&framed(&small(SVC, 1, &text("HOLD"))))?;
    site.wait_held(1)?;
    drop(other);
    expect_eq("released", site.tell("RELEASE")?, "1".to_owned())?;
    client.fence(23)
}

/// An unmodified client says nothing when it has nothing to say, and gets nothing that it has not asked for.
fn silence(client: &ClusterClient) -> Result<()> {
    let heartbeat = Duration::from_secs(HEARTBEAT.unsigned_abs());
    client.expect_silence(heartbeat * 5 / 2)?;
    client.fence(24)
}
