//! The round trip of one pair while others are busy: `bench_loaded MILLISECONDS PAIRS`.

use std::time::Instant;

use skynet_service::{Context, Handle, KIND_TEXT, RawMessage, RawService, Result};

use crate::board::Counter;
use crate::conductor::Scene;
use crate::latencies::{self, Latencies};
use crate::pairs::{Pairs, SIZE};
use crate::report::Report;

/// Busy pairs, and one that takes the time.
pub(crate) struct Loaded {
    busy: Pairs,
}

impl Scene for Loaded {
    const NAME: &'static str = "loaded";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let busy = Pairs::launch(cx, args.parse()?)?;
        cx.launch_now("bench_probe")?;
        Ok(Self { busy })
    }

    fn counters(&self) -> &[&'static Counter] {
        self.busy.counters()
    }

    fn weight(&self) -> u64 {
        self.busy.weight()
    }

    fn measure(&mut self, begins: bool) {
        latencies::measure(begins);
    }

    fn more(&self, report: Report) -> Report {
        latencies::report(report)
    }
}

/// Sends a message to and fro, and takes the time of each round.
pub(crate) struct Probe {
    pong: Handle,
    latencies: &'static Latencies,
    sent: Instant,
}

impl RawService for Probe {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        let pong = cx.launch_now("bench_pong")?;
        cx.send(pong, KIND_TEXT, &[0; SIZE])?;
        Ok(Self {
            pong,
            latencies: Latencies::new(),
            sent: Instant::now(),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let now = Instant::now();
        self.latencies.record(now - self.sent);
        self.sent = now;
        cx.send(self.pong, KIND_TEXT, message.bytes())?;
        Ok(())
    }
}
