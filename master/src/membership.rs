//! What a node of a network knows and decides: events in, actions out. It does no I/O and has no clock.
//!
//! The node joins once (`link.rs`: the connection to the master; `joining.rs`: until the others have connected), and
//! then goes on (`peers.rs`: the other nodes, `names.rs`: global names, `requests.rs`: what services ask).

mod joining;
mod link;
mod names;
mod peers;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_master_wire::{Life, NodeKind, ToMaster};
use skynet_service::Reason;
use skynet_service::log::Level;

use crate::request::Request;
use crate::waiting::{Ticket, Waiting};
use joining::Joining;
use link::MasterLink;
use names::Names;
pub(crate) use names::taken;
use peers::Peer;

/// What does not change.
pub(crate) struct Rules {
    /// The id that the node has, or, with `auto`, the one that it would like; then 0 is any.
    pub(crate) id: u8,
    /// Whether the master leases the id.
    pub(crate) auto: bool,
    /// Where the node listens, as others are told; known when it listens.
    pub(crate) address: String,
    /// Where the master is, for people.
    pub(crate) master: String,
    pub(crate) secret: Option<Secret>,
    /// Tells this life from all others.
    pub(crate) epoch: u64,
    /// How long joining may take.
    pub(crate) join: Duration,
    /// After how much silence the master is lost.
    pub(crate) heartbeat: Duration,
    /// Bytes that nobody can foretell.
    pub(crate) random: fn() -> [u8; 8],
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Connect to the master.
    Connect,
    /// Close the connection to the master, or give up making it.
    Disconnect,
    ToMaster(ToMaster),
    ToHarbor(ToHarbor),
    Reply(Ticket, Answer),
    Refuse(Ticket, Reason, String),
    /// Nobody waits for this one any more.
    Forget(Ticket),
    /// The node was leased this id.
    Leased(u8),
    /// The node has joined.
    Joined,
    /// The node cannot join, or cannot go on.
    Fail(String),
    Log(Level, String),
}

/// What the harbor is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ToHarbor {
    Identity { id: u8, epoch: u64 },
    Expect { id: u8, life: Life, address: String },
    Dial { id: u8, life: Life, address: String },
    Gone { id: u8, epoch: u64, reason: String },
    Name { name: String, handle: u32 },
    Unname { name: String },
    Joined,
}

/// What the harbor tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum FromHarbor {
    Up { id: u8, life: Life },
    Down { id: u8, reason: String },
    Query { name: String },
    Fatal { text: String },
}

/// The answer of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// No value.
    Nothing,
    True,
    Handle(u32),
    Master {
        address: String,
        state: &'static str,
        kind: NodeKind,
    },
}

/// A request, while the node joins.
struct Early {
    ticket: Ticket,
    caller: u32,
    until: Option<Duration>,
    request: Request,
}

/// What a node knows.
pub(crate) struct Membership {
    rules: Rules,
    /// The node's id, once it is known.
    me: Option<u8>,
    link: MasterLink,
    /// `None` when the node has joined.
    joining: Option<Joining>,
    peers: BTreeMap<u8, Peer>,
    names: Names,
    waiting: Waiting,
    early: Vec<Early>,
    /// When what the master has not confirmed is given up.
    sweep: Option<Duration>,
    has_failed: bool,
    /// When the last event came.
    now: Duration,
    actions: Vec<Action>,
}

impl Membership {
    /// A node that begins to join. It listens first.
    pub(crate) fn new(rules: Rules, now: Duration) -> Self {
        let joining = Joining::new(now + rules.join);
        Self {
            link: MasterLink::new(rules.epoch),
            me: None,
            joining: Some(joining),
            peers: BTreeMap::new(),
            names: Names::default(),
            waiting: Waiting::default(),
            early: Vec::new(),
            sweep: None,
            has_failed: false,
            now,
            actions: Vec::new(),
            rules,
        }
    }

    /// The harbor listens; others are told this address.
    pub(crate) fn listening(&mut self, address: String) {
        self.rules.address = address;
        self.connect();
    }

    /// Takes what is to be done.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// The harbor says something.
    pub(crate) fn harbor(&mut self, said: FromHarbor, now: Duration) {
        self.now = now;
        match said {
            FromHarbor::Up { id, life } => self.up(id, life),
            FromHarbor::Down { id, reason } => self.down(id, &reason),
            FromHarbor::Query { name } => self.harbor_asks(name),
            FromHarbor::Fatal { text } => self.fail(text),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.now = now;
        if self
            .joining
            .as_ref()
            .is_some_and(|joining| joining.until <= now)
        {
            return self.too_late();
        }
        self.tick_link(now);
        if self.sweep.is_some_and(|at| at <= now) {
            self.sweep = None;
            self.sweep_peers();
            self.sweep_names();
        }
        self.end_late_requests(now);
    }

    /// When `tick` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        if self.has_failed {
            return None;
        }
        let joining = self.joining.as_ref().map(|joining| joining.until);
        [
            joining,
            self.link_deadline(),
            self.sweep,
            self.waiting.next_end(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether the node has joined.
    pub(crate) const fn has_joined(&self) -> bool {
        self.joining.is_none()
    }

    /// The node cannot join, or cannot go on.
    fn fail(&mut self, text: String) {
        if !std::mem::replace(&mut self.has_failed, true) {
            self.actions.push(Action::Fail(text));
        }
    }

    fn tell_harbor(&mut self, message: ToHarbor) {
        self.actions.push(Action::ToHarbor(message));
    }

    fn log(&mut self, level: Level, text: String) {
        self.actions.push(Action::Log(level, text));
    }
}

/// Nodes for people: `1, 2, 7`.
fn list(ids: &BTreeSet<u8>) -> String {
    let ids: Vec<_> = ids.iter().map(u8::to_string).collect();
    ids.join(", ")
}
