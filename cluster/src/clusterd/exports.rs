//! What callers from outside reach besides registered names.

use std::collections::BTreeSet;

use skynet_seri::Value;
use skynet_service::{Error, Handle, Result};

/// The most exports.
const MOST: usize = 4096;
/// The longest name, in bytes.
const LONGEST: usize = 255;

/// One service that is open to callers from outside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Export {
    /// `.name` or a global name, whoever has it.
    Name(String),
    Handle(Handle),
}

impl Export {
    /// Reads `.name`, a global name, or `:0000000a`.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if is_name(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        let handle = text
            .parse()
            .ok()
            .filter(|handle: &Handle| !handle.is_system());
        handle.map(Self::Handle).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::refused(format_args!(
                "{shown:?} cannot be exported, wanted \".name\", a global name or a handle"
            ))
        })
    }

    /// As it stands in messages.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Name(name) => Value::from(name.as_str()),
            Self::Handle(handle) => Value::from(i64::from(handle.0)),
        }
    }
}

/// Whether a service can be called so within its network. What begins with `@` is registered, not exported.
fn is_name(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    let bare = text.strip_prefix('.').unwrap_or(text);
    !bare.is_empty()
        && text.len() <= LONGEST
        && !text.starts_with([':', '@'])
        && !text.contains(is_odd)
}

/// All of them.
#[derive(Default, Debug)]
pub(crate) struct Exports(BTreeSet<Export>);

impl Exports {
    /// Adds one. Returns whether it is new.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn add(&mut self, export: Export) -> Result<bool> {
        if self.0.len() >= MOST && !self.0.contains(&export) {
            return Err(Error::refused(format_args!(
                "{MOST} services are exported already"
            )));
        }
        Ok(self.0.insert(export))
    }

    /// Takes one away. Returns whether it was there.
    pub(crate) fn remove(&mut self, export: &Export) -> bool {
        self.0.remove(export)
    }

    /// The handles among them.
    pub(crate) fn handles(&self) -> impl Iterator<Item = Handle> {
        self.0.iter().filter_map(|export| match export {
            Export::Handle(handle) => Some(*handle),
            Export::Name(_) => None,
        })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Export> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read() {
        let check = |text: &str, expected: Option<Export>| {
            assert_eq!(Export::parse(text).ok(), expected, "{text:?}");
        };
        check(".db", Some(Export::Name(".db".to_owned())));
        check("DB", Some(Export::Name("DB".to_owned())));
        check(":0000000a", Some(Export::Handle(Handle(10))));
        for wrong in [
            "",
            ".",
            "@db",
            ":",
            ":0",
            ":x",
            &format!(".{}", "x".repeat(255)),
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn exports_come_and_go() {
        let mut exports = Exports::default();
        let db = Export::parse(".db").unwrap();
        assert!(exports.add(db.clone()).unwrap());
        assert!(!exports.add(db.clone()).unwrap());
        assert!(exports.remove(&db));
        assert!(!exports.remove(&db));
        for number in 1..=u32::try_from(MOST).unwrap() {
            assert!(exports.add(Export::Handle(Handle(number))).unwrap());
        }
        assert!(exports.add(db).is_err());
        assert!(!exports.add(Export::Handle(Handle(1))).unwrap());
        assert_eq!(exports.iter().count(), MOST);
    }
}
