//! Calls between two services with async handlers: `bench_async MILLISECONDS`.

use skynet_service::{Context, KIND_TEXT, Message, Result, Service};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::pairs::SIZE;

/// A caller and the service that it calls.
pub(crate) struct AsyncCall {
    counters: [&'static Counter; 1],
}

impl Scene for AsyncCall {
    const NAME: &'static str = "async_call";

    fn open(cx: &Context, _args: &str) -> Result<Self> {
        cx.launch_now("bench_caller")?;
        Ok(Self {
            counters: [board::counter(0)],
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }
}

/// Calls, again and again, one call at a time.
pub(crate) struct Caller;

impl Service for Caller {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let callee = cx.launch("bench_callee").await?;
        let counter = board::counter(0);
        loop {
            cx.call(callee, KIND_TEXT, &[0; SIZE]).await?;
            counter.add(1);
        }
    }
}

/// Answers every call with what it was called with.
pub(crate) struct Callee;

impl Service for Callee {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.reply(&message, message.bytes())?)
    }
}
