//! What the configuration says.

use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_service::{Context, Error, Result, ResultExt as _};

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

/// What all nodes of the network know, if they share a secret.
///
/// # Errors
/// It cannot be read, or is too short or too long.
pub(crate) fn secret(cx: &Context) -> Result<Option<Secret>> {
    let secret = match (text(cx, "harbor_secret"), text(cx, "harbor_secret_file")) {
        (Some(secret), _) => secret.into_bytes(),
        (None, Some(file)) => cx
            .blocking(|| read_file(&file))
            .context(format_args!("harbor_secret_file {file}"))?,
        (None, None) => return Ok(None),
    };
    match Secret::read(secret) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) => Err(Error::msg(format_args!(
            "the secret of the harbor network: {error}"
        ))),
    }
}

/// A file, but never more of it than shows that it is too long.
fn read_file(path: &str) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let limit = skynet_harbor_wire::MAX_SECRET as u64 + 8;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(limit)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
