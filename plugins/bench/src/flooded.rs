//! One service that gets more than it can handle: `bench_flooded MILLISECONDS PRODUCERS`, with a pair beside it that
//! takes the time of its round trips.
//!
//! Producers send without waiting for anything; only when very many messages lie in the mailbox do they pause, so that
//! the machine's memory does not end the measurement.

use skynet_service::{
    Context, Handle, KIND_SYSTEM, KIND_TEXT, RawMessage, RawService, Result, ResultExt as _,
};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::latencies;
use crate::pairs::SIZE;
use crate::report::Report;

/// Messages that a producer sends in one turn.
const BURST: u64 = 64;
/// Messages of one producer in the mailbox at which it pauses.
const BACKLOG: u64 = 50_000;

/// The flooded service's counter; its producers have those behind it.
const SINK: usize = 0;

/// The producers, what they flood, and a pair.
pub(crate) struct Flooded {
    counters: [&'static Counter; 1],
    producers: usize,
    backlog: u64,
}

impl Scene for Flooded {
    const NAME: &'static str = "flooded";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let producers: usize = args.parse().context("wanted a number of producers")?;
        let sink = cx.launch_now("bench_sink")?;
        for number in 0..producers {
            let line = format!("bench_flooder {} {producers} {sink}", SINK + 1 + number);
            let flooder = cx.launch_now(&line)?;
            cx.send(flooder, KIND_SYSTEM, &[])?;
        }
        cx.launch_now("bench_probe")?;
        Ok(Self {
            counters: [board::counter(SINK)],
            producers,
            backlog: 0,
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }

    fn measure(&mut self, begins: bool) {
        latencies::measure(begins);
        let sent = (1..=self.producers).map(|number| board::counter(SINK + number).get());
        self.backlog = sent.sum::<u64>().saturating_sub(self.counters[0].get());
    }

    fn more(&self, report: Report) -> Report {
        latencies::report(report).with("backlog", self.backlog)
    }
}

/// Sends messages as fast as it can: `bench_flooder COUNTER PRODUCERS SINK`. Its own `KIND_SYSTEM` message keeps it
/// going, so that others get their turns.
pub(crate) struct Flooder {
    sink: Handle,
    producers: u64,
    sent: &'static Counter,
    received: &'static Counter,
}

impl RawService for Flooder {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let mut words = args.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        Ok(Self {
            sent: board::counter(next().parse()?),
            producers: next().parse()?,
            sink: next().parse()?,
            received: board::counter(SINK),
        })
    }

    fn on_message(&mut self, cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        // Its own part of what was received, near enough.
        let received = self.received.get() / self.producers;
        if self.sent.get() < received + BACKLOG {
            for _ in 0..BURST {
                cx.send(self.sink, KIND_TEXT, &[0; SIZE])?;
            }
            self.sent.add(BURST);
        }
        cx.send(cx.handle(), KIND_SYSTEM, &[])?;
        Ok(())
    }
}

/// Reads what comes.
pub(crate) struct Sink {
    counter: &'static Counter,
}

impl RawService for Sink {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self {
            counter: board::counter(SINK),
        })
    }

    fn on_message(&mut self, _cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        std::hint::black_box(message.bytes().first());
        self.counter.add(1);
        Ok(())
    }
}
