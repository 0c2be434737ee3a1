//! Requests that are answered later.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Requests that may wait at once.
const LIMIT: usize = 65_536;

/// The number of a request.
pub(crate) type Ticket = u64;

/// What a request waits for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    /// A global name to be bound.
    Name(String),
    /// The master's word on a registration.
    Registered(String),
    /// The master's word that a name is free.
    Unregistered(String),
    /// The end of a node.
    Down(u8),
    /// A node to be there.
    Up(u8),
    /// The end of the connection to the master.
    MasterLost,
}

struct Waiter {
    key: Key,
    caller: u32,
    until: Option<Duration>,
}

/// The requests that wait.
#[derive(Default)]
pub(crate) struct Waiting {
    by_ticket: BTreeMap<Ticket, Waiter>,
    by_key: BTreeMap<Key, BTreeSet<Ticket>>,
    by_end: BTreeSet<(Duration, Ticket)>,
}

impl Waiting {
    /// Whether there is no room for another one.
    pub(crate) fn is_full(&self) -> bool {
        self.by_ticket.len() >= LIMIT
    }

    /// Has a request of `caller` wait, at most until `until`.
    pub(crate) fn add(&mut self, ticket: Ticket, key: Key, caller: u32, until: Option<Duration>) {
        self.by_key.entry(key.clone()).or_default().insert(ticket);
        self.by_end.extend(until.map(|until| (until, ticket)));
        let waiter = Waiter { key, caller, until };
        self.by_ticket.insert(ticket, waiter);
    }

    /// Takes those that wait for `key`, in the order of their arrival.
    pub(crate) fn take(&mut self, key: &Key) -> Vec<Ticket> {
        let tickets = self.by_key.get(key).cloned().unwrap_or_default();
        self.remove_all(tickets)
    }

    /// Takes those of callers that are gone.
    pub(crate) fn take_of(&mut self, is_gone: impl Fn(u32) -> bool) -> Vec<Ticket> {
        let waiters = self.by_ticket.iter();
        let gone: Vec<_> = waiters
            .filter(|(_, waiter)| is_gone(waiter.caller))
            .map(|(ticket, _)| *ticket)
            .collect();
        self.remove_all(gone)
    }

    /// Takes those whose time is up, with what they waited for.
    pub(crate) fn take_late(&mut self, now: Duration) -> Vec<(Ticket, Key)> {
        let mut late = Vec::new();
        while let Some(&(until, ticket)) = self.by_end.first() {
            if until > now {
                break;
            }
            match self.remove(ticket) {
                Some(key) => late.push((ticket, key)),
                None => drop(self.by_end.pop_first()),
            }
        }
        late
    }

    /// When the next one's time is up.
    pub(crate) fn next_end(&self) -> Option<Duration> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// The names that are waited for.
    pub(crate) fn names(&self) -> Vec<String> {
        let keys = self.by_key.keys();
        keys.filter_map(|key| match key {
            Key::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
    }

    fn remove_all(&mut self, tickets: impl IntoIterator<Item = Ticket>) -> Vec<Ticket> {
        let tickets = tickets.into_iter();
        tickets
            .filter(|ticket| self.remove(*ticket).is_some())
            .collect()
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Key> {
        let waiter = self.by_ticket.remove(&ticket)?;
        if let Some(until) = waiter.until {
            self.by_end.remove(&(until, ticket));
        }
        if let Some(tickets) = self.by_key.get_mut(&waiter.key) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_key.remove(&waiter.key);
            }
        }
        Some(waiter.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn three() -> Waiting {
        let mut waiting = Waiting::default();
        waiting.add(1, Key::Down(7), 10, None);
        waiting.add(2, Key::Down(7), 20, Some(SECOND));
        waiting.add(3, Key::Name("A".to_owned()), 10, Some(2 * SECOND));
        waiting
    }

    fn is_empty(waiting: &Waiting) -> bool {
        waiting.by_ticket.is_empty() && waiting.by_key.is_empty() && waiting.by_end.is_empty()
    }

    #[test]
    fn requests_end_by_what_they_wait_for() {
        let mut waiting = three();
        assert_eq!(waiting.names(), ["A"]);
        assert_eq!(waiting.take(&Key::Down(7)), [1, 2]);
        assert_eq!(waiting.take(&Key::Down(7)), []);
        assert_eq!(waiting.take(&Key::Name("A".to_owned())), [3]);
        assert!(is_empty(&waiting));
    }

    #[test]
    fn requests_end_with_their_callers() {
        let mut waiting = three();
        assert_eq!(waiting.take_of(|caller| caller == 10), [1, 3]);
        assert_eq!(waiting.take_of(|caller| caller == 20), [2]);
        assert!(is_empty(&waiting));
    }

    #[test]
    fn requests_end_with_their_time() {
        let mut waiting = three();
        assert_eq!(waiting.next_end(), Some(SECOND));
        assert_eq!(waiting.take_late(SECOND - Duration::from_millis(1)), []);
        assert_eq!(waiting.take_late(SECOND), [(2, Key::Down(7))]);
        assert_eq!(waiting.next_end(), Some(2 * SECOND));
        assert_eq!(waiting.take_late(3 * SECOND).len(), 1);
        assert_eq!(waiting.take_of(|_| true), [1]);
        assert!(is_empty(&waiting));
    }
}
