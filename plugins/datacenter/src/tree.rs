//! The tree, within bounds.

use std::collections::BTreeMap;
use std::fmt;

use skynet_seri::{Table, Value};
use skynet_service::{Error, Reason, Result};

use super::key::{Key, show_path};

/// What an entry costs beside the bytes of its key and value.
const ENTRY: usize = 96;
/// What a table costs beside its entries: it has room for eleven of them from the first on.
const TABLE: usize = 640;

/// How much the tree may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Bytes of keys and values, with [`ENTRY`] for each and [`TABLE`] for each table.
    pub(crate) bytes: usize,
    /// Keys on the way to a value.
    pub(crate) depth: usize,
}

/// A place in the tree.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Node {
    /// A value that is no table.
    Leaf(Value),
    /// What Lua calls a table.
    Branch(BTreeMap<Key, Node>),
}

/// What a change has done, to be undone or written down.
#[derive(Debug)]
pub(crate) struct Change {
    /// What was there before.
    pub(crate) old: Option<Node>,
    /// How many keys of the path lead to the first place that was not there before.
    created: Option<usize>,
}

/// Values by their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    root: BTreeMap<Key, Node>,
    bytes: usize,
    limits: Limits,
}

impl Tree {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            root: BTreeMap::new(),
            bytes: 0,
            limits,
        }
    }

    /// What is at a path, if anything is.
    ///
    /// # Errors
    /// A value is in the way.
    pub(crate) fn get(&self, path: &[Key]) -> Result<Option<&Node>> {
        let mut found: Option<&Node> = None;
        let mut branch = &self.root;
        for (depth, key) in path.iter().enumerate() {
            if let Some(node) = found {
                match node {
                    Node::Branch(below) => branch = below,
                    Node::Leaf(_) => return Err(in_the_way(&path[..depth])),
                }
            }
            found = branch.get(key);
            if found.is_none() {
                return Ok(None);
            }
        }
        Ok(found)
    }

    /// Puts something at a path, or takes away what is there.
    ///
    /// # Errors
    /// There is no room for it, it lies too deep, or a value is in the way. Nothing is changed then.
    pub(crate) fn set(&mut self, path: &[Key], new: Option<Node>) -> Result<Change> {
        let old = self.get(path)?;
        if old.is_none() && new.is_none() {
            return Ok(Change {
                old: None,
                created: Some(path.len()),
            });
        }
        let existing = self.existing(path);
        if let Some(node) = &new {
            let depth = path.len() + node.depth();
            if depth > self.limits.depth {
                return Err(Error::refused(format_args!(
                    "{} would have {depth} keys to a value, at most {} are allowed",
                    show_path(path),
                    self.limits.depth
                )));
            }
            let freed = old.map_or(0, Node::cost);
            let above = path.iter().take(path.len() - 1).skip(existing);
            let above: usize = above.map(|key| ENTRY + TABLE + key.len()).sum();
            let key = if old.is_none() {
                path[path.len() - 1].len()
            } else {
                0
            };
            let added = above + key + node.cost();
            self.check_room(freed, added)?;
        }
        let created = (existing < path.len()).then_some(existing + 1);
        let old = self.replace(path, new);
        Ok(Change { old, created })
    }

    /// Takes the last change back.
    pub(crate) fn undo(&mut self, path: &[Key], change: Change) {
        let place = change
            .created
            .map_or(path, |keys| &path[..keys.min(path.len())]);
        self.replace(place, change.old);
    }

    /// How many keys of a path lead to something.
    fn existing(&self, path: &[Key]) -> usize {
        let mut branch = &self.root;
        for (depth, key) in path.iter().enumerate() {
            match branch.get(key) {
                Some(Node::Branch(below)) => branch = below,
                Some(Node::Leaf(_)) => return depth + 1,
                None => return depth,
            }
        }
        path.len()
    }

    fn check_room(&self, freed: usize, added: usize) -> Result<()> {
        let wanted = (self.bytes - freed).saturating_add(added);
        if wanted > self.limits.bytes && added > freed {
            return Err(Error::refused(Full {
                wanted: added - freed,
                used: self.bytes,
                limit: self.limits.bytes,
            }));
        }
        Ok(())
    }

    /// Puts `new` at a path, with the branches that lead to it, or takes away what is there.
    fn replace(&mut self, path: &[Key], new: Option<Node>) -> Option<Node> {
        let (last, above) = path.split_last()?;
        let mut branch = &mut self.root;
        for key in above {
            let node = match (branch.contains_key(key), &new) {
                (true, _) => branch.get_mut(key)?,
                (false, None) => return None,
                (false, Some(_)) => {
                    self.bytes += ENTRY + TABLE + key.len();
                    let empty = || Node::Branch(BTreeMap::new());
                    branch.entry(key.clone()).or_insert_with(empty)
                }
            };
            let Node::Branch(below) = node else {
                return None;
            };
            branch = below;
        }
        let old = match new {
            Some(node) => {
                self.bytes += node.cost() + last.len();
                branch.insert(last.clone(), node)
            }
            None => branch.remove(last),
        };
        if let Some(old) = &old {
            self.bytes -= old.cost() + last.len();
        }
        old
    }

    /// Bytes in use.
    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Node {
    /// What a value is as a part of the tree: a table is a branch. `None` for nil.
    ///
    /// # Errors
    /// A table has keys that the tree cannot have.
    pub(crate) fn from_value(value: Value) -> Result<Option<Self>> {
        let table = match value {
            Value::Nil => return Ok(None),
            Value::Table(table) => table,
            value => return Ok(Some(Self::Leaf(value))),
        };
        let mut branch = BTreeMap::new();
        let keys = (1..).map(Value::Integer);
        let array = keys.zip(table.array);
        for (key, value) in array.chain(table.pairs) {
            let key = Key::from_value(key)?;
            if let Some(node) = Self::from_value(value)? {
                branch.insert(key, node);
            }
        }
        Ok(Some(Self::Branch(branch)))
    }

    /// The same as a value. Keys 1, 2, … without a gap are an array.
    pub(crate) fn to_value(&self) -> Value {
        let branch = match self {
            Self::Leaf(value) => return value.clone(),
            Self::Branch(branch) => branch,
        };
        let from_one = (1..).map_while(|index| branch.get(&Key::Integer(index)));
        let array: Vec<Value> = from_one.map(Self::to_value).collect();
        let in_array = |key: &Key| {
            matches!(key, Key::Integer(index)
                if usize::try_from(*index).is_ok_and(|index| (1..=array.len()).contains(&index)))
        };
        let pairs = branch.iter().filter(|(key, _)| !in_array(key));
        let pairs = pairs.map(|(key, node)| (key.to_value(), node.to_value()));
        let pairs = pairs.collect();
        Value::from(Table { array, pairs })
    }

    /// What it takes of the tree's bytes, without its own key.
    fn cost(&self) -> usize {
        match self {
            Self::Leaf(Value::String(bytes)) => ENTRY + bytes.len(),
            Self::Leaf(_) => ENTRY,
            Self::Branch(branch) => {
                let below = branch.iter();
                let below = below.map(|(key, node)| key.len() + node.cost());
                ENTRY + TABLE + below.sum::<usize>()
            }
        }
    }

    /// Keys on the longest way down.
    fn depth(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Branch(branch) => {
                let below = branch.values().map(Self::depth).max();
                below.map_or(0, |below| below + 1)
            }
        }
    }
}

