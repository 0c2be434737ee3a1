//! A client that asks and never reads, and a server that never reads.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::SILENT;
use crate::deadline::within;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, expect_counts};
use crate::scenario::memory::mib;
use crate::stock::link::{Link, To, begin, framed, part};

/// What may wait for a connection: `cluster_queue_bytes`.
const QUEUE: u64 = 8 << 20;
/// What a node may take beside that.
const BESIDE: u64 = 16 << 20;
/// Answers that are asked for, and their size.
const ASKED: u32 = 300;
const SIZE: usize = 1 << 20;
/// How long the client goes on.
const TIME: Duration = Duration::from_secs(3);

pub(super) fn run(stage: &Stage) -> Result<()> {
    client(stage)?;
    server(stage)
}

fn client(stage: &Stage) -> Result<()> {
    stage.step(format!(
        "a client asks for {ASKED} MiB, and never reads what it gets"
    ));
    let far = Plan::new(stage, "talks")?.set("cluster_queue_bytes", "8M");
    let far = far.open(stage)?;
    let near = Plan::new(stage, "hears")?
        .finds("far", far.address)
        .start(stage)?;
    near.reaches("far")?;
    let before = far.node.usage()?.private;
    let mut deaf = Link::connect(far.address)?;
    deaf.stream()
        .set_write_timeout(Some(Duration::from_millis(500)))?;
    let begun = Instant::now();
    let (mut most, mut asked) = (0, 0);
    'asking: for session in 1..=ASKED {
        let mut frames = framed(&begin(To::Name("@svc"), session, SIZE as u32));
        let parts = SIZE / 0x8000;
        for number in 1..=parts {
            frames.extend(framed(&part(session, &[7; 0x8000], number == parts)));
        }
        for piece in frames.chunks(64 << 10) {
            // It is not read any more, or closed: both are right.
            if deaf.send_bytes(piece).is_err() || begun.elapsed() > TIME {
                break 'asking;
            }
        }
        asked += 1;
        most = most.max(far.node.usage()?.private);
    }
    near.reaches("far")?;
    most = most.max(far.node.usage()?.private);
    let cost = most.saturating_sub(before);
    stage.detail(format!("{asked} were asked for: {}", mib(cost)));
    ensure!(cost <= 3 * (QUEUE + BESIDE), "it cost {}", mib(cost));
    ensure!(asked < ASKED / 2, "it was asked for all of that");
    let tokens = near.tell("TOKENS far @svc 500 20")?;
    ensure!(tokens.starts_with("right=500 failed=0 wrong=0"), "{tokens}");
    drop(deaf);
    far.node.stop()
}

fn server(stage: &Stage) -> Result<()> {
    stage.step(format!(
        "a server never reads, and {ASKED} calls of 1 MiB are made to it"
    ));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = Plan::new(stage, "asks_much")?
        .finds("far", listener.local_addr()?)
        .set("cluster_queue_bytes", "8M")
        .start(stage)?;
    let before = near.node.usage()?.private;
    let begin = Instant::now();
    let calls = near.begin(&format!("FLOOD far @svc {ASKED} {SIZE}"))?;
    let link = Link::accept_as_stock(&listener, PATIENCE)?;
    let report = calls.reply(PATIENCE)?;
    within("all of them failed", SILENT, begin.elapsed())?;
    drop(link);
    let cost = near.node.usage()?.private.saturating_sub(before);
    stage.detail(format!("{report}; {} in the end", mib(cost)));
    expect_counts(&report, &[("replies", 0), ("errors", ASKED.into())])?;
    let refused = format!("{}:", skynet_abi::REASON_REFUSED);
    ensure!(report.contains(&refused), "none was refused: {report}");
    ensure!(cost <= 3 * (QUEUE + BESIDE), "it cost {}", mib(cost));
    near.node.stop()
}
