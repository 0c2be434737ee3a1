//! What the master knows and decides: events in, actions out. It does no I/O and has no clock.

mod claim;
mod contest;
mod member;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_master_wire::{Extension, FromMaster, Life, NodeKind, ToMaster, is_probe};
use skynet_service::log::Level;

use contest::Contest;

/// How long a connection may take to say who it is, and to prove it.
const UNPROVEN: Duration = Duration::from_secs(3);
/// How long a node of ours may be without a connection before it is taken for dead.
const GRACE: Duration = Duration::from_secs(1);
/// How long the holder of an id has to answer a probe.
const PROBE: Duration = Duration::from_secs(1);
/// For so long after the master's start an id that looks free may be that of a node which has not come back yet.
const SETTLING: Duration = Duration::from_secs(2);
/// A node of ours that has been silent for so many heartbeats is dead.
const SILENCE: u32 = 10;
/// Strange packets of one connection that are told of.
const MAX_COMPLAINTS: u32 = 8;
/// Connections of strangers that are told of in a second: whoever can connect must not be able to fill the log.
const MAX_STRANGERS: u32 = 16;

/// A connection, by the number of its socket.
pub(crate) type Link = i32;

/// What does not change.
pub(crate) struct Rules {
    /// Tells this life of the master from all others.
    pub(crate) epoch: u64,
    pub(crate) secret: Option<Secret>,
    /// After how much silence nobody waits for a node.
    pub(crate) heartbeat: Duration,
    /// Connections at once that have not joined.
    pub(crate) unproven: usize,
    /// Bytes that nobody can foretell.
    pub(crate) random: fn() -> [u8; 16],
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    Send(Link, FromMaster),
    /// After what was sent before.
    Close(Link),
    Log(Level, String),
}

/// What the master knows.
pub(crate) struct Network {
    rules: Rules,
    started: Duration,
    links: BTreeMap<Link, Connection>,
    nodes: BTreeMap<u8, Node>,
    names: BTreeMap<String, u32>,
    contests: BTreeMap<u8, Contest>,
    /// Nodes that want any id, while ids that look free may be taken.
    leases: VecDeque<Claim>,
    /// Connections were turned away since there was room.
    is_full: bool,
    strangers: Strangers,
    /// When the last event came.
    now: Duration,
    actions: Vec<Action>,
}

/// What the log was told of strangers.
#[derive(Default)]
struct Strangers {
    /// Since when.
    since: Duration,
    /// Of so many.
    told: u32,
    /// Not of so many more.
    hidden: u32,
}

/// An open connection.
struct Connection {
    stage: Stage,
    complaints: u32,
}

enum Stage {
    /// It has said nothing.
    Fresh { until: Duration },
    /// It has to prove that it knows the secret.
    Challenged { claim: Claim, until: Duration },
    /// What it wants is being decided.
    Claiming,
    /// It is a node's.
    Member(u8),
}

/// Who wants to join.
#[derive(Clone, Debug)]
struct Claim {
    link: Link,
    /// The id that was asked for.
    id: u8,
    address: String,
    extension: Option<Extension>,
    /// What it was challenged with.
    nonce: Option<[u8; 16]>,
}

impl Claim {
    const fn is_ours(&self) -> bool {
        self.extension.is_some()
    }

    fn rejoins(&self) -> bool {
        self.extension.is_some_and(|extension| extension.rejoin)
    }

    fn life(&self) -> Life {
        self.extension.map_or(
            Life {
                epoch: 0,
                kind: NodeKind::Unmodified,
            },
            |extension| Life {
                epoch: extension.epoch,
                kind: NodeKind::Ours,
            },
        )
    }
}

/// A node of the network.
struct Node {
    address: String,
    life: Life,
    /// Its connection; `None` while it may come back.
    link: Option<Link>,
    /// When it was heard of last.
    heard: Duration,
    /// Until when it may come back.
    grace: Option<Duration>,
    /// Of an unmodified node: the ids that it has known and will never dial again.
    known: BTreeSet<u8>,
}

impl Node {
    fn is_ours(&self) -> bool {
        self.life.kind == NodeKind::Ours
    }

    /// The node for people.
    fn describe(&self, id: u8) -> String {
        let kind = if self.is_ours() { "" } else { ", unmodified" };
        format!("node {id} ({}{kind})", self.address)
    }
}

impl Network {
    pub(crate) fn new(rules: Rules, now: Duration) -> Self {
        Self {
            rules,
            started: now,
            links: BTreeMap::new(),
            nodes: BTreeMap::new(),
            names: BTreeMap::new(),
            contests: BTreeMap::new(),
            leases: VecDeque::new(),
            is_full: false,
            strangers: Strangers::default(),
            now,
            actions: Vec::new(),
        }
    }

    /// Takes what is to be done.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Somebody has connected.
    pub(crate) fn opened(&mut self, link: Link, now: Duration) {
        self.now = now;
        let members = self.nodes.values().filter(|node| node.link.is_some());
        if self.links.len() - members.count() >= self.rules.unproven {
            if !std::mem::replace(&mut self.is_full, true) {
                self.tell_of_stranger(format!(
                    "connections are turned away: {} have not joined yet",
                    self.rules.unproven
                ));
            }
            self.actions.push(Action::Close(link));
            return;
        }
        self.is_full = false;
        let stage = Stage::Fresh {
            until: now + UNPROVEN,
        };
        let connection = Connection {
            stage,
            complaints: 0,
        };
        self.links.insert(link, connection);
    }

