//! Which nodes are known, and how patient those are who ask for one that is not.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_service::{Error, Result};

use crate::table::{Address, MOST_NODES, NodeTable, Whereabouts};

/// All nodes that were ever named.
#[derive(Default, Debug)]
pub(crate) struct Nodes {
    known: BTreeMap<String, Whereabouts>,
    nowaiting: Option<bool>,
}

/// What is known of a name.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Found<'a> {
    /// The node is there.
    At(&'a Address),
    /// The node is down: its address is `false`.
    Down,
    /// Nothing.
    Unknown,
}

/// How long a request to an unknown node waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// So long.
    Some(Duration),
    /// Until the node is known.
    Endless,
}

/// What a table has changed.
#[derive(PartialEq, Eq, Default, Debug)]
pub(crate) struct Changes {
    /// Nodes that are new, elsewhere, or down.
    pub(crate) nodes: Vec<(String, Whereabouts)>,
    /// Nobody may wait any longer.
    pub(crate) is_impatient: bool,
}

impl Nodes {
    /// Adds and changes what a table says. What it does not say stays.
    ///
    /// # Errors
    /// There would be too many; nothing has changed.
    pub(crate) fn update(&mut self, table: NodeTable) -> Result<Changes> {
        let names = table.nodes.keys();
        let new = names.filter(|name| !self.known.contains_key(*name)).count();
        if self.known.len() + new > MOST_NODES {
            return Err(Error::refused(format_args!(
                "more than {MOST_NODES} cluster nodes would be known"
            )));
        }
        let was_impatient = self.nowaiting == Some(true);
        self.nowaiting = table.nowaiting.or(self.nowaiting);
        let mut changes = Changes {
            nodes: Vec::new(),
            is_impatient: !was_impatient && self.nowaiting == Some(true),
        };
        for (name, node) in table.nodes {
            if self.known.get(&name) != Some(&node) {
                self.known.insert(name.clone(), node.clone());
                changes.nodes.push((name, node));
            }
        }
        Ok(changes)
    }

    /// What is known of `name`.
    pub(crate) fn find(&self, name: &str) -> Found<'_> {
        match self.known.get(name) {
            Some(Whereabouts::At(address)) => Found::At(address),
            Some(Whereabouts::Down) => Found::Down,
            None => Found::Unknown,
        }
    }

    /// How long requests to unknown nodes wait, when they wait for `usual` if nothing is said.
    pub(crate) fn patience(&self, usual: Duration) -> Patience {
        match self.nowaiting {
            Some(true) => Patience::None,
            Some(false) => Patience::Endless,
            None if usual.is_zero() => Patience::None,
            None => Patience::Some(usual),
        }
    }

    /// All of them, by name.
    pub(crate) const fn all(&self) -> &BTreeMap<String, Whereabouts> {
        &self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(5);

    fn table(toml: &str) -> NodeTable {
        NodeTable::from_toml(toml).unwrap()
    }

    fn changed(nodes: &mut Nodes, toml: &str) -> (Vec<String>, bool) {
        let changes = nodes.update(table(toml)).unwrap();
        let names = changes.nodes.into_iter().map(|(name, _)| name).collect();
        (names, changes.is_impatient)
    }

    #[test]
    fn tables_add_and_change_and_take_nothing_away() {
        let mut nodes = Nodes::default();
        let mut check = |toml: &str, expected: &[&str]| {
            let (names, _) = changed(&mut nodes, toml);
            assert_eq!(names, expected, "{toml}");
        };
        check("a = \"h:1\"\nb = false", &["a", "b"]);
        check("a = \"h:1\"\nb = false", &[]);
        check("a = \"h:2\"", &["a"]);
        check("", &[]);
        check("b = \"h:3\"\nc = \"h:4\"", &["b", "c"]);
        check("a = false", &["a"]);
        assert_eq!(nodes.find("a"), Found::Down);
        assert_eq!(nodes.find("d"), Found::Unknown);
        assert!(matches!(nodes.find("b"), Found::At(address) if address.text() == "h:3"));
        assert_eq!(nodes.all().len(), 3);
    }

    #[test]
    fn patience_is_as_the_tables_say() {
        let mut nodes = Nodes::default();
        assert_eq!(nodes.patience(USUAL), Patience::Some(USUAL));
        assert_eq!(nodes.patience(Duration::ZERO), Patience::None);
        let mut check = |toml: &str, is_impatient, expected| {
            assert_eq!(changed(&mut nodes, toml).1, is_impatient, "{toml}");
            assert_eq!(nodes.patience(USUAL), expected, "{toml}");
        };
        check("__nowaiting = false", false, Patience::Endless);
        check("a = false", false, Patience::Endless);
        check("__nowaiting = true", true, Patience::None);
        check("__nowaiting = true", false, Patience::None);
    }

    #[test]
    fn there_are_not_too_many() {
        let mut nodes = Nodes::default();
        let mut full = NodeTable::default();
        for number in 0..MOST_NODES {
            full.nodes.insert(number.to_string(), Whereabouts::Down);
        }
        nodes.update(full).unwrap();
        assert!(nodes.update(table("a = false")).is_err());
        assert_eq!(nodes.find("a"), Found::Unknown);
        assert_eq!(changed(&mut nodes, "0 = \"h:1\"").0, ["0"]);
    }
}
