//! The keys and values, within bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

/// How much a store may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    pub(crate) keys: usize,
    /// Of keys and values together.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: 1_000_000,
            bytes: 256 << 20,
        }
    }
}

/// There is no room for a key or a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    Keys {
        limit: usize,
    },
    Bytes {
        wanted: usize,
        used: usize,
        limit: usize,
    },
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys { limit } => {
                write!(f, "the database is full: it holds {limit} keys, its limit")
            }
            Self::Bytes {
                wanted,
                used,
                limit,
            } => write!(
                f,
                "the database is full: {wanted} more bytes do not fit, {used} of {limit} are in use"
            ),
        }
    }
}

impl std::error::Error for Full {}

/// Keys and values, in the order of the keys. Values are packed; what is in them is the clients' affair.
#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    bytes: usize,
    limits: Limits,
}

impl Store {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(|value| &**value)
    }

    /// Sets a value; returns the former one. An error changes nothing.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Box<[u8]>>, Full> {
        let former = self.entries.get(key).map(|former| former.len());
        if former.is_none() && self.entries.len() >= self.limits.keys {
            return Err(Full::Keys {
                limit: self.limits.keys,
            });
        }
        let (freed, added) = match former {
            Some(former) => (former, value.len()),
            None => (0, key.len() + value.len()),
        };
        let used = self.bytes - freed;
        if added > self.limits.bytes.saturating_sub(used) {
            return Err(Full::Bytes {
                wanted: added.saturating_sub(freed),
                used: self.bytes,
                limit: self.limits.bytes,
            });
        }
        self.bytes = used + added;
        Ok(self.entries.insert(key.into(), value.into()))
    }

    /// Removes a key; returns its value.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Box<[u8]>> {
        let value = self.entries.remove(key)?;
        self.bytes -= key.len() + value.len();
        Some(value)
    }

    /// The keys that begin with `prefix`, in order.
    pub(crate) fn keys<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.entries
            .range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(key, _)| &**key)
            .take_while(move |key| key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(keys: usize, bytes: usize) -> Store {
        Store::new(Limits { keys, bytes })
    }

    #[test]
    fn what_is_set_is_found_until_it_is_removed() {
        let mut store = Store::default();
        assert_eq!(store.get(b"a"), None);
        assert_eq!(store.set(b"a", b"1"), Ok(None));
        assert_eq!(store.set(b"a", b"22"), Ok(Some(b"1"[..].into())));
        assert_eq!(store.get(b"a"), Some(&b"22"[..]));
        assert_eq!(store.remove(b"a"), Some(b"22"[..].into()));
        assert_eq!(store.remove(b"a"), None);
        assert_eq!(store.bytes, 0);
    }

    #[test]
    fn keys_are_in_order_and_chosen_by_their_beginning() {
        let mut store = Store::default();
        for key in ["b", "ab", "aa", "a", "c"] {
            store.set(key.as_bytes(), b"").unwrap();
        }
        let check = |prefix: &str, expected: &[&str]| {
            let keys: Vec<_> = store.keys(prefix.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|key| key.as_bytes()).collect();
            assert_eq!(keys, expected, "{prefix}");
        };
        check("", &["a", "aa", "ab", "b", "c"]);
        check("a", &["a", "aa", "ab"]);
        check("ab", &["ab"]);
        check("d", &[]);
    }

    #[test]
    fn a_full_store_says_so_and_stays_as_it_is() {
        let mut few = store(2, 1000);
        few.set(b"a", b"").unwrap();
        few.set(b"b", b"").unwrap();
        assert_eq!(few.set(b"c", b""), Err(Full::Keys { limit: 2 }));
        assert_eq!(few.set(b"a", b"replaced"), Ok(Some([].into())));
        few.remove(b"b");
        assert_eq!(few.set(b"c", b""), Ok(None));

        let mut small = store(10, 5);
        small.set(b"a", b"123").unwrap();
        assert!(matches!(
            small.set(b"b", b"1"),
            Err(Full::Bytes {
                used: 4,
                limit: 5,
                ..
            })
        ));
        assert!(small.set(b"a", b"12345").is_err());
        assert_eq!(small.get(b"a"), Some(&b"123"[..]));
        assert_eq!(small.set(b"a", b"1234"), Ok(Some(b"123"[..].into())));
        small.remove(b"a");
        assert_eq!(small.set(b"b", b"1234"), Ok(None));
    }
}
