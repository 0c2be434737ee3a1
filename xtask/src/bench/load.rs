//! The load generator: a process of its own, so that what it costs is nobody else's.
//!
//! It holds N connections to an echo service with packets of two-byte headers, one request in flight on
//! each, and prints one line of JSON.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use serde::{Deserialize, Serialize};
use skynet_gate_wire::Framing;

use super::echo;
use super::measure::Measured;
use crate::client;

/// Bytes of a request's payload.
const PAYLOAD: usize = 64;
/// How much of the time is spent before measuring begins.
const WARM_UP: f64 = 0.2;
/// The longest latency the histogram can tell from longer ones, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
/// How long the generator may take beyond what it was told.
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

/// A load to generate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The echo service.
    pub(super) address: SocketAddr,
    /// How many connections to hold.
    pub(super) connections: usize,
    /// How long to measure.
    pub(super) time: Duration,
}

/// What the generator has seen. Times in nanoseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    requests: u64,
    time: u64,
    p50: u64,
    p99: u64,
    max: u64,
}

/// Runs the generator in a process of its own.
pub(super) fn in_process(load: &Load) -> Result<Measured> {
    let outcome = spawn(load).context("the load generator failed")?;
    let rate = outcome.requests as f64 / Duration::from_nanos(outcome.time).as_secs_f64();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Ok(Measured::main(rate, "requests/s")
        .with("p50", micros(outcome.p50), "µs")
        .with("p99", micros(outcome.p99), "µs"))
}

fn spawn(load: &Load) -> Result<Outcome> {
    let output = Command::new(std::env::current_exe()?)
        .args(["load-generator", &load.address.to_string()])
        .args(["--connections", &load.connections.to_string()])
        .args(["--seconds", &load.time.as_secs_f64().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("it printed something else than its result")
}

/// The generator's process.
pub(crate) fn run(args: &Args) -> Result<()> {
    let time = Duration::try_from_secs_f64(args.seconds).context("--seconds")?;
    let outcome = generate(&Load {
        address: args.address,
        connections: args.connections,
        time,
    })?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn generate(load: &Load) -> Result<Outcome> {
    let mut request = Vec::new();
    Framing::Length2.encode(&[b'x'; PAYLOAD], &mut request)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients = Vec::with_capacity(load.connections);
    for index in 0..load.connections {
        let stream = client::connect(load.address)?;
        stream.set_nonblocking(true)?;
        epoll::add(
            &epoll,
            &stream,
            EventData::new_u64(index as u64),
            EventFlags::IN,
        )?;
        clients.push(Client {
            stream,
            sent: Instant::now(),
            missing: 0,
        });
    }
    for client in &mut clients {
        client.send(&request, Instant::now())?;
    }

    let begin = Instant::now() + load.time.mul_f64(WARM_UP);
    let end = begin + load.time;
    let mut latencies = Histogram::<u64>::new_with_bounds(1, LONGEST, 3)?;
    let mut events = Vec::with_capacity(load.connections.max(1));
    let mut now = Instant::now();
    // Whoever answers nobody must not hang the generator.
    watchdog(load.time.mul_f64(1.0 + WARM_UP) + GRACE)?;
    while now < end {
        events.clear();
        echo::wait(&epoll, &mut events)?;
        for event in &events {
            let index = usize::try_from(event.data.u64())?;
            let client = clients
                .get_mut(index)
                .context("epoll names no connection of ours")?;
            if client.receive()? {
                now = Instant::now();
                if now >= begin && now < end {
                    let latency = now - client.sent;
                    latencies.saturating_record(u64::try_from(latency.as_nanos())?);
                }
                client.send(&request, now)?;
            }
        }
    }
    Ok(Outcome {
        requests: latencies.len(),
        time: u64::try_from(load.time.as_nanos())?,
        p50: latencies.value_at_quantile(0.5),
        p99: latencies.value_at_quantile(0.99),
        max: latencies.max(),
    })
}

/// Ends the process with an error when it has not ended by itself.
fn watchdog(limit: Duration) -> Result<()> {
    let this = rustix::process::getpid();
    std::thread::Builder::new()
        .name("watchdog".into())
        .spawn(move || {
            std::thread::sleep(limit);
            eprintln!("error: the service had stopped answering");
            // It cannot fail for our own process, and does not return.
            let _ = rustix::process::kill_process(this, rustix::process::Signal::KILL);
        })?;
    Ok(())
}

struct Client {
    stream: TcpStream,
    sent: Instant,
    missing: usize,
}

impl Client {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_an_echo_server() {
        let server = echo::Server::start().unwrap();
        let time = Duration::from_millis(50);
        let outcome = generate(&Load {
            address: server.address(),
            connections: 10,
            time,
        })
        .unwrap();
        assert!(outcome.requests > 0, "{outcome:?}");
        assert!(outcome.p50 > 0 && outcome.p50 <= outcome.p99, "{outcome:?}");
        assert!(outcome.p99 <= outcome.max.max(outcome.p99), "{outcome:?}");
    }
}
