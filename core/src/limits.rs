//! Limits that the system sets to the process.

mod unix;

#[cfg(test)]
mod tests;

use std::io;

/// How many files (sockets included) the process may have open: see [`raise_file_limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimit {
    /// The limit that the process started with.
    pub before: u64,
    /// The limit it has now.
    pub now: u64,
}

/// Raises the limit of open files from the soft to the hard one.
///
/// Shells usually start programs with a soft limit of 1024, which a gate with many clients soon
/// reaches; the hard limit is the one that an administrator meant. Any thread may call it, more than
/// once.
///
/// # Errors
///
/// The system's, when it refuses. The limit is then as it was.
pub fn raise_file_limit() -> io::Result<FileLimit> {
    let mut limit = unix::file_limit()?;
    let before = limit.rlim_cur;
    if before < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        unix::set_file_limit(&limit)?;
    }
    Ok(FileLimit {
        before,
        now: limit.rlim_cur,
    })
}
