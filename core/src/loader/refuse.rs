//! Why a file is not used as a plugin.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use skynet_abi::{MAX_MODULES, Mismatch, Module, SYMBOL, status_text};

/// A file that is not used, and why.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The file, as it was named or found.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: RefuseReason,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

/// What is wrong with a plugin file. The texts say what was found and what was wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RefuseReason {
    /// The file could not be read.
    Io(Arc<io::Error>),
    /// A folder, a device or the like.
    NotAFile,
    /// The file is larger than what is accepted.
    TooLarge {
        /// Its size in bytes.
        found: u64,
        /// The most bytes that are accepted.
        limit: u64,
    },
    /// Somebody wrote to the file while it was read.
    Changing,
    /// The file ends before something that it says it has.
    Truncated {
        /// What lies behind the end.
        what: &'static str,
        /// Where that would end.
        end: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// Not a shared library of this machine's format.
    NotALibrary {
        /// What was found.
        found: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// The format's own structures contradict each other.
    Malformed(String),
    /// The plugin symbol is not among the exported ones.
    NoSymbol,
    /// The plugin symbol is there, but is no initialised data.
    BadSymbol {
        /// What it is.
        found: String,
    },
    /// Magic, version or size do not fit.
    Mismatch(Mismatch),
    /// The table says it is longer than the symbol is.
    SymbolTooShort {
        /// Bytes of the symbol.
        symbol: u64,
        /// Bytes the table states.
        stated: u32,
    },
    /// Not 1 to [`MAX_MODULES`] modules.
    ModuleCount {
        /// The count it states.
        found: u32,
    },
    /// The modules' size cannot be used.
    ModuleSize {
        /// The size it states.
        found: u32,
    },
    /// The modules' place cannot be used: inside the header, or not aligned.
    ModuleOffset {
        /// The offset it states.
        found: u32,
        /// The least offset that can be used.
        wanted: usize,
    },
    /// The modules end behind the table's end.
    ModulesTooLong {
        /// Where they would end.
        end: u64,
        /// Bytes the table states.
        stated: u32,
    },
    /// A name or version cannot be used.
    BadText {
        /// Whose it is, such as `name of module 2`.
        what: String,
        /// What was found.
        found: String,
    },
    /// Two modules have the same name.
    DuplicateModule {
        /// The name.
        name: String,
    },
    /// The plugin was built to abort on panic.
    Aborts,
    /// A function that every plugin has is null.
    MissingFunction {
        /// Whose it is, such as `module "echo"`.
        owner: String,
        /// The function.
        function: &'static str,
    },
    /// The private copy could not be made.
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why.
        error: Arc<io::Error>,
    },
    /// The system's loader refused the library.
    Open(String),
    /// The library in memory is not what the file said.
    Differs {
        /// What differs.
        what: &'static str,
    },
    /// The plugin's `load` answered with an error.
    LoadFailed {
        /// The status.
        status: i32,
    },
}

impl RefuseReason {
    /// Ties the reason to the file.
    pub(super) fn of(self, path: impl Into<PathBuf>) -> Refused {
        Refused {
            path: path.into(),
            reason: self,
        }
    }

    /// Whether the same content would be refused again: then it is not tried again.
    pub(super) fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Io(_) | Self::Changing | Self::Copy { .. } | Self::Open(_)
        )
    }
}

impl From<io::Error> for RefuseReason {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<Mismatch> for RefuseReason {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

impl fmt::Display for RefuseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::NotAFile => write!(f, "not a regular file"),
            Self::TooLarge { found, limit } => {
                write!(f, "too large: found {found} bytes, wanted at most {limit}")
            }
            Self::Changing => write!(f, "is being written; try again when it is complete"),
            Self::Truncated { what, end, found } => write!(
                f,
                "truncated (or still being written): {what} ends at byte {end}, the file has {found}"
            ),
            Self::NotALibrary { found, wanted } => {
                write!(f, "not a plugin: found {found}, wanted {wanted}")
            }
            Self::Malformed(what) => write!(f, "malformed: {what}"),
            Self::NoSymbol => write!(f, "not a plugin: no symbol `{SYMBOL}` is exported"),
            Self::BadSymbol { found } => {
                write!(
                    f,
                    "symbol `{SYMBOL}`: found {found}, wanted initialised data"
                )
            }
            Self::Mismatch(mismatch) => mismatch.fmt(f),
            Self::SymbolTooShort { symbol, stated } => write!(
                f,
                "symbol `{SYMBOL}` too short: found {symbol} bytes, its table states {stated}"
            ),
            Self::ModuleCount { found } => {
                write!(
                    f,
                    "wrong module count: found {found}, wanted 1 to {MAX_MODULES}"
                )
            }
            Self::ModuleSize { found } => write!(
                f,
                "wrong module size: found {found} bytes, wanted a multiple of {} and at least {}",
                align_of::<Module>(),
                Module::LEAST_SIZE
            ),
            Self::ModuleOffset { found, wanted } => write!(
                f,
                "wrong module offset: found {found}, wanted a multiple of {} and at least {wanted}",
                align_of::<Module>()
            ),
            Self::ModulesTooLong { end, stated } => write!(
                f,
                "modules too long: they end at byte {end}, the table has {stated}"
            ),
            Self::BadText { what, found } => write!(
                f,
                "bad {what}: found {found}, wanted 1 to 31 bytes of UTF-8 without blanks, control characters and `/`"
            ),
            Self::DuplicateModule { name } => {
                write!(f, "two modules are called `{name}`; names must be unique")
            }
            Self::Aborts => write!(
                f,
                "built to abort on panic (flag UNWINDS is missing): build it with panic = \"unwind\""
            ),
            Self::MissingFunction { owner, function } => {
                write!(f, "{owner} has no function `{function}`")
            }
            Self::Copy { path, error } => {
                write!(f, "cannot be copied to {}: {error}", path.display())
            }
            Self::Open(error) => write!(f, "refused by the system's loader: {error}"),
            Self::Differs { what } => {
                write!(f, "{what} in memory differs from what the file says")
            }
            Self::LoadFailed { status } => write!(
                f,
                "its `load` failed with status {status} ({})",
                status_text(*status)
            ),
        }
    }
}

impl std::error::Error for RefuseReason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) | Self::Copy { error, .. } => Some(error.as_ref()),
            Self::Mismatch(mismatch) => Some(mismatch),
            _ => None,
        }
    }
}
