//! The pid file: locked by the node that runs, with the number of its process in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{DaemonError, unix};

/// A pid file that is ours. It is unlocked when the last process that has it open closes it.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Makes the file and locks it; it is empty then.
    pub(super) fn lock(path: &Path) -> Result<Self, DaemonError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(error(path, "make the folder of"))?;
        }
        loop {
            // Not truncated: until the lock is ours, the contents belong to another node.
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                .open(path)
                .map_err(error(path, "open"))?;
            if !unix::try_lock(&file).map_err(error(path, "lock"))? {
                let pid = read(&file);
                return Err(DaemonError::AlreadyRunning {
                    file: path.to_owned(),
                    pid,
                });
            }
            let locked = Self {
                path: path.to_owned(),
                file,
            };
            // A node that stopped between our open and our lock has removed the file that we hold;
            // another one may be there by now.
            if locked.is_in_place().map_err(error(path, "look at"))? {
                locked.file.set_len(0).map_err(error(path, "empty"))?;
                return Ok(locked);
            }
        }
    }

    /// Writes the number of the process that runs.
    pub(super) fn write(&mut self, pid: u32) -> Result<(), DaemonError> {
        self.file
            .write_all(format!("{pid}\n").as_bytes())
            .map_err(error(&self.path, "write"))
    }

    /// Removes the file, then unlocks it.
    pub(super) fn remove(self) -> Result<(), DaemonError> {
        if !self.is_in_place().map_err(error(&self.path, "look at"))? {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(error(&self.path, "remove"))
    }

    /// Whether the path still leads to the file that is open.
    fn is_in_place(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The number in the pid file of another node.
fn read(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn error(path: &Path, action: &'static str) -> impl Fn(io::Error) -> DaemonError {
    let file = path.to_owned();
    move |source| DaemonError::PidFile {
        file: file.clone(),
        action,
        source,
    }
}
