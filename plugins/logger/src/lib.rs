//! Service `logger`: writes the node's log, to standard output or to the file that its argument names.
//!
//! Each record is one line, `2026-11-21 04:45:00.123 INFO  [:0000000a] text`, in local time. Records that have gathered
//! in the mailbox are written in one go; a single one is written at once. `KIND_SYSTEM` (SIGHUP) opens the file anew.
//!
//! The mailbox is bounded, so that a flood of records costs records and not the node's memory; the node counts what it
//! could not deliver.

mod clock;
mod line;
mod output;
#[cfg(test)]
mod tests;

use clock::Clock;
use jiff::Timestamp;
use output::{Output, Written};
use skynet_service::{
    Context, Error, Handle, KIND_ERROR, KIND_RESPONSE, KIND_SYSTEM, KIND_TEXT, KIND_WAKE,
    RawMessage, RawService, Result, abi, export,
};

/// Records that may wait.
const MAILBOX_LIMIT: u64 = 65_536;
/// Text that may gather before it is written.
const MAX_GATHERED: usize = 64 << 10;
/// Marks the wake-up behind the last record of a batch.
const FLUSH: u64 = 1;

struct Logger {
    clock: Clock,
    output: Output,
    gathered: String,
    /// Records in `gathered`.
    records: u64,
    /// The wake-up that ends the batch is on its way.
    is_flush_due: bool,
}

impl RawService for Logger {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        cx.set_mailbox_limit(MAILBOX_LIMIT)?;
        Ok(Self {
            clock: Clock::default(),
            output: Output::open(args.trim())?,
            gathered: String::new(),
            records: 0,
            is_flush_due: false,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_TEXT => {
                self.gather(message.value(), message.source(), message.bytes());
                if message.is_call() {
                    // Whoever asks wants to know that it is written.
                    self.flush(cx);
                    cx.reply(message, ())?;
                } else {
                    self.end_batch(cx);
                }
            }
            KIND_WAKE => {
                self.is_flush_due = false;
                self.flush(cx);
            }
            KIND_SYSTEM => self.reopen(cx),
            KIND_RESPONSE | KIND_ERROR => {}
            kind => {
                let wanted =
                    "the log service takes texts, and system messages to open its file anew";
                return Err(Error::unsupported(format_args!(
                    "{wanted}; found kind {kind}"
                )));
            }
        }
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        self.flush(cx);
    }
}

impl Logger {
    fn gather(&mut self, level: u64, source: Handle, text: &[u8]) {
        let stamp = self.clock.stamp(Timestamp::now());
        line::append(&mut self.gathered, stamp, level, source, text);
        self.records += 1;
    }

    /// Lets records that wait behind this one join it: the wake-up comes after them.
    fn end_batch(&mut self, cx: &Context) {
        if self.gathered.len() >= MAX_GATHERED {
            self.flush(cx);
        } else if !self.is_flush_due {
            self.is_flush_due = cx.wake(FLUSH);
            if !self.is_flush_due {
                self.flush(cx);
            }
        }
    }

    fn flush(&mut self, cx: &Context) {
        if self.gathered.is_empty() {
            return;
        }
        let written = self.output.write(self.gathered.as_bytes(), self.records);
        self.gathered.clear();
        self.gathered.shrink_to(MAX_GATHERED);
        self.records = 0;
        if let Written::Again { lost } = written {
            let text = format!("{lost} log records were lost: the log could not be written");
            self.gather(u64::from(abi::LEVEL_ERROR), cx.handle(), text.as_bytes());
            self.end_batch(cx);
        }
    }

    fn reopen(&mut self, cx: &Context) {
        self.flush(cx);
        let (level, text) = match self.output.reopen() {
            Ok(()) => (abi::LEVEL_INFO, "log opened anew".to_owned()),
            Err(error) => (
                abi::LEVEL_ERROR,
                format!("{}; the old file stays in use", Error::from(error)),
            ),
        };
        self.gather(u64::from(level), cx.handle(), text.as_bytes());
        self.end_batch(cx);
    }
}

export!(raw logger: Logger);
