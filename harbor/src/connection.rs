//! One TCP connection of the harbor, from its first byte to the proof of who is at its other end.

use skynet_harbor_wire::{Format, Hello, MAX_HELLO_FRAME, Parser};

use crate::body::Body;

/// Bytes that may come before a connection is proven.
pub(crate) const UNPROVEN_BYTES: usize = 64 << 10;

/// Which end of it this node is, and why it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Somebody has dialled this node.
    Acceptor,
    /// This node has dialled the peer.
    Dialer,
    /// This node wants to know whether the peer lives, and nothing else.
    Probe,
}

/// How far it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The connection is being made.
    Connecting,
    /// The peer's id byte is to come.
    IdByte,
    /// Its HELLO is to come; from an unmodified node that is not known to be one, anything.
    Hello,
    /// Its GO is to come.
    Go(Box<Greeted>),
    /// It is the peer's proven connection.
    Up,
}

/// What the peer's HELLO said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Greeted {
    pub(crate) id: u8,
    pub(crate) epoch: u64,
    /// Our life that it counts frames for.
    pub(crate) known: u64,
    pub(crate) last_received: u64,
    pub(crate) heartbeat_ms: u32,
    pub(crate) keeps_listening: bool,
    pub(crate) nonce: [u8; 16],
    pub(crate) address: String,
    pub(crate) has_secret: bool,
    /// It has taken us for lost meanwhile.
    pub(crate) gave_up: bool,
}

impl From<&Hello<'_>> for Greeted {
    fn from(hello: &Hello<'_>) -> Self {
        Self {
            id: hello.id,
            epoch: hello.epoch,
            known: hello.known_epoch,
            last_received: hello.last_received,
            heartbeat_ms: hello.heartbeat_ms,
            keeps_listening: hello.keeps_listening,
            nonce: hello.nonce,
            address: hello.address.to_owned(),
            has_secret: hello.has_secret,
            gave_up: hello.gave_up,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) role: Role,
    /// Who is at the other end: as it says, or as it was dialled. 0 before it has said so.
    pub(crate) peer: u8,
    pub(crate) stage: Stage,
    pub(crate) parser: Parser<Body>,
    /// Bytes that came before it was proven.
    pub(crate) unproven_bytes: usize,
    pub(crate) nonce: [u8; 16],
    /// What our HELLO said: the peer's life that we count for, and how many of its frames we have.
    pub(crate) said_life: u64,
    pub(crate) said_received: u64,
    /// And whether that life was taken for lost.
    pub(crate) said_gave_up: bool,
    /// Frames of the peer's life that came, counting those that come again.
    pub(crate) count: u64,
}

impl Connection {
    pub(crate) fn new(role: Role, peer: u8, nonce: [u8; 16]) -> Self {
        Self {
            role,
            peer,
            stage: match role {
                Role::Acceptor => Stage::IdByte,
                Role::Dialer | Role::Probe => Stage::Connecting,
            },
            parser: Parser::new(Format::Stock, MAX_HELLO_FRAME),
            unproven_bytes: 0,
            nonce,
            said_life: 0,
            said_received: 0,
            said_gave_up: false,
            count: 0,
        }
    }
}
