//! The settings of clusters, and what contradicts itself in them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, Warning, warning};
use super::file::{Entries, Entry, Sources, table};
use super::keys;
use super::secret::{self, Secret};
use super::value::Value;
use crate::resolver::parse_address;

/// The key of the secret.
pub(crate) const SECRET: &str = "cluster_secret";
pub(super) const SECRET_FILE: &str = "cluster_secret_file";
/// The key of the nodes: a file, or a table.
const KEY: &str = "cluster";
/// What services read the nodes as when they are a table.
pub(super) const NODES: &str = "cluster_nodes";
/// The service that reads the nodes of the configuration.
const DISCOVERY: &str = "clusterfile";
/// The longest name of a node, in bytes.
const NAME_MOST: usize = 255;

/// The settings of clusters. Fields carry the names of the keys without `cluster_`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterConfig {
    /// The file with the names and addresses of the cluster's nodes: `cluster`, when it is a text.
    pub file: Option<PathBuf>,
    /// The names and addresses as TOML: `cluster`, when it is a table.
    pub nodes: Option<String>,
    /// Module and arguments of the service that knows the nodes.
    pub discovery: String,
    /// How often the file is looked at for changes. Zero: never.
    pub watch: Duration,
    /// How long a request waits for a node that is not known.
    pub wait: Duration,
    /// How long the other end of a connection may be silent.
    pub heartbeat: Duration,
    /// How long a call to another node waits for its answer unless it says otherwise. `None`: for ever.
    pub call_timeout: Option<Duration>,
    /// How many bytes of requests may wait for one node.
    pub queue_bytes: usize,
    /// The largest message, in bytes.
    pub max_message: usize,
    /// How many bytes of messages that are not complete one connection may hold.
    pub reassembly: usize,
    /// How many calls may be open on one connection.
    pub max_calls: usize,
    /// How many connections one listener takes.
    pub max_clients: usize,
    /// How many of them may have proven nothing yet.
    pub unproven: usize,
    /// What other nodes may reach.
    pub expose: Expose,
    /// Services that they may reach besides.
    pub export: Vec<String>,
    /// What both ends of a connection prove to each other that they know. It is in no
    /// [setting](super::Config::settings), but services read it with GETENV like those.
    pub secret: Option<Secret>,
    /// The file that it was read from, unless it stands in the configuration itself.
    pub secret_file: Option<PathBuf>,
    /// The certificate of listeners and, where it is asked for, of clients.
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// The certificates that others' are checked with.
    pub tls_ca: Option<PathBuf>,
    /// Whether listeners want a certificate of their clients.
    pub tls_clients: bool,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            file: None,
            nodes: None,
            discovery: DISCOVERY.to_owned(),
            watch: Duration::ZERO,
            wait: Duration::from_secs(5),
            heartbeat: Duration::from_secs(3),
            call_timeout: None,
            queue_bytes: 64 << 20,
            max_message: 64 << 20,
            reassembly: 128 << 20,
            max_calls: 65536,
            max_clients: 1024,
            unproven: 64,
            expose: Expose::Names,
            export: Vec::new(),
            secret: None,
            secret_file: None,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            tls_clients: false,
        }
    }
}

/// What other nodes of a cluster may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expose {
    /// What has been registered or exported.
    Names,
    /// Every service, as in Skynet.
    All,
}

impl Expose {
    const ALL: [Self; 2] = [Self::Names, Self::All];

    /// The one that the configuration calls so.
    pub(super) fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|expose| expose.as_str() == text)
    }

    /// The word of the configuration file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::All => "all",
        }
    }
}

impl fmt::Display for Expose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Looks at the files that are named, and at the nodes; reads the secret. Returns what is odd about the nodes.
pub(super) fn check(
    cluster: &mut ClusterConfig,
    entries: &Entries,
    sources: Sources<'_>,
) -> Result<Vec<Warning>, ConfigError> {
    let has_certificates = cluster.tls_cert.is_some() || cluster.tls_ca.is_some();
    let odd = match (entries.get(KEY), &cluster.file) {
        (
            Some(Entry {
                value: Value::Table(nodes),
                ..
            }),
            _,
        ) => check_nodes(nodes, has_certificates)?,
        (Some(entry), Some(file)) => {
            check_nodes(&read_nodes(file, entry, sources)?, has_certificates)?
        }
        _ => Vec::new(),
    };
    if let (Some(file), None) = (&cluster.secret_file, &cluster.secret) {
        cluster.secret = secret::read(file, SECRET_FILE, entries, sources)?;
    }
    for (key, file) in [
        ("cluster_tls_cert", &cluster.tls_cert),
        ("cluster_tls_key", &cluster.tls_key),
        ("cluster_tls_ca", &cluster.tls_ca),
    ] {
        let (Some(file), Some(entry)) = (file, entries.get(key)) else {
            continue;
        };
        (sources.open)(file).map_err(|error| {
            let why = format!("which cannot be read ({error})");
            entry.refuse(key, &why, "the name of a PEM file")
        })?;
    }
    let odd = odd.into_iter();
    Ok(odd.filter_map(|text| warning(entries, KEY, text)).collect())
}

