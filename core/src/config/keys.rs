//! The keys that the node itself reads: what each allows, and the field it fills.

mod cluster;
mod harbor;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use super::error::ConfigError;
use super::file::Entry;
use super::secret::is_secret;
use super::value::Value;
use super::{Config, OutputPolicy};

/// How many workers a node may have.
pub(super) const THREADS: RangeInclusive<u64> = 1..=1024;
const EXTRA_WORKERS: RangeInclusive<u64> = 0..=1024;
const MAILBOX: RangeInclusive<u64> = 0..=u32::MAX as u64;
const SOCKETS: RangeInclusive<u64> = 1..=0x00ff_ffff;
const OUTPUT: RangeInclusive<u64> = 1024..=1 << 40;
/// One day, the longest time that any setting allows.
const DAY: f64 = 86400.0;

/// One key of the configuration.
pub(super) struct Key {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// What it allows, as errors say it.
    pub(super) wanted: &'static str,
    /// Fills the field; `None` refuses the value.
    read: fn(&mut Config, &Value) -> Option<()>,
    /// The field as GETENV shows it; `None` when it is optional and not set.
    text: fn(&Config) -> Option<String>,
}

impl Key {
    /// Fills the key's field of `config`.
    pub(super) fn read(&self, config: &mut Config, entry: &Entry) -> Result<(), ConfigError> {
        (self.read)(config, &entry.value).ok_or_else(|| ConfigError::Value {
            place: entry.place.clone(),
            key: self.name.to_owned(),
            found: shown(self.name, || entry.value.found()),
            wanted: self.wanted,
        })
    }

    /// The key's field of `config` as text.
    pub(super) fn text(&self, config: &Config) -> Option<String> {
        (self.text)(config)
    }
}

/// Every key that the node reads.
pub(super) fn all() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(harbor::KEYS).chain(cluster::KEYS)
}

/// The key of this name, when the node reads it.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

/// The keys of a harbor network but for its id: those that mean nothing in a single node.
pub(super) fn of_networks() -> impl Iterator<Item = &'static Key> {
    harbor::KEYS.iter().filter(|key| key.name != "harbor")
}

/// Whether a table is a value of this key, rather than its name a prefix of other keys.
pub(super) fn takes_table(key: &str) -> bool {
    key == cluster::NODES
}

/// What an error shows of a value. A secret that has come to stand below a `[table]` is none the less secret.
pub(super) fn shown(key: &str, found: impl FnOnce() -> String) -> String {
    if key.rsplit('.').next().is_some_and(is_secret) {
        "something that is not shown".to_owned()
    } else {
        found()
    }
}

/// The names of all keys that mean something to a node or to a service that comes from Skynet.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all()
        .map(|key| key.name)
        .chain(["include"])
        .chain(SERVICE_KEYS.iter().copied())
}

/// Skynet's keys for its Lua layer and its TLS library. The node only hands them on.
const SERVICE_KEYS: &[&str] = &[
    "lua_path",
    "lua_cpath",
    "luaservice",
    "lualoader",
    "preload",
    "snax",
    "snax_interface_g",
    "snax_loader",
    "enablessl",
    "certfile",
    "keyfile",
];

