//! What can go wrong in making and in using a loader.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::refuse::Refused;

/// Why a loader cannot be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// A search pattern without a `?`, or no pattern at all.
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// The folder for private copies cannot be used.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern { pattern } if pattern.is_empty() => write!(
                f,
                "cpath: found no pattern, wanted patterns with a `?` such as `cservice/?.so`"
            ),
            Self::Pattern { pattern } => write!(
                f,
                "cpath: found `{pattern}`, wanted a pattern with a `?` such as `cservice/?.so`"
            ),
            Self::Folder { path, error } => {
                write!(
                    f,
                    "folder for copies of plugins {}: {error}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for SetupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pattern { .. } => None,
            Self::Folder { error, .. } => Some(error),
        }
    }
}

/// Why there is no module of a name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// No module can have that name.
    BadName {
        /// The name.
        name: String,
    },
    /// No file has such a module.
    NotFound {
        /// The name.
        name: String,
        /// Files and patterns that were tried, each with what was found there.
        tried: Vec<String>,
        /// Names of modules that are there and look alike.
        near: Vec<String>,
    },
    /// The file that has (or should have) the module cannot be used.
    Refused(Refused),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { name } => write!(
                f,
                "module name {name:?}: wanted 1 to 31 bytes without blanks, control characters and `/`"
            ),
            Self::NotFound { name, tried, near } => {
                write!(f, "no module `{name}`; tried {}", tried.join(", "))?;
                match near.as_slice() {
                    [] => Ok(()),
                    names => write!(f, "; did you mean `{}`?", names.join("` or `")),
                }
            }
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refused) => Some(&refused.reason),
            _ => None,
        }
    }
}

impl From<Refused> for LoadError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}
