//! A node's configuration: one TOML file, its includes, and the defaults of everything.
//!
//! The way of a setting, one file a step:
//!
//! 1. `expand` replaces `$NAME` in the text of the file from the process environment;
//! 2. `file` parses the text, follows `include` and flattens tables (`[gate] port = 1` becomes
//!    `gate.port`), keeping file and line of each setting;
//! 3. `keys` is the table of the keys that the node itself reads: it turns their `value`s into
//!    the fields of [`Config`], or refuses them;
//! 4. `typo` compares the other keys with the known ones: a near miss becomes a [`Warning`];
//! 5. `harbor` finds contradictions in the settings of a harbor network, `cluster` in those of clusters; they read the
//!    secrets (`secret`) and look at the other files that are named.
//!
//! Whatever its type in the file, a setting is also text in [`Config::settings`], which becomes the
//! node's environment: what services read with GETENV.
//!
//! The reference of the keys, for people, is `docs/configuration.md`; a test holds it against the
//! table of keys.

pub(crate) mod cluster;
mod error;
mod expand;
mod file;
pub(crate) mod harbor;
mod keys;
pub(crate) mod secret;
mod typo;
mod value;

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use log::LevelFilter;

pub use cluster::{ClusterConfig, Expose};
pub use error::{ConfigError, Place, Warning};
pub use harbor::{HarborId, HarborListen, QueuePolicy};
pub use secret::Secret;

use file::Sources;

/// The name, and the last part of the run folder, of a node without a configuration file.
const BARE_NAME: &str = "skynet";

/// What a node does when a socket's buffered output reaches [`Config::socket_output_limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputPolicy {
    /// Only tell the owner; the buffer goes on growing.
    Warn,
    /// Stop reading from the socket until its output has drained: a peer that sends requests and
    /// does not take the answers gets no further answers.
    Pause,
    /// Close the socket.
    Close,
}

impl OutputPolicy {
    /// The word of the configuration file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Pause => "pause",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for OutputPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The settings of one node, checked.
///
/// Fields carry the names of the keys in the file. Relative paths are relative to the folder in
/// which the node was started (not to the configuration file), as in Skynet.
///
/// Whoever changes a field by hand calls [`Config::write_back`] afterwards, so that services read
/// the same with GETENV.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The node's name in logs and tools. Default: the stem of the configuration file.
    pub name: String,
    /// Worker threads, 1 to 1024. Default: the number of processors this process may use.
    pub thread: usize,
    /// Where plugins are looked for, in this order; `?` stands for the name of the module.
    pub cpath: Vec<String>,
    /// The node's id in a harbor network.
    pub harbor: HarborId,
    /// Module and arguments of the first service after the log service.
    pub bootstrap: String,
    /// Module and arguments of each service to start, in this order.
    pub start: Vec<String>,
    /// The argument of the log service: for the one that comes with the node, the log file.
    /// `None`: standard output.
    pub logger: Option<String>,
    /// The module of the log service.
    pub logservice: String,
    /// The least important level that is still logged.
    pub loglevel: LevelFilter,
    /// The folder of message traces (LOGON). `None`: traces are refused.
    pub logpath: Option<PathBuf>,
    /// The pid file of daemon mode. `None`: stay in the foreground.
    pub daemon: Option<PathBuf>,
    /// Whether the processor time of services is measured.
    pub profile: bool,
    /// The address on which this node listens for other nodes of its harbor network. A file in which
    /// `harbor` is not 0 and this is not set has it filled in: any port, for this machine only.
    pub address: Option<String>,
    /// The address of the harbor network's master. A file in which `harbor` is not 0 and this is not set has it filled
    /// in: `standalone`.
    pub master: Option<String>,
    /// The address on which this node serves as master. `None`: it does not.
    pub standalone: Option<String>,
    /// How long messages wait for a node or a global name that may still come.
    pub harbor_wait: Duration,
    /// How long the node may take to join its network when it starts.
    pub harbor_join: Duration,
    /// How long another node may be silent before it is lost.
    pub harbor_heartbeat: Duration,
    /// How long the node listens for others.
    pub harbor_listen: HarborListen,
    /// How many messages may wait for one other node before [`Config::harbor_queue_policy`] acts.
    pub harbor_queue: usize,
    /// How many bytes of messages may.
    pub harbor_queue_bytes: usize,
    /// What happens to further ones.
    pub harbor_queue_policy: QueuePolicy,
    /// How many connections that have proven nothing yet the node takes at once, as master and otherwise.
    pub harbor_unproven: usize,
    /// What the network's nodes prove to each other that they know. `None`: they prove nothing. It is in no
    /// [setting](Config::settings), but services read it with GETENV like those.
    pub harbor_secret: Option<Secret>,
    /// The file that it was read from, unless it stands in the configuration itself.
    pub harbor_secret_file: Option<PathBuf>,
    /// The keys of clusters, `cluster` and those that begin with `cluster_`.
    pub cluster: ClusterConfig,
    /// The folder of the node's run-time files, such as its control socket.
    pub rundir: PathBuf,
    /// How long one callback may run before it is reported. Never zero.
    pub endless_limit: Duration,
    /// How many workers may be added in place of workers stuck in a callback.
    pub extra_workers: usize,
    /// How many messages a mailbox holds before sends and requests to it are refused; 0: no bound.
    pub mailbox_limit: usize,
    /// How long a call waits for its answer unless it says otherwise. `None`: for ever.
    pub call_timeout: Option<Duration>,
    /// How long services get to end when the node stops.
    pub shutdown_grace: Duration,
    /// How many bytes of output a socket may buffer before [`Config::socket_output_policy`] acts.
    pub socket_output_limit: usize,
    /// What happens at [`Config::socket_output_limit`].
    pub socket_output_policy: OutputPolicy,
    /// How many sockets may be open at once.
    pub max_sockets: usize,
    /// All settings as text, by key: those of the fields above (optional ones only when set, secrets never), and
    /// every other key of the file. This is what GETENV answers with when the node starts.
    pub settings: BTreeMap<String, String>,
}

