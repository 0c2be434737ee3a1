//! What the configuration says about the chat: the keys of its `[chat]` table.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use skynet_service::Context;

/// Settings of the whole chat.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Settings {
    /// Where clients connect: `host:port`.
    pub(crate) address: String,
    /// Services that the rooms are shared among.
    pub(crate) rooms: usize,
    /// Clients at a time.
    pub(crate) clients: u32,
    /// Bytes that may wait for a client who does not read; then the gate closes it.
    pub(crate) output_limit: u64,
    /// Seconds that a client may be silent; 0 for ever.
    pub(crate) idle_timeout: u32,
    /// Whether the rooms are those of the whole network.
    pub(crate) network: bool,
    /// How much a client may send.
    pub(crate) pace: Pace,
}

/// How much a client may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pace {
    /// Lines a second, in the long run.
    pub(crate) rate: u32,
    /// Lines at once.
    pub(crate) burst: u32,
    /// Lines that wait for their turn, beyond that; a client that sends more is thrown out.
    pub(crate) backlog: usize,
}

impl Settings {
    /// Reads them. `address` is that of the launch line, which comes first; it may be empty.
    ///
    /// # Errors
    /// A value is not what it may be.
    pub(crate) fn read(
        address: &str,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingError> {
        let keys = Keys(&env);
        let configured = env("chat.address").filter(|text| !text.is_empty());
        let address = Some(address.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Self {
            address: address
                .or(configured)
                .unwrap_or_else(|| "127.0.0.1:8888".to_owned()),
            rooms: keys.number("chat.rooms", 4, 1..=256)?,
            clients: keys.number("chat.clients", 1000, 1..=10_000_000)?,
            output_limit: keys.number("chat.output_limit", 256 << 10, 4096..=1 << 30)?,
            idle_timeout: keys.number("chat.idle_timeout", 0, 0..=31_536_000)?,
            network: keys.truth("chat.network", false)?,
            pace: Pace::read(&env)?,
        })
    }
}

impl Pace {
    /// Reads it.
    ///
    /// # Errors
    /// A value is not what it may be.
    pub(crate) fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let keys = Keys(env);
        Ok(Self {
            rate: keys.number("chat.rate", 20, 1..=1_000_000)?,
            burst: keys.number("chat.burst", 40, 1..=1_000_000)?,
            backlog: keys.number("chat.backlog", 256, 1..=100_000)?,
        })
    }
}

/// The environment of a node, as [`Settings::read`] wants it.
pub(crate) fn env(cx: &Context) -> impl Fn(&str) -> Option<String> {
    |key| cx.env(key)
}

/// Reads values one by one.
struct Keys<F>(F);

impl<F: Fn(&str) -> Option<String>> Keys<F> {
    fn truth(&self, key: &'static str, default: bool) -> Result<bool, SettingError> {
        let Some(found) = self.0(key).filter(|text| !text.is_empty()) else {
            return Ok(default);
        };
        found.parse().map_err(|_| SettingError {
            key,
            found,
            wanted: "true or false".to_owned(),
        })
    }

    fn number<T>(
        &self,
        key: &'static str,
        default: T,
        allowed: RangeInclusive<T>,
    ) -> Result<T, SettingError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(found) = self.0(key).filter(|text| !text.is_empty()) else {
            return Ok(default);
        };
        match found.parse() {
            Ok(number) if allowed.contains(&number) => Ok(number),
            _ => Err(SettingError {
                key,
                found,
                wanted: format!("a number from {} to {}", allowed.start(), allowed.end()),
            }),
        }
    }
}

/// A setting that is not what it may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SettingError {
    key: &'static str,
    found: String,
    wanted: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, found, wanted } = self;
        write!(f, "{key} is {found:?}; wanted {wanted}")
    }
}

impl std::error::Error for SettingError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let env = |key: &str| {
            let pair = pairs.iter().find(|(name, _)| *name == key);
            pair.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(address, env).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        let settings = read("", &[]).unwrap();
        assert_eq!(settings.address, "127.0.0.1:8888");
        assert_eq!((settings.rooms, settings.clients), (4, 1000));
        assert!(!settings.network && read("", &[("chat.network", "true")]).unwrap().network);
        assert_eq!(
            settings.pace,
            Pace {
                rate: 20,
                burst: 40,
                backlog: 256
            }
        );
        assert_eq!(read(" ", &[("chat.rooms", "")]).unwrap(), settings);
    }

    #[test]
    fn the_launch_line_comes_before_the_configuration() {
        let pairs = [("chat.address", "[::1]:7"), ("chat.rate", "5")];
        assert_eq!(read("", &pairs).unwrap().address, "[::1]:7");
        let settings = read("127.0.0.1:0", &pairs).unwrap();
        assert_eq!(settings.address, "127.0.0.1:0");
        assert_eq!(settings.pace.rate, 5);
    }

    #[test]
    fn wrong_values_are_refused_with_what_is_allowed() {
        let check = |key: &str, value: &str, expected: &str| {
            assert_eq!(read("", &[(key, value)]).unwrap_err(), expected);
        };
        check(
            "chat.rooms",
            "0",
            "chat.rooms is \"0\"; wanted a number from 1 to 256",
        );
        check(
            "chat.rate",
            "fast",
            "chat.rate is \"fast\"; wanted a number from 1 to 1000000",
        );
        check(
            "chat.network",
            "maybe",
            "chat.network is \"maybe\"; wanted true or false",
        );
        check(
            "chat.output_limit",
            "-1",
            "chat.output_limit is \"-1\"; wanted a number from 4096 to 1073741824",
        );
    }
}
