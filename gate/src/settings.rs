//! How a gate treats its clients, read from the launch text or from the table of `open`.

use std::fmt;
use std::time::Duration;

use skynet_gate_wire::{DEFAULT_CLIENT_TAG, Framing, Launch};
use skynet_seri::ValueRef;

/// Bytes of the largest packet, when nothing else is said. Packets with a 2-byte length end one byte earlier.
const DEFAULT_MAX_PACKET: usize = 64 << 10;
/// The largest packet that can be allowed.
const MOST_PACKET: usize = 16 << 20;
/// Bytes that may wait for one client, when nothing else is said.
const DEFAULT_OUTPUT_LIMIT: u64 = 1 << 20;
/// Connections at a time, when `open` does not say.
const DEFAULT_MAX_CLIENTS: u32 = 1024;
/// The longest idle time-out: a year.
const MOST_SECONDS: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// How a gate treats its clients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// How packets are told apart.
    pub(crate) framing: Framing,
    /// The message kind of forwarded packets.
    pub(crate) client_tag: u8,
    /// Connections at a time, exactly.
    pub(crate) max_clients: u32,
    /// Bytes of the largest packet.
    pub(crate) max_packet: usize,
    /// Whether small writes are sent at once.
    pub(crate) nodelay: bool,
    /// Connections that the kernel may hold ready; 0: the node's default.
    pub(crate) backlog: u32,
    /// How long a client may be silent; `None`: for ever.
    pub(crate) idle_timeout: Option<Duration>,
    /// Bytes that may wait for one client before it is closed; 0: as for any socket of the node.
    pub(crate) output_limit: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            framing: Framing::Length2,
            client_tag: DEFAULT_CLIENT_TAG,
            max_clients: DEFAULT_MAX_CLIENTS,
            max_packet: DEFAULT_MAX_PACKET,
            nodelay: true,
            backlog: 0,
            idle_timeout: None,
            output_limit: DEFAULT_OUTPUT_LIMIT,
        }
    }
}

impl Settings {
    /// From the words a gate is launched with.
    ///
    /// # Errors
    /// For an option that there is not, or a value that it does not allow.
    pub(crate) fn from_launch(launch: &Launch) -> Result<Self, SettingError> {
        let mut settings = Self {
            framing: launch.framing,
            client_tag: launch.client_tag,
            max_clients: launch.max,
            ..Self::default()
        };
        for (key, value) in &launch.options {
            // These two have words of their own.
            if matches!(key.as_str(), "framing" | "maxclient") {
                return Err(SettingError::Unknown { key: key.clone() });
            }
            settings.set(key, Given::Word(value))?;
        }
        Ok(settings)
    }

    /// Sets one option by its name, which is the same in both forms.
    ///
    /// # Errors
    /// For an option that there is not, or a value that it does not allow.
    pub(crate) fn set(&mut self, key: &str, value: Given<'_>) -> Result<(), SettingError> {
        let error = |wanted| SettingError::Value {
            key: key.to_owned(),
            found: value.to_string(),
            wanted,
        };
        match key {
            "framing" => {
                let framing = value.text().and_then(|text| text.parse().ok());
                self.framing = framing.ok_or_else(|| error("length2, length4, line or raw"))?;
            }
            "maxclient" => {
                let number = value.whole().and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| *number > 0);
                self.max_clients = number.ok_or_else(|| error("a number from 1 to 4294967295"))?;
            }
            "max_packet" => {
                let bytes = value.whole().and_then(|bytes| usize::try_from(bytes).ok());
                let bytes = bytes.filter(|bytes| (1..=MOST_PACKET).contains(bytes));
                self.max_packet = bytes.ok_or_else(|| error("bytes, from 1 to 16777216"))?;
            }
            "nodelay" => self.nodelay = value.truth().ok_or_else(|| error("true or false"))?,
            "backlog" => {
                let number = value.whole().and_then(|number| u32::try_from(number).ok());
                self.backlog = number.ok_or_else(|| error("a number from 0 to 4294967295"))?;
            }
            "idle_timeout" => {
                let seconds = value
                    .number()
                    .filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds));
                let seconds = seconds.ok_or_else(|| error("seconds, from 0 (never) to a year"))?;
                self.idle_timeout = (seconds > 0.0).then(|| Duration::from_secs_f64(seconds));
            }
            "output_limit" => {
                self.output_limit = value
                    .whole()
                    .ok_or_else(|| error("bytes, or 0 for the node's own limit"))?;
            }
            _ => {
                return Err(SettingError::Unknown {
                    key: key.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// A value as it was given: a word of the launch text, or a value of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// Text that means a number or a truth value.
    Word(&'a str),
    /// Already what it is.
    Value(ValueRef<'a>),
}

impl<'a> Given<'a> {
    fn text(self) -> Option<&'a str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Value(value) => value.as_str(),
        }
    }

    fn whole(self) -> Option<u64> {
        match self {
            Self::Word(word) if word.starts_with('+') => None,
            Self::Word(word) => word.parse().ok(),
            Self::Value(value) => value
                .as_integer()
                .and_then(|number| u64::try_from(number).ok()),
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Self::Word(word) => word.parse().ok(),
            Self::Value(ValueRef::Integer(number)) => Some(number as f64),
            Self::Value(ValueRef::Number(number)) => Some(number),
            Self::Value(_) => None,
        }
    }

    fn truth(self) -> Option<bool> {
        match self {
            Self::Word("true" | "1") | Self::Value(ValueRef::Boolean(true)) => Some(true),
            Self::Word("false" | "0") | Self::Value(ValueRef::Boolean(false)) => Some(false),
            _ => None,
        }
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "{word:?}"),
            Self::Value(ValueRef::Boolean(value)) => write!(f, "{value}"),
            Self::Value(ValueRef::Integer(value)) => write!(f, "{value}"),
            Self::Value(ValueRef::Number(value)) => write!(f, "{value}"),
            Self::Value(ValueRef::String(bytes)) => {
                write!(f, "\"{}\"", bytes[..bytes.len().min(64)].escape_ascii())
            }
            Self::Value(value) => f.write_str(value.kind()),
        }
    }
}

