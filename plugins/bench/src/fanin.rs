//! Many producers and one consumer: `bench_fanin MILLISECONDS PRODUCERS WINDOW`.
//!
//! A producer may have so many messages (the window) on their way. The consumer grants half a window to the producer of
//! which it has read half a window: what flow control costs is measured too, but is little.

use skynet_service::{
    Context, Error, Handle, KIND_SYSTEM, KIND_TEXT, RawMessage, RawService, Result,
};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::pairs::SIZE;

/// The most producers: a byte names one.
const PRODUCERS: usize = 256;

/// The producers and their consumer.
pub(crate) struct FanIn {
    counters: [&'static Counter; 1],
}

impl Scene for FanIn {
    const NAME: &'static str = "fanin";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let (producers, window) = args
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted a number of producers and a window"))?;
        let (producers, half) = (producers.parse::<usize>()?, window.parse::<u32>()? / 2);
        if producers > PRODUCERS || half == 0 {
            return Err(Error::msg("too many producers or too small a window"));
        }
        let consumer = cx.launch_now(&format!("bench_consumer {half}"))?;
        for number in 0..producers {
            let producer = cx.launch_now(&format!("bench_producer {number} {consumer}"))?;
            for _ in 0..2 {
                cx.send(producer, KIND_SYSTEM, &half.to_le_bytes())?;
            }
        }
        Ok(Self {
            counters: [board::counter(0)],
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }
}

/// Sends as many messages as it is granted: `bench_producer NUMBER CONSUMER`.
pub(crate) struct Producer {
    consumer: Handle,
    payload: [u8; SIZE],
}

impl RawService for Producer {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let (number, consumer) = args
            .trim()
            .split_once(' ')
            .ok_or_else(|| Error::msg("wanted a number and a consumer"))?;
        let mut payload = [0; SIZE];
        payload[0] = number.parse()?;
        Ok(Self {
            consumer: consumer.parse()?,
            payload,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        for _ in 0..u32::from_le_bytes(message.bytes().try_into()?) {
            cx.send(self.consumer, KIND_TEXT, &self.payload)?;
        }
        Ok(())
    }
}

/// Reads messages, and grants more: `bench_consumer MESSAGES`.
pub(crate) struct Consumer {
    grant: u32,
    /// How many of each producer were read since the last grant.
    read: [u32; PRODUCERS],
    counter: &'static Counter,
}

impl RawService for Consumer {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self {
            grant: args.trim().parse()?,
            read: [0; PRODUCERS],
            counter: board::counter(0),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        self.counter.add(1);
        let producer = message.bytes().first().copied().unwrap_or_default();
        let read = &mut self.read[usize::from(producer)];
        *read += 1;
        if *read == self.grant {
            *read = 0;
            cx.send(message.source(), KIND_SYSTEM, &self.grant.to_le_bytes())?;
        }
        Ok(())
    }
}