/// A configuration that was accepted, and what deserves a word all the same.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Likely mistakes. None of them keeps the node from starting.
    pub warnings: Vec<Warning>,
    /// The files that were read, each once, in the order in which they were first opened.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads a configuration file and everything that it includes.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the file, an included one, a variable or a value: see
    /// [`ConfigError`]. The first mistake found is the one that is told.
    pub fn load(path: impl AsRef<Path>) -> Result<Loaded, ConfigError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            file: path.to_owned(),
            included: None,
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads a configuration from `text` as if it were the contents of `path`, which names it in
    /// errors, gives the node its default name and is where relative includes start from. The file
    /// itself need not exist.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Loaded, ConfigError> {
        let process = Sources {
            lookup: &|name| std::env::var_os(name),
            read: &|file| fs::read_to_string(file),
            secret: &secret::contents,
            open: &|file| fs::File::open(file).map(drop),
        };
        Self::parse_with(path.as_ref(), text, process)
    }

    fn parse_with(path: &Path, text: &str, sources: Sources<'_>) -> Result<Loaded, ConfigError> {
        let contents = file::Contents::parse(path, text, sources)?;
        let mut config = Self::named(&stem(path));
        for (key, entry) in &contents.entries {
            match keys::find(key) {
                Some(known) => known.read(&mut config, entry)?,
                None => {
                    config.settings.insert(key.clone(), entry.value.to_string());
                }
            }
        }
        harbor::fill_in(&mut config);
        harbor::read_secret(&mut config, &contents.entries, sources)?;
        let odd_nodes = cluster::check(&mut config.cluster, &contents.entries, sources)?;
        config.write_back();
        let mut warnings = typo::warnings(&contents.entries);
        warnings.extend(harbor::warnings(&config, &contents.entries));
        warnings.extend(odd_nodes);
        warnings.extend(cluster::warnings(&config.cluster, &contents.entries));
        warnings.extend(silent_daemon(&config, &contents.entries));
        Ok(Loaded {
            config,
            warnings,
            files: contents.files,
        })
    }

    /// Writes the fields back into [`Config::settings`], so that both say the same.
    pub fn write_back(&mut self) {
        for key in keys::all() {
            match key.text(self) {
                Some(text) => self.settings.insert(key.name.to_owned(), text),
                None => self.settings.remove(key.name),
            };
        }
        // A table in the file is a setting of another name than a file's: services know what they read.
        match &self.cluster.nodes {
            Some(nodes) => self
                .settings
                .insert(cluster::NODES.to_owned(), nodes.clone()),
            None => self.settings.remove(cluster::NODES),
        };
    }

    /// The defaults of everything, for a node of this name.
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            thread: processors(),
            cpath: vec!["cservice/?.so".to_owned(), "cservice/lib?.so".to_owned()],
            harbor: HarborId::Fixed(0),
            bootstrap: "launcher".to_owned(),
            start: Vec::new(),
            logger: None,
            logservice: "logger".to_owned(),
            loglevel: LevelFilter::Info,
            logpath: None,
            daemon: None,
            profile: true,
            address: None,
            master: None,
            standalone: None,
            harbor_wait: Duration::from_secs(5),
            harbor_join: Duration::from_secs(30),
            harbor_heartbeat: Duration::from_secs(3),
            harbor_listen: HarborListen::Always,
            harbor_queue: 65536,
            harbor_queue_bytes: 64 << 20,
            harbor_queue_policy: QueuePolicy::Error,
            harbor_unproven: 64,
            harbor_secret: None,
            harbor_secret_file: None,
            cluster: ClusterConfig::default(),
            rundir: Path::new("run").join(name),
            endless_limit: Duration::from_secs(5),
            extra_workers: 4,
            mailbox_limit: 0,
            call_timeout: None,
            shutdown_grace: Duration::from_secs(5),
            socket_output_limit: 64 << 20,
            socket_output_policy: OutputPolicy::Close,
            max_sockets: 65536,
            settings: BTreeMap::new(),
        }
    }
}

/// A bare node: every default, single, named `skynet`.
impl Default for Config {
    fn default() -> Self {
        let mut config = Self::named(BARE_NAME);
        config.write_back();
        config
    }
}

/// The name of a node that its file does not name: the file's stem.
fn stem(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy())
        .unwrap_or_default();
    if keys::is_name(&stem) {
        stem.into_owned()
    } else {
        BARE_NAME.to_owned()
    }
}

/// The processors this process may use, as a number of workers.
fn processors() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(*keys::THREADS.end() as usize)
}

/// A node in the background whose log goes to standard output, which it does not have there.
fn silent_daemon(config: &Config, entries: &file::Entries) -> Option<Warning> {
    let silent = config.daemon.is_some() && config.logger.is_none();
    let entry = entries.get("daemon").filter(|_| silent)?;
    let text = "daemon without logger: what the node logs in the background is lost".to_owned();
    Some(Warning {
        place: entry.place.clone(),
        text,
    })
}
