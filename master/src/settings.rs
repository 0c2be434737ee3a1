//! What the configuration says.

use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_service::{Context, Result, ResultExt as _};

/// Connections to the master that have not joined, if the configuration does not say how many.
const UNPROVEN: usize = 64;
/// The shortest heartbeat that makes sense.
const SHORTEST_BEAT: Duration = Duration::from_millis(40);

/// A text of the configuration; `None` where there is none or an empty one.
pub(crate) fn text(cx: &Context, key: &str) -> Option<String> {
    cx.env(key).filter(|text| !text.is_empty())
}

/// Seconds of the configuration, which the node has checked.
pub(crate) fn seconds(cx: &Context, key: &str, default: f64) -> Duration {
    let value = text(cx, key).and_then(|text| text.parse().ok());
    Duration::try_from_secs_f64(value.unwrap_or(default)).unwrap_or_default()
}

/// After how much silence a node is lost.
pub(crate) fn heartbeat(cx: &Context) -> Duration {
    seconds(cx, "harbor_heartbeat", 3.0).max(SHORTEST_BEAT)
}

/// How many connections may be there that have not joined.
pub(crate) fn unproven(cx: &Context) -> usize {
    let value = text(cx, "harbor_unproven").and_then(|text| text.parse().ok());
    value.unwrap_or(UNPROVEN).max(1)
}

/// What all nodes of the network know, if they share a secret. The node has read the file that it may lie in.
///
/// # Errors
/// It is too short or too long.
pub(crate) fn secret(cx: &Context) -> Result<Option<Secret>> {
    let Some(secret) = text(cx, "harbor_secret") else {
        return Ok(None);
    };
    Ok(Some(Secret::read(secret).context("harbor_secret")?))
}
