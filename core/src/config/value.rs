//! The value of one setting, and how the node reads numbers, times and sizes out of it.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::{DeInteger, DeValue};

use super::expand::escape;
use super::file::Entries;

/// The longest value that an error repeats, in characters.
const FOUND_LIMIT: usize = 80;

/// A value as written in the file; displayed as the text that GETENV answers with.
///
/// A list's text is one element per line, a table's is TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer, in decimal.
    Integer(String),
    /// A number with a point or exponent, as written.
    Float(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as TOML writes it.
    Date(String),
    /// The elements of an array, none of which holds a line break.
    List(Vec<String>),
    /// The settings of a table that is one value.
    Table(Entries),
}

/// A TOML value that no setting can have.
#[derive(Debug)]
pub(super) struct BadValue {
    /// Where in the text, when it is not the setting itself.
    pub(super) offset: Option<usize>,
    /// What was found.
    pub(super) found: String,
    /// What is allowed.
    pub(super) wanted: &'static str,
}

impl Value {
    /// The value of a key; a table is none.
    pub(super) fn from_toml(value: &DeValue<'_>) -> Result<Self, BadValue> {
        let bad = |found: String, wanted| {
            Err(BadValue {
                offset: None,
                found,
                wanted,
            })
        };
        match value {
            DeValue::String(text) if text.contains('\0') => {
                bad(quote(text), "text without a character 0")
            }
            DeValue::String(text) => Ok(Self::Text(text.to_string())),
            // The parser leaves what is behind a `_` in an integer to whoever converts it.
            DeValue::Integer(integer) => match decimal(integer) {
                Some(text) => Ok(Self::Integer(text)),
                None => bad(quote(integer.as_str()), "an integer"),
            },
            DeValue::Float(float) => Ok(Self::Float(float.as_str().to_owned())),
            DeValue::Boolean(value) => Ok(Self::Boolean(*value)),
            DeValue::Datetime(date) => Ok(Self::Date(date.to_string())),
            DeValue::Table(_) => bad("a table".to_owned(), "text, a number or true/false"),
            DeValue::Array(items) => {
                let element = |item: &toml::Spanned<DeValue<'_>>| {
                    list_element(item.get_ref()).map_err(|bad| BadValue {
                        offset: Some(bad.offset.unwrap_or(item.span().start)),
                        ..bad
                    })
                };
                items
                    .iter()
                    .map(element)
                    .collect::<Result<_, _>>()
                    .map(Self::List)
            }
        }
    }

    /// The value as errors show it.
    pub(super) fn found(&self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| format!("{item:?}")).collect();
                shorten(&format!("[{}]", items.join(", ")))
            }
            Self::Table(_) => "a table".to_owned(),
            other => shorten(&other.to_string()),
        }
    }

    /// A string.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The lines of a string, or the elements of a list; blank ones are left out.
    pub(super) fn lines(&self) -> Option<Vec<&str>> {
        let all: Vec<&str> = match self {
            Self::Text(text) => text.lines().collect(),
            Self::List(items) => items.iter().map(String::as_str).collect(),
            _ => return None,
        };
        Some(
            all.into_iter()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect(),
        )
    }

    /// `true` or `false`, also in quotes.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// An integer, also in quotes (`thread = "$THREADS"`).
    pub(super) fn integer(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        match self {
            Self::Integer(text) | Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|value| range.contains(value))
    }

    /// A number of bytes: an integer, or text with one of the suffixes K, M, G and T, which count
    /// in steps of 1024 (`64M`, `64MiB` and `64 MB` are the same).
    pub(super) fn size(&self, range: &RangeInclusive<u64>) -> Option<u64> {
        let (Self::Integer(text) | Self::Text(text)) = self else {
            return None;
        };
        let text = text.trim();
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let unit: u64 = match suffix.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return None,
        };
        let size = number.parse::<u64>().ok()?.checked_mul(unit)?;
        range.contains(&size).then_some(size)
    }

    /// A time in seconds, with or without a fraction, also in quotes.
    pub(super) fn seconds(&self, range: &RangeInclusive<f64>) -> Option<Duration> {
        let (Self::Integer(text) | Self::Float(text) | Self::Text(text)) = self else {
            return None;
        };
        let seconds: f64 = text.trim().parse().ok()?;
        // A range holds neither infinities nor what is not a number, so the conversion cannot fail
        // except for a time beyond what a Duration holds.
        range
            .contains(&seconds)
            .then(|| Duration::try_from_secs_f64(seconds).ok())
            .flatten()
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Integer(text) | Self::Float(text) | Self::Date(text) => {
                f.write_str(text)
            }
            Self::Boolean(value) => value.fmt(f),
            Self::List(items) => f.write_str(&items.join("\n")),
            Self::Table(entries) => entries.iter().try_for_each(|(key, entry)| {
                write!(f, "\"{}\" = ", escape(key))?;
                match &entry.value {
                    Self::Text(text) => writeln!(f, "\"{}\"", escape(text)),
                    other => writeln!(f, "{other}"),
                }
            }),
        }
    }
}

/// The text of an array's element.
fn list_element(value: &DeValue<'_>) -> Result<String, BadValue> {
    const WANTED: &str = "a list of texts without line breaks, numbers or true/false";
    let bad = |found: String| {
        Err(BadValue {
            offset: None,
            found,
            wanted: WANTED,
        })
    };
    match Value::from_toml(value)? {
        Value::Text(text) if text.contains(['\n', '\r']) => {
            bad(format!("a list with {}", quote(&text)))
        }
        Value::List(_) => bad("a list in a list".to_owned()),
        value => Ok(value.to_string()),
    }
}

/// An integer in decimal, whatever its base in the file; nothing when it is none. One of more than 128 bits stays as it
/// is.
fn decimal(integer: &DeInteger<'_>) -> Option<String> {
    let (text, radix) = (integer.as_str(), integer.radix());
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(text, radix);
    Some(value.map_or_else(|_| integer.to_string(), |value| value.to_string()))
}

fn quote(text: &str) -> String {
    shorten(&format!("{text:?}"))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(FOUND_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
