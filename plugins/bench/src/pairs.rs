//! Pairs of services with one message each: `bench_pairs MILLISECONDS PAIRS`.

use skynet_service::{Context, Handle, KIND_TEXT, RawMessage, RawService, Result};

use crate::board::{self, Counter};
use crate::conductor::Scene;

/// Bytes of a message.
pub(crate) const SIZE: usize = 32;

/// Pairs that each pass one message to and fro.
pub(crate) struct Pairs {
    counters: Vec<&'static Counter>,
}

impl Pairs {
    /// Launches `pairs` of them, with the counters from 0 on.
    pub(crate) fn launch(cx: &Context, pairs: usize) -> Result<Self> {
        for number in 0..pairs {
            cx.launch_now(&format!("bench_ping {number}"))?;
        }
        Ok(Self {
            counters: (0..pairs).map(board::counter).collect(),
        })
    }
}

impl Scene for Pairs {
    const NAME: &'static str = "pairs";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        Self::launch(cx, args.parse()?)
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }

    fn weight(&self) -> u64 {
        // Of the two messages of a round, the one that comes back is counted.
        2
    }
}

/// Sends the message, and sends it again whenever it comes back: `bench_ping COUNTER`.
pub(crate) struct Ping {
    pong: Handle,
    counter: &'static Counter,
}

impl RawService for Ping {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let counter = board::counter(args.trim().parse()?);
        let pong = cx.launch_now("bench_pong")?;
        cx.send(pong, KIND_TEXT, &[0; SIZE])?;
        Ok(Self { pong, counter })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        self.counter.add(1);
        cx.send(self.pong, KIND_TEXT, message.bytes())?;
        Ok(())
    }
}

/// Sends every message back. Each send allocates and copies, as between services that have something to say.
pub(crate) struct Pong;

impl RawService for Pong {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        cx.send(message.source(), KIND_TEXT, message.bytes())?;
        Ok(())
    }
}
