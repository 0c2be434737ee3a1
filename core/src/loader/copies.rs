//! The folder of private copies.
//!
//! A mapped file must never change: whoever overwrites a mapped library in place changes the code of a running
//! process, or kills it. So the node maps copies that only it knows.

use std::fs::{self, DirBuilder, File, OpenOptions};
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
    next_draft: AtomicU32,
}

/// A copy that is being written, which is removed unless it is [kept](Draft::keep).
#[derive(Debug)]
pub(super) struct Draft<'a> {
    copies: &'a Copies,
    path: PathBuf,
    file: File,
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
            next_draft: AtomicU32::new(1),
        };
        copies.clear();
        Ok(copies)
    }

    /// Begins an empty copy.
    pub(super) fn draft(&self) -> Result<Draft<'_>, RefuseReason> {
        let number = self.next_draft.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("0-{number}"));
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(file) => Ok(Draft {
                copies: self,
                path,
                file,
            }),
            Err(error) => Err(refused(&path, error)),
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

impl Draft<'_> {
    /// Adds bytes at the end.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), RefuseReason> {
        self.file
            .write_all(bytes)
            .map_err(|error| refused(&self.path, error))
    }

    /// What was written, to be read from its start.
    pub(super) fn file(&self) -> Result<File, RefuseReason> {
        let again = self.file.try_clone();
        again.map_err(|error| refused(&self.path, error))
    }

    /// The copy is whole: calls it `<n>-<name of the original>`, and returns n and the path.
    pub(super) fn keep(&self, original: &Path) -> Result<(u32, PathBuf), RefuseReason> {
        let mut name = std::ffi::OsString::new();
        let serial = self.copies.next.fetch_add(1, Ordering::Relaxed);
        name.push(format!("{serial}-"));
        name.push(original.file_name().unwrap_or_default());
        let path = self.copies.folder.join(name);
        match fs::rename(&self.path, &path) {
            Ok(()) => Ok((serial, path)),
            Err(error) => Err(refused(&path, error)),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // A kept one is not found any more.
        self.copies.remove(&self.path);
    }
}

fn refused(path: &Path, error: io::Error) -> RefuseReason {
    RefuseReason::Copy {
        path: path.to_owned(),
        error: Arc::new(error),
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