/// Why a setting is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum SettingError {
    /// There is no such option.
    Unknown {
        /// Its name.
        key: String,
    },
    /// The option does not take this value.
    Value {
        /// Its name.
        key: String,
        /// What was found.
        found: String,
        /// What it takes.
        wanted: &'static str,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { key } => write!(
                f,
                "option {key:?}: wanted max_packet, nodelay, backlog, idle_timeout or output_limit, and in the table \
                 of `open` also framing or maxclient"
            ),
            Self::Value { key, found, wanted } => {
                write!(f, "option {key}: found {found}, wanted {wanted}")
            }
        }
    }
}

impl std::error::Error for SettingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: Result<Settings, &str>) {
        let launch: Launch = words.parse().unwrap();
        let found = Settings::from_launch(&launch);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{words}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{words}: {error}");
            }
            (found, expected) => panic!("{words}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn launch_words_are_settings() {
        let plain = Settings {
            max_clients: 7,
            ..Settings::default()
        };
        check("S ! 1 0 7", Ok(plain.clone()));
        check(
            "line ! 1 13 7 nodelay=false max_packet=100 idle_timeout=1.5 output_limit=0 backlog=9",
            Ok(Settings {
                framing: Framing::Line,
                client_tag: 13,
                nodelay: false,
                max_packet: 100,
                idle_timeout: Some(Duration::from_millis(1500)),
                output_limit: 0,
                backlog: 9,
                ..plain.clone()
            }),
        );
        check("S ! 1 0 7 idle_timeout=0", Ok(plain));
        check(
            "S ! 1 0 7 idle_timout=3",
            Err("option \"idle_timout\": wanted max_packet"),
        );
        check(
            "S ! 1 0 7 framing=raw",
            Err("option \"framing\": wanted max_packet"),
        );
        check(
            "S ! 1 0 7 max_packet=16777217",
            Err("found \"16777217\", wanted bytes, from 1"),
        );
        check("S ! 1 0 7 max_packet=0", Err("wanted bytes"));
        check("S ! 1 0 7 idle_timeout=-1", Err("wanted seconds"));
        check("S ! 1 0 7 idle_timeout=nan", Err("wanted seconds"));
        check("S ! 1 0 7 idle_timeout=inf", Err("wanted seconds"));
        check("S ! 1 0 7 nodelay=maybe", Err("wanted true or false"));
        check("S ! 1 0 7 backlog=+3", Err("wanted a number"));
    }

    #[test]
    fn table_values_are_settings() {
        let check = |key: &str, value: ValueRef<'_>, expected: Result<Settings, &str>| {
            let mut settings = Settings::default();
            let result = settings.set(key, Given::Value(value));
            match (result, expected) {
                (Ok(()), Ok(expected)) => assert_eq!(settings, expected, "{key}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => panic!("{key} {value:?}: {found:?}"),
            }
        };
        let plain = Settings::default();
        check(
            "framing",
            ValueRef::String(b"raw"),
            Ok(Settings {
                framing: Framing::Raw,
                ..plain.clone()
            }),
        );
        check(
            "maxclient",
            ValueRef::Number(64.0),
            Ok(Settings {
                max_clients: 64,
                ..plain.clone()
            }),
        );
        check("maxclient", ValueRef::Integer(-1), Err("found -1"));
        check(
            "maxclient",
            ValueRef::String(b"x\xff"),
            Err("found \"x\\xff\""),
        );
        check(
            "idle_timeout",
            ValueRef::Number(0.25),
            Ok(Settings {
                idle_timeout: Some(Duration::from_millis(250)),
                ..plain.clone()
            }),
        );
        check(
            "nodelay",
            ValueRef::Boolean(false),
            Ok(Settings {
                nodelay: false,
                ..plain
            }),
        );
        check("nodelay", ValueRef::Nil, Err("found nil"));
    }
}
