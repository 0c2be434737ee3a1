//! What the configuration says of connections.

use std::time::Duration;

use skynet_cluster_wire::Secret;
use skynet_service::{Context, Result, ResultExt};

use crate::config::{number, seconds};

/// The keys of the configuration that say how connections work.
#[derive(Debug)]
pub(crate) struct Settings {
    /// After how much silence the other end is lost.
    pub(crate) heartbeat: Duration,
    /// How long calls wait whose callers do not say; zero for as long as it takes.
    pub(crate) call_timeout: Duration,
    /// Bytes that may wait to be written.
    pub(crate) queue_bytes: usize,
    /// Bytes of one message that comes in parts.
    pub(crate) max_message: usize,
    /// Bytes of all messages that come in parts.
    pub(crate) reassembly: usize,
    /// Calls of one connection that are open.
    pub(crate) max_calls: usize,
    pub(crate) secret: Option<Secret>,
}

impl Settings {
    /// Reads them. The node has checked them already: what is missing takes its default.
    ///
    /// # Errors
    /// The secret is not one.
    pub(crate) fn read(cx: &Context) -> Result<Self> {
        let secret = match cx.env("cluster_secret") {
            Some(text) => Some(Secret::read(text).context("cluster_secret")?),
            None => None,
        };
        Ok(Self {
            heartbeat: seconds(cx, "cluster_heartbeat", 3.0).max(Duration::from_millis(40)),
            call_timeout: seconds(cx, "cluster_call_timeout", 0.0),
            queue_bytes: number(cx, "cluster_queue_bytes", 64 << 20).max(1),
            max_message: number(cx, "cluster_max_message", 64 << 20),
            reassembly: number(cx, "cluster_reassembly", 128 << 20),
            max_calls: number(cx, "cluster_max_calls", 65_536).max(1),
            secret,
        })
    }
}