/// There is no room.
#[derive(Debug)]
struct Full {
    wanted: usize,
    used: usize,
    limit: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the data center is full: {} more bytes do not fit, {} of {} are in use",
            self.wanted, self.used, self.limit
        )
    }
}

fn in_the_way(path: &[Key]) -> Error {
    let text = format!(
        "{} is a value, and nothing can be below it",
        show_path(path)
    );
    Error::msg(text).with_reason(Reason::REFUSED)
}

#[cfg(test)]
mod tests {
    use skynet_seri::{decode, pack};

    use super::*;

    fn tree(bytes: usize, depth: usize) -> Tree {
        Tree::new(Limits { bytes, depth })
    }

    fn path(text: &str) -> Vec<Key> {
        let words = text.split('.');
        words
            .map(|word| Key::String(word.as_bytes().into()))
            .collect()
    }

    fn node(value: impl Into<Value>) -> Option<Node> {
        Node::from_value(value.into()).unwrap()
    }

    fn table(pairs: &[(&str, Value)]) -> Value {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(key, value)| (Value::from(*key), value.clone()));
        Value::from(Table {
            array: Vec::new(),
            pairs: pairs.collect(),
        })
    }

    fn check(tree: &Tree, at: &str, expected: Option<Value>) {
        let found = tree.get(&path(at)).unwrap().map(Node::to_value);
        assert_eq!(found, expected, "{at}");
    }

    #[test]
    fn values_are_set_read_and_taken_away() {
        let mut tree = tree(10_000, 32);
        assert!(tree.set(&path("a.b"), node(1)).unwrap().old.is_none());
        assert_eq!(tree.set(&path("a.b"), node(2)).unwrap().old, node(1));
        tree.set(&path("a.c"), node("text")).unwrap();
        check(&tree, "a.b", Some(Value::Integer(2)));
        let both = [("b", Value::Integer(2)), ("c", Value::from("text"))];
        check(&tree, "a", Some(table(&both)));
        check(&tree, "x.y.z", None);
        assert_eq!(tree.set(&path("a.b"), None).unwrap().old, node(2));
        assert!(tree.set(&path("x.y"), None).unwrap().old.is_none());
        check(&tree, "x", None);
        tree.set(&path("a.c"), None).unwrap();
        check(&tree, "a", Some(table(&[])));
        tree.set(&path("a"), None).unwrap();
        assert_eq!(tree.bytes(), 0);
    }

    #[test]
    fn tables_are_branches() {
        let mut tree = tree(10_000, 32);
        let inner = table(&[("y", Value::Boolean(false))]);
        tree.set(&path("a"), node(table(&[("x", inner)]))).unwrap();
        check(&tree, "a.x.y", Some(Value::Boolean(false)));
        tree.set(&path("a.x.z"), node(2.5)).unwrap();
        let inner = [("y", Value::Boolean(false)), ("z", Value::Number(2.5))];
        check(&tree, "a", Some(table(&[("x", table(&inner))])));
        let list = decode(&pack!([7, 8, 9]).unwrap()).unwrap().remove(0);
        let old = tree.set(&path("a"), node(list.clone())).unwrap().old;
        assert_eq!(old.unwrap().to_value(), table(&[("x", table(&inner))]));
        check(&tree, "a", Some(list));
        let second = [path("a"), vec![Key::Integer(2)]].concat();
        tree.set(&second, None).unwrap();
        let value = tree.get(&path("a")).unwrap().unwrap().to_value();
        let left = value.as_table().unwrap();
        assert_eq!(left.array, [Value::Integer(7)]);
        assert_eq!(left.pairs, [(Value::Integer(3), Value::Integer(9))]);
    }

    #[test]
    fn nothing_is_below_a_value() {
        let mut tree = tree(10_000, 32);
        tree.set(&path("a.b"), node(1)).unwrap();
        let error = tree.set(&path("a.b.c.d"), node(1)).unwrap_err().to_string();
        assert!(error.starts_with("a.b is a value"), "{error}");
        assert!(tree.get(&path("a.b.c")).is_err());
        tree.set(&path("a"), node(5)).unwrap();
        check(&tree, "a", Some(Value::Integer(5)));
    }

    #[test]
    fn a_full_tree_says_so_and_stays_as_it_is() {
        let mut small = tree(2 * ENTRY + TABLE + 10, 2);
        small.set(&path("a.b"), node("12345678")).unwrap();
        let used = small.bytes();
        let check = |tree: &mut Tree, at: &str, new: Option<Node>, expected: &str| {
            let error = tree.set(&path(at), new).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(tree.bytes(), used);
        };
        check(&mut small, "a.b", node("123456789"), "1 more bytes");
        check(&mut small, "c", node(1), "full");
        check(&mut small, "a.b.c", node(1), "is a value");
        check(&mut small, "x.y.z", node(1), "3 keys");
        let deep = table(&[("x", table(&[("y", Value::Boolean(true))]))]);
        check(&mut small, "a", node(deep), "3 keys");
        small.set(&path("a.b"), node("87654321")).unwrap();
        small.set(&path("a"), node("123")).unwrap();
        assert_eq!(small.bytes(), ENTRY + 4);
    }

    #[test]
    fn changes_are_taken_back() {
        let mut tree = tree(10_000, 32);
        tree.set(&path("a.b"), node("old")).unwrap();
        let before = (tree.root.clone(), tree.bytes());
        for (at, new) in [
            ("a.b", node("new")),
            ("a.b", None),
            ("a", node(5)),
            ("a", None),
            ("a.x.y.z", node(1)),
            ("n", node(table(&[("x", Value::Integer(1))]))),
            ("x.y", None),
            ("a.x", None),
        ] {
            let change = tree.set(&path(at), new).unwrap();
            tree.undo(&path(at), change);
            assert_eq!((tree.root.clone(), tree.bytes()), before, "{at}");
        }
    }
}
