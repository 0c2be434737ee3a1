//! Clients that begin very much and end nothing.

use anyhow::{Result, ensure};

use crate::client::PATIENCE as SHORT;
use crate::deadline::eventually;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site};
use crate::scenario::memory::mib;
use crate::stock::link::{Link, To, begin, part, small, text};

/// Messages that are begun.
const OPEN: u32 = 10_000;
/// What a connection may take for messages that are not whole: `cluster_reassembly`.
const ROOM: u64 = 16 << 20;
/// What a node may take beside that, three times of which it may.
const BESIDE: u64 = 8 << 20;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(format!("{OPEN} messages that are begun and never end"));
    let far = Plan::new(stage, "flooded")?.set("cluster_reassembly", "16M");
    let far = far.open(stage)?;
    for (what, total, bytes) in [
        ("of 4 GiB", u32::MAX, 0),
        ("of 64 KiB, with one byte each", 1 << 16, 1),
        ("of 64 KiB, with 32 KiB each", 1 << 16, 1 << 15),
        ("of 60 MiB, with 1 KiB each", 60 << 20, 1 << 10),
    ] {
        flood(stage, &far, what, total, bytes)?;
    }
    far.node.stop()
}

fn flood(stage: &Stage, far: &Site, what: &str, total: u32, bytes: usize) -> Result<()> {
    let before = far.node.usage()?.private;
    let mut client = Link::connect(far.address)?;
    let own = Link::connect(far.address)?;
    // Answers that nobody reads would be another thing: a second thread takes them.
    let mut reader = client.stream().try_clone()?;
    let answers = std::thread::Builder::new().spawn(move || {
        let mut sink = std::io::sink();
        // It ends with the connection.
        std::io::copy(&mut reader, &mut sink).unwrap_or(0)
    })?;
    let filler = vec![7; bytes];
    let mut is_open = true;
    for session in 1..=OPEN {
        let mut frames = crate::stock::link::framed(&begin(To::Name("@svc"), session, total));
        if bytes > 0 {
            frames.extend(crate::stock::link::framed(&part(session, &filler, false)));
        }
        if client.send_bytes(&frames).is_err() {
            // It was too much, and the connection was closed for it.
            is_open = false;
            break;
        }
    }
    if is_open {
        // All before this have been read when it is answered; a second connection shows that others are served.
        client.send(&small(To::Name("@svc"), 0x7000_0000, &text("over")))?;
        eventually("the last frame to be read", PATIENCE, || {
            Ok(far.tell("LAST")?.contains("over").then_some(()))
        })?;
    }
    let cost = far.node.usage()?.private.saturating_sub(before);
    stage.detail(format!("{what}: {}", mib(cost)));
    ensure!(cost <= 3 * (ROOM + BESIDE), "{what} cost {}", mib(cost));
    let mut own = own;
    own.send(&small(
        To::Name("@svc"),
        1,
        &[text("ECHO"), text("me")].concat(),
    ))?;
    let answer = own.response(SHORT)?;
    ensure!(answer.kind == 1 && answer.data == text("me"), "{answer:?}");
    drop(own);
    client.stream().shutdown(std::net::Shutdown::Both).ok();
    drop(client);
    // What it read is of no interest, and a panic was printed.
    let _ = answers.join();
    eventually("the agents to be gone", PATIENCE, || {
        Ok((far.services("clusteragent")? == 0).then_some(()))
    })?;
    let left = far.node.usage()?.private.saturating_sub(before);
    stage.detail(format!("when it is gone: {}", mib(left)));
    Ok(())
}
