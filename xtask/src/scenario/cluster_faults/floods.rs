//! Clients that begin very much and end nothing.

use anyhow::{Result, ensure};

use crate::client::PATIENCE as SHORT;
use crate::deadline::eventually;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site};
use crate::scenario::memory::mib;
use crate::stock::link::{Link, To, begin, framed, part, small, text};

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
    for flood in FLOODS {
        flood.play(stage, &far)?;
    }
    far.node.stop()
}

/// What a client begins.
struct Flood {
    what: &'static str,
    messages: u32,
    /// What each of them claims to be.
    total: u32,
    /// What comes of each.
    parts: usize,
    /// Bytes of a part.
    bytes: usize,
}

const FLOODS: [Flood; 5] = [
    Flood::new("of 4 GiB", OPEN, u32::MAX, 0, 0),
    Flood::new("of 64 KiB, with one byte each", OPEN, 1 << 16, 1, 1),
    Flood::new("of 64 KiB, with 32 KiB each", OPEN, 1 << 16, 1, 1 << 15),
    Flood::new("of 60 MiB, with 1 KiB each", OPEN, 60 << 20, 1, 1 << 10),
    Flood::new("of 60 MiB, with 1 MiB each", 300, 60 << 20, 32, 1 << 15),
];

impl Flood {
    const fn new(
        what: &'static str,
        messages: u32,
        total: u32,
        parts: usize,
        bytes: usize,
    ) -> Self {
        Self {
            what,
            messages,
            total,
            parts,
            bytes,
        }
    }

    fn play(&self, stage: &Stage, far: &Site) -> Result<()> {
        let what = self.what;
        let before = far.node.usage()?.private;
        let mut client = Link::connect(far.address)?;
        let mut own = Link::connect(far.address)?;
        // Answers that nobody reads would be another thing: a second thread takes them.
        let mut reader = client.stream().try_clone()?;
        let answers = std::thread::Builder::new().spawn(move || {
            let mut sink = std::io::sink();
            // It ends with the connection.
            std::io::copy(&mut reader, &mut sink).unwrap_or(0)
        })?;
        let filler = vec![7; self.bytes];
        let mut is_open = true;
        for session in 1..=self.messages {
            let mut frames = framed(&begin(To::Name("@svc"), session, self.total));
            for _ in 0..self.parts {
                frames.extend(framed(&part(session, &filler, false)));
            }
            if client.send_bytes(&frames).is_err() {
                // It was too much, and the connection was closed for it.
                is_open = false;
                break;
            }
        }
        if is_open {
            // All before this have been read when it is answered; a second connection shows that others are served.
            let over = format!("over {} {}", self.total, self.bytes);
            client.send(&small(To::Name("@svc"), 0x7000_0000, &text(&over)))?;
            eventually("the last frame to be read", PATIENCE, || {
                Ok(far.tell("LAST")?.contains(&over).then_some(()))
            })?;
        }
        let cost = far.node.usage()?.private.saturating_sub(before);
        stage.detail(format!("{} {what}: {}", self.messages, mib(cost)));
        ensure!(cost <= 3 * (ROOM + BESIDE), "{what} cost {}", mib(cost));
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
}
