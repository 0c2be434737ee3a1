//! Copying the peer's table by its own size.
#![allow(unsafe_code)]

use core::mem::{MaybeUninit, size_of};
use core::ptr;

use crate::{Host, Mismatch};

impl Host {
    /// Copies the node's table: what this side knows of it, and nulls where the node's is shorter.
    ///
    /// # Errors
    /// Magic, version or size do not fit; or a null pointer (reported as a table of 0 bytes).
    ///
    /// # Safety
    /// `host` is null or points to a prelude that is followed by the bytes it states; the node guarantees it.
    pub unsafe fn adopt(host: *const Host) -> Result<Host, Mismatch> {
        if host.is_null() {
            return Err(Mismatch::TooShort {
                found: 0,
                wanted: Self::LEAST_SIZE,
            });
        }
        // SAFETY: the caller vouches for a readable prelude.
        let prelude = unsafe { ptr::read(host.cast::<crate::Prelude>()) };
        prelude.check(Self::LEAST_SIZE)?;
        let mut table = MaybeUninit::<Host>::zeroed();
        let len = (prelude.size as usize).min(size_of::<Host>());
        // SAFETY: `len` bytes are readable by the stated size and fit by the minimum.
        unsafe { ptr::copy_nonoverlapping(host.cast::<u8>(), table.as_mut_ptr().cast(), len) };
        // SAFETY: all fields are integers, raw pointers and optional functions, for which zeroes are values.
        Ok(unsafe { table.assume_init() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAJOR, Prelude};

    fn table() -> Host {
        // SAFETY: integers, raw pointers and optional functions: zeroes are values.
        let mut host: Host = unsafe { MaybeUninit::zeroed().assume_init() };
        host.prelude = Prelude::new(size_of::<Host>());
        host
    }

    fn check(change: impl FnOnce(&mut Host), expected: Result<(), Mismatch>) {
        let mut host = table();
        change(&mut host);
        // SAFETY: the table is whole.
        let adopted = unsafe { Host::adopt(&host) };
        assert_eq!(adopted.map(|_| ()), expected);
    }

    #[test]
    fn tables_are_adopted_or_refused_with_what_was_found() {
        check(|_| {}, Ok(()));
        check(|host| host.prelude.minor = 9, Ok(()));
        check(|host| host.prelude.size += 64, Ok(()));
        check(
            |host| host.prelude.magic = 7,
            Err(Mismatch::Magic { found: 7 }),
        );
        check(
            |host| host.prelude.major = MAJOR + 1,
            Err(Mismatch::Major { found: MAJOR + 1 }),
        );
        check(
            |host| host.prelude.needs_minor = 3,
            Err(Mismatch::NeedsNewer { needs: 3 }),
        );
        check(
            |host| host.prelude.size = 100,
            Err(Mismatch::TooShort {
                found: 100,
                wanted: Host::LEAST_SIZE,
            }),
        );
        // SAFETY: null is allowed.
        let null = unsafe { Host::adopt(ptr::null()) };
        assert!(null.is_err());
    }
}
