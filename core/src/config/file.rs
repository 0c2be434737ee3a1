//! Configuration files as they lie on disk: TOML, includes, tables.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Place};
use super::expand::{Lookup, expand};
use super::keys;
use super::value::Value;

/// The key that names further files.
const INCLUDE: &str = "include";
const INCLUDE_WANTED: &str = "the name of a file, or a list of names";
/// The most includes that are followed. Files that include each other several times over would take for ever.
const MOST_INCLUDES: usize = 1000;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it was set.
    pub(super) place: Place,
    /// What it was set to.
    pub(super) value: Value,
}

impl Entry {
    /// The error of a value that could be what `key` allows, but for this reason.
    pub(super) fn refuse(&self, key: &str, why: &str, wanted: &'static str) -> ConfigError {
        ConfigError::Value {
            place: self.place.clone(),
            key: key.to_owned(),
            found: format!("{}, {why}", self.value.found()),
            wanted,
        }
    }
}

/// Settings by flattened key.
pub(super) type Entries = BTreeMap<String, Entry>;

/// Where variables and included files come from: the process and its disk, or somebody's own.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// Looks a variable up.
    pub(super) lookup: Lookup<'a>,
    /// Reads a file.
    pub(super) read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Reads a file with a secret, or as much of it as can be one.
    pub(super) secret: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Opens a file that services will read, and reads nothing.
    pub(super) open: &'a dyn Fn(&Path) -> io::Result<()>,
}

/// What a file and its includes say.
#[derive(Debug)]
pub(super) struct Contents {
    /// Every setting, `include` left out.
    pub(super) entries: Entries,
    /// Every file that was read, each once.
    pub(super) files: Vec<PathBuf>,
}

impl Contents {
    /// Parses `text`, the contents of `path`, and reads what it includes.
    pub(super) fn parse(
        path: &Path,
        text: &str,
        sources: Sources<'_>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            sources,
            open: Vec::new(),
            followed: 0,
            files: Vec::new(),
        };
        let entries = reader.parse(path, text)?;
        Ok(Self {
            entries,
            files: reader.files,
        })
    }
}

/// The settings in the text of a file that is one table, without variables and includes; `key` names the table in
/// errors.
pub(super) fn table(path: &Path, text: &str, key: &str) -> Result<Entries, ConfigError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| source.syntax(&error))?;
    source.table(key, table.get_ref())
}

struct Reader<'a> {
    sources: Sources<'a>,
    /// The files whose includes are being followed, outermost first.
    open: Vec<PathBuf>,
    /// Includes that were followed.
    followed: usize,
    files: Vec<PathBuf>,
}

impl Reader<'_> {
    /// The settings of one file: those of its includes, in their order, then its own over them.
    fn parse(&mut self, path: &Path, text: &str) -> Result<Entries, ConfigError> {
        if !self.files.iter().any(|file| file == path) {
            self.files.push(path.to_owned());
        }
        let text = expand(text, self.sources.lookup).map_err(|failure| {
            let place = Place {
                file: path.to_owned(),
                line: failure.line,
            };
            let name = failure.name;
            match failure.why {
                None => ConfigError::MissingVariable { place, name },
                Some(why) => ConfigError::UnusableVariable { place, name, why },
            }
        })?;
        let source = Source { path, text: &text };
        let mut table = DeTable::parse(&text)
            .map_err(|error| source.syntax(&error))?
            .into_inner();

        let mut entries = Entries::new();
        if let Some((key, value)) = table.remove_entry(INCLUDE) {
            self.open.push(identity(path));
            for name in include_names(&source, &key, &value)? {
                entries.extend(self.include(path, &name, source.place(key.span().start))?);
            }
            self.open.pop();
        }
        let mut own = Entries::new();
        source.flatten("", &table, &mut own)?;
        entries.extend(own);
        Ok(entries)
    }

    /// The settings of the file that `from` includes as `name`.
    fn include(&mut self, from: &Path, name: &str, place: Place) -> Result<Entries, ConfigError> {
        let file = from.parent().unwrap_or(Path::new("")).join(name);
        if self.open.contains(&identity(&file)) {
            return Err(ConfigError::IncludeCycle { place, file });
        }
        self.followed += 1;
        if self.followed > MOST_INCLUDES {
            let limit = MOST_INCLUDES;
            return Err(ConfigError::TooManyIncludes { place, limit });
        }
        match (self.sources.read)(&file) {
            Ok(text) => self.parse(&file, &text),
            Err(source) => Err(ConfigError::Read {
                file,
                included: Some(place),
                source,
            }),
        }
    }
}

