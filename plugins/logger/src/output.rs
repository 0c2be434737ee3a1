//! Where the log goes, and what happens when that fails.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A log file cannot be opened.
#[derive(Debug)]
pub(crate) struct OpenError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open log file {}", self.path.display())
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[derive(Debug)]
enum Target {
    Stdout,
    File { path: PathBuf, file: File },
}

/// The file, or standard output. Failures to write are told once on standard error and never end anything: each
/// further write is tried, and what did not get through is counted.
#[derive(Debug)]
pub(crate) struct Output {
    target: Target,
    is_failing: bool,
    /// The last write ended in the middle of a line.
    is_torn: bool,
    lost: u64,
}

/// What became of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Written {
    Yes,
    /// Yes, after `lost` records before it were not.
    Again {
        lost: u64,
    },
    No,
}

impl Output {
    /// Opens the file at `path` to append to it; an empty path means standard output.
    pub(crate) fn open(path: &str) -> Result<Self, OpenError> {
        let target = if path.is_empty() {
            Target::Stdout
        } else {
            let path = PathBuf::from(path);
            let file = append_to(&path)?;
            Target::File { path, file }
        };
        Ok(Self {
            target,
            is_failing: false,
            is_torn: false,
            lost: 0,
        })
    }

    /// Opens the file anew, because somebody has moved it away. If that fails the old one stays.
    pub(crate) fn reopen(&mut self) -> Result<(), OpenError> {
        if let Target::File { path, file } = &mut self.target {
            *file = append_to(path)?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// Writes whole lines, which are `records` records.
    pub(crate) fn write(&mut self, lines: &[u8], records: u64) -> Written {
        if self.is_failing {
            // The file itself may be what fails, for example on a disk that came back. If not, the old one will do.
            drop(self.reopen());
        }
        match self.write_all(lines) {
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                Written::Again {
                    lost: std::mem::take(&mut self.lost),
                }
            }
            Ok(()) => Written::Yes,
            Err(error) => {
                self.lost += records;
                self.complain(&error);
                Written::No
            }
        }
    }

    fn write_all(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_some(b"\n")?;
            self.is_torn = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            match self.write_some(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    rest = &rest[count..];
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            // Past the standard library's buffer, which would keep what it could not write.
            Target::Stdout => Ok(rustix::io::write(io::stdout(), bytes)?),
            Target::File { file, .. } => file.write(bytes),
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if std::mem::replace(&mut self.is_failing, true) {
            return;
        }
        let target = match &self.target {
            Target::Stdout => "standard output".to_owned(),
            Target::File { path, .. } => format!("log file {}", path.display()),
        };
        // Nothing better can be done when standard error is gone too.
        let _ = writeln!(
            io::stderr(),
            "{target} cannot be written: {error}; still trying"
        );
    }
}

fn append_to(path: &Path) -> Result<File, OpenError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| OpenError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Folder;

    #[test]
    fn a_renamed_file_is_opened_anew() {
        let folder = Folder::new("reopen");
        let (path, moved) = (folder.file("a.log"), folder.file("a.log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let mut output = Output::open(&path).unwrap();
        assert_eq!(output.write(b"one\n", 1), Written::Yes);
        std::fs::rename(&path, &moved).unwrap();
        assert_eq!(output.write(b"two\n", 1), Written::Yes);
        output.reopen().unwrap();
        assert_eq!(output.write(b"three\n", 1), Written::Yes);
        assert_eq!(
            std::fs::read_to_string(moved).unwrap(),
            "before\none\ntwo\n"
        );
        assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = Folder::new("refused");
        let error = Output::open(&folder.file("no/such/file")).unwrap_err();
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }

    #[test]
    fn a_full_disk_is_survived_and_what_was_lost_is_counted() {
        let folder = Folder::new("full");
        let path = folder.file("link");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut output = Output::open(&path).unwrap();
        assert_eq!(output.write(b"one\n", 1), Written::No);
        assert_eq!(output.write(b"two\nthree\n", 2), Written::No);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(output.write(b"four\n", 1), Written::Again { lost: 3 });
        assert_eq!(output.write(b"five\n", 1), Written::Yes);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "four\nfive\n");
    }
}
