//! Services that panic, one module for each place. What to expect of each is in `../README.md`.
#![allow(clippy::panic)]

use skynet_service::{Context, Message, OnPanic, RawMessage, RawService, Result, Service};

/// Panics in `start`.
struct Create;

impl Service for Create {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        panic!("panic in create");
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }
}

/// Panics in a handler upon `PANIC`; before it answers, so the caller still waits. Answers everything else with its own
/// bytes.
async fn panic_or_echo(cx: &Context, message: Message) -> Result<()> {
    match message.bytes() {
        b"PANIC" => panic!("panic in deliver"),
        // In another turn than the one that began the request.
        b"LATER" => {
            cx.sleep(std::time::Duration::from_millis(20)).await;
            panic!("panic in deliver, later");
        }
        // What was thrown panics too when it is dropped.
        b"BOMB" => std::panic::panic_any(Bomb),
        bytes => Ok(cx.reply(&message, bytes)?),
    }
}

/// Thrown by `BOMB`.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("panic in what was thrown");
    }
}

/// A panic ends it.
struct Deliver;

impl Service for Deliver {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        panic_or_echo(cx, message).await
    }
}

/// A panic ends only the request.
struct Request;

impl Service for Request {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        panic_or_echo(cx, message).await
    }
}

/// A raw service; a panic ends it.
struct Raw;

impl RawService for Raw {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        match args {
            "PANIC" => panic!("panic in raw create"),
            _ => Ok(Self),
        }
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.bytes() {
            b"PANIC" => panic!("panic in raw deliver"),
            bytes => {
                let answer = bytes.to_vec();
                Ok(cx.reply(message, answer.as_slice())?)
            }
        }
    }
}

/// Panics in `on_stop`.
struct Release;

impl Service for Release {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        panic_or_echo(cx, message).await
    }

    fn on_stop(&self, _cx: &Context) {
        panic!("panic in release");
    }
}

/// Panics when it is dropped, the last thing of all.
struct Dropped;

impl Service for Dropped {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        panic_or_echo(cx, message).await
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        panic!("panic in drop");
    }
}

skynet_service::export! {
    broken_panic_create: Create,
    broken_panic_deliver: Deliver,
    broken_panic_request: Request,
    raw broken_panic_raw: Raw,
    broken_panic_release: Release,
    broken_panic_drop: Dropped,
}
