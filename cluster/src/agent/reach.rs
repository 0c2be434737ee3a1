//! Which services of this node another one reaches.

use std::collections::{HashMap, HashSet};
use std::fmt;

use skynet_cluster_wire::Address;
use skynet_service::{Destination, Handle, Reason};

/// What may be reached on a connection.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Everything that the node has, as in Skynet.
    all: bool,
    /// Who has registered which name.
    names: HashMap<Box<[u8]>, u32>,
    /// How many names each service has.
    named: HashMap<u32, usize>,
    exported_names: HashSet<Box<[u8]>>,
    exported_handles: HashSet<u32>,
}

/// Why something cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreachable<'a> {
    /// Nobody has registered this name.
    Unknown(&'a [u8]),
    /// It is not for others.
    NotExposed(Address<'a>),
    /// This cannot be the name of a service.
    NoName,
}

impl Unreachable<'_> {
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::Unknown(_) | Self::NoName => Reason::UNKNOWN,
            Self::NotExposed(_) => Reason::REFUSED,
        }
    }
}

impl fmt::Display for Unreachable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(
                    f,
                    "Invalid name: nobody has registered {}",
                    name.escape_ascii()
                )
            }
            Self::NotExposed(address) => write!(
                f,
                "{address} is not exposed to other nodes: cluster_expose is \"names\", and it is neither registered nor in cluster_export"
            ),
            Self::NoName => f.write_str("Invalid name: it is not a text"),
        }
    }
}

impl Reach {
    pub(super) fn expose_all(&mut self) {
        self.all = true;
    }

    /// A name belongs to this service now; `None`: to nobody.
    pub(super) fn name(&mut self, name: &[u8], handle: Option<u32>) {
        let former = match handle {
            Some(handle) => {
                *self.named.entry(handle).or_default() += 1;
                self.names.insert(name.into(), handle)
            }
            None => self.names.remove(name),
        };
        if let Some(former) = former
            && let Some(count) = self.named.get_mut(&former)
        {
            *count -= 1;
            if *count == 0 {
                self.named.remove(&former);
            }
        }
    }

    pub(super) fn export_name(&mut self, name: &[u8], is_on: bool) {
        if is_on {
            self.exported_names.insert(name.into());
        } else {
            self.exported_names.remove(name);
        }
    }

    pub(super) fn export_handle(&mut self, handle: u32, is_on: bool) {
        if is_on {
            self.exported_handles.insert(handle);
        } else {
            self.exported_handles.remove(&handle);
        }
    }

    /// Who has a name.
    pub(super) fn query(&self, name: &[u8]) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// Where a request goes.
    ///
    /// # Errors
    /// Why it goes nowhere.
    #[inline]
    pub(super) fn find<'a>(
        &self,
        address: Address<'a>,
    ) -> Result<Destination<'a>, Unreachable<'a>> {
        let handle = match address {
            Address::Handle(handle) => handle,
            Address::Name([b'@', name @ ..]) => {
                let found = self.query(name).map(|handle| Handle(handle).into());
                return found.ok_or(match address {
                    Address::Name(name) => Unreachable::Unknown(name),
                    Address::Handle(_) => Unreachable::NoName,
                });
            }
            Address::Name(name) => {
                let text = std::str::from_utf8(name).map_err(|_| Unreachable::NoName)?;
                match hexadecimal(text) {
                    Some(handle) => handle,
                    None if self.all || self.exported_names.contains(name) => {
                        return Ok(text.into());
                    }
                    None => return Err(Unreachable::NotExposed(address)),
                }
            }
        };
        if self.all || self.is_exposed(handle) {
            Ok(Handle(handle).into())
        } else {
            Err(Unreachable::NotExposed(address))
        }
    }

    fn is_exposed(&self, handle: u32) -> bool {
        // A query gives away the handles of names.
        self.named.contains_key(&handle) || self.exported_handles.contains(&handle)
    }
}

/// The handle that a name like `:0000000a` writes.
fn hexadecimal(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(':')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Address<'_> {
        Address::Name(text.as_bytes())
    }

    fn found(reach: &Reach, address: Address<'_>) -> bool {
        reach.find(address).is_ok()
    }

    #[test]
    fn names_and_what_they_stand_for_are_reached() {
        let mut reach = Reach::default();
        reach.name(b"db", Some(17));
        assert!(found(&reach, name("@db")));
        assert!(found(&reach, Address::Handle(17)));
        assert!(found(&reach, name(":00000011")));
        assert!(!found(&reach, name("@other")) && !found(&reach, Address::Handle(18)));
        // A service that has moved to another name, and one whose name was given to another.
        reach.name(b"new", Some(17));
        reach.name(b"db", None);
        assert!(found(&reach, Address::Handle(17)));
        reach.name(b"new", Some(18));
        assert!(!found(&reach, Address::Handle(17)) && found(&reach, Address::Handle(18)));
        reach.name(b"new", None);
        assert_eq!(reach.find(name("@db")), Err(Unreachable::Unknown(b"@db")));
        assert!(!found(&reach, Address::Handle(17)));
    }

    #[test]
    fn the_rest_is_reached_when_it_is_exported() {
        let mut reach = Reach::default();
        let refused = Unreachable::NotExposed(name(".db"));
        assert_eq!(reach.find(name(".db")), Err(refused));
        let text = refused.to_string();
        assert!(text.contains("cluster_expose"), "{text}");
        reach.export_name(b".db", true);
        reach.export_handle(9, true);
        assert!(found(&reach, name(".db")) && found(&reach, Address::Handle(9)));
        reach.export_name(b".db", false);
        reach.export_handle(9, false);
        assert!(!found(&reach, name(".db")) && !found(&reach, Address::Handle(9)));
    }

    #[test]
    fn everything_is_reached_when_all_is_exposed() {
        let mut reach = Reach::default();
        reach.expose_all();
        for address in [
            name(".launcher"),
            name("GLOBAL"),
            name(":01000002"),
            Address::Handle(1),
        ] {
            assert!(found(&reach, address), "{address}");
        }
        assert!(!found(&reach, name("@db")));
        assert_eq!(
            reach.find(Address::Name(b".\xff")),
            Err(Unreachable::NoName)
        );
    }
}
