//! What can be wrong with a configuration, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::file::Entries;

/// A line of a configuration file; displayed as `file:line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named on the command line or in `include`.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A likely mistake that does not keep the node from starting; displayed as `file:line: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// A warning about the setting of this key, if the file has one.
pub(super) fn warning(entries: &Entries, key: &str, text: String) -> Option<Warning> {
    let place = entries.get(key)?.place.clone();
    Some(Warning { place, text })
}

/// Why a configuration was refused. Each text begins with the file, and the line where there is one.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file could not be read.
    Read {
        /// The file.
        file: PathBuf,
        /// The `include` that asked for it; `None` for the file of the command line.
        included: Option<Place>,
        /// Why.
        source: io::Error,
    },
    /// The text is not TOML.
    Syntax {
        /// Where it stops being TOML.
        place: Place,
        /// What the parser met, and wanted.
        message: String,
    },
    /// `$NAME` names a variable that the process environment does not have.
    MissingVariable {
        /// Where it is used.
        place: Place,
        /// The variable's name.
        name: String,
    },
    /// `$NAME` names a variable whose value cannot stand where it is used.
    UnusableVariable {
        /// Where it is used.
        place: Place,
        /// The variable's name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// A file includes itself, directly or through others.
    IncludeCycle {
        /// The `include` that closes the circle.
        place: Place,
        /// The file that is already being read.
        file: PathBuf,
    },
    /// More includes than are followed, most likely because files include each other several times over.
    TooManyIncludes {
        /// The `include` that is one too many.
        place: Place,
        /// The number that is followed.
        limit: usize,
    },
    /// One file sets one key twice, for instance as `"gate.port"` and as `port` below `[gate]`.
    Duplicate {
        /// The second of them.
        place: Place,
        /// The key.
        key: String,
        /// The line of the first.
        first: usize,
    },
    /// A value that its key does not allow.
    Value {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
        /// The value, as text.
        found: String,
        /// What is allowed.
        wanted: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read {
                file,
                included: None,
                source,
            } => {
                write!(
                    f,
                    "{}: cannot read the configuration: {source}",
                    file.display()
                )
            }
            Self::Read {
                file,
                included: Some(place),
                source,
            } => {
                write!(
                    f,
                    "{place}: cannot read the included {}: {source}",
                    file.display()
                )
            }
            Self::Syntax { place, message } => write!(f, "{place}: not valid TOML: {message}"),
            Self::MissingVariable { place, name } => write!(
                f,
                "{place}: environment variable {name} is not set; set it, or write $$ for a plain $"
            ),
            Self::UnusableVariable { place, name, why } => {
                write!(
                    f,
                    "{place}: environment variable {name} cannot be used here: {why}"
                )
            }
            Self::IncludeCycle { place, file } => {
                write!(
                    f,
                    "{place}: includes {}, which is being read already",
                    file.display()
                )
            }
            Self::TooManyIncludes { place, limit } => {
                write!(
                    f,
                    "{place}: one include too many: at most {limit} are followed, \
                     those of included files included"
                )
            }
            Self::Duplicate { place, key, first } => {
                write!(
                    f,
                    "{place}: {key} is set a second time; the first is on line {first}"
                )
            }
            Self::Value {
                place,
                key,
                found,
                wanted,
            } => {
                write!(f, "{place}: {key} is {found}; wanted {wanted}")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
