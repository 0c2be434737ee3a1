//! Memory for tables that grow and shrink, by whole pages and straight from the system.
//!
//! An address once handed out stays valid for ever: a thread that comes late finds memory there. What can be given back
//! are the pages behind addresses, as long as every byte that a late thread may look at is 0 already: then nobody can
//! tell a page that was given back from one that is merely unused.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", not(any(miri, loom))))]
#[path = "pages/linux.rs"]
mod system;
#[cfg(loom)]
#[path = "pages/models.rs"]
mod system;
#[cfg(not(any(loom, all(target_os = "linux", not(miri)))))]
#[path = "pages/other.rs"]
mod system;

/// Whether the system takes pages back. Where it does not, there is no use in looking for them.
pub(crate) const GIVES_BACK: bool = system::GIVES_BACK;

/// What tables consist of.
///
/// # Safety
/// All bytes 0 is a value of the type, and every byte of it is atomic or in a cell.
pub(crate) unsafe trait Zero: Sync + 'static {
    /// That value, for the model checker, whose atomics are no plain bytes.
    #[cfg(loom)]
    fn zero() -> Self;
    /// The model checker's stand-in for a look at whether the value may be given back, and for what is lost by it.
    #[cfg(loom)]
    fn lose(&self);
}

/// A table of `count` entries, all zero, for ever. It takes no memory but for the pages that were written to. `None`:
/// the system has no room.
pub(crate) fn table<T: Zero>(count: usize) -> Option<&'static [T]> {
    system::table(count)
}

/// Gives the memory of `part` back, as far as it consists of whole pages: what lies in cells there is lost, or not.
///
/// # Safety
/// Whatever another thread may look at meanwhile is 0 and stays so until this returns; the rest is nobody's, and is
/// initialised before it is used again.
pub(crate) unsafe fn give_back<T: Zero>(part: &'static [T]) {
    // SAFETY: passed on.
    unsafe { system::give_back(part) }
}
