//! What an unmodified client reaches, by every kind of address: the captured requests.

use anyhow::{Result, ensure};

use super::{number, pack};
use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::clustered::Site;
use crate::stock::cluster::{ClusterClient, answer, vectors};
use crate::stock::link::{To, framed, small};
use crate::stock::vectors::bytes;

/// A handle that nobody has.
const NOBODY: u32 = 0x00ff_fff0;

pub(super) fn run(site: &Site, is_all: bool) -> Result<()> {
    let own = number(&site.driver)?;
    let other = number(&site.probe.launch("test_cluster .svc")?)?;
    let client = ClusterClient::connect(site.address)?;

    // By the name that it has registered. It answers with what it gets.
    client.send(&bytes(vectors::HELLO))?;
    client.expect(&answer(1, &body(vectors::HELLO)).concat())?;
    let echo = pack(&["ECHO".into(), "re".into(), 1_u8.into()]);
    client.send(&framed(&small(To::Name("@svc"), 1, &echo)))?;
    client.expect(&bytes(vectors::OK))?;

    // By its name in its own node.
    let second = answer(2, &body(vectors::HELLO2)).concat();
    client.send(&bytes(vectors::HELLO2))?;
    if !is_all {
        refused(&client, 2)?;
        site.clusterd("export .svc")?;
        client.send(&bytes(vectors::HELLO2))?;
    }
    client.expect(&second)?;

    // By handle, that of a registered name and others.
    client.send(&aimed(bytes(vectors::HELLO3), own))?;
    let third = answer(3, &body(vectors::HELLO3)).concat();
    client.expect(&third)?;
    client.send(&aimed(bytes(vectors::HELLO3), other))?;
    if !is_all {
        refused(&client, 3)?;
        site.clusterd(&format!("export :{other:08x}"))?;
        client.send(&aimed(bytes(vectors::HELLO3), other))?;
    }
    client.expect(&third)?;
    let hexadecimal = format!(":{own:08x}");
    client.send(&framed(&small(
        To::Name(&hexadecimal),
        3,
        &body(vectors::HELLO3),
    )))?;
    client.expect(&third)?;
    client.send(&aimed(bytes(vectors::HELLO3), NOBODY))?;
    let text = client.expect_error(3)?;
    ensure!(is_all || text.contains("cluster_expose"), "{text:?}");
    client.send(&framed(&small(To::Name(".cl"), 3, &body(vectors::HELLO3))))?;
    if is_all {
        client.expect(&third)?;
    } else {
        refused(&client, 3)?;
    }

    query(site, &client, own)?;
    names(site, &client, own)?;
    push(site, &client)
}

/// The error that says what to set.
fn refused(client: &ClusterClient, session: u32) -> Result<()> {
    let text = client.expect_error(session)?;
    ensure!(text.contains("cluster_expose"), "{text:?} names no key");
    Ok(())
}

fn query(site: &Site, client: &ClusterClient, own: u32) -> Result<()> {
    client.send(&bytes(vectors::QUERY))?;
    client.expect(&answer(4, &pack(&[own.into()])).concat())?;
    for name in ["nobody", ""] {
        let body = pack(&[name.into()]);
        client.send(&framed(&small(To::Handle(0), 5, &body)))?;
        client.expect(&bytes(vectors::ERROR))?;
    }
    site.clusterd(&format!("register other {}", site.driver))?;
    client.send(&bytes(vectors::QUERY))?;
    let error = crate::stock::cluster::with_session(bytes(vectors::ERROR), 4);
    // A service has one name.
    client.expect(&error)?;
    site.clusterd(&format!("register svc {}", site.driver))?;
    client.send(&bytes(vectors::QUERY))?;
    client.expect(&answer(4, &pack(&[own.into()])).concat())
}

/// What a connection knows of names follows what is registered.
fn names(site: &Site, client: &ClusterClient, own: u32) -> Result<()> {
    let call = bytes(vectors::HELLO);
    let right = answer(1, &body(vectors::HELLO)).concat();
    site.clusterd("unregister svc")?;
    client.send(&call)?;
    let text = client.expect_error(1)?;
    ensure!(text.starts_with("Invalid name"), "{text:?}");
    site.clusterd(&format!("register svc :{own:08x}"))?;
    client.send(&call)?;
    client.expect(&right)
}

fn push(site: &Site, client: &ClusterClient) -> Result<()> {
    let before = count(site)?;
    client.send(&bytes(vectors::PUSH))?;
    came(site, before + 1, "PUSHED")?;
    // To nobody: nobody is told.
    let nobody = small(To::Name("@nobody"), 0, b"");
    client.send(&framed(&nobody))?;
    client.send(&framed(&small(To::Handle(NOBODY), 0, b"")))?;
    client.fence(6)?;
    expect_eq("messages", count(site)?, before + 1)
}

/// How many messages have come to its service.
pub(super) fn count(site: &Site) -> Result<u64> {
    let last = site.tell("LAST")?;
    let (count, _) = last.split_once(' ').unwrap_or((&last, ""));
    Ok(count.parse()?)
}

/// Waits for the last message, which must be the one with this number, and this in it.
pub(super) fn came(site: &Site, number: u64, text: &str) -> Result<()> {
    eventually("a message", PATIENCE, || {
        Ok((count(site)? >= number).then_some(()))
    })?;
    let last = site.tell("LAST")?;
    ensure!(
        last.starts_with(&format!("{number} ")) && last.contains(text),
        "the last one is {last:?}"
    );
    Ok(())
}

/// The body of a captured small request.
fn body(vector: &str) -> Vec<u8> {
    let frame = bytes(vector);
    let address = match frame[2] {
        0x80 => 1 + usize::from(frame[3]),
        _ => 4,
    };
    frame[3 + address + 4..].to_vec()
}

/// A captured request for a handle, which is another one here.
pub(super) fn aimed(mut frame: Vec<u8>, handle: u32) -> Vec<u8> {
    frame[3..7].copy_from_slice(&handle.to_le_bytes());
    frame
}
