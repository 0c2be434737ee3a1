//! The text of the message, put together without allocating: a signal handler must not.

use super::Record;

/// A fatal signal, as far as the message tells.
pub(super) struct Crash {
    /// Its name.
    pub(super) signal: &'static str,
    /// What that means.
    pub(super) meaning: &'static str,
    /// The address it is about, for signals that have one.
    pub(super) address: Option<usize>,
    /// What the thread was running.
    pub(super) record: Record,
}

/// A line of limited length; what does not fit is cut off.
pub(super) struct Line {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Line {
    const CAPACITY: usize = 512;

    /// The message about a crash, with its line break.
    pub(super) fn about(crash: &Crash) -> Self {
        let mut line = Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        };
        line.text("skynet: fatal signal ");
        line.text(crash.signal);
        line.text(" (");
        line.text(crash.meaning);
        line.text(")");
        if let Some(address) = crash.address {
            line.text(" at address 0x");
            line.hex(address, 1);
        }
        if crash.record.handle == 0 && crash.record.plugin.is_empty() {
            line.text(" outside any service");
        } else {
            line.text(" in service :");
            line.hex(crash.record.handle as usize, 8);
            line.text(" of plugin ");
            line.text(crash.record.plugin);
        }
        line.finish();
        line
    }

    /// The line so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    /// A number in at least `digits` hexadecimal digits.
    fn hex(&mut self, number: usize, digits: u32) {
        let used = (usize::BITS - number.leading_zeros()).div_ceil(4);
        for digit in (0..used.max(digits)).rev() {
            let value = (number >> (4 * digit)) & 0xf;
            self.byte(b"0123456789abcdef"[value]);
        }
    }

    fn byte(&mut self, byte: u8) {
        // The last place is kept for the line break.
        if self.length < Self::CAPACITY - 1 {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    fn finish(&mut self) {
        self.bytes[self.length] = b'\n';
        self.length += 1;
    }
}
