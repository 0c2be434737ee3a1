//! What waits for nodes to be known, in the order of its arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most that waits.
pub(crate) const MOST: usize = 65_536;

/// What waits, by the node that it is for.
#[derive(Debug)]
pub(crate) struct Held<T> {
    last_ticket: u64,
    waiting: BTreeMap<u64, Waiting<T>>,
    by_node: BTreeMap<String, BTreeSet<u64>>,
    by_end: BTreeSet<(Duration, u64)>,
    bytes: usize,
    /// The most bytes that wait.
    limit: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    node: String,
    item: T,
    bytes: usize,
    /// When it waits no longer.
    end: Option<Duration>,
}

impl<T> Held<T> {
    /// Nothing, and room for `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            last_ticket: 0,
            waiting: BTreeMap::new(),
            by_node: BTreeMap::new(),
            by_end: BTreeSet::new(),
            bytes: 0,
            limit,
        }
    }

    /// Has something of `bytes` bytes wait for `node`, until `end`. Returns its ticket.
    ///
    /// # Errors
    /// Too much waits: it comes back.
    pub(crate) fn add(
        &mut self,
        node: &str,
        item: T,
        bytes: usize,
        end: Option<Duration>,
    ) -> Result<u64, T> {
        if self.waiting.len() >= MOST || bytes > self.limit.saturating_sub(self.bytes) {
            return Err(item);
        }
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.bytes += bytes;
        self.by_end.extend(end.map(|end| (end, ticket)));
        let of_node = self.by_node.entry(node.to_owned());
        of_node.or_default().insert(ticket);
        let waiting = Waiting {
            node: node.to_owned(),
            item,
            bytes,
            end,
        };
        self.waiting.insert(ticket, waiting);
        Ok(ticket)
    }

    /// What waits with this ticket, to be changed.
    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut T> {
        self.waiting
            .get_mut(&ticket)
            .map(|waiting| &mut waiting.item)
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, ticket: u64) -> Option<(String, T)> {
        let Waiting {
            node,
            item,
            bytes,
            end,
        } = self.waiting.remove(&ticket)?;
        self.bytes -= bytes;
        if let Some(end) = end {
            self.by_end.remove(&(end, ticket));
        }
        if let Some(of_node) = self.by_node.get_mut(&node) {
            of_node.remove(&ticket);
            if of_node.is_empty() {
                self.by_node.remove(&node);
            }
        }
        Some((node, item))
    }

    /// Takes out all that wait for a node.
    pub(crate) fn take(&mut self, node: &str) -> Vec<T> {
        let tickets = self.by_node.get(node).cloned().unwrap_or_default();
        let taken = tickets.into_iter().filter_map(|one| self.remove(one));
        taken.map(|(_, item)| item).collect()
    }

    /// Takes out all that wait.
    pub(crate) fn take_all(&mut self) -> Vec<(String, T)> {
        let tickets: Vec<u64> = self.waiting.keys().copied().collect();
        tickets
            .into_iter()
            .filter_map(|one| self.remove(one))
            .collect()
    }

    /// Takes out those whose time is up, in the order of their ends.
    pub(crate) fn take_overdue(&mut self, now: Duration) -> Vec<(String, T)> {
        let due = self.by_end.range(..=(now, u64::MAX));
        let tickets: Vec<u64> = due.map(|(_, ticket)| *ticket).collect();
        tickets
            .into_iter()
            .filter_map(|one| self.remove(one))
            .collect()
    }

    /// When the time of the first one is up.
    pub(crate) fn next_end(&self) -> Option<Duration> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// How many wait for a node.
    pub(crate) fn count(&self, node: &str) -> usize {
        self.by_node.get(node).map_or(0, BTreeSet::len)
    }

    /// The nodes that something waits for.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, usize)> {
        let nodes = self.by_node.iter();
        nodes.map(|(node, tickets)| (node.as_str(), tickets.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn what_waits_for_a_node_comes_out_in_order() {
        let mut held = Held::new(100);
        for (node, item, end) in [
            ("a", 1, at(9)),
            ("b", 2, None),
            ("a", 3, at(5)),
            ("a", 4, None),
        ] {
            held.add(node, item, 10, end).unwrap();
        }
        assert_eq!(held.count("a"), 3);
        assert_eq!(held.nodes().collect::<Vec<_>>(), [("a", 3), ("b", 1)]);
        assert_eq!(held.take("a"), [1, 3, 4]);
        assert_eq!(held.take("a"), [0; 0]);
        assert_eq!(held.next_end(), None);
        assert_eq!(held.take_all(), [("b".to_owned(), 2)]);
        assert_eq!(held.bytes, 0);
    }

    #[test]
    fn time_runs_out_for_each_by_itself() {
        let mut held = Held::new(100);
        held.add("a", 1, 0, at(9)).unwrap();
        let second = held.add("a", 2, 0, at(5)).unwrap();
        held.add("b", 3, 0, None).unwrap();
        assert_eq!(held.next_end(), at(5));
        assert_eq!(held.take_overdue(Duration::from_millis(4999)), []);
        assert_eq!(held.get_mut(second), Some(&mut 2));
        assert_eq!(
            held.take_overdue(Duration::from_secs(5)),
            [("a".to_owned(), 2)]
        );
        assert_eq!(held.remove(second), None);
        assert_eq!(held.next_end(), at(9));
        assert_eq!(held.take_overdue(Duration::MAX), [("a".to_owned(), 1)]);
        assert_eq!(held.count("b"), 1);
    }

    #[test]
    fn too_much_comes_back() {
        let mut held = Held::new(100);
        let first = held.add("a", 1, 60, None).unwrap();
        assert_eq!(held.add("b", 2, 41, None), Err(2));
        held.add("b", 2, 40, None).unwrap();
        held.remove(first).unwrap();
        held.add("b", 3, 60, None).unwrap();
        let mut held = Held::new(0);
        for number in 0..MOST {
            held.add("a", number, 0, None).unwrap();
        }
        assert_eq!(held.add("a", MOST, 0, None), Err(MOST));
    }
}
