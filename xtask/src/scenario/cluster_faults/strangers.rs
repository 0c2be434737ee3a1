//! Clients that do not know the secret.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::UNPROVEN;
use crate::client::PATIENCE as SHORT;
use crate::deadline::{Deadline, within};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site};
use crate::scenario::memory::mib;
use crate::stock::link::{Link, PROBE, To, begin, framed, part, small, text};

/// What the nodes know.
const SECRET: &str = "open sesame, 0123456789";
/// How strangers are: those that say nothing, a byte now and then, or as much as they can.
const SILENT: u64 = 0;
const SLOW: u64 = 1;
const GREEDY: u64 = 2;
/// Strangers at a time, and what each may cost.
const CROWD: u64 = 50;
const COST: u64 = 64 << 10;
/// What a node may take beside that.
const BESIDE: u64 = 4 << 20;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step(
        "clients that do not know the secret: unmodified, wrong, silent, slow, and greedy ones",
    );
    let far = Plan::new(stage, "guarded")?.set("cluster_secret", SECRET);
    let near = Plan::new(stage, "friend")?
        .finds("far", far.address)
        .set("cluster_secret", SECRET)
        .start(stage)?;
    let far = far.open(stage)?;
    near.reaches("far")?;
    let before = far.tell("LAST")?;
    unmodified(&far)?;
    impostor(&far)?;
    crowd(stage, &far)?;
    let after = far.tell("LAST")?;
    ensure!(before == after, "a stranger was let in: {after}");
    near.reaches("far")?;
    let told = far.node.log().matching(Default::default(), SECRET);
    ensure!(told.is_empty(), "the log tells the secret: {told:?}");
    far.node.stop()
}

/// Whatever they say first, they are thrown out, and nothing is done for them.
fn unmodified(far: &Site) -> Result<()> {
    let call = small(To::Name("@svc"), 1, &text("let me in"));
    let push = small(To::Name("@svc"), 0, &text("let me in"));
    let query = small(To::Handle(0), 1, &text("svc"));
    let start = begin(To::Name("@svc"), 1, 0x8000);
    let whole = part(1, &[7; 0x8000], true);
    // A proof of nothing: what our nodes would send, with other bytes.
    let proof = [&[0xa4][..], b"\x00SKYNET\x01\x02", &[7; 10]].concat();
    let proof = small(To::Handle(0), 0x7fff_ffff, &proof);
    for frames in [
        vec![&call],
        vec![&push, &call],
        vec![&query],
        vec![&start, &whole],
        vec![&proof, &call],
        vec![&vec![]],
    ] {
        let begin = Instant::now();
        let mut stranger = Link::connect(far.address)?;
        for frame in frames {
            // It may have been closed already.
            let _ = stranger.send(frame);
        }
        stranger.expect_closed(PATIENCE)?;
        within("a stranger was thrown out", UNPROVEN, begin.elapsed())?;
    }
    Ok(())
}

/// One that speaks as our nodes do, but does not know what they know.
fn impostor(far: &Site) -> Result<()> {
    let begin = Instant::now();
    let mut stranger = Link::connect(far.address)?;
    let hello = [
        &b"\0SKYNET\x01\x01"[..],
        &[7; 16],
        &3000_u32.to_le_bytes(),
        &[0],
    ]
    .concat();
    stranger.send(&small(To::Handle(0), PROBE, &string(&hello)))?;
    let answer = stranger.response(SHORT)?;
    ensure!(
        answer.session == PROBE && answer.kind == 1,
        "the hello was answered with {answer:?}"
    );
    let proof = [&b"\0SKYNET\x01\x02"[..], &[9; 32]].concat();
    stranger.send(&small(To::Handle(0), PROBE, &string(&proof)))?;
    let call = small(To::Name("@svc"), 1, &text("let me in"));
    // It may have been closed already.
    let _ = stranger.send(&call);
    stranger.expect_closed(PATIENCE)?;
    within(
        "one with a wrong proof was thrown out",
        UNPROVEN,
        begin.elapsed(),
    )
}

/// A string of 32 to 65,535 bytes or less, as `skynet.pack` writes it.
fn string(bytes: &[u8]) -> Vec<u8> {
    match bytes.len() {
        len @ 0..32 => [&[(len as u8) << 3 | 4][..], bytes].concat(),
        len => [&[0x15][..], &(len as u16).to_le_bytes(), bytes].concat(),
    }
}

/// Many that are silent, say a byte now and then, or send as much as they can.
fn crowd(stage: &Stage, far: &Site) -> Result<()> {
    let before = far.node.usage()?.private;
    let begin = Instant::now();
    let mut open = Vec::new();
    for number in 0..CROWD {
        open.push((number % 3, Link::connect(far.address)?));
    }
    let most = framed(&[0; 0xffff]);
    for (manner, stranger) in &mut open {
        if *manner == GREEDY {
            let pause = Duration::from_millis(10);
            stranger.stream().set_write_timeout(Some(pause))?;
            let _ = stranger.send_bytes(&most);
        }
    }
    let during = far.node.usage()?.private;
    let deadline = Deadline::after(3 * UNPROVEN);
    let mut last = begin;
    while !open.is_empty() {
        deadline.remaining(format_args!("{} strangers to be gone", open.len()))?;
        open.retain_mut(|(manner, stranger)| {
            if *manner == SLOW {
                // One more of a frame of 257 bytes.
                let _ = stranger.stream().write(&[1]);
            }
            let is_open = stranger.expect_closed(Duration::from_millis(1)).is_err();
            if *manner == SILENT && !is_open {
                last = Instant::now();
            }
            is_open
        });
    }
    let silent = last.duration_since(begin);
    ensure!(
        silent >= UNPROVEN / 2,
        "silent ones had only {silent:?} to say something"
    );
    within("all of them were thrown out", UNPROVEN, begin.elapsed())?;
    let cost = during.saturating_sub(before);
    stage.detail(format!("{CROWD} at a time cost {}", mib(cost)));
    ensure!(
        cost <= 3 * (CROWD * COST + BESIDE),
        "they cost {}",
        mib(cost)
    );
    let mut last = Link::connect(far.address)?;
    last.expect_closed(SHORT).map(|_| ())
}
