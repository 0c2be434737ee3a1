//! The node's log: levels, and the way of a record to the log service.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use skynet_abi::{KIND_TEXT, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO, LEVEL_WARN};

use crate::buffer::{Buffer, Letter};
use crate::node::node;
use crate::service::Pushed;

/// Records above it are dropped. Plugins read it directly.
pub(crate) static LEVEL: AtomicU32 = AtomicU32::new(LEVEL_INFO);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Journal {
    /// The log service; 0 before it exists and after it has ended, when warnings and errors go to standard error.
    pub(crate) logger: AtomicU32,
    /// Records that the log service's full mailbox refused.
    lost: AtomicU64,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            logger: AtomicU32::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub(crate) fn error(&self, handle: u32, text: &str) {
        self.record(LEVEL_ERROR, handle, "", text);
    }

    pub(crate) fn warn(&self, handle: u32, text: &str) {
        self.record(LEVEL_WARN, handle, "", text);
    }

    pub(crate) fn info(&self, handle: u32, text: &str) {
        self.record(LEVEL_INFO, handle, "", text);
    }

    /// For records that are rarely wanted: the text is made only then.
    pub(crate) fn debug(&self, handle: u32, text: impl FnOnce() -> String) {
        if LEVEL_DEBUG <= LEVEL.load(Ordering::Relaxed) {
            self.record(LEVEL_DEBUG, handle, "", &text());
        }
    }

    /// Writes one record, unless its level is above the node's.
    pub(crate) fn record(&self, level: u32, handle: u32, target: &str, text: &str) {
        if level > LEVEL.load(Ordering::Relaxed) {
            return;
        }
        let separator = if target.is_empty() { "" } else { ": " };
        let parts = [target.as_bytes(), separator.as_bytes(), text.as_bytes()];
        // Without a log service only what somebody should look at is worth a line among whatever else is printed.
        if !self.send(level, handle, &parts) && level <= LEVEL_WARN {
            // Nothing better can be done when standard error is gone too.
            let _ = writeln!(
                io::stderr().lock(),
                "{} [:{handle:08x}] {target}{separator}{text}",
                level_text(level)
            );
        }
    }

    /// False: there is no log service.
    fn send(&self, level: u32, handle: u32, parts: &[&[u8]]) -> bool {
        let logger = self.logger.load(Ordering::Relaxed);
        if logger == 0 {
            return false;
        }
        let Some(service) = node().registry.find(logger) else {
            return false;
        };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let note = format!("({lost} log records lost before this one) ");
        let mut all = vec![if lost == 0 { &b""[..] } else { note.as_bytes() }];
        all.extend_from_slice(parts);
        let len = all.iter().map(|part| part.len()).sum();
        let Ok(buffer) = Buffer::concat(&all) else {
            return false;
        };
        let mut letter = Letter::from_buffer(buffer, len);
        letter.kind = KIND_TEXT as u16;
        letter.source = handle;
        letter.destination = logger;
        letter.value = u64::from(level);
        match service.push(letter, true) {
            Pushed::Delivered => true,
            Pushed::Schedule(service) => {
                node().schedule(service);
                true
            }
            Pushed::Closed(_) => false,
            Pushed::Full(_) => {
                self.lost.fetch_add(lost + 1, Ordering::Relaxed);
                true
            }
        }
    }
}

/// The name of a level, as wide as the widest.
pub(crate) fn level_text(level: u32) -> &'static str {
    match level {
        LEVEL_ERROR => "ERROR",
        LEVEL_WARN => "WARN ",
        LEVEL_INFO => "INFO ",
        LEVEL_DEBUG => "DEBUG",
        _ => "TRACE",
    }
}

/// Takes the records of the runtime's own parts, and of libraries below them, that use the `log` crate.
#[derive(Debug)]
struct Sink;

impl log::Log for Sink {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() as u32 <= LEVEL.load(Ordering::Relaxed)
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level() as u32;
            node()
                .log
                .record(level, 0, record.target(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// From now on records of the `log` crate reach the node's log. The node must be installed.
pub(crate) fn install_sink() {
    // A second node in a process is refused before this; whoever embeds the runtime may have a logger of its own.
    let _ = log::set_logger(&Sink);
    // The node's level decides, and it can change.
    log::set_max_level(log::LevelFilter::Trace);
}
