//! The folder of private copies.
//!
//! A mapped file must never change: whoever overwrites a mapped library in place changes the code of a running
//! process, or kills it. So the node maps copies that only it knows.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::SetupError;
use super::library;
use super::refuse::RefuseReason;

/// A folder that only this node uses.
#[derive(Debug)]
pub(super) struct Copies {
    folder: PathBuf,
    next: AtomicU32,
}

impl Copies {
    /// Makes the folder, for its owner only, and removes what a former life left in it.
    pub(super) fn open(folder: PathBuf) -> Result<Self, SetupError> {
        let made = make(&folder).and_then(|()| folder.canonicalize());
        let folder = made.map_err(|error| SetupError::Folder {
            path: folder,
            error,
        })?;
        let copies = Self {
            folder,
            next: AtomicU32::new(1),
        };
        copies.clear();
        Ok(copies)
    }

    /// Writes a copy called `<n>-<name of the original>`.
    pub(super) fn write(
        &self,
        original: &Path,
        bytes: &[u8],
    ) -> Result<(u32, PathBuf), RefuseReason> {
        let mut name = std::ffi::OsString::new();
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        name.push(format!("{serial}-"));
        name.push(original.file_name().unwrap_or_default());
        let path = self.folder.join(name);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes));
        match written {
            Ok(()) => Ok((serial, path)),
            Err(error) => {
                self.remove(&path);
                let error = Arc::new(error);
                Err(RefuseReason::Copy { path, error })
            }
        }
    }

    /// Removes one copy. What is mapped stays mapped.
    pub(super) fn remove(&self, path: &Path) {
        if let Err(error) = fs::remove_file(path)
            && error.kind() != ErrorKind::NotFound
        {
            log::warn!("copy of a plugin {}: not removed: {error}", path.display());
        }
    }

    /// Removes all copies, and nothing else.
    pub(super) fn clear(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_copy = name
                .split_once('-')
                .is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
            if is_copy && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                self.remove(&entry.path());
            }
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let metadata = folder.symlink_metadata()?;
    if !metadata.is_dir() {
        return Err(io::Error::other("found a link, wanted a folder"));
    }
    // Whoever may write here decides what code runs.
    let user = library::effective_user();
    if user != metadata.uid() {
        return Err(io::Error::other(format!(
            "found a folder of user {}, wanted one of user {user}",
            metadata.uid()
        )));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}
