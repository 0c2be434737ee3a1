//! What is lost with a connection, of what nobody waits for an answer to.

use skynet_cluster_wire::{Framer, Kind, Request};

use super::head::RequestHead;
use crate::outbox::Outbox;

/// How many messages without an answer wait to be written. Calls know by themselves how they end.
pub(super) fn pushes(outbox: &Outbox<RequestHead>) -> u64 {
    let framed = outbox.frames_that_wait().map(small_pushes);
    let heads = outbox.heads_that_wait();
    let large = heads.filter(|head| head.kind == Kind::Push).count();
    framed.sum::<u64>() + large as u64
}

fn small_pushes(mut frames: &[u8]) -> u64 {
    let mut framer = Framer::new();
    let mut count = 0;
    while let Ok(Some(frame)) = framer.next(&mut frames) {
        let request = Request::parse(frame);
        count += u64::from(matches!(request, Ok(Request::Small { session: 0, .. })));
    }
    count
}