/// What tells two files apart whatever they are called. A file that cannot be found (text that was
/// never on disk, or a missing include, which reading it will report) is its name.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The files that an `include` names.
fn include_names(
    source: &Source<'_>,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<String>, ConfigError> {
    let refuse = |span: usize, found: &DeValue<'_>| {
        source.refuse(span, key.get_ref(), value_text(found), INCLUDE_WANTED)
    };
    let name = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(name) if !name.is_empty() => Ok(name.to_string()),
        other => Err(refuse(item.span().start, other)),
    };
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(name).collect(),
        _ => Ok(vec![name(value)?]),
    }
}

/// One file's text, to find lines in.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Place {
            file: self.path.to_owned(),
            line,
        }
    }

    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        // An error without a span is about the end of the text.
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        ConfigError::Syntax {
            place: self.place(offset),
            message: error.message().to_owned(),
        }
    }

    fn refuse(&self, offset: usize, key: &str, found: String, wanted: &'static str) -> ConfigError {
        ConfigError::Value {
            place: self.place(offset),
            key: key.to_owned(),
            found: keys::shown(key, || found),
            wanted,
        }
    }

    /// Adds the settings of `table`, and of the tables in it, under `prefix`.
    fn flatten(
        &self,
        prefix: &str,
        table: &DeTable<'_>,
        entries: &mut Entries,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let offset = name.span().start;
            match (value.get_ref(), keys::find(&key)) {
                (DeValue::Table(inner), None) => {
                    self.flatten(&format!("{key}."), inner, entries)?;
                }
                (DeValue::Table(inner), Some(_)) if keys::takes_table(&key) => {
                    let place = self.place(offset);
                    let value = Value::Table(self.table(&key, inner)?);
                    entries.insert(key, Entry { place, value });
                }
                (found @ DeValue::Table(_), Some(known)) => {
                    return Err(self.refuse(offset, &key, value_text(found), known.wanted));
                }
                (value, _) => self.add(key, offset, value, entries)?,
            }
        }
        Ok(())
    }

    /// The settings of a table that is one value; `key` is whose, for errors.
    fn table(&self, key: &str, table: &DeTable<'_>) -> Result<Entries, ConfigError> {
        let mut entries = Entries::new();
        for (name, value) in table {
            let key = format!("{key}.{}", name.get_ref());
            let place = self.place(name.span().start);
            let value = self.value(&key, name.span().start, value.get_ref())?;
            entries.insert(name.get_ref().to_string(), Entry { place, value });
        }
        Ok(entries)
    }

    fn add(
        &self,
        key: String,
        offset: usize,
        value: &DeValue<'_>,
        entries: &mut Entries,
    ) -> Result<(), ConfigError> {
        let place = self.place(offset);
        if key.is_empty() || key.contains('\0') {
            let found = format!("{key:?}");
            return Err(self.refuse(offset, "a key", found, "a name of at least one character"));
        }
        if let Some(earlier) = entries.get(&key) {
            let (first, second) = (
                earlier.place.line.min(place.line),
                earlier.place.line.max(place.line),
            );
            let place = Place {
                line: second,
                ..place
            };
            return Err(ConfigError::Duplicate { place, key, first });
        }
        let value = self.value(&key, offset, value)?;
        entries.insert(key, Entry { place, value });
        Ok(())
    }

    fn value(&self, key: &str, offset: usize, value: &DeValue<'_>) -> Result<Value, ConfigError> {
        Value::from_toml(value).map_err(|bad| {
            let offset = bad.offset.unwrap_or(offset);
            self.refuse(offset, key, bad.found, bad.wanted)
        })
    }
}

/// A value that is no [`Value`], for an error.
fn value_text(value: &DeValue<'_>) -> String {
    match Value::from_toml(value) {
        Ok(value) => value.found(),
        Err(bad) => bad.found,
    }
}
