//! The node's environment: settings that every service reads (GETENV) and may add to (SETENV).
//!
//! A key is set once and then stays: nobody has to ask again whether it changed. Skynet ends the
//! process when a key is set a second time; here it is an error for the one who tries.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::secret::is_secret;

/// Settings by key. Any thread may use it.
#[derive(Default)]
pub struct Environment {
    settings: RwLock<BTreeMap<String, Arc<str>>>,
}

/// Without values: some of them are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(settings.keys()).finish()
    }
}

/// Why a setting could not be added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// The key is set already, and keeps its value.
    Exists {
        /// The key.
        key: String,
        /// The value that it has; of a secret, nothing.
        value: Arc<str>,
    },
    /// No key can be called this: it is empty, or has white space or a character 0 in it.
    BadKey {
        /// The key.
        key: String,
    },
    /// The value has a character 0 in it, which services in C would take for its end.
    BadValue {
        /// The key.
        key: String,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists { key, value } => {
                if is_secret(key) {
                    return write!(f, "cannot set {key}: it is set already");
                }
                write!(
                    f,
                    "cannot set {key}: it is {value:?} already, and keys are set only once"
                )
            }
            Self::BadKey { key } => write!(
                f,
                "cannot set {key:?}: wanted a key of one or more characters, without white space"
            ),
            Self::BadValue { key } => {
                write!(f, "cannot set {key}: its value has a character 0 in it")
            }
        }
    }
}

impl std::error::Error for SetError {}

impl Environment {
    /// An environment that begins with these settings: those of a
    /// [`Config`](crate::config::Config).
    #[must_use]
    pub fn new(settings: &BTreeMap<String, String>) -> Self {
        let settings = settings
            .iter()
            .map(|(key, value)| (key.clone(), Arc::from(value.as_str())));
        Self {
            settings: RwLock::new(settings.collect()),
        }
    }

    /// The value of `key`, when it has one.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<str>> {
        // A map is whole between any two steps, whatever panicked while it was locked.
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// Adds a setting.
    ///
    /// # Errors
    ///
    /// When the key is set already, or key or value cannot be used: see [`SetError`]. Of several
    /// threads that set one key at once, one succeeds.
    pub fn set(&self, key: &str, value: &str) -> Result<(), SetError> {
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == '\0') {
            return Err(SetError::BadKey {
                key: key.to_owned(),
            });
        }
        if value.contains('\0') {
            return Err(SetError::BadValue {
                key: key.to_owned(),
            });
        }
        let mut settings = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = settings.get(key) {
            let value = if is_secret(key) {
                Arc::from("")
            } else {
                Arc::clone(old)
            };
            return Err(SetError::Exists {
                key: key.to_owned(),
                value,
            });
        }
        settings.insert(key.to_owned(), Arc::from(value));
        Ok(())
    }
}
