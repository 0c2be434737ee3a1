//! Files that are written, read again, and wrong.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::tree::Limits;

const LIMITS: Limits = Limits {
    bytes: 100_000,
    depth: 32,
};

thread_local! {
    /// Whether this thread's commits fail.
    pub(crate) static DISK_IS_FULL: Cell<bool> = const { Cell::new(false) };
    /// How many there were.
    pub(crate) static COMMITS: Cell<u32> = const { Cell::new(0) };
}

/// What a commit does first.
pub(super) fn before_commit() -> Result<()> {
    COMMITS.set(COMMITS.get() + 1);
    if DISK_IS_FULL.get() {
        return Err(Error::msg("no space left on device"));
    }
    Ok(())
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("datacenter-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("center.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn path(text: &str) -> Vec<Key> {
    let words = text.split('.');
    let words = words.map(|word| Key::String(word.as_bytes().into()));
    words.collect()
}

fn open(folder: &Folder) -> (Store, Tree) {
    let mut tree = Tree::new(LIMITS);
    let store = Store::open(&folder.file(), &mut tree).unwrap();
    (store, tree)
}

fn check_refused(folder: &Folder, limits: Limits, expected: &str) {
    let error = Store::open(&folder.file(), &mut Tree::new(limits)).unwrap_err();
    let error = error.to_string();
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("center.redb"), "{error}");
}

/// Changes the tree and the file.
fn set(store: &Store, tree: &mut Tree, at: &str, value: Value) {
    let new = Node::from_value(value).unwrap();
    let change = tree.set(&path(at), new).unwrap();
    let write = Write::of(tree, &path(at), change.old.as_ref()).unwrap();
    store.commit([write].iter()).unwrap();
}

fn table(pairs: &[(&str, i64)]) -> Value {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(key, value)| (Value::from(*key), Value::Integer(*value)));
    Value::from(Table {
        array: Vec::new(),
        pairs: pairs.collect(),
    })
}

/// Everything at the top.
fn all(tree: &Tree, keys: &[&str]) -> Vec<Option<Node>> {
    let keys = keys.iter();
    keys.map(|key| tree.get(&path(key)).unwrap().cloned())
        .collect()
}

#[test]
fn what_was_set_is_there_again() {
    let folder = Folder::new();
    let (store, mut tree) = open(&folder);
    let keys = ["a", "ab", "b", "c", "d"];
    set(&store, &mut tree, "a.x", Value::Integer(1));
    set(&store, &mut tree, "a.y.z", Value::from("text"));
    set(&store, &mut tree, "ab", Value::Boolean(true));
    // A branch becomes a value, a value a branch.
    set(&store, &mut tree, "a.y", Value::Number(0.5));
    set(&store, &mut tree, "ab", table(&[("p", 1), ("q", 2)]));
    // A branch becomes empty, a value changes, something goes.
    set(&store, &mut tree, "b.only", Value::Integer(1));
    set(&store, &mut tree, "b.only", Value::Nil);
    set(&store, &mut tree, "c", Value::Integer(1));
    set(&store, &mut tree, "c", Value::Integer(2));
    set(&store, &mut tree, "d.e.f", Value::Integer(1));
    set(&store, &mut tree, "d", Value::Nil);
    // An empty branch is filled, and emptied again.
    set(&store, &mut tree, "e", table(&[]));
    set(&store, &mut tree, "e.x", Value::Integer(1));
    drop(store);
    let (store, read) = open(&folder);
    assert_eq!(all(&read, &keys), all(&tree, &keys));
    assert_eq!(all(&read, &["e"]), all(&tree, &["e"]));
    assert_eq!(read.bytes(), tree.bytes());
    assert_eq!(
        read.get(&path("b")).unwrap().unwrap().to_value(),
        table(&[])
    );
    assert_eq!(
        read.get(&path("ab.q")).unwrap().unwrap().to_value(),
        Value::Integer(2)
    );
    drop(store);
}

