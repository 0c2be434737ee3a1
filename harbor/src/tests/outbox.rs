//! What is kept until it is acknowledged, and sent again.

use super::*;
use crate::item::Item;
use crate::outbox::{Chunk, Impossible, Outbox};

fn item(source: u32, len: usize) -> Item {
    Item {
        cookie: Cookie {
            source,
            kind: 10,
            destination: 1,
            session: 0,
        },
        flags: Flags::NONE,
        reason: skynet_service::Reason::NONE,
        trace: 0,
        deadline: Duration::ZERO,
        body: Buffer::from(&vec![b'x'; len][..]),
    }
}

fn write(outbox: &mut Outbox) -> Option<Buffer> {
    match outbox.next_chunk(Format::Extended, Duration::ZERO)? {
        Chunk::Frames(frames) => Some(frames),
        Chunk::Large(..) => panic!("a frame that is not cut"),
    }
}

#[test]
fn what_is_acknowledged_is_forgotten_and_the_rest_comes_again() {
    let _host = Node::new();
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        outbox.push(item(1, 10));
    }
    let frames = write(&mut outbox).unwrap();
    let one = frames.len() / 3;
    outbox.push(item(1, 10));
    assert_eq!(write(&mut outbox).unwrap().len(), one);
    assert_eq!(outbox.unacked(), 4);
    assert_eq!(outbox.acknowledge(2), Ok(()));
    assert_eq!(outbox.unacked(), 2);
    let again = outbox.resend(2).unwrap();
    let lens: Vec<_> = again.iter().map(|frames| frames.len()).collect();
    assert_eq!(lens, [one, one]);
    assert_eq!(outbox.resend(1).unwrap_err(), Impossible);
    assert_eq!(outbox.acknowledge(5), Err(Impossible));
    assert!(outbox.resend(4).unwrap().is_empty());
    assert_eq!(outbox.unacked(), 0);
}

#[test]
fn no_more_is_written_than_the_window_allows() {
    let _host = Node::new();
    let mut outbox = Outbox::default();
    for source in 0..400 {
        outbox.push(item(source, 60 << 10));
    }
    let mut written = 0;
    while let Some(frames) = write(&mut outbox) {
        written += frames.len();
    }
    assert!((8 << 20..9 << 20).contains(&written), "{written}");
    let queued = outbox.queued();
    let unacked = outbox.unacked();
    assert_eq!(queued as u64 + unacked, 400);
    outbox.acknowledge(unacked).unwrap();
    assert!(write(&mut outbox).is_some());
}

#[test]
fn a_large_message_does_not_fill_the_window() {
    let _host = Node::new();
    let mut outbox = Outbox::default();
    outbox.push(item(1, 16 << 20));
    let mut written = 0;
    while let Some(frames) = write(&mut outbox) {
        written += frames.len();
    }
    assert!((1 << 20..2 << 20).contains(&written), "{written}");
    // A small one of somebody else passes all the same.
    outbox.push(item(2, 1));
    assert!(write(&mut outbox).is_some());
    assert_eq!(outbox.queued(), 1);
}

#[test]
fn what_has_not_begun_can_be_given_up() {
    let _host = Node::new();
    let mut outbox = Outbox::default();
    outbox.push(item(1, 16 << 20));
    outbox.push(item(1, 1));
    while write(&mut outbox).is_some() {}
    outbox.push(item(2, 1));
    assert_eq!(outbox.queued(), 3);
    let given_up = outbox.give_up_waiting();
    assert_eq!(given_up.len(), 2);
    assert_eq!((outbox.queued(), outbox.queued_bytes()), (1, 16 << 20));
    let left = outbox.reset();
    assert_eq!(left.items.len(), 1);
    assert_eq!((outbox.queued(), outbox.unacked()), (0, 0));
}
