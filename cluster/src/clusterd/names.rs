//! The names by which services of this node are known outside.

use std::collections::{BTreeMap, HashMap};

use skynet_service::{Error, Handle, Result};

/// The longest name, in bytes, without its `@`: with it 255 go over the wire.
const LONGEST: usize = 254;
/// The most names.
pub(crate) const MOST: usize = 4096;

/// Names of services, without their `@`: one service has at most one.
#[derive(Default, Debug)]
pub(crate) struct Names {
    by_name: BTreeMap<Vec<u8>, Handle>,
    by_handle: HashMap<Handle, Vec<u8>>,
}

/// What a registration has changed.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Registered {
    /// The name that the service had before.
    pub(crate) dropped: Option<Vec<u8>>,
}

/// A name as it is stored: without its `@`.
pub(crate) fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"@").unwrap_or(name)
}

impl Names {
    /// Gives a service a name. `None`: it has it already.
    ///
    /// # Errors
    /// The name is taken or too long, or there are too many.
    pub(crate) fn register(&mut self, name: &[u8], handle: Handle) -> Result<Option<Registered>> {
        let name = bare(name);
        let shown = String::from_utf8_lossy(name);
        if !(1..=LONGEST).contains(&name.len()) {
            return Err(Error::refused(format_args!(
                "a cluster name of {} bytes, wanted 1 to {LONGEST}",
                name.len()
            )));
        }
        match self.by_name.get(name) {
            Some(holder) if *holder == handle => return Ok(None),
            Some(holder) => {
                return Err(Error::refused(format_args!(
                    "the cluster name {shown:?} is taken by {holder}"
                )));
            }
            None => {}
        }
        let dropped = self.forget(handle);
        if self.by_name.len() >= MOST {
            return Err(Error::refused(format_args!(
                "no cluster name {shown:?}: there are {MOST} already"
            )));
        }
        self.by_name.insert(name.to_vec(), handle);
        self.by_handle.insert(handle, name.to_vec());
        Ok(Some(Registered { dropped }))
    }

    /// Takes a name away. Returns whether somebody had it.
    pub(crate) fn unregister(&mut self, name: &[u8]) -> bool {
        let holder = self.by_name.remove(bare(name));
        holder.is_some_and(|holder| self.by_handle.remove(&holder).is_some())
    }

    /// Takes the name of a service away, and returns it.
    pub(crate) fn forget(&mut self, handle: Handle) -> Option<Vec<u8>> {
        let name = self.by_handle.remove(&handle)?;
        self.by_name.remove(&name);
        Some(name)
    }

    /// Who has a name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Handle> {
        self.by_name.get(bare(name)).copied()
    }

    /// All names, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Handle)> {
        let names = self.by_name.iter();
        names.map(|(name, handle)| (name.as_slice(), *handle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(result: Result<Option<Registered>>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_service_has_one_name_and_a_name_one_service() {
        let mut names = Names::default();
        let fresh = Some(Registered { dropped: None });
        assert_eq!(names.register(b"a", Handle(1)).unwrap(), fresh);
        assert_eq!(names.register(b"@a", Handle(1)).unwrap(), None);
        assert_eq!(
            error(names.register(b"a", Handle(2))),
            "the cluster name \"a\" is taken by :00000001"
        );
        assert_eq!(names.find(b"@a"), Some(Handle(1)));
        let moved = Registered {
            dropped: Some(b"a".to_vec()),
        };
        assert_eq!(names.register(b"b", Handle(1)).unwrap(), Some(moved));
        assert_eq!(names.find(b"a"), None);
        assert_eq!(names.register(b"a", Handle(2)).unwrap(), fresh);
        let all: Vec<_> = names.iter().collect();
        assert_eq!(all, [(&b"a"[..], Handle(2)), (&b"b"[..], Handle(1))]);
    }

    #[test]
    fn names_are_given_up() {
        let mut names = Names::default();
        names.register(b"a", Handle(1)).unwrap();
        assert!(names.unregister(b"@a"));
        assert!(!names.unregister(b"a"));
        names.register(b"b", Handle(1)).unwrap();
        assert_eq!(names.forget(Handle(1)), Some(b"b".to_vec()));
        assert_eq!(names.forget(Handle(1)), None);
        assert_eq!(names.iter().count(), 0);
    }

    #[test]
    fn there_are_limits() {
        let mut names = Names::default();
        assert!(error(names.register(b"", Handle(1))).contains("0 bytes"));
        assert!(error(names.register(b"@", Handle(1))).contains("0 bytes"));
        assert!(error(names.register(&[b'x'; LONGEST + 1], Handle(1))).contains("255 bytes"));
        names.register(&[b'x'; LONGEST], Handle(1)).unwrap();
        for number in 2..=u32::try_from(MOST).unwrap() {
            let name = number.to_string();
            names.register(name.as_bytes(), Handle(number)).unwrap();
        }
        let more = u32::MAX;
        assert!(error(names.register(b"more", Handle(more))).contains("4096 already"));
        // Another name for one that has one is none more.
        assert!(names.register(b"more", Handle(1)).is_ok());
    }
}
