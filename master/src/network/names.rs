//! Global names: the first who registers one has it.

use skynet_master_wire::{FromMaster, NameFlag, check_name};

use super::{Link, Network, Node};

/// Names that the master keeps.
const MAX_NAMES: usize = 65_536;

impl Network {
    /// A node wants a name for a service.
    pub(super) fn register(&mut self, link: Link, id: u8, name: String, handle: u32, moves: bool) {
        if let Err(reason) = self.check_binding(id, &name, handle) {
            return self.refuse_name(link, id, name, &reason);
        }
        match self.names.get(&name).copied() {
            Some(holder) if holder == handle => {
                self.send(link, binding(name, holder, NameFlag::Bound));
            }
            Some(holder) if !moves => self.send(link, binding(name, holder, NameFlag::Refused)),
            held => {
                let flag = match held {
                    Some(_) => NameFlag::Moved,
                    None => NameFlag::Bound,
                };
                self.names.insert(name.clone(), handle);
                self.broadcast(&binding(name, handle, flag), |_| true);
            }
        }
    }

    fn check_binding(&self, id: u8, name: &str, handle: u32) -> Result<(), String> {
        check_name(name).map_err(|error| error.to_string())?;
        let [owner, number @ ..] = handle.to_be_bytes();
        if number == [0; 3] {
            return Err(format!(":{handle:08x} is no service"));
        }
        if owner != id && !self.nodes.contains_key(&owner) {
            return Err(format!(
                ":{handle:08x} is of node {owner}, which is not there"
            ));
        }
        if self.names.len() >= MAX_NAMES && !self.names.contains_key(name) {
            return Err(format!("there are {MAX_NAMES} names already"));
        }
        Ok(())
    }

    /// To one of ours a name that is not bound is the answer; an unmodified node expects none.
    fn refuse_name(&mut self, link: Link, id: u8, name: String, reason: &str) {
        self.complain_text(
            link,
            format!("node {id} does not get the name {name:?}: {reason}"),
        );
        if self.is_ours(id) {
            match self.names.get(&name).copied() {
                Some(holder) => self.send(link, binding(name, holder, NameFlag::Refused)),
                None => self.send(link, FromMaster::Unbound { name }),
            }
        }
    }

    /// A node asks for a name. If it is not known the answer is its registration, which all are told of.
    pub(super) fn query(&mut self, link: Link, name: String) {
        if let Some(handle) = self.names.get(&name).copied() {
            self.send(link, binding(name, handle, NameFlag::Bound));
        }
    }

    /// A node wants a name to be free. Unmodified nodes cannot be told.
    pub(super) fn unregister(&mut self, link: Link, name: String) {
        if self.names.remove(&name).is_some() {
            self.broadcast(&FromMaster::Unbound { name }, Node::is_ours);
        } else {
            self.send(link, FromMaster::Unbound { name });
        }
    }

    /// The names of a dead node go. Ours conclude that themselves from its end; unmodified nodes keep them.
    pub(super) fn drop_names_of(&mut self, id: u8) {
        self.names.retain(|_, handle| handle.to_be_bytes()[0] != id);
    }
}

fn binding(name: String, handle: u32, flag: NameFlag) -> FromMaster {
    FromMaster::Name {
        name,
        handle,
        flag: Some(flag),
    }
}
