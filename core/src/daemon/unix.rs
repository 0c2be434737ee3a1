//! The system calls of daemon mode.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

/// Standard input.
pub(super) const INPUT: [libc::c_int; 1] = [libc::STDIN_FILENO];
/// Standard output and error.
pub(super) const OUTPUTS: [libc::c_int; 2] = [libc::STDOUT_FILENO, libc::STDERR_FILENO];

/// Which process this is after a [`fork`].
pub(super) enum Fork {
    /// The one that was there before.
    Parent {
        /// The number of the new one.
        child: u32,
    },
    /// The new one.
    Child,
}

/// How many threads this process has; `None` where nobody can tell.
pub(super) fn threads() -> Option<usize> {
    std::fs::read_dir("/proc/self/task")
        .ok()
        .map(Iterator::count)
}

/// Makes a second process like this one.
pub(super) fn fork() -> io::Result<Fork> {
    // SAFETY: `daemonize` has seen that this process has no other thread, where that can be seen,
    // and asks for it elsewhere: so nothing, such as a lock held, is left behind half done.
    let child = unsafe { libc::fork() };
    match u32::try_from(child) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(0) => Ok(Fork::Child),
        Ok(child) => Ok(Fork::Parent { child }),
    }
}

/// Waits until a child process has ended; its exit code, or `None` when a signal ended it.
pub(super) fn exit_code(child: u32) -> io::Result<Option<u8>> {
    let child = libc::pid_t::try_from(child).map_err(io::Error::other)?;
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place for the answer.
        if unsafe { libc::waitpid(child, &raw mut status, 0) } == child {
            // An exit code has eight bits.
            return Ok(libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status) as u8));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Leaves the terminal and the shell's group of processes.
pub(super) fn new_session() -> io::Result<()> {
    // SAFETY: concerns the process's place among others, and no memory.
    let session = unsafe { libc::setsid() };
    if session < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Connects these file numbers, which are standard ones, to nothing.
pub(super) fn silence(numbers: &[libc::c_int]) -> io::Result<()> {
    let nothing = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for number in numbers {
        // SAFETY: replaces a standard file, which nobody owns; `nothing` is open.
        let result = unsafe { libc::dup2(nothing.as_raw_fd(), *number) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Locks the file, unless somebody else has: then `false`.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: `file` is open, and no memory is concerned.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        error => Err(error),
    }
}
