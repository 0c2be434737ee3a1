//! Passes every message on, in the order in which they came: `test_relay DESTINATION`. Where there is no room, it waits.

use std::collections::VecDeque;
use std::time::Duration;

use skynet_service::{Context, Handle, Local, Message, Result, Service};

/// How long to wait for room.
const PAUSE: Duration = Duration::from_millis(1);

/// See the module.
pub(crate) struct Relay {
    next: Handle,
    waiting: Local<VecDeque<Message>>,
    is_busy: Local<bool>,
}

impl Service for Relay {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self {
            next: args.parse()?,
            waiting: Local::default(),
            is_busy: Local::new(false),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        self.waiting.with(|waiting| waiting.push_back(message));
        if self
            .is_busy
            .with(|is_busy| std::mem::replace(is_busy, true))
        {
            return Ok(());
        }
        while let Some(message) = self.waiting.with(VecDeque::pop_front) {
            if let Err(back) = cx.redirect(message, self.next) {
                if !back.error.is_full() {
                    log::error!("relay: {}", back.error);
                    continue;
                }
                self.waiting
                    .with(|waiting| waiting.push_front(*back.message));
                cx.sleep(PAUSE).await;
            }
        }
        self.is_busy.with(|is_busy| *is_busy = false);
        Ok(())
    }
}
