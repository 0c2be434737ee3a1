//! Global names.

use std::collections::{BTreeMap, BTreeSet};

use skynet_master_wire::ToMaster;
use skynet_service::log::Level;
use skynet_service::{Handle, Reason};

use super::{Action, Answer, Membership, ToHarbor};
use crate::waiting::Key;

/// Names that are kept, and names that the harbor has asked for while there was no master.
const MAX_NAMES: usize = 65_536;

/// What is known of names.
#[derive(Default)]
pub(super) struct Names {
    bound: BTreeMap<String, u32>,
    /// What the master has not said its word on.
    claims: BTreeMap<String, Claim>,
    /// What the master has to be asked when it is there.
    asked: BTreeSet<String>,
    /// What the master that is there now has not confirmed.
    doubtful: BTreeSet<String>,
}

/// A registration that is under way.
#[derive(Clone, Copy)]
struct Claim {
    handle: u32,
    moves: bool,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<u32> {
        self.bound.get(name).copied()
    }

    /// Who is being given a name.
    pub(super) fn claimed(&self, name: &str) -> Option<u32> {
        self.claims.get(name).map(|claim| claim.handle)
    }

    /// Which names there are the master says again, but for those of node `own`, of which we tell the master.
    pub(super) fn doubt(&mut self, own: u8) {
        let foreign = self
            .bound
            .iter()
            .filter(|(_, handle)| !is_of(own, **handle));
        self.doubtful = foreign.map(|(name, _)| name.clone()).collect();
    }
}

/// Whether a handle is of node `id`.
fn is_of(id: u8, handle: u32) -> bool {
    handle.to_be_bytes()[0] == id
}

impl Membership {
    /// A handle as other nodes know it: services that were launched before the node had its id have none in theirs.
    pub(super) fn full(&self, handle: u32) -> u32 {
        let id = u32::from(self.me.unwrap_or_default()) << 24;
        if handle >> 24 == 0 {
            id | handle
        } else {
            handle
        }
    }

    /// Tells the master of a registration, if it is there; else when it is.
    pub(super) fn claim(&mut self, name: String, handle: u32, moves: bool) {
        self.names
            .claims
            .insert(name.clone(), Claim { handle, moves });
        if self.link.is_up() {
            self.say(ToMaster::Register {
                name,
                handle,
                moves,
            });
        }
    }

    /// A name has a holder: by the word of the master, or for want of one by ours.
    pub(super) fn bind(&mut self, name: &str, handle: u32) {
        if self.names.bound.len() >= MAX_NAMES && !self.names.bound.contains_key(name) {
            let text =
                format!("the global name {name:?} is not kept: there are {MAX_NAMES} already");
            return self.log(Level::Debug, text);
        }
        let former = self.names.bound.insert(name.to_owned(), handle);
        if former != Some(handle) {
            let name = name.to_owned();
            self.tell_harbor(ToHarbor::Name { name, handle });
        }
        for ticket in self.waiting.take(&Key::Name(name.to_owned())) {
            self.actions
                .push(Action::Reply(ticket, Answer::Handle(handle)));
        }
    }

    /// The master says who has a name.
    pub(super) fn bound(&mut self, name: String, handle: u32) {
        self.names.doubtful.remove(&name);
        self.names.asked.remove(&name);
        let claim = self.names.claims.remove(&name);
        let former = self.names.get(&name);
        self.bind(&name, handle);
        let own = self.me.unwrap_or_default();
        if former.is_some_and(|former| former != handle && is_of(own, former)) {
            self.log(
                Level::Warn,
                format!("the global name {name:?} is {}'s now", Handle(handle)),
            );
        }
        let is_ours = claim.is_none_or(|claim| claim.handle == handle);
        for ticket in self.waiting.take(&Key::Registered(name.clone())) {
            self.actions.push(if is_ours {
                Action::Reply(ticket, Answer::True)
            } else {
                Action::Refuse(ticket, Reason::REFUSED, taken(&name, handle))
            });
        }
    }

    /// Our master says that nobody has a name: it was given up, or it is not to be had.
    pub(super) fn unbound(&mut self, name: &str) {
        self.names.claims.remove(name);
        self.unbind(name);
        for ticket in self.waiting.take(&Key::Registered(name.to_owned())) {
            let text = format!("the master refuses the global name {name:?}; its log says why");
            self.actions
                .push(Action::Refuse(ticket, Reason::REFUSED, text));
        }
        for ticket in self.waiting.take(&Key::Unregistered(name.to_owned())) {
            self.actions.push(Action::Reply(ticket, Answer::True));
        }
    }

    fn unbind(&mut self, name: &str) {
        self.names.doubtful.remove(name);
        if self.names.bound.remove(name).is_some() {
            let name = name.to_owned();
            self.tell_harbor(ToHarbor::Unname { name });
        }
    }

    /// The names of a node that has ended go.
    pub(super) fn drop_names_of(&mut self, id: u8) {
        let bound = self.names.bound.iter();
        let gone: Vec<_> = bound
            .filter(|(_, handle)| is_of(id, **handle))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.unbind(&name);
        }
    }

    /// The harbor has a message for a name that it does not know.
    pub(super) fn harbor_asks(&mut self, name: String) {
        match self.names.get(&name) {
            Some(handle) => self.tell_harbor(ToHarbor::Name { name, handle }),
            None => self.ask(name),
        }
    }

    /// Asks the master who has a name, now or when it is there.
    pub(super) fn ask(&mut self, name: String) {
        if self.link.is_up() {
            self.say(ToMaster::Query { name });
        } else if self.names.asked.len() < MAX_NAMES {
            self.names.asked.insert(name);
        }
    }

    /// The master is there (again): it is told what it may not know, and asked what we do not know.
    pub(super) fn say_names_again(&mut self) {
        let own = self.me.unwrap_or_default();
        let bound = self.names.bound.iter();
        let of_own = bound.filter(|(name, handle)| {
            is_of(own, **handle) && !self.names.claims.contains_key(*name)
        });
        let registered = of_own.map(|(name, handle)| (name, *handle, false));
        let claims = self.names.claims.iter();
        let claimed = claims.map(|(name, claim)| (name, claim.handle, claim.moves));
        let mut packets: Vec<_> = registered
            .chain(claimed)
            .map(|(name, handle, moves)| ToMaster::Register {
                name: name.clone(),
                handle,
                moves,
            })
            .collect();
        let mut asked = std::mem::take(&mut self.names.asked);
        asked.extend(self.waiting.names());
        packets.extend(asked.into_iter().map(|name| ToMaster::Query { name }));
        for packet in packets {
            self.say(packet);
        }
        if !self.link.is_ours() {
            // An unmodified master never refuses.
            self.names.claims.clear();
        }
    }

    /// Gives up the names that the master has not told of since it is back.
    pub(super) fn sweep_names(&mut self) {
        for name in std::mem::take(&mut self.names.doubtful) {
            self.unbind(&name);
        }
    }

    pub(super) fn say(&mut self, packet: ToMaster) {
        self.actions.push(Action::ToMaster(packet));
    }
}

/// Why a name is not to be had.
pub(crate) fn taken(name: &str, holder: u32) -> String {
    format!("the global name {name:?} is taken by {}", Handle(holder))
}
