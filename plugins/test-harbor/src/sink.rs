//! Takes numbered messages and checks them: `test_sink`.
//!
//! `EXPECT SOURCE SEED MOST` says what a source will send, from number 1 on; `SEEN` tells what came.

use std::collections::HashMap;

use skynet_service::{Context, Handle, RawMessage, RawService, Result, bail};

use crate::pattern::{KIND_NUMBERED, Pattern};

/// See the module.
#[derive(Default)]
pub(crate) struct Sink {
    sources: HashMap<Handle, (Pattern, u64)>,
    count: u64,
    bytes: u64,
    /// What was wrong first, and how often anything was.
    wrong: (u64, String),
    expected: Vec<u8>,
}

impl Sink {
    fn check(&mut self, source: Handle, bytes: &[u8]) {
        self.count += 1;
        self.bytes += bytes.len() as u64;
        let Some((pattern, last)) = self.sources.get_mut(&source) else {
            return self.wrong(format!("{source} is nobody who was expected"));
        };
        *last += 1;
        let number = *last;
        pattern.write(number, &mut self.expected);
        if bytes == self.expected {
            return;
        }
        let mut found = [0; 8];
        let head = bytes.len().min(8);
        found[..head].copy_from_slice(&bytes[..head]);
        self.wrong(format!(
            "{source}: {} bytes that begin with {} came, wanted number {number}",
            bytes.len(),
            u64::from_le_bytes(found)
        ));
    }

    fn wrong(&mut self, what: String) {
        let (count, first) = &mut self.wrong;
        *count += 1;
        if *count == 1 {
            *first = what;
        }
    }
}

impl RawService for Sink {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self::default())
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_NUMBERED {
            self.check(message.source(), message.bytes());
            return Ok(());
        }
        let text = message.text()?.to_owned();
        let answer = match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["EXPECT", source, seed, most] => {
                let pattern = Pattern::parse(seed, most)?;
                self.sources.insert(source.parse()?, (pattern, 0));
                String::new()
            }
            ["SEEN"] => {
                let (wrong, first) = &self.wrong;
                format!(
                    "count={} bytes={} wrong={wrong} first={first}",
                    self.count, self.bytes
                )
            }
            _ => bail!("a sink does not know {text:?}"),
        };
        Ok(cx.reply(message, answer.as_str())?)
    }
}
