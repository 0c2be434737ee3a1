//! Sends numbered messages: `test_source`.
//!
//! `RUN DESTINATION COUNT SEED MOST` sends so many, from the number behind the last one on, and answers when all are
//! sent. Where there is no room, it waits for it; what is refused for another reason is counted and not sent again.

use std::time::Duration;

use skynet_service::{Context, Destination, Handle, Local, Message, Result, Service, bail};

use crate::pattern::{KIND_NUMBERED, Pattern};

/// How long to wait for room.
const PAUSE: Duration = Duration::from_millis(1);
/// Messages between two looks at what else there is to do.
const BATCH: u64 = 64;

/// See the module.
#[derive(Default)]
pub(crate) struct Source {
    last: Local<u64>,
}

impl Service for Source {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self::default())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let text = message.text()?;
        let words: Vec<_> = text.split(' ').collect();
        let ["RUN", destination, count, seed, most] = words[..] else {
            bail!("a source does not know {text:?}");
        };
        let pattern = Pattern::parse(seed, most)?;
        let handle: Option<Handle> = destination.parse().ok();
        let to = handle.map_or(Destination::Name(destination), Destination::Handle);
        let (mut full, mut refused) = (0_u64, 0_u64);
        let mut payload = Vec::new();
        for sent in 0..count.parse::<u64>()? {
            let number = self.last.with(|last| {
                *last += 1;
                *last
            });
            pattern.write(number, &mut payload);
            loop {
                match cx.send(to, KIND_NUMBERED, &payload) {
                    Ok(()) => break,
                    Err(error) if error.is_full() => full += 1,
                    Err(_) => {
                        refused += 1;
                        break;
                    }
                }
                cx.sleep(PAUSE).await;
            }
            if sent % BATCH == 0 {
                cx.yield_now().await;
            }
        }
        let last = self.last.get();
        let report = format!("last={last} full={full} refused={refused}");
        Ok(cx.reply(&message, report.as_str())?)
    }
}
