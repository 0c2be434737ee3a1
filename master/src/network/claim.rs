//! Joining: from the first packet to the decision who has an id.

use std::time::Duration;

use skynet_harbor_wire::{MasterLink, MasterRole};
use skynet_master_wire::{Extension, FromMaster, MAX_ADDRESS, ToMaster};

use super::{Claim, Link, Network, SETTLING, Stage, UNPROVEN};

impl Network {
    /// A connection says who it is.
    pub(super) fn first_packet(&mut self, link: Link, packet: ToMaster, now: Duration) {
        let ToMaster::Hello {
            id,
            address,
            extension,
        } = packet
        else {
            return self.refuse(link, false, "its first packet is no handshake");
        };
        let mut claim = Claim {
            link,
            id,
            address,
            extension,
            nonce: None,
        };
        if let Err(reason) = self.check(&claim) {
            return self.refuse(link, claim.is_ours(), &reason);
        }
        if self.rules.secret.is_none() {
            return self.claim(claim, now);
        }
        let nonce = (self.rules.random)();
        claim.nonce = Some(nonce);
        self.set_stage(
            link,
            Stage::Challenged {
                claim,
                until: now + UNPROVEN,
            },
        );
        self.send(link, FromMaster::Challenge { nonce });
    }

    /// Whether a handshake is one at all.
    fn check(&self, claim: &Claim) -> Result<(), String> {
        let length = claim.address.len();
        if length > MAX_ADDRESS {
            return Err(format!(
                "its address has {length} bytes, at most {MAX_ADDRESS} are allowed"
            ));
        }
        if claim.id == 0 && !claim.extension.is_some_and(|extension| extension.auto) {
            return Err("its id is 0, wanted 1 to 255".to_owned());
        }
        let id = claim.id;
        match (&self.rules.secret, &claim.extension) {
            (Some(_), None) => Err(format!(
                "node {id} does not know of secrets, and the master has one (harbor_secret)"
            )),
            (Some(_), Some(Extension { secret: false, .. })) => Err(format!(
                "node {id} has no secret, and the master has one (harbor_secret)"
            )),
            (None, Some(Extension { secret: true, .. })) => Err(format!(
                "node {id} has a secret, and the master has none (harbor_secret)"
            )),
            _ => Ok(()),
        }
    }

    /// A connection answers its challenge.
    pub(super) fn proof(&mut self, link: Link, packet: ToMaster, now: Duration) {
        let Some(connection) = self.links.get_mut(&link) else {
            return;
        };
        let stage = std::mem::replace(&mut connection.stage, Stage::Claiming);
        let Stage::Challenged { claim, .. } = stage else {
            connection.stage = stage;
            return;
        };
        let ToMaster::Proof { proof } = packet else {
            return self.refuse(link, true, "its second packet is no proof");
        };
        let is_right = self
            .rules
            .secret
            .as_ref()
            .zip(claim.proven())
            .is_some_and(|(secret, said)| said.verify(secret, MasterRole::Slave, &proof));
        if !is_right {
            let text = format!("node {} does not know the secret", claim.id);
            return self.refuse(link, true, &text);
        }
        self.claim(claim, now);
    }

    fn claim(&mut self, claim: Claim, now: Duration) {
        self.set_stage(claim.link, Stage::Claiming);
        match claim.extension {
            Some(extension) if extension.auto => self.lease(claim, extension, now),
            _ => {
                let id = claim.id;
                self.decide(claim, id, now);
            }
        }
    }

    /// Finds an id: the one that the node had if it is free, else the lowest that is.
    fn lease(&mut self, claim: Claim, extension: Extension, now: Duration) {
        let wanted = claim.id;
        let is_settled = now >= self.started + SETTLING;
        let is_its_own = self
            .nodes
            .get(&wanted)
            .is_some_and(|node| node.is_ours() && node.life.epoch == extension.epoch);
        if is_its_own || (self.is_free(wanted) && (is_settled || extension.rejoin)) {
            return self.decide(claim, wanted, now);
        }
        if !is_settled {
            return self.leases.push_back(claim);
        }
        match (1..=u8::MAX).find(|id| self.is_free(*id)) {
            Some(id) => self.decide(claim, id, now),
            None => self.refuse(claim.link, true, "no harbor id is free"),
        }
    }

    /// Whether an id can be leased. That of a node without a connection can, as its own next life may want it.
    fn is_free(&self, id: u8) -> bool {
        let holder = self.nodes.get(&id);
        id != 0 && holder.is_none_or(|node| node.link.is_none()) && self.burnt_for(id).is_none()
    }

    /// The master has been there for long enough to know which ids are free.
    pub(super) fn end_leases(&mut self, now: Duration) {
        if now < self.started + SETTLING {
            return;
        }
        for claim in std::mem::take(&mut self.leases) {
            self.claim(claim, now);
        }
    }

    /// Decides who has an id.
    pub(super) fn decide(&mut self, claim: Claim, id: u8, now: Duration) {
        let life = claim.life();
        match self.nodes.get(&id) {
            // Back again: whatever else it is asked, it is alive.
            Some(node) if node.is_ours() && node.life == life => {
                self.admit(claim, id, now);
                self.holder_lives(id);
                return;
            }
            Some(node) if node.link.is_none() => self.bury(id, "another life has its id", now),
            _ => {}
        }
        if let Some(knower) = self.burnt_for(id) {
            let text = format!(
                "id {id} was used before, and unmodified node {knower} never dials an id twice: choose another one"
            );
            return self.refuse(claim.link, claim.is_ours(), &text);
        }
        match self.nodes.get(&id) {
            None => self.admit(claim, id, now),
            Some(node) if node.is_ours() => self.contest(claim, id, now),
            Some(node) => {
                let text = format!("id {id} is held by {}", node.describe(id));
                self.refuse(claim.link, claim.is_ours(), &text);
            }
        }
    }

    /// An unmodified node that has known a former holder of this id, and so will never dial the next.
    fn burnt_for(&self, id: u8) -> Option<u8> {
        let mut knowers = self
            .nodes
            .iter()
            .filter(|(holder, node)| **holder != id && node.known.contains(&id));
        knowers.next().map(|(knower, _)| *knower)
    }

    pub(super) fn set_stage(&mut self, link: Link, stage: Stage) {
        if let Some(connection) = self.links.get_mut(&link) {
            connection.stage = stage;
        }
    }
}

impl Claim {
    /// What the proofs of both sides are about.
    pub(super) fn proven(&self) -> Option<MasterLink<'_>> {
        let extension = self.extension?;
        Some(MasterLink {
            slave_nonce: extension.nonce,
            master_nonce: self.nonce?,
            id: self.id,
            epoch: extension.epoch,
            address: &self.address,
        })
    }
}
