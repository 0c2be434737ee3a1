//! Requests to another node of a cluster: `bench_cluster MILLISECONDS call CALLERS SIZE` (the answers are as large),
//! `… bulk CALLERS SIZE` (they are empty) or `… push WINDOW SIZE`; with `bench_cluster_far ADDRESS` on the other node, which
//! is called [`FAR`].
//!
//! Callers and pushers speak to the sender of that node as the SDK does for others, so that the cluster is measured and
//! not the SDK.

use std::time::Instant;

use skynet_service::{
    Buffer, Context, Error, Handle, KIND_LUA, KIND_RESPONSE, Message, Outgoing, RawMessage,
    RawService, Reply, Result, Service, bail,
};

use crate::board::{self, Counter};
use crate::conductor::Scene;
use crate::latencies::{self, Latencies};
use crate::report::Report;

/// The other node.
const FAR: &str = "far";
/// The names of its services.
const ECHO: &str = "echo";
const SINK: &str = "sink";
/// Parts of the window that are on their way at once. The last message of each is a call, whose answer says that all
/// before it have come: messages of one service to another keep their order.
const PARTS: u32 = 4;
/// What is sent, again and again.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// Callers, or one that pushes.
pub(crate) struct Cluster {
    counters: Vec<&'static Counter>,
}

impl Scene for Cluster {
    const NAME: &'static str = "cluster";

    fn open(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<_> = args.split_ascii_whitespace().collect();
        let [what, count, size] = words[..] else {
            bail!(
                "found {args:?}, wanted call CALLERS SIZE, bulk CALLERS SIZE or push WINDOW SIZE"
            );
        };
        let (module, players, last) = match what {
            "call" => ("bench_cluster_caller", count, "@echo"),
            "bulk" => ("bench_cluster_caller", count, "@sink"),
            "push" => ("bench_cluster_pusher", "1", count),
            _ => bail!("found {what:?}, wanted call, bulk or push"),
        };
        cx.launch_now(&format!(
            "bench_cluster_starter {module} {size} {players} {last}"
        ))?;
        let players = players.parse()?;
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
        latencies::report(report)
    }
}

/// Launches the players when the sender is known: `bench_cluster_starter MODULE SIZE PLAYERS LAST`.
pub(crate) struct Starter {
    args: String,
}

impl Service for Starter {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self {
            args: args.trim().to_owned(),
        })
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let words: Vec<_> = self.args.split_ascii_whitespace().collect();
        let [module, size, players, last] = words[..] else {
            bail!("found {:?}, wanted MODULE SIZE PLAYERS LAST", self.args);
        };
        let answer = ask(cx, Buffer::pack(&("sender", FAR))?).await?;
        let (sender,) = answer.unpack::<(u32,)>()?;
        let sender = Handle(sender);
        for number in 0..players.parse::<u32>()? {
            let line = format!("{module} {sender} {size} {number} {last}");
            cx.launch(&line).await?;
        }
        Ok(())
    }
}

/// Calls a service of the other node, again and again, one call at a time:
/// `bench_cluster_caller SENDER SIZE NUMBER SERVICE`.
pub(crate) struct Caller {
    sender: Handle,
    service: String,
    size: usize,
    counter: &'static Counter,
    latencies: &'static Latencies,
    begun: Instant,
}

impl RawService for Caller {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (sender, size, number, service) = player(args)?;
        let caller = Self {
            sender,
            service: service.to_owned(),
            size,
            counter: board::counter(number),
            latencies: Latencies::new(),
            begun: Instant::now(),
        };
        caller.call(cx)?;
        Ok(caller)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        expect_answer(message)?;
        self.latencies.record(self.begun.elapsed());
        self.counter.add(1);
        self.begun = Instant::now();
        self.call(cx)
    }
}

impl Caller {
    fn call(&self, cx: &Context) -> Result<()> {
        call(cx, self.sender, &self.service, self.size)
    }
}

/// Pushes to the sink of the other node, a window ahead of what has come:
/// `bench_cluster_pusher SENDER SIZE NUMBER WINDOW`.
pub(crate) struct Pusher {
    sender: Handle,
    size: usize,
    /// Messages of which the last one is a call.
    part: u32,
    counter: &'static Counter,
}

impl RawService for Pusher {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (sender, size, number, window) = player(args)?;
        let pusher = Self {
            sender,
            size,
            part: window.parse::<u32>()? / PARTS,
            counter: board::counter(number),
        };
        for _ in 0..PARTS {
            pusher.send_part(cx)?;
        }
        Ok(pusher)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        expect_answer(message)?;
        self.counter.add(self.part.into());
        self.send_part(cx)
    }
}

impl Pusher {
    fn send_part(&self, cx: &Context) -> Result<()> {
        for _ in 1..self.part {
            let push = Buffer::pack(&("push", "@sink", &ZEROS[..self.size]))?;
            cx.send(self.sender, KIND_LUA, push)?;
        }
        call(cx, self.sender, "@sink", self.size)
    }
}

/// The other node's part: launches the services, gives them their names, and listens: `bench_cluster_far ADDRESS`.
pub(crate) struct Far;

impl Service for Far {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        for (name, module) in [(ECHO, "bench_far_echo"), (SINK, "bench_cluster_sink")] {
            let handle = cx.launch(module).await?;
            ask(cx, Buffer::pack(&("register", name, handle.0))?).await?;
        }
        ask(cx, Buffer::pack(&("listen", args.trim()))?).await?;
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        Err(Error::unsupported(format_args!("kind {}", message.kind())))
    }
}

/// Answers calls with nothing.
pub(crate) struct Sink;

impl RawService for Sink {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.is_call() {
            cx.reply(message, b"")?;
        }
        Ok(())
    }
}

/// Has the cluster's service do something.
async fn ask(cx: &Context, request: Buffer) -> Result<Reply> {
    let clusterd = cx.unique("clusterd").await?;
    Ok(cx.call(clusterd, KIND_LUA, request).await?)
}

fn call(cx: &Context, sender: Handle, service: &str, size: usize) -> Result<()> {
    let request = Buffer::pack(&("req", service, &ZEROS[..size]))?;
    cx.call_raw(Outgoing::new(sender, KIND_LUA, request))?;
    Ok(())
}

/// Fails unless it is an answer. An end of a player is seen: its counter stalls.
fn expect_answer(message: &RawMessage<'_>) -> Result<()> {
    if message.kind() != KIND_RESPONSE {
        let text = String::from_utf8_lossy(message.bytes());
        bail!("{:?}: {text}", message.reason());
    }
    Ok(())
}

/// Sender, size, number and the last word.
fn player(args: &str) -> Result<(Handle, usize, usize, &str)> {
    let words: Vec<_> = args.split_ascii_whitespace().collect();
    let [sender, size, number, last] = words[..] else {
        bail!("found {args:?}, wanted SENDER SIZE NUMBER and one word");
    };
    let size: usize = size.parse()?;
    if size > ZEROS.len() {
        bail!("found {size} bytes, wanted at most {}", ZEROS.len());
    }
    Ok((sender.parse()?, size, number.parse()?, last))
}
