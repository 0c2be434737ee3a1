//! Values of the configuration. The node has checked them already: what is missing takes its default.

use std::time::Duration;

use skynet_service::Context;

/// A time in seconds.
pub(crate) fn seconds(cx: &Context, key: &str, default: f64) -> Duration {
    let value = cx.env(key).and_then(|text| text.parse().ok());
    Duration::try_from_secs_f64(value.unwrap_or(default)).unwrap_or_default()
}

/// A number.
pub(crate) fn number(cx: &Context, key: &str, default: usize) -> usize {
    cx.env(key)
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
