//! Global names, and messages that wait until one is known.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use skynet_service::Handle;

use crate::item::Item;

/// Messages for names that are not known, all together, and their bytes.
const MOST: usize = 4096;
const MOST_BYTES: usize = 16 << 20;

/// What the harbor knows of names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashMap<Box<str>, Handle>,
    /// In order for each name.
    waiting: HashMap<Box<str>, VecDeque<(Duration, Item)>>,
    /// Whether a timer is set for what waits.
    pub(crate) is_timed: bool,
    count: usize,
    bytes: usize,
}

impl Names {
    pub(crate) fn find(&self, name: &str) -> Option<Handle> {
        self.known.get(name).copied()
    }

    /// A name is bound; returns what has waited for it, in order.
    pub(crate) fn bind(&mut self, name: &str, handle: Handle) -> Vec<Item> {
        self.known.insert(name.into(), handle);
        let items: Vec<_> = self.waiting.remove(name).into_iter().flatten().collect();
        items
            .into_iter()
            .map(|(_, item)| self.forget(item))
            .collect()
    }

    pub(crate) fn unbind(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Names of a node that is gone.
    pub(crate) fn unbind_node(&mut self, id: u8) {
        self.known.retain(|_, handle| handle.harbor() != id);
    }

    /// Keeps a message until its name is known, or `until`. Returns whether it is the first one for this name.
    ///
    /// # Errors
    /// Too many wait: the message comes back.
    pub(crate) fn keep(
        &mut self,
        name: &str,
        until: Duration,
        item: Item,
    ) -> std::result::Result<bool, Item> {
        if self.count >= MOST || self.bytes + item.body.len() > MOST_BYTES {
            return Err(item);
        }
        self.count += 1;
        self.bytes += item.body.len();
        let queue = self.waiting.entry(name.into()).or_default();
        queue.push_back((until, item));
        Ok(queue.len() == 1)
    }

    /// What has waited long enough, with the names.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<(Box<str>, Item)> {
        let mut expired = Vec::new();
        self.waiting.retain(|name, queue| {
            while queue.front().is_some_and(|(until, _)| *until <= now) {
                let item = queue.pop_front();
                expired.extend(item.map(|(_, item)| (name.clone(), item)));
            }
            !queue.is_empty()
        });
        for (_, item) in &expired {
            self.count -= 1;
            self.bytes -= item.body.len();
        }
        expired
    }

    /// When the next one has waited long enough.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        let fronts = self.waiting.values().filter_map(VecDeque::front);
        fronts.map(|(until, _)| *until).min()
    }

    fn forget(&mut self, item: Item) -> Item {
        self.count -= 1;
        self.bytes -= item.body.len();
        item
    }
}
