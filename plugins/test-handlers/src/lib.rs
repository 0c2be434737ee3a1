//! Services whose handlers end in every possible way, and one that does nothing: what scenarios count on.

use std::future::pending;
use std::time::Duration;

use skynet_service::{
    Context, Handle, Local, Message, OnPanic, RawMessage, RawService, Result, Service, bail,
};

/// A request is treated as it says: `DROP`, `FORGET`, `KEEP`, `HOLD`, `FAIL`, `REFUSE`, `EXIT`, `PANIC`, `COUNT` (how
/// many panicked), `ASK <address> <milliseconds> <text>` (a call of its own). Everything else is answered with its own
/// bytes.
#[derive(Default)]
struct Handlers {
    /// Requests that are never answered.
    kept: Local<Vec<Message>>,
    panics: Local<u64>,
}

impl Service for Handlers {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self::default())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let text = message.text()?.to_owned();
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["DROP"] => drop(message),
            ["FORGET"] => std::mem::forget(message),
            ["KEEP"] => self.kept.with(|kept| kept.push(message)),
            ["HOLD"] => pending().await,
            ["FAIL"] => bail!("it cannot be done"),
            ["REFUSE"] => return Err(skynet_service::Error::refused("not for you")),
            ["EXIT"] => {
                cx.exit();
                pending().await
            }
            ["PANIC"] => {
                self.panics.with(|panics| *panics += 1);
                panic!("panic upon request");
            }
            ["COUNT"] => {
                let panics = self.panics.with(|panics| *panics);
                cx.reply(&message, panics.to_string().as_str())?;
            }
            ["ASK", address, limit, rest @ ..] => {
                let limit = Duration::from_millis(limit.parse()?);
                let request = rest.join(" ");
                let reply = cx
                    .call_timeout(*address, skynet_service::KIND_TEXT, request.as_str(), limit)
                    .await?;
                cx.reply(&message, reply.bytes())?;
            }
            _ => cx.reply(&message, message.bytes())?,
        }
        Ok(())
    }
}

/// Passes every request on to the service that it was launched with, which answers instead.
struct Redirect {
    next: Handle,
}

impl Service for Redirect {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self {
            next: args.parse()?,
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.redirect(message, self.next)?)
    }
}

/// Does nothing, as a service with tasks.
struct Idle;

impl Service for Idle {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }
}

/// Does nothing, as a raw service.
struct RawIdle;

impl RawService for RawIdle {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, _cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        Ok(())
    }
}

skynet_service::export! {
    test_handlers: Handlers,
    test_redirect: Redirect,
    test_rust_idle: Idle,
    raw test_raw_idle: RawIdle,
}
