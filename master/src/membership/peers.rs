//! The other nodes.

use skynet_master_wire::{Life, NodeKind};
use skynet_service::log::Level;

use super::{Action, Membership, ToHarbor};
use crate::waiting::Key;

/// Another node, as the harbor was told of it.
pub(super) struct Peer {
    pub(super) address: String,
    life: Life,
    /// Whether the harbor has a link to it.
    pub(super) is_up: bool,
    /// The master that is there now has told of it.
    is_confirmed: bool,
    /// The master has lost it; but the link is there.
    is_leaving: bool,
}

impl Peer {
    fn is_unmodified(&self) -> bool {
        self.life.epoch == 0
    }

    /// Whether services are told that it is there. An unmodified node that its master has lost is not.
    fn is_here(&self) -> bool {
        self.is_up && !(self.is_leaving && self.is_unmodified())
    }
}

impl Membership {
    /// The master tells of a node that was there before us.
    pub(super) fn listed(&mut self, id: u8, address: String, life: Life, dials: bool) {
        if !self.is_known(id, life, &address) {
            self.replace(id, life, &address);
            self.tell_harbor(ToHarbor::Expect { id, life, address });
        }
        if dials {
            self.await_dialer(id);
        }
    }

    /// The master tells of a node that has joined after us: we dial it.
    pub(super) fn newcomer(&mut self, id: u8, address: String, life: Option<Life>) {
        if !self.has_joined() {
            return self.defer(id, address, life);
        }
        if self.me == Some(id) {
            let text = format!(
                "the master says that node {id} is at {address}, but that is this node's id"
            );
            return self.log(Level::Warn, text);
        }
        let life = life.unwrap_or_default();
        if !self.is_known(id, life, &address) {
            self.replace(id, life, &address);
            self.tell_harbor(ToHarbor::Dial { id, life, address });
        }
    }

    /// Whether the harbor knows this life of a node already.
    fn is_known(&mut self, id: u8, life: Life, address: &str) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else {
            return false;
        };
        let is_same = if life.epoch == 0 {
            // Nothing tells one life from another, but a link is to the one that is there.
            peer.is_here()
        } else {
            peer.life.epoch == life.epoch
        };
        if is_same {
            peer.is_leaving = false;
            address.clone_into(&mut peer.address);
            peer.is_confirmed = true;
        }
        is_same
    }

    fn replace(&mut self, id: u8, life: Life, address: &str) {
        if self.peers.contains_key(&id) {
            self.forget(id, "another life has its id");
        }
        let peer = Peer {
            address: address.to_owned(),
            life,
            is_up: false,
            is_confirmed: true,
            is_leaving: false,
        };
        self.peers.insert(id, peer);
    }

    /// A life has ended, by the word of our master: whatever was for it is given up.
    fn forget(&mut self, id: u8, reason: &str) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        self.tell_harbor(ToHarbor::Gone {
            id,
            epoch: peer.life.epoch,
            reason: reason.to_owned(),
        });
        self.drop_names_of(id);
        // The harbor says it as well, if there was a link; whoever waits need not wait for that.
        self.end_links(id);
    }

    /// The master says that a node has ended: it has lost its own connection to it. If the harbor has a link to it, it
    /// lives all the same, and may come back to the master as it was.
    pub(super) fn ended(&mut self, id: u8, ended: Option<(u64, String)>) {
        self.forget_newcomer(id);
        if ended.is_some() {
            // Our master has dropped them.
            self.drop_names_of(id);
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            let epoch = ended.as_ref().map_or(0, |(epoch, _)| *epoch);
            let is_other = epoch != 0 && peer.life.epoch != 0 && epoch != peer.life.epoch;
            if !is_other && !peer.is_up {
                let reason = ended.map_or("the master says so".to_owned(), |(_, reason)| reason);
                self.forget(id, &reason);
            } else if !is_other {
                peer.is_leaving = true;
                if peer.is_unmodified() {
                    // It never comes back to its master. As in Skynet, who watches it is told now.
                    self.end_links(id);
                }
            }
        }
        self.is_settled(id);
    }

    /// The harbor has a link to a node.
    pub(super) fn up(&mut self, id: u8, life: Life) {
        let peer = self.peers.entry(id).or_insert_with(|| Peer {
            address: String::new(),
            life,
            is_up: false,
            is_confirmed: true,
            is_leaving: false,
        });
        peer.is_up = true;
        peer.is_leaving = false;
        peer.life = Life {
            epoch: life.epoch,
            kind: if life.kind == NodeKind::Unknown {
                peer.life.kind
            } else {
                life.kind
            },
        };
        for ticket in self.waiting.take(&Key::Up(id)) {
            self.reply_nothing(ticket);
        }
        self.is_settled(id);
    }

    /// The harbor has given up a node: all calls to it have failed. It dials on, unless the master has lost it, too.
    pub(super) fn down(&mut self, id: u8, reason: &str) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.is_up = false;
        if peer.is_leaving {
            let reason = reason.to_owned();
            return self.forget(id, &reason);
        }
        self.end_links(id);
    }

    /// Who waits for the end of a node is answered, and who waits there is forgotten.
    fn end_links(&mut self, id: u8) {
        for ticket in self.waiting.take(&Key::Down(id)) {
            self.reply_nothing(ticket);
        }
        let gone = self.waiting.take_of(|caller| caller.to_be_bytes()[0] == id);
        self.actions.extend(gone.into_iter().map(Action::Forget));
    }

    pub(super) fn is_up(&self, id: u8) -> bool {
        self.peers.get(&id).is_some_and(Peer::is_here)
    }

    /// The master has been away, or is another one: what it does not tell of again is given up.
    pub(super) fn doubt_peers(&mut self) {
        for peer in self.peers.values_mut() {
            peer.is_confirmed = false;
        }
    }

    /// Gives up the nodes that neither the master nor the harbor knows.
    pub(super) fn sweep_peers(&mut self) {
        let peers = self.peers.iter();
        let gone: Vec<u8> = peers
            .filter(|(_, peer)| !peer.is_confirmed && !peer.is_up)
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.forget(id, "the master does not know it any more");
        }
    }
}
