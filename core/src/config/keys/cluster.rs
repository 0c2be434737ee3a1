//! The keys of clusters.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{DAY, Key, integer, line, optional, path, seconds};
use crate::config::cluster::{self, Expose};
use crate::config::secret::{self, Secret};
use crate::config::value::Value;

/// The key that may be a table.
pub(super) const NODES: &str = "cluster";
const TIMES: RangeInclusive<f64> = 0.0..=DAY;
const BEATS: RangeInclusive<f64> = 0.1..=DAY;
const BYTES: RangeInclusive<u64> = 65536..=1 << 40;
/// A message's size has 32 bits on the wire.
const MESSAGE: RangeInclusive<u64> = 65536..=2 << 30;
const CALLS: RangeInclusive<u64> = 1..=0x00ff_ffff;
const CONNECTIONS: RangeInclusive<u64> = 1..=65535;

/// See [`all`](super::all).
pub(super) static KEYS: &[Key] = &[
    Key {
        name: NODES,
        wanted: "the name of a file, or a table of nodes and their addresses",
        read: |config, value| {
            let cluster = &mut config.cluster;
            if let Value::Table(_) = value {
                cluster.nodes = Some(value.to_string());
                return Some(());
            }
            optional(&mut cluster.file, value)
        },
        text: |config| path(config.cluster.file.as_ref()),
    },
    Key {
        name: "cluster_discovery",
        wanted: "a module and its arguments on one line",
        read: |config, value| {
            config.cluster.discovery = line(value)?;
            Some(())
        },
        text: |config| Some(config.cluster.discovery.clone()),
    },
    Key {
        name: "cluster_watch",
        wanted: "seconds, from 0 (never) to 86400",
        read: |config, value| time(&mut config.cluster.watch, value, &TIMES),
        text: |config| Some(seconds(config.cluster.watch)),
    },
    Key {
        name: "cluster_wait",
        wanted: "seconds, from 0 to 86400",
        read: |config, value| time(&mut config.cluster.wait, value, &TIMES),
        text: |config| Some(seconds(config.cluster.wait)),
    },
    Key {
        name: "cluster_heartbeat",
        wanted: "seconds, from 0.1 to 86400",
        read: |config, value| time(&mut config.cluster.heartbeat, value, &BEATS),
        text: |config| Some(seconds(config.cluster.heartbeat)),
    },
    Key {
        name: "cluster_call_timeout",
        wanted: "seconds, from 0 (no limit) to 86400",
        read: |config, value| {
            let timeout = value.seconds(&TIMES)?;
            config.cluster.call_timeout = (!timeout.is_zero()).then_some(timeout);
            Some(())
        },
        text: |config| Some(seconds(config.cluster.call_timeout.unwrap_or_default())),
    },
    Key {
        name: "cluster_queue_bytes",
        wanted: "a size such as 65536 or \"64M\", from 64K to 1T",
        read: |config, value| size(&mut config.cluster.queue_bytes, value, &BYTES),
        text: |config| Some(config.cluster.queue_bytes.to_string()),
    },
    Key {
        name: "cluster_max_message",
        wanted: "a size such as 65536 or \"64M\", from 64K to 2G",
        read: |config, value| size(&mut config.cluster.max_message, value, &MESSAGE),
        text: |config| Some(config.cluster.max_message.to_string()),
    },
    Key {
        name: "cluster_reassembly",
        wanted: "a size such as 65536 or \"64M\", from 64K to 1T",
        read: |config, value| size(&mut config.cluster.reassembly, value, &BYTES),
        text: |config| Some(config.cluster.reassembly.to_string()),
    },
    Key {
        name: "cluster_max_calls",
        wanted: "an integer from 1 to 16777215",
        read: |config, value| integer(&mut config.cluster.max_calls, value, &CALLS),
        text: |config| Some(config.cluster.max_calls.to_string()),
    },
    Key {
        name: "cluster_max_clients",
        wanted: "an integer from 1 to 65535",
        read: |config, value| integer(&mut config.cluster.max_clients, value, &CONNECTIONS),
        text: |config| Some(config.cluster.max_clients.to_string()),
    },
    Key {
        name: "cluster_unproven",
        wanted: "an integer from 1 to 65535",
        read: |config, value| integer(&mut config.cluster.unproven, value, &CONNECTIONS),
        text: |config| Some(config.cluster.unproven.to_string()),
    },
    Key {
        name: "cluster_expose",
        wanted: "one of \"names\" and \"all\"",
        read: |config, value| {
            config.cluster.expose = Expose::find(value.text()?)?;
            Some(())
        },
        text: |config| Some(config.cluster.expose.to_string()),
    },
    Key {
        name: "cluster_export",
        wanted: "names such as .simpledb or SIMPLEDB, in a list or separated by spaces",
        read: |config, value| {
            config.cluster.export = names(value)?;
            Some(())
        },
        text: |config| {
            let export = &config.cluster.export;
            (!export.is_empty()).then(|| export.join(" "))
        },
    },
    Key {
        name: cluster::SECRET,
        wanted: "a text of 16 to 4096 bytes",
        read: |config, value| {
            config.cluster.secret = match value.text()? {
                "" => None,
                text => Some(Secret::new(text)?),
            };
            Some(())
        },
        // Not among the settings, which are shown to people.
        text: |_| None,
    },
    Key {
        name: cluster::SECRET_FILE,
        wanted: secret::FILE_WANTED,
        read: |config, value| optional(&mut config.cluster.secret_file, value),
        text: |config| path(config.cluster.secret_file.as_ref()),
    },
    Key {
        name: "cluster_tls_cert",
        wanted: "the name of a PEM file",
        read: |config, value| optional(&mut config.cluster.tls_cert, value),
        text: |config| path(config.cluster.tls_cert.as_ref()),
    },
    Key {
        name: "cluster_tls_key",
        wanted: "the name of a PEM file",
        read: |config, value| optional(&mut config.cluster.tls_key, value),
        text: |config| path(config.cluster.tls_key.as_ref()),
    },
    Key {
        name: "cluster_tls_ca",
        wanted: "the name of a PEM file",
        read: |config, value| optional(&mut config.cluster.tls_ca, value),
        text: |config| path(config.cluster.tls_ca.as_ref()),
    },
    Key {
        name: "cluster_tls_clients",
        wanted: "true or false",
        read: |config, value| {
            config.cluster.tls_clients = value.boolean()?;
            Some(())
        },
        text: |config| Some(config.cluster.tls_clients.to_string()),
    },
];

fn time(field: &mut Duration, value: &Value, range: &RangeInclusive<f64>) -> Option<()> {
    *field = value.seconds(range)?;
    Some(())
}

fn size(field: &mut usize, value: &Value, range: &RangeInclusive<u64>) -> Option<()> {
    *field = usize::try_from(value.size(range)?).ok()?;
    Some(())
}

/// Names of services of the node, in the form in which services ask for them.
fn names(value: &Value) -> Option<Vec<String>> {
    let lines = value.lines()?;
    let names: Vec<_> = lines
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    let is_name = |name: &&str| *name != "." && !name.starts_with([':', '@']);
    names
        .iter()
        .all(is_name)
        .then(|| names.into_iter().map(str::to_owned).collect())
}
