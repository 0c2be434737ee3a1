//! The services of which there is one.

use std::collections::BTreeMap;

use skynet_seri::Value;
use skynet_service::Handle;

/// What is known of a service. One of which nothing is known is not in the table.
#[derive(Default, Debug)]
struct Entry {
    handle: Option<Handle>,
    /// It is being launched, here or by whoever was asked to.
    is_launched: bool,
    /// Another service manager was asked for it.
    is_asked_for: bool,
}

/// Services by their keys.
#[derive(Default, Debug)]
pub(crate) struct Table {
    entries: BTreeMap<String, Entry>,
}

impl Table {
    /// The service, if it runs.
    pub(crate) fn running(&self, key: &str) -> Option<Handle> {
        self.entries.get(key)?.handle
    }

    /// False: it is being launched already.
    pub(crate) fn begin_launch(&mut self, key: &str) -> bool {
        let entry = self.entries.entry(key.to_owned()).or_default();
        !std::mem::replace(&mut entry.is_launched, true)
    }

    pub(crate) fn end_launch(&mut self, key: &str) {
        self.change(key, |entry| entry.is_launched = false);
    }

    /// False: it has been asked for already.
    pub(crate) fn begin_question(&mut self, key: &str) -> bool {
        let entry = self.entries.entry(key.to_owned()).or_default();
        !std::mem::replace(&mut entry.is_asked_for, true)
    }

    pub(crate) fn end_question(&mut self, key: &str) {
        self.change(key, |entry| entry.is_asked_for = false);
    }

    /// A service runs.
    pub(crate) fn insert(&mut self, key: &str, handle: Handle) {
        let entry = self.entries.entry(key.to_owned()).or_default();
        entry.handle = Some(handle);
    }

    /// A service has ended.
    pub(crate) fn forget(&mut self, handle: Handle) {
        self.entries.retain(|_, entry| {
            if entry.handle == Some(handle) {
                entry.handle = None;
            }
            entry.is_known()
        });
    }

    fn change(&mut self, key: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(key) {
            change(entry);
            if !entry.is_known() {
                self.entries.remove(key);
            }
        }
    }

    /// Name to address, or to how far it is. `waiting` says how many wait for which.
    pub(crate) fn list(&self, waiting: &[(String, usize)]) -> BTreeMap<String, String> {
        let mut list: BTreeMap<String, String> = waiting
            .iter()
            .map(|(key, count)| (key.clone(), format!("{count} waiting")))
            .collect();
        for (key, entry) in &self.entries {
            if let Some(handle) = entry.handle {
                list.insert(key.clone(), handle.to_string());
            } else if entry.is_launched {
                let waiting = list.remove(key).unwrap_or_else(|| "0 waiting".to_owned());
                list.insert(key.clone(), format!("launching, {waiting}"));
            }
        }
        list
    }
}

impl Entry {
    const fn is_known(&self) -> bool {
        self.handle.is_some() || self.is_launched || self.is_asked_for
    }
}

/// A list as a table.
pub(crate) fn to_value(list: BTreeMap<String, String>) -> Value {
    let pairs = list.into_iter();
    let pairs = pairs.map(|(name, text)| (Value::from(name), Value::from(text)));
    Value::from(skynet_seri::Table {
        array: Vec::new(),
        pairs: pairs.collect(),
    })
}