/// Those of the node itself, by topic.
static KEYS: &[Key] = &[
    Key {
        name: "name",
        wanted: "a text without '/' and control characters",
        read: |config, value| {
            config.name = value.text().filter(|text| is_name(text))?.to_owned();
            Some(())
        },
        text: |config| Some(config.name.clone()),
    },
    Key {
        name: "thread",
        wanted: "an integer from 1 to 1024",
        read: |config, value| integer(&mut config.thread, value, &THREADS),
        text: |config| Some(config.thread.to_string()),
    },
    Key {
        name: "cpath",
        wanted: "file patterns with a '?' in each, in a list or separated by ';'",
        read: |config, value| {
            config.cpath = patterns(value)?;
            Some(())
        },
        text: |config| Some(config.cpath.join(";")),
    },
    Key {
        name: "bootstrap",
        wanted: "a module and its arguments on one line",
        read: |config, value| {
            config.bootstrap = line(value)?;
            Some(())
        },
        text: |config| Some(config.bootstrap.clone()),
    },
    Key {
        name: "start",
        wanted: "modules with their arguments, in a list or one per line",
        read: |config, value| {
            config.start = value.lines()?.into_iter().map(str::to_owned).collect();
            Some(())
        },
        text: |config| (!config.start.is_empty()).then(|| config.start.join("\n")),
    },
    Key {
        name: "logger",
        wanted: "the name of a file",
        read: |config, value| optional(&mut config.logger, value),
        text: |config| config.logger.clone(),
    },
    Key {
        name: "logservice",
        wanted: "the name of a module",
        read: |config, value| {
            config.logservice = line(value).filter(|name| !name.contains(' '))?;
            Some(())
        },
        text: |config| Some(config.logservice.clone()),
    },
    Key {
        name: "loglevel",
        wanted: "one of \"error\", \"warn\", \"info\", \"debug\" and \"trace\"",
        read: |config, value| {
            config.loglevel = level(value.text()?)?;
            Some(())
        },
        text: |config| Some(config.loglevel.as_str().to_ascii_lowercase()),
    },
    Key {
        name: "logpath",
        wanted: "the name of a folder",
        read: |config, value| optional(&mut config.logpath, value),
        text: |config| path(config.logpath.as_ref()),
    },
    Key {
        name: "daemon",
        wanted: "the name of a pid file",
        read: |config, value| optional(&mut config.daemon, value),
        text: |config| path(config.daemon.as_ref()),
    },
    Key {
        name: "rundir",
        wanted: "the name of a folder",
        read: |config, value| {
            config.rundir = line(value)?.into();
            Some(())
        },
        text: |config| path(Some(&config.rundir)),
    },
    Key {
        name: "profile",
        wanted: "true or false",
        read: |config, value| {
            config.profile = value.boolean()?;
            Some(())
        },
        text: |config| Some(config.profile.to_string()),
    },
    Key {
        name: "endless_limit",
        wanted: "seconds, from 0.001 to 86400",
        read: |config, value| {
            config.endless_limit = value.seconds(&(0.001..=DAY))?;
            Some(())
        },
        text: |config| Some(seconds(config.endless_limit)),
    },
    Key {
        name: "extra_workers",
        wanted: "an integer from 0 to 1024",
        read: |config, value| integer(&mut config.extra_workers, value, &EXTRA_WORKERS),
        text: |config| Some(config.extra_workers.to_string()),
    },
    Key {
        name: "mailbox_limit",
        wanted: "an integer from 0 (no bound) to 4294967295",
        read: |config, value| integer(&mut config.mailbox_limit, value, &MAILBOX),
        text: |config| Some(config.mailbox_limit.to_string()),
    },
    Key {
        name: "call_timeout",
        wanted: "seconds, from 0 (no limit) to 86400",
        read: |config, value| {
            let timeout = value.seconds(&(0.0..=DAY))?;
            config.call_timeout = (!timeout.is_zero()).then_some(timeout);
            Some(())
        },
        text: |config| Some(seconds(config.call_timeout.unwrap_or_default())),
    },
    Key {
        name: "shutdown_grace",
        wanted: "seconds, from 0 to 86400",
        read: |config, value| {
            config.shutdown_grace = value.seconds(&(0.0..=DAY))?;
            Some(())
        },
        text: |config| Some(seconds(config.shutdown_grace)),
    },
    Key {
        name: "max_sockets",
        wanted: "an integer from 1 to 16777215",
        read: |config, value| integer(&mut config.max_sockets, value, &SOCKETS),
        text: |config| Some(config.max_sockets.to_string()),
    },
    Key {
        name: "socket_output_limit",
        wanted: "a size such as 65536 or \"64M\", from 1K to 1T",
        read: |config, value| {
            config.socket_output_limit = usize::try_from(value.size(&OUTPUT)?).ok()?;
            Some(())
        },
        text: |config| Some(config.socket_output_limit.to_string()),
    },
    Key {
        name: "socket_output_policy",
        wanted: "one of \"warn\", \"pause\" and \"close\"",
        read: |config, value| {
            config.socket_output_policy = policy(value.text()?)?;
            Some(())
        },
        text: |config| Some(config.socket_output_policy.to_string()),
    },
];

/// Whether a node may be called this.
pub(super) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(|c: char| c == '/' || c.is_control())
}

fn integer(field: &mut usize, value: &Value, range: &RangeInclusive<u64>) -> Option<()> {
    *field = usize::try_from(value.integer(range)?).ok()?;
    Some(())
}

/// A text on one line, not empty.
fn line(value: &Value) -> Option<String> {
    let text = value.text()?.trim();
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// A text on one line; an empty one unsets the key.
fn optional<T: From<String>>(field: &mut Option<T>, value: &Value) -> Option<()> {
    *field = match value.text()? {
        "" => None,
        _ => Some(line(value)?.into()),
    };
    Some(())
}

fn patterns(value: &Value) -> Option<Vec<String>> {
    let lines = value.lines()?;
    let patterns = lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    let patterns: Vec<_> = patterns.filter(|pattern| !pattern.is_empty()).collect();
    let usable = !patterns.is_empty() && patterns.iter().all(|pattern| pattern.contains('?'));
    usable.then(|| patterns.into_iter().map(str::to_owned).collect())
}

fn level(text: &str) -> Option<LevelFilter> {
    match text {
        "error" => Some(LevelFilter::Error),
        "warn" => Some(LevelFilter::Warn),
        "info" => Some(LevelFilter::Info),
        "debug" => Some(LevelFilter::Debug),
        "trace" => Some(LevelFilter::Trace),
        _ => None,
    }
}

fn policy(text: &str) -> Option<OutputPolicy> {
    [OutputPolicy::Warn, OutputPolicy::Pause, OutputPolicy::Close]
        .into_iter()
        .find(|policy| policy.as_str() == text)
}

fn path(path: Option<&PathBuf>) -> Option<String> {
    // Paths of the file are text, so nothing is lost here.
    path.map(|path| path.to_string_lossy().into_owned())
}

fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}
