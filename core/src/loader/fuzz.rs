//! What the loader reads from outside: plugin files and search paths.

use std::ffi::OsStr;
use std::io::Cursor;
use std::path::Path;

use object::read::ReadCache;

use super::cpath::{self, Cpath};
use super::{PluginFile, RefuseReason};

/// The bytes of a plugin file at once, as they are read before it is loaded.
///
/// # Errors
/// As [`PluginFile::read`].
pub fn plugin_file(bytes: &[u8]) -> Result<PluginFile, RefuseReason> {
    PluginFile::from_data(Path::new("fuzz.so"), bytes)
}

/// The same piece by piece, as a file is inspected.
///
/// # Errors
/// As [`PluginFile::read`].
pub fn plugin_file_in_pieces(bytes: &[u8]) -> Result<PluginFile, RefuseReason> {
    PluginFile::from_data(Path::new("fuzz.so"), &ReadCache::new(Cursor::new(bytes)))
}

/// Where the loader will read the tables: bytes of the whole table, from one module to the next, to the first module.
#[must_use]
pub fn plugin_tables(file: &PluginFile) -> (u32, u32, u32) {
    (file.size, file.module_size, file.module_offset)
}

/// The patterns of a search path.
#[must_use]
pub fn cpath(text: &str) -> Option<Vec<String>> {
    Cpath::parse(text)
        .ok()
        .map(|cpath| cpath.patterns().to_vec())
}

/// Whether a file name matches one component of a pattern.
#[must_use]
pub fn cpath_matches(pattern: &OsStr, name: &OsStr) -> bool {
    cpath::matches(pattern, name)
}
