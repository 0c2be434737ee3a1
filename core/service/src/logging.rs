//! Records of the `log` crate go to the node's log.

use log::{Level, Log, Metadata, Record};
use skynet_abi as abi;

use crate::{host, turn};

struct NodeLog;

const fn number(level: Level) -> u32 {
    match level {
        Level::Error => abi::LEVEL_ERROR,
        Level::Warn => abi::LEVEL_WARN,
        Level::Info => abi::LEVEL_INFO,
        Level::Debug => abi::LEVEL_DEBUG,
        Level::Trace => abi::LEVEL_TRACE,
    }
}

impl Log for NodeLog {
    #[inline]
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        number(metadata.level()) <= host::log_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let context = turn::current_context();
        let level = number(record.level());
        match record.args().as_str() {
            Some(text) => host::log(context, level, record.target(), text),
            None => host::log(context, level, record.target(), &record.args().to_string()),
        }
    }

    fn flush(&self) {}
}

/// Installs the logger of this plugin. The level is the node's, asked anew for each record, so the `log` crate's own
/// bound is opened fully: a later change must not stay hidden behind it.
pub(crate) fn install() {
    static LOGGER: NodeLog = NodeLog;
    // Refused only if the plugin has set a logger of its own, which is its choice.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}
