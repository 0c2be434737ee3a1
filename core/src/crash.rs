//! What a node says when it crashes: which service, of which plugin, the thread was running.
//!
//! A plugin that reads through a bad pointer, overflows its stack or aborts takes the node with it;
//! nothing can contain that. But the operator learns whose fault it was, on standard error:
//!
//! ```text
//! skynet: fatal signal SIGSEGV (bad memory access) at address 0x10 in service :0000000a of plugin chat
//! ```
//!
//! Then the signal takes its default course, so that a core dump is written where the system is set
//! to write one.
//!
//! How the parts meet: [`install`] sets the handler once per process. Each worker calls
//! [`prepare_thread`] when it starts, so that the handler has a stack to run on even when the
//! thread's own has overflowed, and brackets each turn of a service with [`enter`] and [`leave`].
//! These two keep a record in a thread-local variable that the handler reads: a handler runs on the
//! thread that did the damage.

mod line;
mod unix;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering, compiler_fence};

pub use unix::SignalStack;

/// What a thread is running.
#[derive(Clone, Copy, Debug)]
#[must_use = "the record must be put back with `leave` when the turn ends"]
pub struct Record {
    handle: u32,
    plugin: &'static str,
}

/// Of a thread that runs no service.
const NOTHING: Record = Record {
    handle: 0,
    plugin: "",
};

thread_local! {
    // Constant and without a destructor: a plain variable, that a signal handler may read at any
    // time of the thread's life.
    /// The service; 0 for none.
    static HANDLE: Cell<u32> = const { Cell::new(0) };
    /// Its plugin, or that of the service that ran last.
    static PLUGIN: Cell<&'static str> = const { Cell::new("") };
}

/// A second file that the message goes to, besides standard error; -1: none.
static SECOND_FILE: AtomicI32 = AtomicI32::new(-1);

/// Notes that this thread runs service `handle`, of this plugin, from here on; returns what it ran
/// before (a service may launch another one within its turn), for [`leave`].
///
/// The plugin's name is read when the thread crashes, at any time; so it lives for ever, as plugins
/// do.
pub fn enter(handle: u32, plugin: &'static str) -> Record {
    let previous = running();
    enter_turn(handle, plugin);
    previous
}

/// Notes that the turn begun with [`enter`] is over.
pub fn leave(previous: Record) {
    compiler_fence(Ordering::SeqCst);
    HANDLE.set(previous.handle);
    PLUGIN.set(previous.plugin);
}

/// As [`enter`], for a turn that is not part of another.
#[inline]
pub fn enter_turn(handle: u32, plugin: &'static str) {
    HANDLE.set(handle);
    PLUGIN.set(plugin);
    // The reader is a signal handler on this very thread: what is wanted is only that the compiler
    // keeps the stores before whatever the service does.
    compiler_fence(Ordering::SeqCst);
}

/// Notes that the turn begun with [`enter_turn`] is over.
#[inline]
pub fn leave_turn() {
    compiler_fence(Ordering::SeqCst);
    HANDLE.set(0);
}

/// Sets the handler of the fatal signals (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) for the whole
/// process. To be called once, by the node's main function.
///
/// # Errors
///
/// The system's, when it refuses a handler; earlier ones of the five are then set.
pub fn install() -> io::Result<()> {
    unix::install()
}

/// Gives the calling thread a stack for the handler, until the returned guard is dropped (on the
/// same thread). Without one, a stack overflow in a thread is not reported.
///
/// # Errors
///
/// The system's, when it has no memory for the stack or does not take it.
pub fn prepare_thread() -> io::Result<SignalStack> {
    SignalStack::new()
}

/// Has the message written to `file` as well: a daemon has no standard error. The file stays open
/// for the rest of the process's life. A second call replaces the first file.
pub fn also_write_to(file: File) {
    // The file's number is all that is published, and the kernel keeps what is behind it.
    SECOND_FILE.store(file.into_raw_fd(), Ordering::Relaxed);
}

/// What this thread is running. Safe within a signal handler.
fn running() -> Record {
    match HANDLE.get() {
        0 => NOTHING,
        handle => Record {
            handle,
            plugin: PLUGIN.get(),
        },
    }
}
