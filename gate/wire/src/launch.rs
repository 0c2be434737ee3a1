//! The text that a gate is launched with.

use std::fmt;
use std::str::FromStr;

use crate::{Address, AddressError, Framing, FramingError};

/// The message type of forwarded packets when the launch text says 0: packets of clients.
pub const DEFAULT_CLIENT_TAG: u8 = 3;

/// `<header> <watchdog> <listen> <client_tag> <max>`, then any `key=value` options.
///
/// ```
/// use skynet_gate_wire::{Address, Framing, Launch};
/// let launch: Launch = "S :01000008 127.0.0.1:8888 0 1024 nodelay=true".parse()?;
/// assert_eq!(launch.framing, Framing::Length2);
/// assert_eq!(launch.watchdog, Some(Address::Handle(0x01000008)));
/// assert_eq!((launch.listen.host.as_deref(), launch.listen.port), (Some("127.0.0.1"), 8888));
/// assert_eq!((launch.client_tag, launch.max), (3, 1024));
/// assert_eq!(launch.option("nodelay"), Some("true"));
/// # Ok::<(), skynet_gate_wire::LaunchError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// How packets are told apart: `S` or `L` as in Skynet, or a name of [`Framing`].
    pub framing: Framing,
    /// Who is told of connections; text beginning with `!` is nobody.
    pub watchdog: Option<Address>,
    /// Where to listen.
    pub listen: Listen,
    /// The message type of forwarded packets; never 0, see [`DEFAULT_CLIENT_TAG`].
    pub client_tag: u8,
    /// Connections at a time; never 0.
    pub max: u32,
    /// Further settings, which mean nothing here, in the order of the text.
    pub options: Vec<(String, String)>,
}

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The host, as a name or an address, IPv6 without brackets; none if the text was a port alone.
    pub host: Option<String>,
    /// The port, never 0.
    pub port: u16,
}

impl Launch {
    /// The value of an option; of several the last.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        let mut newest_first = self.options.iter().rev();
        newest_first
            .find(|(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }
}

impl FromStr for Launch {
    type Err = LaunchError;

    fn from_str(text: &str) -> Result<Self, LaunchError> {
        let mut words = text.split_ascii_whitespace();
        let mut word = |missing| words.next().ok_or(LaunchError::Missing { missing });
        let launch = Self {
            framing: word("header")?.parse().map_err(LaunchError::Framing)?,
            watchdog: parse_watchdog(word("watchdog")?).map_err(LaunchError::Watchdog)?,
            listen: word("listen address")?.parse()?,
            client_tag: parse_client_tag(word("client tag")?)?,
            max: parse_max(word("max connection")?)?,
            options: Vec::new(),
        };
        let options = words.map(parse_option).collect::<Result<_, _>>()?;
        Ok(Self { options, ..launch })
    }
}

fn parse_watchdog(word: &str) -> Result<Option<Address>, AddressError> {
    if word.starts_with('!') {
        Ok(None)
    } else {
        word.parse().map(Some)
    }
}

fn parse_client_tag(word: &str) -> Result<u8, LaunchError> {
    let error = |_| LaunchError::ClientTag {
        found: word.to_owned(),
    };
    let tag: u8 = word.parse().map_err(error)?;
    Ok(if tag == 0 { DEFAULT_CLIENT_TAG } else { tag })
}

fn parse_max(word: &str) -> Result<u32, LaunchError> {
    let max = word.parse().ok().filter(|max| *max > 0);
    max.ok_or_else(|| LaunchError::Max {
        found: word.to_owned(),
    })
}

fn parse_option(word: &str) -> Result<(String, String), LaunchError> {
    let pair = word.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| LaunchError::Option {
        found: word.to_owned(),
    })?;
    Ok((key.to_owned(), value.to_owned()))
}

impl FromStr for Listen {
    type Err = LaunchError;

    /// `port` or `host:port`, split at the last colon.
    fn from_str(text: &str) -> Result<Self, LaunchError> {
        let error = || LaunchError::Listen {
            found: text.to_owned(),
        };
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (Some(unbracketed(host)), port),
            None => (None, text),
        };
        let port = port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(error)?;
        if host == Some("") {
            return Err(error());
        }
        Ok(Self {
            host: host.map(str::to_owned),
            port,
        })
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// The text that [`FromStr`] reads back.
impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.framing {
            // Skynet's own gate knows these two by their letters alone.
            Framing::Length2 => f.write_str("S ")?,
            Framing::Length4 => f.write_str("L ")?,
            other => write!(f, "{other} ")?,
        }
        match &self.watchdog {
            Some(address) => write!(f, "{address}")?,
            None => f.write_str("!")?,
        }
        write!(f, " {} {} {}", self.listen, self.client_tag, self.max)?;
        self.options
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, "{}", self.port),
        }
    }
}

/// Why a gate cannot be launched with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LaunchError {
    /// The text ends too early.
    Missing {
        /// What should come next.
        missing: &'static str,
    },
    /// The header is no framing.
    Framing(FramingError),
    /// The watchdog is no address.
    Watchdog(AddressError),
    /// The listen address is none.
    Listen {
        /// What was found.
        found: String,
    },
    /// The client tag is none.
    ClientTag {
        /// What was found.
        found: String,
    },
    /// The number of connections is none.
    Max {
        /// What was found.
        found: String,
    },
    /// A further word is no option.
    Option {
        /// What was found.
        found: String,
    },
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { missing } => write!(
                f,
                "need {missing}: wanted <header> <watchdog> <listen> <client_tag> <max>"
            ),
            Self::Framing(error) => write!(f, "header: {error}"),
            Self::Watchdog(error) => write!(f, "watchdog: {error}"),
            Self::Listen { found } => {
                write!(
                    f,
                    "listen address {found:?}: wanted port or host:port, port from 1 to 65535"
                )
            }
            Self::ClientTag { found } => {
                write!(
                    f,
                    "client tag {found:?}: wanted a message type from 0 to 255"
                )
            }
            Self::Max { found } => {
                write!(
                    f,
                    "max connection {found:?}: wanted a number from 1 to {}",
                    u32::MAX
                )
            }
            Self::Option { found } => write!(f, "option {found:?}: wanted key=value"),
        }
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Framing(error) => Some(error),
            Self::Watchdog(error) => Some(error),
            _ => None,
        }
    }
}