    /// A packet came.
    pub(crate) fn packet(&mut self, link: Link, packet: ToMaster, now: Duration) {
        self.now = now;
        let Some(connection) = self.links.get_mut(&link) else {
            return;
        };
        match connection.stage {
            Stage::Fresh { .. } => self.first_packet(link, packet, now),
            Stage::Challenged { .. } => self.proof(link, packet, now),
            Stage::Claiming => self.complain(link, &packet),
            Stage::Member(id) => {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.heard = now;
                }
                self.member_packet(link, id, packet, now);
            }
        }
    }

    fn member_packet(&mut self, link: Link, id: u8, packet: ToMaster, now: Duration) {
        match packet {
            ToMaster::Register {
                name,
                handle,
                moves,
            } => self.register(link, id, name, handle, moves),
            ToMaster::Query { name } => self.query(link, name),
            ToMaster::Unregister { name } if self.is_ours(id) => self.unregister(link, name),
            ToMaster::Beat { number } if is_probe(number) => self.answered(id, number),
            ToMaster::Beat { number } if self.is_ours(id) => {
                self.send(link, FromMaster::Beat { number });
            }
            ToMaster::Goodbye if self.is_ours(id) => {
                self.close(link);
                self.bury(id, "it has left", now);
            }
            packet => self.complain(link, &packet),
        }
    }

    /// What came is no packet.
    pub(crate) fn garbage(&mut self, link: Link, error: &str, now: Duration) {
        self.now = now;
        if self.links.contains_key(&link) {
            self.tell_of_stranger(format!(
                "a connection says what nobody understands, and is closed: {error}"
            ));
            self.actions.push(Action::Close(link));
            self.closed(link, error, now);
        }
    }

    /// A connection has ended.
    pub(crate) fn closed(&mut self, link: Link, reason: &str, now: Duration) {
        self.now = now;
        let Some(connection) = self.links.remove(&link) else {
            return;
        };
        match connection.stage {
            Stage::Fresh { .. } | Stage::Challenged { .. } => {}
            Stage::Claiming => self.forget_claim(link),
            Stage::Member(id) => self.lost(id, reason, now),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.now = now;
        self.end_unproven(now);
        self.end_grace(now);
        self.end_silent(now);
        self.end_contests(now);
        self.end_leases(now);
    }

    /// When `tick` has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let unproven = self.links.values().filter_map(|link| match link.stage {
            Stage::Fresh { until } | Stage::Challenged { until, .. } => Some(until),
            Stage::Claiming | Stage::Member(_) => None,
        });
        let grace = self.nodes.values().filter_map(|node| node.grace);
        let silent = self.nodes.values().filter_map(|node| self.dead_at(node));
        let contests = self.contests.values().map(|contest| contest.until);
        let leases = (!self.leases.is_empty()).then(|| self.started + SETTLING);
        unproven
            .chain(grace)
            .chain(silent)
            .chain(contests)
            .chain(leases)
            .min()
    }

    fn end_unproven(&mut self, now: Duration) {
        let late: Vec<_> = self
            .links
            .iter()
            .filter_map(|(link, connection)| match &connection.stage {
                Stage::Fresh { until } if *until <= now => {
                    Some((*link, false, "it has not said who it is"))
                }
                Stage::Challenged { until, .. } if *until <= now => {
                    Some((*link, true, "it has not proven that it knows the secret"))
                }
                _ => None,
            })
            .collect();
        for (link, is_ours, reason) in late {
            let text = format!("{reason} within {} s", UNPROVEN.as_secs());
            self.refuse(link, is_ours, &text);
        }
    }

    /// Turns away who wants to join.
    fn refuse(&mut self, link: Link, is_ours: bool, reason: &str) {
        self.tell_of_stranger(format!("a connection is refused: {reason}"));
        if is_ours {
            let text = reason.to_owned();
            self.send(link, FromMaster::Refused { text });
        }
        self.close(link);
    }

    /// A packet that has no place here.
    fn complain(&mut self, link: Link, packet: &ToMaster) {
        self.complain_text(
            link,
            format!("a packet is ignored that has no place here: {packet:?}"),
        );
    }

    /// Tells of what a connection does wrong, but not for ever.
    fn complain_text(&mut self, link: Link, text: String) {
        let Some(connection) = self.links.get_mut(&link) else {
            return;
        };
        connection.complaints += 1;
        if connection.complaints <= MAX_COMPLAINTS {
            self.log(Level::Warn, text);
        }
    }

    /// Tells of somebody who has not joined.
    fn tell_of_stranger(&mut self, text: String) {
        if self.now >= self.strangers.since + Duration::from_secs(1) {
            let hidden = self.strangers.hidden;
            self.strangers = Strangers {
                since: self.now,
                ..Strangers::default()
            };
            if hidden > 0 {
                let text = format!("{hidden} more connections were refused before");
                self.log(Level::Warn, text);
            }
        }
        if self.strangers.told < MAX_STRANGERS {
            self.strangers.told += 1;
            self.log(Level::Warn, text);
        } else {
            self.strangers.hidden += 1;
        }
    }

    fn is_ours(&self, id: u8) -> bool {
        self.nodes.get(&id).is_some_and(Node::is_ours)
    }

    /// Closes and forgets a connection. What it was is dealt with by the caller.
    fn close(&mut self, link: Link) {
        if self.links.remove(&link).is_some() {
            self.actions.push(Action::Close(link));
        }
    }

    fn send(&mut self, link: Link, packet: FromMaster) {
        self.actions.push(Action::Send(link, packet));
    }

    /// Sends to each node that is connected and that `wants` it.
    fn broadcast(&mut self, packet: &FromMaster, wants: impl Fn(&Node) -> bool) {
        for node in self.nodes.values().filter(|node| wants(node)) {
            if let Some(link) = node.link {
                self.actions.push(Action::Send(link, packet.clone()));
            }
        }
    }

    fn log(&mut self, level: Level, text: String) {
        self.actions.push(Action::Log(level, text));
    }
}
