//! Nodes from their joining to their end.

use std::collections::BTreeSet;
use std::time::Duration;

use skynet_harbor_wire::MasterRole;
use skynet_master_wire::{FromMaster, Life, NodeKind, Welcome};
use skynet_service::log::Level;

use super::{Claim, GRACE, Network, Node, SILENCE, Stage};

impl Network {
    /// A node joins, or is back: the others are told to dial it, then it is welcomed.
    pub(super) fn admit(&mut self, claim: Claim, id: u8, now: Duration) {
        let former = self.nodes.remove(&id);
        if let Some(link) = former.as_ref().and_then(|node| node.link) {
            self.close(link);
        }
        let told = self.tell_of(&claim, id);
        let awake: BTreeSet<u8> = told
            .iter()
            .copied()
            .filter(|id| self.is_awake(*id, now))
            .collect();
        let dialers = if claim.rejoins() { 0 } else { awake.len() };
        self.welcome(&claim, id, dialers);
        if claim.is_ours() {
            self.tell_all(&claim, &awake);
        }
        let node = Node {
            address: claim.address.clone(),
            life: claim.life(),
            link: Some(claim.link),
            heard: now,
            grace: None,
            known: if claim.is_ours() {
                BTreeSet::new()
            } else {
                told
            },
        };
        let what = if former.is_some() {
            "is back"
        } else {
            "has joined"
        };
        self.log(
            Level::Info,
            format!(
                "{} {what}; nodes in the network: {}",
                node.describe(id),
                self.nodes.len() + 1
            ),
        );
        self.nodes.insert(id, node);
        self.set_stage(claim.link, Stage::Member(id));
    }

    /// Tells the others of a node. Returns who was told to dial it: all but the unmodified ones that know its id.
    fn tell_of(&mut self, claim: &Claim, id: u8) -> BTreeSet<u8> {
        let packet = FromMaster::Connect {
            id,
            address: claim.address.clone(),
            life: Some(claim.life()),
        };
        let mut told = BTreeSet::new();
        let mut links = Vec::new();
        for (other, node) in &mut self.nodes {
            let Some(link) = node.link else {
                continue;
            };
            if node.is_ours() || node.known.insert(id) {
                told.insert(*other);
                links.push(link);
            }
        }
        for link in links {
            self.send(link, packet.clone());
        }
        told
    }

    fn welcome(&mut self, claim: &Claim, id: u8, dialers: usize) {
        let proof = self.rules.secret.as_ref().zip(claim.proven());
        let welcome = Welcome {
            id,
            epoch: self.rules.epoch,
            proof: proof.map(|(secret, said)| said.prove(secret, MasterRole::Master)),
        };
        let packet = FromMaster::Welcome {
            dialers: u32::try_from(dialers).unwrap_or(u32::MAX),
            extension: claim.is_ours().then_some(welcome),
        };
        self.send(claim.link, packet);
    }

    /// Tells a node of ours of all others, and of all names.
    fn tell_all(&mut self, claim: &Claim, dialers: &BTreeSet<u8>) {
        let nodes = self.nodes.iter().filter(|(_, node)| node.link.is_some());
        let nodes = nodes.map(|(id, node)| FromMaster::Node {
            id: *id,
            address: node.address.clone(),
            life: node.life,
            dials: dialers.contains(id),
        });
        let names = self.names.iter().map(|(name, handle)| FromMaster::Name {
            name: name.clone(),
            handle: *handle,
            flag: Some(skynet_master_wire::NameFlag::Bound),
        });
        let packets: Vec<_> = nodes.chain(names).collect();
        for packet in packets {
            self.send(claim.link, packet);
        }
    }

    /// Whether a node can be expected to do what it is told.
    fn is_awake(&self, id: u8, now: Duration) -> bool {
        self.nodes.get(&id).is_some_and(|node| {
            !node.is_ours() || now.saturating_sub(node.heard) <= self.rules.heartbeat
        })
    }

    /// When a node counts as dead because it is silent. An unmodified one has nothing to say.
    pub(super) fn dead_at(&self, node: &Node) -> Option<Duration> {
        (node.link.is_some() && node.is_ours()).then(|| node.heard + self.rules.heartbeat * SILENCE)
    }

    /// The connection of a node has ended.
    pub(super) fn lost(&mut self, id: u8, reason: &str, now: Duration) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        node.link = None;
        if !node.is_ours() || self.contests.contains_key(&id) {
            let text = format!("its connection to the master has ended: {reason}");
            return self.bury(id, &text, now);
        }
        node.grace = Some(now + GRACE);
    }

    /// Nodes that have not come back.
    pub(super) fn end_grace(&mut self, now: Duration) {
        let gone = self.ids(|node| node.grace.is_some_and(|until| until <= now));
        for id in gone {
            self.bury(id, "its connection to the master has ended", now);
        }
    }

    /// Nodes that have said nothing for long.
    pub(super) fn end_silent(&mut self, now: Duration) {
        let silent: Vec<u8> = self
            .nodes
            .iter()
            .filter(|(_, node)| self.dead_at(node).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            let silence = (self.rules.heartbeat * SILENCE).as_secs_f64();
            self.evict(id, &format!("it has been silent for {silence} s"), now);
        }
    }

    fn ids(&self, wanted: impl Fn(&Node) -> bool) -> Vec<u8> {
        let nodes = self.nodes.iter().filter(|(_, node)| wanted(node));
        nodes.map(|(id, _)| *id).collect()
    }

    /// Throws a node out.
    pub(super) fn evict(&mut self, id: u8, reason: &str, now: Duration) {
        if let Some(link) = self.nodes.get(&id).and_then(|node| node.link) {
            let text = format!("node {id} is no longer one: {reason}");
            self.send(link, FromMaster::Refused { text });
            self.close(link);
        }
        self.bury(id, reason, now);
    }

    /// A life has ended: the others are told, its names go, and who waited for its id gets it.
    pub(super) fn bury(&mut self, id: u8, reason: &str, now: Duration) {
        let Some(node) = self.nodes.remove(&id) else {
            return;
        };
        self.log(
            Level::Info,
            format!("{} is gone: {reason}", node.describe(id)),
        );
        let Life { epoch, kind } = node.life;
        let epoch = if kind == NodeKind::Ours { epoch } else { 0 };
        let ended = Some((epoch, reason.to_owned()));
        self.broadcast(&FromMaster::Down { id, ended }, |_| true);
        self.drop_names_of(id);
        self.holder_gone(id, now);
    }
}
