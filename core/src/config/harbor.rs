//! What a node's harbor network is made of, and what contradicts itself in it.

use std::fmt;
use std::net::IpAddr;

use super::Config;
use super::error::{ConfigError, Warning, warning};
use super::file::{Entries, Sources};
use super::{keys, secret};
use crate::resolver::parse_address;

/// Where a node of a network listens that does not say.
const ADDRESS: &str = "127.0.0.1:0";
/// The key of the network's secret.
pub(crate) const SECRET: &str = "harbor_secret";
pub(super) const SECRET_FILE: &str = "harbor_secret_file";

/// A node's id in its harbor network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HarborId {
    /// This one; 0 is a single node.
    Fixed(u8),
    /// Whichever the network's master gives.
    Auto,
}

impl HarborId {
    /// Whether the node is in no network.
    #[must_use]
    pub const fn is_single(self) -> bool {
        matches!(self, Self::Fixed(0))
    }
}

impl fmt::Display for HarborId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(id) => id.fmt(f),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// How long a node listens for others of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HarborListen {
    /// As long as it runs, so that links that were cut can be dialled again.
    Always,
    /// Until it has joined, as Skynet does.
    Startup,
}

impl HarborListen {
    const ALL: [Self; 2] = [Self::Always, Self::Startup];

    /// The one that the configuration calls so.
    pub(super) fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listen| listen.as_str() == text)
    }

    /// The word of the configuration file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Startup => "startup",
        }
    }
}

impl fmt::Display for HarborListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a message for a node to which too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueuePolicy {
    /// It is refused.
    Error,
    /// It is taken, and the oldest that wait are dropped.
    DropOldest,
    /// Its sender waits.
    Block,
}

impl QueuePolicy {
    const ALL: [Self; 3] = [Self::Error, Self::DropOldest, Self::Block];

    /// The one that the configuration calls so.
    pub(super) fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// The word of the configuration file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::DropOldest => "drop-oldest",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for QueuePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Fills in what follows from other settings.
pub(super) fn fill_in(config: &mut Config) {
    if !config.harbor.is_single() {
        config.address.get_or_insert_with(|| ADDRESS.to_owned());
        if config.master.is_none() {
            config.master.clone_from(&config.standalone);
        }
    }
}

/// Reads the file that the secret lies in, if there is one and it is used.
pub(super) fn read_secret(
    config: &mut Config,
    entries: &Entries,
    sources: Sources<'_>,
) -> Result<(), ConfigError> {
    let is_used = config.harbor_secret.is_none() && !config.harbor.is_single();
    if let (Some(file), true) = (&config.harbor_secret_file, is_used) {
        config.harbor_secret = secret::read(file, SECRET_FILE, entries, sources)?;
    }
    Ok(())
}

/// Settings that contradict each other, or that nobody will look at.
pub(super) fn warnings(config: &Config, entries: &Entries) -> Vec<Warning> {
    if config.harbor.is_single() {
        return unused_in_a_single_node(config, entries);
    }
    [
        without_master(config, entries),
        with_another_master(config, entries),
        secret::given_twice(SECRET, SECRET_FILE, entries),
        open_to_anybody(config, entries, "address", config.address.as_deref()),
        open_to_anybody(config, entries, "standalone", config.standalone.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Settings of a harbor network in a node that is in none. Skynet's `harbor` defaults to 1 and ours
/// to 0, so this is what a file carried over from there looks like.
fn unused_in_a_single_node(config: &Config, entries: &Entries) -> Vec<Warning> {
    keys::of_networks()
        .filter(|key| key.name == SECRET || key.text(config).is_some())
        .filter_map(|key| {
            let text = format!("{} is not used: harbor is 0, a single node", key.name);
            warning(entries, key.name, text)
        })
        .collect()
}

fn without_master(config: &Config, entries: &Entries) -> Option<Warning> {
    let is_alone = config.master.is_none() && config.standalone.is_none();
    let text = format!(
        "harbor is {}, and neither master nor standalone is set: there is no network to join",
        config.harbor
    );
    warning(entries, "harbor", text).filter(|_| is_alone)
}

/// A master in this node, which joins another one's network.
fn with_another_master(config: &Config, entries: &Entries) -> Option<Warning> {
    let port = |text: &Option<String>| parse_address(text.as_deref()?).ok().map(|at| at.port);
    let (master, standalone) = (port(&config.master)?, port(&config.standalone)?);
    let text = "master and standalone have different ports: this node would serve one network and \
                join another"
        .to_owned();
    warning(entries, "master", text).filter(|_| master != standalone)
}

/// Others than this machine may reach the port, and nobody has to prove anything.
fn open_to_anybody(
    config: &Config,
    entries: &Entries,
    key: &str,
    address: Option<&str>,
) -> Option<Warning> {
    let host = parse_address(address?).ok()?.host?;
    let is_open = host.parse::<IpAddr>().is_ok_and(|ip| !ip.is_loopback());
    let text = format!(
        "{key} is open to other machines, and there is no {SECRET}: whoever reaches it may join \
         the network"
    );
    warning(entries, key, text).filter(|_| is_open && config.harbor_secret.is_none())
}
