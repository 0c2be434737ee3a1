//! What the configuration says.

use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_service::{Context, PeerState, Result, ResultExt};

/// How messages for a peer are dealt with when too many wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    /// New ones are refused.
    Error,
    /// The oldest are given up.
    DropOldest,
    /// Who sends has to wait.
    Block,
}

impl Policy {
    /// What the core is told when too much waits for a node; `None`: nothing, as all is taken.
    pub(crate) const fn stop(self) -> Option<PeerState> {
        match self {
            Self::Error => Some(PeerState::Full),
            Self::Block => Some(PeerState::FullBlock),
            Self::DropOldest => None,
        }
    }
}

/// The keys of the configuration that say how the harbor works.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How long messages for a node or a name that may still come wait.
    pub(crate) wait: Duration,
    /// After how much silence a node is lost.
    pub(crate) heartbeat: Duration,
    /// Whether other nodes are taken after start-up.
    pub(crate) keeps_listening: bool,
    /// Messages that may wait for one peer.
    pub(crate) queue: usize,
    /// Bytes of messages that may wait for one peer.
    pub(crate) queue_bytes: usize,
    pub(crate) policy: Policy,
    /// Connections that have not proven yet who they are.
    pub(crate) unproven: usize,
    pub(crate) secret: Option<Secret>,
}

impl Settings {
    /// Reads them. The node has checked them already: what is missing takes its default.
    pub(crate) fn read(cx: &Context) -> Result<Self> {
        Ok(Self {
            wait: seconds(cx, "harbor_wait", 5.0),
            heartbeat: seconds(cx, "harbor_heartbeat", 3.0).max(Duration::from_millis(40)),
            keeps_listening: cx.env("harbor_listen").is_none_or(|text| text != "startup"),
            queue: number(cx, "harbor_queue", 65_536).max(1),
            queue_bytes: number(cx, "harbor_queue_bytes", 64 << 20).max(1),
            policy: match cx.env("harbor_queue_policy").as_deref() {
                Some("drop-oldest") => Policy::DropOldest,
                Some("block") => Policy::Block,
                _ => Policy::Error,
            },
            unproven: number(cx, "harbor_unproven", 64).max(1),
            secret: secret(cx)?,
        })
    }
}

/// The node has read the file with the secret, if it lies in one.
fn secret(cx: &Context) -> Result<Option<Secret>> {
    let Some(text) = cx.env("harbor_secret") else {
        return Ok(None);
    };
    let secret = Secret::read(text).context("harbor_secret")?;
    Ok(Some(secret))
}

fn seconds(cx: &Context, key: &str, default: f64) -> Duration {
    let value = cx.env(key).and_then(|text| text.parse().ok());
    Duration::try_from_secs_f64(value.unwrap_or(default)).unwrap_or_default()
}

fn number(cx: &Context, key: &str, default: usize) -> usize {
    cx.env(key)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
