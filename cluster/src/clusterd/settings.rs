//! What the configuration says of clusterd's own work.

use std::time::Duration;

use skynet_service::{Context, Error, Result, ResultExt};

use crate::clusterd::exports::Export;
use crate::clusterd::listeners::Expose;
use crate::config::{number, seconds};

/// Where names come from if nothing else is configured.
const DISCOVERY: &str = "clusterfile";

/// The keys of the configuration that clusterd reads.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How long requests wait for a node to be known.
    pub(crate) wait: Duration,
    /// Bytes of requests that may wait for nodes to be known.
    pub(crate) queue_bytes: usize,
    /// The launch line of the discovery service.
    pub(crate) discovery: String,
    /// Connections that a listener takes.
    pub(crate) max_clients: usize,
    /// Connections of a listener that have not proven who they are.
    pub(crate) unproven: usize,
    pub(crate) expose: Expose,
    /// What is exported from the beginning.
    pub(crate) exports: Vec<Export>,
    /// Whether there is a secret that connections can be asked to prove.
    pub(crate) has_secret: bool,
}

impl Settings {
    /// Reads them. The node has checked most of them already: what is missing takes its default.
    ///
    /// # Errors
    /// A value that only clusterd can check is wrong.
    pub(crate) fn read(cx: &Context) -> Result<Self> {
        let expose = cx.env("cluster_expose");
        let expose = expose.as_deref().unwrap_or("names");
        let discovery = cx.env("cluster_discovery").unwrap_or_default();
        Ok(Self {
            wait: seconds(cx, "cluster_wait", 5.0),
            queue_bytes: number(cx, "cluster_queue_bytes", 64 << 20),
            discovery: match discovery.trim() {
                "" => DISCOVERY.to_owned(),
                line => line.to_owned(),
            },
            max_clients: number(cx, "cluster_max_clients", 1024).max(1),
            unproven: number(cx, "cluster_unproven", 64).max(1),
            expose: Expose::parse(expose).ok_or_else(|| {
                Error::refused(format_args!(
                    "cluster_expose is {expose:?}, wanted \"names\" or \"all\""
                ))
            })?,
            exports: exports(&cx.env("cluster_export").unwrap_or_default())?,
            has_secret: cx.env("cluster_secret").is_some(),
        })
    }
}

/// A list of texts, joined by blanks or commas.
fn exports(list: &str) -> Result<Vec<Export>> {
    let words = list.split(|c: char| c.is_whitespace() || c == ',');
    let words = words.filter(|word| !word.is_empty());
    words
        .map(|word| Export::parse(word).context("cluster_export"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_exports_are_read() {
        let name = |text: &str| Export::Name(text.to_owned());
        assert_eq!(exports("").unwrap(), []);
        assert_eq!(exports(".a .b").unwrap(), [name(".a"), name(".b")]);
        assert_eq!(exports(".a, .b,").unwrap(), [name(".a"), name(".b")]);
        let error = exports(".a @b").unwrap_err().to_string();
        assert!(error.starts_with("cluster_export: \"@b\""), "{error}");
    }
}
