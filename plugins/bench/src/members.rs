//! The services that a crowd is made of.

use std::sync::atomic::{AtomicU64, Ordering};

use skynet_service::{
    Context, Handle, KIND_SYSTEM, KIND_TEXT, Message, RawMessage, RawService, Result, Service,
};

use crate::board;
use crate::pairs::SIZE;

/// The least that a service can be.
pub(crate) struct Idle;

impl RawService for Idle {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, _cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        Ok(())
    }
}

/// The least that a service with async handlers can be.
pub(crate) struct IdleAsync;

impl Service for IdleAsync {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }
}

/// Members that have had a message from another.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// How many members have had a message from another.
pub(crate) fn heard() -> u64 {
    HEARD.load(Ordering::Relaxed)
}

/// Sends every message back. A `KIND_SYSTEM` message names another to begin with.
pub(crate) struct Member {
    heard: bool,
}

impl RawService for Member {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self { heard: false })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_SYSTEM {
            let partner = Handle(u32::from_le_bytes(message.bytes().try_into()?));
            cx.send(partner, KIND_TEXT, &[0; SIZE])?;
            return Ok(());
        }
        if !self.heard {
            self.heard = true;
            HEARD.fetch_add(1, Ordering::Relaxed);
        }
        board::count_here(1);
        // At the end one of two partners is killed first.
        let _ = cx.send(message.source(), KIND_TEXT, message.bytes());
        Ok(())
    }
}
