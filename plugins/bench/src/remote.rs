//! Messages to another node: `bench_remote MILLISECONDS call CALLERS SIZE`, `… send WINDOW SIZE`, or `… mixed CALLERS SIZE`,
//! which sends large messages while it calls; with `bench_far` on the other node.

use std::time::Instant;

use skynet_service::{
    Buffer, Context, Error, Handle, KIND_LUA, KIND_TEXT, Message, RawMessage, RawService, Result,
    Service, bail,
};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::latencies::{self, Latencies};
use crate::report::Report;

/// The global names of the services of the other node.
const ECHO: &str = "BENCH_ECHO";
const SINK: &str = "BENCH_SINK";
/// Parts of the window after which the sink says that they have come.
const PARTS: u32 = 4;
/// Large messages on their way while others call, and their size: the largest there are.
const LARGE: &str = "4 16777203";

/// Callers, or one sender.
pub(crate) struct Remote {
    counters: Vec<&'static Counter>,
}

impl Scene for Remote {
    const NAME: &'static str = "remote";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<_> = args.split_ascii_whitespace().collect();
        let (what, count, size) = match words[..] {
            [what, count, size] => (what, count.parse::<u32>()?, size.parse::<usize>()?),
            _ => bail!(
                "found {args:?}, wanted call CALLERS SIZE, send WINDOW SIZE or mixed CALLERS SIZE"
            ),
        };
        let players = match what {
            "call" | "mixed" => {
                for number in 0..count {
                    cx.launch_now(&format!("bench_far_caller {number} {size}"))?;
                }
                if what == "mixed" {
                    // It counts behind the callers.
                    cx.launch_now(&format!("bench_far_starter {count} {LARGE}"))?;
                }
                count as usize + usize::from(what == "mixed")
            }
            "send" => {
                cx.launch_now(&format!("bench_far_starter 0 {count} {size}"))?;
                1
            }
            _ => bail!("found {what:?}, wanted call, send or mixed"),
        };
        Ok(Self {
            counters: (0..players).map(board::counter).collect(),
        })
    }

    fn counters(&self) -> &[&'static Counter] {
        &self.counters
    }

    fn measure(&mut self, begins: bool) {
        latencies::measure(begins);
    }

    fn more(&self, report: Report) -> Report {
        // The last one: of the sender, where there is one.
        let sent = self.counters.last().map_or(0, |counter| counter.get());
        latencies::report(report).with("last", sent)
    }
}

/// Calls the echo of the other node, again and again, one call at a time: `bench_far_caller NUMBER SIZE`.
pub(crate) struct Caller {
    counter: &'static Counter,
    size: usize,
}

impl Service for Caller {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        let (number, size) = two(args)?;
        Ok(Self {
            counter: board::counter(number),
            size,
        })
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let echo = find(cx, ECHO).await?;
        let payload = vec![0; self.size];
        let latencies = Latencies::new();
        loop {
            let begin = Instant::now();
            cx.call(echo, KIND_TEXT, &payload[..]).await?;
            latencies.record(begin.elapsed());
            self.counter.add(1);
        }
    }
}

/// Launches the sender when the sink is known: `bench_far_starter NUMBER WINDOW SIZE`.
pub(crate) struct Starter {
    args: String,
}

impl Service for Starter {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self {
            args: args.to_owned(),
        })
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let sink = find(cx, SINK).await?;
        cx.launch(&format!("bench_far_sender {sink} {}", self.args))
            .await?;
        Ok(())
    }
}

/// Sends to the sink, a window ahead of what has come: `bench_far_sender SINK NUMBER WINDOW SIZE`.
pub(crate) struct Sender {
    sink: Handle,
    /// Messages that the sink counts before it says so.
    part: u32,
    size: usize,
    counter: &'static Counter,
}

impl RawService for Sender {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<_> = args.split_ascii_whitespace().collect();
        let [sink, number, window, size] = words[..] else {
            bail!("found {args:?}, wanted SINK NUMBER WINDOW SIZE");
        };
        let size: usize = size.parse()?;
        let sender = Self {
            sink: sink.parse()?,
            part: window.parse::<u32>()? / PARTS,
            size: size.max(4),
            counter: board::counter(number.parse()?),
        };
        for _ in 0..PARTS {
            sender.send_part(cx)?;
        }
        Ok(sender)
    }

    fn on_message(&mut self, cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        self.counter.add(self.part.into());
        self.send_part(cx)
    }
}

impl Sender {
    fn send_part(&self, cx: &Context) -> Result<()> {
        for _ in 0..self.part {
            let mut payload = Buffer::with_capacity(self.size);
            payload.extend_from_slice(&self.part.to_le_bytes());
            // Written anew each time, as a message of a real service is.
            let rest = self.size - payload.len();
            for chunk in [&ZEROS[..]].iter().cycle().take(rest.div_ceil(ZEROS.len())) {
                let left = self.size - payload.len();
                payload.extend_from_slice(&chunk[..left.min(chunk.len())]);
            }
            cx.send(self.sink, KIND_TEXT, payload)?;
        }
        Ok(())
    }
}

static ZEROS: [u8; 4096] = [0; 4096];

/// The other node's part: launches the services, and gives them their names.
pub(crate) struct Far;

impl Service for Far {
    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        for (name, module) in [(ECHO, "bench_far_echo"), (SINK, "bench_far_sink")] {
            let handle = cx.launch(module).await?;
            cx.harbor().global_name(name, handle).await?;
        }
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        Err(Error::unsupported(format_args!(
            "kind {} (not even {KIND_LUA})",
            message.kind()
        )))
    }
}

/// Answers every call with what it was called with.
pub(crate) struct Echo;

impl RawService for Echo {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let payload = message.keep_buffer();
        Ok(cx.reply(message, payload)?)
    }
}

/// Counts what comes, and says so after as many messages as each of them tells.
pub(crate) struct Sink {
    count: u32,
}

impl RawService for Sink {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self { count: 0 })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let part = message.bytes().first_chunk().copied();
        self.count += 1;
        if self.count >= u32::from_le_bytes(part.unwrap_or_default()) {
            self.count = 0;
            cx.send(message.source(), KIND_TEXT, b"")?;
        }
        Ok(())
    }
}

/// The service of the other node with this name, when it is there.
async fn find(cx: &Context, name: &str) -> Result<Handle> {
    let found = cx.harbor().query_name(name).await?;
    found.ok_or_else(|| Error::msg(format_args!("nobody is called {name}")))
}

fn two(args: &str) -> Result<(usize, usize)> {
    let Some((first, second)) = args.trim().split_once(' ') else {
        bail!("found {args:?}, wanted two numbers");
    };
    Ok((first.parse()?, second.parse()?))
}
