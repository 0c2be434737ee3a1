//! Configuration texts from nowhere: no disk, no process environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::file::Sources;
use super::{Config, ConfigError, Loaded};

/// Reads `text` as the contents of `path`; variables and includes come from these maps alone.
///
/// # Errors
/// As [`Config::parse`].
pub fn config(
    path: &Path,
    text: &str,
    variables: &BTreeMap<String, OsString>,
    files: &BTreeMap<PathBuf, String>,
) -> Result<Loaded, ConfigError> {
    let read = |file: &Path| {
        let text = files.get(file).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    let sources = Sources {
        lookup: &|name| variables.get(name).cloned(),
        read: &read,
        secret: &read,
        open: &|file| read(file).map(drop),
    };
    Config::parse_with(path, text, sources)
}
