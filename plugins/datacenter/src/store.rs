//! The file in which the tree is kept, an embedded database.
//!
//! It has a row for each value: the packed path, and the packed value. An empty branch is a row with an empty table; a
//! row that says so of a branch that is not empty means nothing.

use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, ReadableTable as _, StorageError, TableDefinition};
use skynet_seri::{Table, Value, WriteError};
use skynet_service::{Error, Result, ResultExt as _};

use crate::key::{Key, pack_path, show_path, unpack_path};
use crate::tree::{Node, Tree};

const VALUES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("values");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");

/// The key of [`ABOUT`] under which the form of the file stands.
const FORMAT: &str = "format";
/// The form that is written here.
const CURRENT_FORMAT: u64 = 1;

/// Memory for pages of the file: everything is read once, at start.
const CACHE: usize = 1 << 20;

/// One change, for the file.
#[derive(Debug)]
pub(crate) struct Write {
    path: Vec<u8>,
    /// Everything at and below the path goes first.
    clears: bool,
    /// Then these come.
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Write {
    /// What the file must learn, after the tree has changed at `path`, where `old` was.
    ///
    /// # Errors
    /// A value is too large.
    pub(crate) fn of(tree: &Tree, path: &[Key], old: Option<&Node>) -> Result<Self> {
        let packed = pack_path(path)?;
        let mut rows = Vec::new();
        let new = tree.get(path)?;
        match new {
            Some(node) => add_rows(&mut rows, packed.clone(), node)?,
            None => {
                let above = &path[..path.len() - 1];
                if let Some(Node::Branch(branch)) = tree.get(above)?
                    && branch.is_empty()
                {
                    rows.push((pack_path(above)?, empty_table()?));
                }
            }
        }
        let is_overwritten = matches!((old, new), (Some(Node::Leaf(_)), Some(Node::Leaf(_))));
        Ok(Self {
            path: packed,
            clears: old.is_some() && !is_overwritten,
            rows,
        })
    }

    /// Bytes that it holds.
    pub(crate) fn len(&self) -> usize {
        let rows = self.rows.iter();
        self.path.len()
            + rows
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>()
    }
}

fn empty_table() -> Result<Vec<u8>, WriteError> {
    skynet_seri::encode(&[Value::from(Table::default())])
}

fn add_rows(rows: &mut Vec<(Vec<u8>, Vec<u8>)>, path: Vec<u8>, node: &Node) -> Result<()> {
    match node {
        Node::Leaf(value) => {
            let value = skynet_seri::encode(std::slice::from_ref(value))?;
            rows.push((path, value));
        }
        Node::Branch(branch) if branch.is_empty() => rows.push((path, empty_table()?)),
        Node::Branch(branch) => {
            for (key, node) in branch {
                let mut below = path.clone();
                below.extend(pack_path(std::slice::from_ref(key))?);
                add_rows(rows, below, node)?;
            }
        }
    }
    Ok(())
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
}

impl Store {
    /// Opens a file, or makes it, and fills the tree with what is in it.
    ///
    /// # Errors
    /// It cannot be opened, is in use, is damaged or of another kind, or holds more than the tree may.
    pub(crate) fn open(path: &Path, tree: &mut Tree) -> Result<Self> {
        let mut builder = Builder::new();
        // Else what was damaged by others might show only later, as a panic.
        builder.set_check_integrity_on_open(true);
        builder.set_cache_size(CACHE);
        let store = builder.create(path).map_err(explain).and_then(|database| {
            let store = Self {
                database,
                path: path.to_owned(),
            };
            store.check_format()?;
            store.load(tree)?;
            Ok(store)
        });
        store.context(format_args!("the data center's file {}", path.display()))
    }

    /// Says of a new file what it is, or checks that it is that.
    fn check_format(&self) -> Result<()> {
        let transaction = self.database.begin_write()?;
        let is_new = {
            let mut about = transaction.open_table(ABOUT)?;
            let format = about.get(FORMAT)?.map(|format| format.value());
            match format {
                Some(CURRENT_FORMAT) => false,
                Some(format) => {
                    return Err(Error::msg(format_args!(
                        "it has form {format}, wanted {CURRENT_FORMAT}: another version has written it"
                    )));
                }
                None => {
                    about.insert(FORMAT, CURRENT_FORMAT)?;
                    true
                }
            }
        };
        if is_new {
            transaction.open_table(VALUES)?;
            transaction.commit()?;
        }
        Ok(())
    }

    fn load(&self, tree: &mut Tree) -> Result<()> {
        use redb::ReadableDatabase as _;
        let transaction = self.database.begin_read()?;
        let values = transaction.open_table(VALUES)?;
        for row in values.iter()? {
            let (key, value) = row?;
            let path = unpack_path(key.value()).context("a row has no path")?;
            let value = skynet_seri::decode(value.value())?
                .pop()
                .unwrap_or_default();
            let node = Node::from_value(value)?;
            if path.is_empty() || node.is_none() {
                return Err(Error::msg("it is damaged: a row has no key or no value"));
            }
            tree.set(&path, node).context(show_path(&path))?;
        }
        Ok(())
    }

    /// Writes changes down, all or none. They are safe when this returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn commit<'a>(&self, writes: impl Iterator<Item = &'a Write>) -> Result<()> {
        self.try_commit(writes)
            .context(format_args!("not saved in {}", self.path.display()))
    }

    fn try_commit<'a>(&self, writes: impl Iterator<Item = &'a Write>) -> Result<()> {
        #[cfg(test)]
        tests::before_commit()?;
        let transaction = self.database.begin_write()?;
        {
            let mut values = transaction.open_table(VALUES)?;
            for write in writes {
                if write.clears {
                    let end = end_of(&write.path);
                    let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                    let below = (Bound::Included(&*write.path), end);
                    values.retain_in::<&[u8], _>(below, |_, _| false)?;
                }
                for (key, value) in &write.rows {
                    values.insert(&**key, &**value)?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// The first bytes behind everything that begins with `prefix`. `None`: there is nothing behind.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn explain(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::msg("another process has it open"),
        DatabaseError::Storage(StorageError::Corrupted(what)) => {
            Error::msg(format_args!("it is damaged: {what}"))
        }
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            Error::msg(format_args!("it is no file of a data center: {error}"))
        }
        error => error.into(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
