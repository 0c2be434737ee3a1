//! The Unix socket in the run folder.

use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The socket's name in the run folder.
const NAME: &str = "control.sock";
/// The longest name of a socket that the system takes.
const MAX_PATH: usize = 107;

/// The socket cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum DoorError {
    /// The system has no room for such a long name.
    TooLong { path: PathBuf },
    /// A step failed.
    System {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { path } => write!(
                f,
                "the control socket's name {} has {} bytes, the system takes at most {MAX_PATH}: set a shorter `rundir`, \
                 or `control = false`",
                path.display(),
                path.as_os_str().len()
            ),
            Self::System { action, path, .. } => write!(f, "cannot {action} {}", path.display()),
        }
    }
}

impl std::error::Error for DoorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLong { .. } => None,
            Self::System { source, .. } => Some(source),
        }
    }
}

/// The socket, open. It disappears with [`close`](Self::close).
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    /// Which file it is: another node may have put its own in the place meanwhile.
    identity: (u64, u64),
    /// The listening socket once more, by which it is shut.
    socket: UnixStream,
}

impl Door {
    /// Makes the socket, for the owner only, whatever the umask says; one left behind by a node that was killed is
    /// replaced. The caller has the run folder for itself.
    pub(crate) fn open(folder: &Path) -> Result<(Self, UnixListener), DoorError> {
        let path = folder.join(NAME);
        if path.as_os_str().as_bytes().len() > MAX_PATH {
            return Err(DoorError::TooLong { path });
        }
        let fail = |action, path: &Path| {
            let path = path.to_owned();
            move |source| DoorError::System {
                action,
                path,
                source,
            }
        };
        // A socket is open to others between its making and the change of its mode, so it is made where only the owner
        // can go, and moved when it is ready.
        let private = folder.join(".ctl");
        let made = private.join("s");
        remove(&made, &private);
        DirBuilder::new()
            .mode(0o700)
            .create(&private)
            .map_err(fail("make the folder", &private))?;
        let opened = (|| {
            let listener = UnixListener::bind(&made).map_err(fail("make the socket", &made))?;
            fs::set_permissions(&made, Permissions::from_mode(0o600))
                .map_err(fail("set the mode of", &made))?;
            fs::rename(&made, &path).map_err(fail("make the socket", &path))?;
            let metadata = fs::symlink_metadata(&path).map_err(fail("look at", &path))?;
            let copy = listener.try_clone().map_err(fail("copy", &path))?;
            let door = Self {
                path,
                identity: (metadata.dev(), metadata.ino()),
                socket: UnixStream::from(OwnedFd::from(copy)),
            };
            Ok((door, listener))
        })();
        remove(&made, &private);
        opened
    }

    /// Removes the socket, and ends the wait of whoever accepts from it.
    pub(crate) fn close(&self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours {
            // If it cannot be removed it is stale, and the next node replaces it.
            drop(fs::remove_file(&self.path));
        }
        // Fails only if it is shut already.
        drop(self.socket.shutdown(Shutdown::Both));
    }
}

/// Removes what is there of the private folder.
fn remove(socket: &Path, folder: &Path) {
    drop(fs::remove_file(socket));
    drop(fs::remove_dir(folder));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("ctl-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn entries(folder: &Folder) -> Vec<String> {
        let entries = fs::read_dir(&folder.0).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| name(entry.unwrap())).collect()
    }

    #[test]
    fn the_socket_is_the_owners_and_goes_with_the_door() {
        let folder = Folder::new("owner");
        let (door, listener) = Door::open(&folder.0).unwrap();
        assert_eq!(entries(&folder), [NAME]);
        let mode = fs::metadata(folder.0.join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        UnixStream::connect(folder.0.join(NAME)).unwrap();
        assert!(listener.accept().is_ok());
        door.close();
        assert!(entries(&folder).is_empty());
        assert!(listener.accept().is_err(), "nobody waits on a closed door");
    }

    #[test]
    fn what_a_killed_node_left_is_replaced() {
        let folder = Folder::new("stale");
        let (killed, _) = Door::open(&folder.0).unwrap();
        fs::create_dir(folder.0.join(".ctl")).unwrap();
        fs::write(folder.0.join(".ctl/s"), "").unwrap();
        let (door, listener) = Door::open(&folder.0).unwrap();
        assert_eq!(entries(&folder), [NAME]);
        killed.close();
        assert_eq!(entries(&folder), [NAME], "another's socket stays");
        UnixStream::connect(folder.0.join(NAME)).unwrap();
        assert!(listener.accept().is_ok());
        door.close();
    }

    #[test]
    fn folders_that_cannot_be_used_are_named() {
        let check = |folder: &str, expected: &str| {
            let error = Door::open(Path::new(folder)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("/no/such/folder", "/no/such/folder");
        check(&format!("/{}", "long".repeat(40)), "set a shorter `rundir`");
    }
}
