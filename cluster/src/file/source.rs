//! Where the table is read from, and whether it has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use skynet_service::{Error, Result};

use crate::table::NodeTable;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Where the table of nodes stands.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Nowhere: it is empty.
    Nothing,
    /// In the configuration.
    Inline(String),
    /// In a file, which was like this when it was looked at last.
    File(PathBuf, Option<Stamp>),
}

/// How a file looks from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Source {
    pub(crate) const fn nothing() -> Self {
        Self::Nothing
    }

    pub(crate) const fn inline(text: String) -> Self {
        Self::Inline(text)
    }

    pub(crate) fn file(path: &str) -> Self {
        Self::File(PathBuf::from(path), None)
    }

    /// What it says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(&mut self) -> Result<NodeTable> {
        match self {
            Self::Nothing => Ok(NodeTable::default()),
            Self::Inline(text) => NodeTable::from_toml(text)
                .map_err(|error| Error::refused(format_args!("the table `cluster`: {error}"))),
            Self::File(path, stamp) => {
                // Before it is read: what is written meanwhile is seen the next time.
                *stamp = self::stamp(path);
                read_file(path)
            }
        }
    }

    /// What it says, if it looks otherwise than the last time.
    pub(crate) fn read_if_changed(&mut self) -> Option<Result<NodeTable>> {
        match self {
            Self::File(path, stamp) if self::stamp(path) != *stamp => Some(self.read()),
            _ => None,
        }
    }
}

/// `None` of a file that is not there.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        modified: found.modified().ok(),
        bytes: found.len(),
    })
}

fn read_file(path: &Path) -> Result<NodeTable> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::refused(format_args!("cluster file {}: {why}", path.display()))
    };
    let found = fs::metadata(path).map_err(|error| wrong(&error))?;
    if !found.is_file() || found.len() > LARGEST {
        return Err(wrong(&format_args!(
            "it is no file of at most {LARGEST} bytes"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    NodeTable::from_toml(&text).map_err(|error| wrong(&error))
}
