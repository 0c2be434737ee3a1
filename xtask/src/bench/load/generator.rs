//! The process that generates load. It holds N connections to an echo service with packets of two-byte headers.
//!
//! It prints `ready` when each connection has had a first answer, and waits for the line `go`; without one it just holds
//! the connections until its input ends. Then it keeps one request in flight on each connection, and prints what it has
//! seen in one line of JSON.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};
use skynet_gate_wire::Framing;

use crate::bench::echo;
use crate::client;

/// Printed when all connections are there.
pub(super) const READY: &str = "ready";
/// Read before the load begins.
pub(super) const GO: &str = "go";

/// Bytes of a request's payload.
const PAYLOAD: usize = 64;
/// How much of the time is spent before measuring begins.
const WARM_UP: f64 = 0.2;
/// The longest latency the histogram can tell from longer ones, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// How long connecting may take, and how much longer than it was told the generator may.
const GRACE: Duration = Duration::from_secs(30);

/// What the generator is told on its command line.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The echo service.
    address: SocketAddr,
    /// How many connections to hold.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long to measure.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// What the generator has seen. Times in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// For how long it measured.
    pub(super) time: u64,
    /// How many requests were answered after how long.
    pub(super) latencies: Vec<(u64, u64)>,
}

/// An empty histogram of latencies.
pub(super) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
}

/// The generator's process.
pub(crate) fn run(args: &Args) -> Result<()> {
    let time = Duration::try_from_secs_f64(args.seconds).context("--seconds")?;
    raise_file_limit()?;
    let mut clients = {
        let _watchdog = Watchdog::start(GRACE)?;
        Clients::connect(args.address, args.connections)?
    };
    say(READY)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    if line.trim_end() != GO {
        return Ok(());
    }
    let _watchdog = Watchdog::start(time.mul_f64(1.0 + WARM_UP) + GRACE)?;
    say(&serde_json::to_string(&clients.generate(time)?)?)
}

fn say(line: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// Each connection takes a descriptor, and the usual soft limit is for ordinary programs.
fn raise_file_limit() -> Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, limit).context("the file limit cannot be raised")
}

/// The connections, and the request that each of them sends.
struct Clients {
    request: Vec<u8>,
    clients: Vec<Client>,
}

impl Clients {
    /// Connects, one after the other; each has its first answer before the next.
    fn connect(address: SocketAddr, count: usize) -> Result<Self> {
        let mut request = Vec::new();
        Framing::Length2.encode(&[b'x'; PAYLOAD], &mut request)?;
        let clients = (0..count).map(|_| Client::connect(address, &request));
        let clients = clients.collect::<Result<_>>()?;
        Ok(Self { request, clients })
    }

    fn generate(&mut self, time: Duration) -> Result<Outcome> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (index, client) in self.clients.iter_mut().enumerate() {
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &client.stream, data, EventFlags::IN)?;
            client.send(&self.request, Instant::now())?;
        }
        let begin = Instant::now() + time.mul_f64(WARM_UP);
        let end = begin + time;
        let mut latencies = histogram()?;
        let mut events = Vec::with_capacity(self.clients.len().max(1));
        let mut now = Instant::now();
        while now < end {
            events.clear();
            echo::wait(&epoll, &mut events)?;
            for event in &events {
                let index = usize::try_from(event.data.u64())?;
                let client = self.clients.get_mut(index);
                let client = client.context("epoll names no connection of ours")?;
                if client.receive()? {
                    now = Instant::now();
                    if now >= begin && now < end {
                        let latency = now - client.sent;
                        latencies.saturating_record(u64::try_from(latency.as_nanos())?);
                    }
                    client.send(&self.request, now)?;
                }
            }
        }
        let recorded = latencies.iter_recorded();
        let recorded = recorded.map(|value| (value.value_iterated_to(), value.count_at_value()));
        Ok(Outcome {
            time: u64::try_from(time.as_nanos())?,
            latencies: recorded.collect(),
        })
    }
}

struct Client {
    stream: TcpStream,
    sent: Instant,
    missing: usize,
}

impl Client {
    /// Connects, and waits for a first answer.
    fn connect(address: SocketAddr, request: &[u8]) -> Result<Self> {
        let mut stream = client::connect(address)?;
        stream.write_all(request)?;
        let mut answer = vec![0; request.len()];
        stream
            .read_exact(&mut answer)
            .context("no answer to the first request")?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            sent: Instant::now(),
            missing: 0,
        })
    }

    fn send(&mut self, request: &[u8], now: Instant) -> Result<()> {
        self.missing = request.len();
        self.sent = now;
        // One small request in flight always fits into the socket's buffer.
        self.stream
            .write_all(request)
            .context("cannot send a request")
    }

    /// Reads what is there; whether the answer is complete.
    fn receive(&mut self) -> Result<bool> {
        let mut buffer = [0; 2 * PAYLOAD];
        match self.stream.read(&mut buffer) {
            Ok(0) => bail!("the service closed a connection"),
            Ok(count) if count > self.missing => bail!("the service answered more than was sent"),
            Ok(count) => {
                self.missing -= count;
                Ok(self.missing == 0)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("cannot read an answer"),
        }
    }
}

/// Ends the process with an error when it is not dropped in time: whoever answers nobody must not hang the generator.
struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    fn start(limit: Duration) -> Result<Self> {
        let this = rustix::process::getpid();
        let (alive, ended) = channel();
        std::thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    eprintln!("error: the service had stopped answering");
                    // It cannot fail for our own process, and does not return.
                    let _ = rustix::process::kill_process(this, rustix::process::Signal::KILL);
                }
            })?;
        Ok(Self { _alive: alive })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_an_echo_server() {
        let server = echo::Server::start().unwrap();
        let time = Duration::from_millis(50);
        let mut clients = Clients::connect(server.address(), 10).unwrap();
        let outcome = clients.generate(time).unwrap();
        assert_eq!(outcome.time, 50_000_000);
        assert!(!outcome.latencies.is_empty());
        assert!(
            outcome
                .latencies
                .iter()
                .all(|&(time, count)| time > 0 && count > 0)
        );
    }
}
