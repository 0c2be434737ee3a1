//! The system calls of [`Signals`](super::Signals).
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use super::Signal;

/// The signals that are waited for, and what they are called.
const WAITED_FOR: [(libc::c_int, Signal); 4] = [
    (libc::SIGHUP, Signal::Hangup),
    (libc::SIGINT, Signal::Interrupt),
    (libc::SIGTERM, Signal::Terminate),
    (WAKE, Signal::Wake),
];

/// The signal that the process sends itself.
const WAKE: libc::c_int = libc::SIGUSR2;

/// [`WAITED_FOR`], as the system wants it.
pub(super) struct Set(libc::sigset_t);

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(WAITED_FOR.iter().map(|(_, signal)| signal))
            .finish()
    }
}

impl Set {
    pub(super) fn new() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` is a valid place for a set, which this call fills.
        check(unsafe { libc::sigemptyset(set.as_mut_ptr()) })?;
        for (signal, _) in WAITED_FOR {
            // SAFETY: `set` was filled above.
            check(unsafe { libc::sigaddset(set.as_mut_ptr(), signal) })?;
        }
        // SAFETY: `set` was filled above.
        Ok(Self(unsafe { set.assume_init() }))
    }

    /// Blocks the signals in this thread, and in those that it starts from here on.
    pub(super) fn block(&self) -> io::Result<()> {
        // SAFETY: `self.0` is a valid set; what was blocked before is not asked for.
        code(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const self.0, ptr::null_mut()) })
    }

    /// Sleeps until one of them arrives.
    pub(super) fn wait(&self) -> io::Result<Signal> {
        loop {
            let mut arrived = 0;
            // SAFETY: `self.0` is a valid set, of signals that are blocked since `block`, and
            // `arrived` a valid place for the answer.
            let result = unsafe { libc::sigwait(&raw const self.0, &raw mut arrived) };
            match code(result) {
                // Some systems let the handlers of other signals interrupt the wait.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            if let Some((_, signal)) = WAITED_FOR.iter().find(|(number, _)| *number == arrived) {
                return Ok(*signal);
            }
        }
    }
}

/// Sets SIGPIPE to be ignored in the whole process.
pub(super) fn ignore_broken_pipes() -> io::Result<()> {
    // SAFETY: ignoring a signal runs no code of ours.
    let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if previous == libc::SIG_ERR {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sends [`WAKE`] to this process.
pub(super) fn wake() -> io::Result<()> {
    // SAFETY: asks for this process's own number.
    let process = unsafe { libc::getpid() };
    // SAFETY: sends to this process, in which every thread has the signal blocked: a Waker only
    // exists where `Set::block` has succeeded.
    check(unsafe { libc::kill(process, WAKE) })
}

/// The result of a call that sets errno.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The result of a call that returns its error.
fn code(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(result))
    }
}
