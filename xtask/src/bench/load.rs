//! Load from outside: generators in processes of their own, so that what they cost is nobody else's.

mod generator;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::measure::Measured;
use generator::{GO, Outcome, READY, histogram};

pub(crate) use generator::{Args, run};

/// A load to generate: connections to an echo service, each with one request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// The echo service.
    pub(super) address: SocketAddr,
    /// How many connections to hold.
    pub(super) connections: usize,
    /// Over how many processes to spread them. With more than one, process N connects to 127.0.0.N, so that a port is
    /// never short: the service must listen on all addresses.
    pub(super) processes: u8,
    /// How long to measure.
    pub(super) time: Duration,
}

/// Generators that hold their connections. Dropping them ends them.
#[derive(Debug)]
pub(super) struct Generators {
    processes: Vec<Generator>,
}

/// Connects and generates the load.
pub(super) fn generate(load: &Load) -> Result<Measured> {
    Generators::connect(load)?.run()
}

impl Generators {
    /// Starts the processes, and waits until each of their connections has had a first answer.
    pub(super) fn connect(load: &Load) -> Result<Self> {
        let processes = usize::from(load.processes.max(1));
        let mut started = Vec::new();
        for index in 0..processes {
            let connections = share(load.connections, processes, index);
            started.push(Generator::start(
                address(load, index),
                connections,
                load.time,
            )?);
        }
        for process in &mut started {
            process
                .expect_ready()
                .context("the load generator could not connect")?;
        }
        Ok(Self { processes: started })
    }

    /// Generates the load; how many requests a second were answered, and how fast.
    pub(super) fn run(mut self) -> Result<Measured> {
        let failed = "the load generator failed";
        for process in &mut self.processes {
            process.go().context(failed)?;
        }
        let mut all = histogram()?;
        let mut rate = 0.0;
        for process in &mut self.processes {
            let outcome = process.finish().context(failed)?;
            rate += outcome.merge_into(&mut all)?;
        }
        ensure!(!all.is_empty(), "no request was answered");
        let micros = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
        Ok(Measured::main(rate, "requests/s")
            .with("p50", micros(0.5), "µs")
            .with("p99", micros(0.99), "µs"))
    }
}

/// The part of `whole` that falls to one of `parts`.
fn share(whole: usize, parts: usize, index: usize) -> usize {
    whole / parts + usize::from(index < whole % parts)
}

fn address(load: &Load, index: usize) -> SocketAddr {
    let mut address = load.address;
    if load.processes > 1 {
        let last = u8::try_from(index + 1).unwrap_or(u8::MAX);
        address.set_ip(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    }
    address
}

/// One process.
#[derive(Debug)]
struct Generator {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Generator {
    fn start(address: SocketAddr, connections: usize, time: Duration) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["load-generator", &address.to_string()])
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &time.as_secs_f64().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the load generator cannot be started")?;
        let output = child.stdout.take().context("it has no output")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }

    /// Its next line. It watches over its own time, so one comes, or it ends.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line)
    }

    fn expect_ready(&mut self) -> Result<()> {
        let line = self.line()?;
        ensure!(line.trim_end() == READY, "it said {line:?}");
        Ok(())
    }

    fn go(&mut self) -> Result<()> {
        let mut input = self.child.stdin.take().context("it was told already")?;
        Ok(writeln!(input, "{GO}")?)
    }

    fn finish(&mut self) -> Result<Outcome> {
        let line = self.line()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}");
        serde_json::from_str(&line).context("it printed something else than its result")
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // It may have ended by itself, which is what both are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// Adds what one process has seen; its requests a second.
    fn merge_into(&self, all: &mut Histogram<u64>) -> Result<f64> {
        let mut requests = 0;
        for &(latency, count) in &self.latencies {
            all.record_n(latency, count)?;
            requests += count;
        }
        Ok(requests as f64 / Duration::from_nanos(self.time).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_shared_out() {
        let check = |whole, parts, expected: &[usize]| {
            let found: Vec<_> = (0..parts).map(|index| share(whole, parts, index)).collect();
            assert_eq!(found, expected);
        };
        check(10, 1, &[10]);
        check(10, 4, &[3, 3, 2, 2]);
        check(1, 2, &[1, 0]);
    }

    #[test]
    fn several_processes_have_addresses_of_their_own() {
        let load = |processes| Load {
            address: "127.0.0.1:80".parse().unwrap(),
            connections: 1,
            processes,
            time: Duration::ZERO,
        };
        assert_eq!(address(&load(1), 0).to_string(), "127.0.0.1:80");
        assert_eq!(address(&load(4), 3).to_string(), "127.0.0.4:80");
    }

    #[test]
    fn outcomes_are_merged() {
        let mut all = histogram().unwrap();
        let outcome = |latencies: &[(u64, u64)]| Outcome {
            time: 2_000_000_000,
            latencies: latencies.to_vec(),
        };
        let rate = outcome(&[(10, 98)]).merge_into(&mut all).unwrap();
        assert_eq!(rate, 49.0);
        let rate = outcome(&[(1000, 2)]).merge_into(&mut all).unwrap();
        assert_eq!(rate, 1.0);
        assert_eq!(all.value_at_quantile(0.98), 10);
        assert_eq!(all.value_at_quantile(0.99), 1000);
    }
}
