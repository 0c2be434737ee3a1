//! What the node says about itself, and the system about its process.

use skynet_service::{Context, Error, Result, ResultExt as _};

/// A figure of the node: `services` are those not yet released, `queued` those that wait for a worker.
pub(crate) fn figure(cx: &Context, name: &str) -> Result<u64> {
    let text = cx.command("NODE", "")?.unwrap_or_default();
    find(&text, name)
        .ok_or_else(|| Error::msg(format_args!("the node has no figure {name}: {text:?}")))
}

fn find(text: &str, name: &str) -> Option<u64> {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix(':')?.parse().ok())
}

/// The process's physical memory without mapped files, in bytes.
pub(crate) fn memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    anonymous(&status).ok_or_else(|| Error::msg("the system does not tell how much memory is used"))
}

fn anonymous(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name() {
        let text = "name:a services:12 timers:3 queued:0";
        let check = |name, expected| assert_eq!(find(text, name), expected, "{name}");
        check("services", Some(12));
        check("queued", Some(0));
        check("name", None);
        check("service", None);
    }

    #[test]
    fn memory_is_read() {
        let status = "VmRSS:\t  1736 kB\nRssAnon:\t     116 kB\nRssFile:\t 1620 kB\n";
        assert_eq!(anonymous(status), Some(116 * 1024));
        assert_eq!(anonymous("VmRSS: 1 kB"), None);
    }
}
