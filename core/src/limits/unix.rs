//! The system calls of [`raise_file_limit`](super::raise_file_limit).
#![allow(unsafe_code)]

use std::io;

/// The soft and the hard limit of open files.
pub(super) fn file_limit() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer, and outlives the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result == 0 {
        Ok(limit)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Sets both.
pub(super) fn set_file_limit(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: `limit` is a valid rlimit, and outlives the call, which only reads it.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
