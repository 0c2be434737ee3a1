//! Secrets: what the nodes of a network, or the ends of a cluster's connections, know and others must not.

use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use super::error::{ConfigError, Warning, warning};
use super::file::{Entries, Sources};
use super::{cluster, harbor};

/// What a key allows that names the file of a secret.
pub(super) const FILE_WANTED: &str = "the name of a file with 16 to 4096 bytes of text";
/// The shortest secret, in bytes: as many as a key of 128 bits has.
const LEAST: usize = 16;
/// The longest secret, in bytes.
const MOST: usize = 4096;

/// What some know and others must not. Not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// `None` when it is too short or too long, or has a character 0 in it.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = (LEAST..=MOST).contains(&text.len());
        (fits && !text.contains('\0')).then(|| Self(text.to_owned()))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Whether no error, warning or list shows the value of this key.
pub(crate) fn is_secret(key: &str) -> bool {
    [harbor::SECRET, cluster::SECRET].contains(&key)
}

/// The secret in the file that `key` names.
pub(super) fn read(
    file: &Path,
    key: &str,
    entries: &Entries,
    sources: Sources<'_>,
) -> Result<Option<Secret>, ConfigError> {
    let Some(entry) = entries.get(key) else {
        return Ok(None);
    };
    let refuse = |why: String| entry.refuse(key, &why, FILE_WANTED);
    let text = (sources.secret)(file)
        .map_err(|error| refuse(format!("which cannot be read ({error})")))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let secret = Secret::new(text)
        .ok_or_else(|| refuse("whose contents are too short, too long, or no text".to_owned()))?;
    Ok(Some(secret))
}

/// The contents of a file that holds a secret; of one that is far too long, the beginning.
pub(super) fn contents(file: &Path) -> io::Result<String> {
    let most = MOST as u64 + 3;
    let mut text = String::new();
    fs::File::open(file)?.take(most).read_to_string(&mut text)?;
    Ok(text)
}

/// A file that is not read because the secret itself is there.
pub(super) fn given_twice(key: &str, file_key: &str, entries: &Entries) -> Option<Warning> {
    let is_set = entries.get(key)?.value.text() != Some("");
    let text = format!("{file_key} is not used: {key} is set");
    warning(entries, file_key, text).filter(|_| is_set)
}
