//! Temporary folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};

/// A new folder for temporary files, removed on drop unless it was kept. Its path is short, because
/// a node's control socket lies in it and paths of Unix sockets are limited to 107 bytes.
#[derive(Debug)]
pub(crate) struct TempFolder {
    path: PathBuf,
    keep: bool,
}

impl TempFolder {
    /// Makes a folder with `name` in its name.
    pub(crate) fn new(name: &str) -> Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: only the number itself matters.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sky-{}-{number}-{name}", std::process::id()));
        if path.exists() {
            // Left by a process that had this id before and did not get to clean up.
            fs::remove_dir_all(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        fs::create_dir(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { path, keep: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is, for a person to look at.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        if !self.keep {
            // Nobody is left to tell, and the system clears its temporary files anyway.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