fn read_nodes(file: &Path, entry: &Entry, sources: Sources<'_>) -> Result<Entries, ConfigError> {
    let text = (sources.read)(file).map_err(|error| {
        let why = format!("which cannot be read ({error})");
        entry.refuse(
            KEY,
            &why,
            "the name of a file with nodes and their addresses",
        )
    })?;
    table(file, &text, KEY)
}

/// Names, addresses and options must be as the service that reads them wants them. Returns what is odd: options that it does
/// not know, and addresses that cannot be spoken to.
fn check_nodes(nodes: &Entries, has_certificates: bool) -> Result<Vec<String>, ConfigError> {
    let mut odd = Vec::new();
    for (name, entry) in nodes {
        let (is_good, wanted) = match name.strip_prefix("__") {
            Some("nowaiting") => (
                matches!(entry.value, Value::Boolean(_)),
                "true or false, without quotes",
            ),
            Some(_) => {
                odd.push(format!(
                    "{name} is no option of {KEY}; there is __nowaiting"
                ));
                continue;
            }
            None if !is_name(name) => (
                false,
                "a name of 1 to 255 bytes without white space and control characters",
            ),
            None => (
                is_address(&entry.value),
                "\"host:port\", also behind \"tls://\" or \"skynet://\", or false",
            ),
        };
        if !is_good {
            let key = format!("{KEY}.{name}");
            return Err(ConfigError::Value {
                place: entry.place.clone(),
                found: keys::shown(&key, || entry.value.found()),
                key,
                wanted,
            });
        }
    }
    let is_tls = |entry: &Entry| {
        let address = entry.value.text();
        address.is_some_and(|text| text.starts_with("tls://"))
    };
    if !has_certificates && nodes.values().any(is_tls) {
        odd.push(format!(
            "{KEY} has tls:// addresses, and there is no certificate: neither cluster_tls_cert nor cluster_tls_ca is set"
        ));
    }
    Ok(odd)
}

fn is_name(name: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    (1..=NAME_MOST).contains(&name.len()) && !name.contains(is_odd)
}

/// Where a node is, or `false` for one that is down.
fn is_address(value: &Value) -> bool {
    let Value::Text(text) = value else {
        return matches!(value, Value::Boolean(false));
    };
    let plain = ["tls://", "skynet://"]
        .iter()
        .find_map(|kind| text.strip_prefix(kind))
        .unwrap_or(text);
    parse_address(plain).is_ok_and(|found| found.host.is_some() && found.port != 0)
}

/// Settings that contradict each other, or that nobody will look at.
pub(super) fn warnings(cluster: &ClusterConfig, entries: &Entries) -> Vec<Warning> {
    let about = |is_wrong: bool, key: &str, text: &str| {
        warning(entries, key, text.to_owned()).filter(|_| is_wrong)
    };
    let reads_files = cluster.discovery.split(' ').next() == Some(DISCOVERY);
    [
        secret::given_twice(SECRET, SECRET_FILE, entries),
        about(
            reads_files && cluster.file.is_none() && !cluster.watch.is_zero(),
            "cluster_watch",
            "cluster_watch is not used: cluster is no file",
        ),
        about(
            cluster.expose == Expose::All && !cluster.export.is_empty(),
            "cluster_export",
            "cluster_export is not used: cluster_expose is \"all\"",
        ),
        about(
            cluster.max_message > cluster.reassembly,
            "cluster_max_message",
            "cluster_max_message is more than cluster_reassembly: messages that large never arrive",
        ),
        about(
            cluster.max_message > cluster.queue_bytes,
            "cluster_max_message",
            "cluster_max_message is more than cluster_queue_bytes: messages that large are never sent",
        ),
        about(
            cluster.tls_key.is_none(),
            "cluster_tls_cert",
            "cluster_tls_cert is not used: cluster_tls_key is not set",
        ),
        about(
            cluster.tls_cert.is_none(),
            "cluster_tls_key",
            "cluster_tls_key is not used: cluster_tls_cert is not set",
        ),
        about(
            cluster.tls_clients && cluster.tls_ca.is_none(),
            "cluster_tls_clients",
            "cluster_tls_clients is true, and cluster_tls_ca is not set: no client's certificate can be checked",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