#[test]
fn changes_of_one_commit_come_in_their_order() {
    let folder = Folder::new();
    let (store, mut tree) = open(&folder);
    let mut writes = Vec::new();
    for (at, value) in [
        ("a.x", Value::Integer(1)),
        ("a", Value::Nil),
        ("a.y", Value::Integer(2)),
        ("b", Value::Integer(3)),
        ("b", table(&[("x", 4)])),
    ] {
        let new = Node::from_value(value).unwrap();
        let change = tree.set(&path(at), new).unwrap();
        writes.push(Write::of(&tree, &path(at), change.old.as_ref()).unwrap());
    }
    store.commit(writes.iter()).unwrap();
    drop(store);
    let (_store, read) = open(&folder);
    assert_eq!(all(&read, &["a", "b"]), all(&tree, &["a", "b"]));
    assert_eq!(
        read.get(&path("a")).unwrap().unwrap().to_value(),
        table(&[("y", 2)])
    );
}

#[test]
fn a_file_in_use_is_refused() {
    let folder = Folder::new();
    let (store, _tree) = open(&folder);
    check_refused(&folder, LIMITS, "another process has it open");
    drop(store);
    open(&folder);
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let folder = Folder::new();
    fs::write(folder.file(), "a letter to the moon ".repeat(1000)).unwrap();
    check_refused(&folder, LIMITS, "no file of a data center");
    fs::write(folder.file(), "short").unwrap();
    check_refused(&folder, LIMITS, "");
    fs::remove_file(folder.file()).unwrap();
    fs::create_dir(folder.file()).unwrap();
    check_refused(&folder, LIMITS, "");
}

#[test]
fn a_file_of_another_form_is_refused() {
    let folder = Folder::new();
    let (store, _tree) = open(&folder);
    let transaction = store.database.begin_write().unwrap();
    let mut about = transaction.open_table(ABOUT).unwrap();
    about.insert(FORMAT, 2).unwrap();
    drop(about);
    transaction.commit().unwrap();
    drop(store);
    check_refused(&folder, LIMITS, "form 2");
}

#[test]
fn damage_is_found_at_start() {
    let folder = Folder::new();
    let (store, mut tree) = open(&folder);
    for number in 0..1000 {
        let value = Value::from("x".repeat(16));
        let new = Node::from_value(value).unwrap();
        let change = tree.set(&[Key::Integer(number % 700)], new).unwrap();
        let write = Write::of(&tree, &[Key::Integer(number % 700)], change.old.as_ref());
        store.commit([write.unwrap()].iter()).unwrap();
    }
    drop(store);
    let whole = fs::read(folder.file()).unwrap();
    let mut refused = 0;
    for place in (0..whole.len()).step_by(whole.len() / 24) {
        let mut damaged = whole.clone();
        let end = (place + 512).min(damaged.len());
        damaged[place..end]
            .iter_mut()
            .for_each(|byte| *byte ^= 0x5a);
        fs::write(folder.file(), &damaged).unwrap();
        // Some of it means nothing; the rest must be told, never read.
        let mut read = Tree::new(LIMITS);
        match Store::open(&folder.file(), &mut read) {
            Ok(_) => assert_eq!(read.bytes(), tree.bytes()),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}

#[test]
fn a_file_that_holds_too_much_is_refused() {
    let folder = Folder::new();
    let (store, mut tree) = open(&folder);
    set(&store, &mut tree, "a.b.c", Value::from("x".repeat(1000)));
    drop(store);
    let small = Limits {
        bytes: 1000,
        ..LIMITS
    };
    check_refused(&folder, small, "full");
    let flat = Limits { depth: 2, ..LIMITS };
    check_refused(&folder, flat, "at most 2");
}

#[test]
fn a_row_that_makes_no_sense_is_refused() {
    for (key, value) in [
        (&b""[..], &b"\x09"[..]),
        (b"\x0ca", b""),
        (b"\x0ca", b"\x00"),
        (b"\x06\x00", b"\x09"),
        (b"\x07", b"\x09"),
        (b"\x0ca", b"\x07"),
    ] {
        let folder = Folder::new();
        let (store, _tree) = open(&folder);
        let write = Write {
            path: Vec::new(),
            clears: false,
            rows: vec![(key.to_vec(), value.to_vec())],
        };
        store.commit([write].iter()).unwrap();
        drop(store);
        check_refused(&folder, LIMITS, "");
    }
}

#[test]
fn everything_below_a_path_is_between_it_and_its_end() {
    assert_eq!(end_of(b"a"), Some(b"b".to_vec()));
    assert_eq!(end_of(b"a\xff\xff"), Some(b"b".to_vec()));
    assert_eq!(end_of(b"\xff"), None);
    assert_eq!(end_of(b""), None);
}
