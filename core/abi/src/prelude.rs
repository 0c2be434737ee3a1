//! What both sides show first: who they are and how much of the tables they have.

use core::fmt;

/// First eight bytes of both tables. Read as an integer, so a file of the other byte order does not match.
pub const MAGIC: u64 = u64::from_le_bytes(*b"SKYNET\x1a\n");
/// Incompatible revisions of the ABI; both sides must have the same.
pub const MAJOR: u16 = 1;
/// Grows with every appended entry.
pub const MINOR: u16 = 1;

/// The first bytes of [`Plugin`](crate::Plugin) and of [`Host`](crate::Host).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prelude {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`MAJOR`] this side was built with.
    pub major: u16,
    /// [`MINOR`] this side was built with.
    pub minor: u16,
    /// Oldest `minor` of the peer that this side can work with.
    pub needs_minor: u16,
    /// 0.
    pub reserved: u16,
    /// Bytes of the whole table, this prelude included. For a plugin: header and modules.
    pub size: u32,
    /// 0.
    pub reserved_2: u32,
}

impl Prelude {
    /// The prelude of a table of `size` bytes built with this crate that works with every minor of this major.
    #[must_use]
    pub const fn new(size: usize) -> Self {
        assert!(size <= 0xffff_ffff);
        Self {
            magic: MAGIC,
            major: MAJOR,
            minor: MINOR,
            needs_minor: 0,
            reserved: 0,
            size: size as u32,
            reserved_2: 0,
        }
    }

    /// Whether a table that begins with this prelude can be used by a side built with this crate that needs at least
    /// `least_size` bytes of it.
    ///
    /// # Errors
    /// The first thing that does not fit, with what was found and what was wanted.
    pub const fn check(&self, least_size: usize) -> Result<(), Mismatch> {
        if self.magic != MAGIC {
            return Err(Mismatch::Magic { found: self.magic });
        }
        if self.major != MAJOR {
            return Err(Mismatch::Major { found: self.major });
        }
        if self.needs_minor > MINOR {
            return Err(Mismatch::NeedsNewer {
                needs: self.needs_minor,
            });
        }
        if (self.size as usize) < least_size {
            return Err(Mismatch::TooShort {
                found: self.size,
                wanted: least_size,
            });
        }
        Ok(())
    }
}

/// Why two sides cannot work together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Mismatch {
    /// The table does not begin with [`MAGIC`].
    Magic {
        /// What it begins with.
        found: u64,
    },
    /// The table is of another major version.
    Major {
        /// Its major version.
        found: u16,
    },
    /// The other side asks for a later minor version than this one.
    NeedsNewer {
        /// The minor version it asks for.
        needs: u16,
    },
    /// The table ends before its least useful size.
    TooShort {
        /// The size it states, in bytes.
        found: u32,
        /// The least size, in bytes.
        wanted: usize,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic { found } => {
                write!(f, "wrong magic: found {found:#018x}, wanted {MAGIC:#018x}")
            }
            Self::Major { found } => {
                write!(f, "wrong major version: found {found}, wanted {MAJOR}")
            }
            Self::NeedsNewer { needs } => {
                write!(
                    f,
                    "asks for a newer peer: needs version {MAJOR}.{needs}, this is {MAJOR}.{MINOR}"
                )
            }
            Self::TooShort { found, wanted } => {
                write!(
                    f,
                    "table too short: found {found} bytes, wanted at least {wanted}"
                )
            }
        }
    }
}

impl core::error::Error for Mismatch {}
