//! A client's way to any service of a node, through the plugins `test-probe` and `test-caller`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Stage;
use crate::client::LineClient;
use crate::deadline::eventually;
use crate::node::{Node, NodeSpec, PATIENCE};
use crate::procfs;

/// The service that does what the probe cannot do itself.
const CALLER: &str = ".caller";
/// In a line, the end of a line of the text.
const LINE_END: char = '\x1f';
/// A mailbox is full; `SKYNET_STATUS_FULL`.
pub(super) const STATUS_FULL: i32 = -3;

/// Calls services of one node. Each call has a connection of its own: calls may run beside each other.
#[derive(Debug)]
pub(super) struct Probe {
    address: SocketAddr,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The callee's answer.
    Reply(String),
    /// An error, with a `SKYNET_REASON_*`.
    Error { reason: u32, text: String },
    /// The call was not sent; a `SKYNET_STATUS_*`.
    Refused(i32),
}

/// A call that has not been answered yet.
#[derive(Debug)]
pub(super) struct Asked {
    client: LineClient,
    what: String,
}

/// Makes a configuration one that a [`Probe`] can be used with.
pub(super) fn probed(spec: NodeSpec) -> NodeSpec {
    spec.start("test-probe").start("test-caller caller")
}

impl Probe {
    /// The probe of a node whose configuration is [`probed`], and which listens on nothing else.
    pub(super) fn of(node: &Node) -> Result<Self> {
        let address = eventually("the probe to listen", PATIENCE, || {
            Ok(procfs::listening(node.pid()).first().copied())
        })?;
        Ok(Self { address })
    }

    /// The probe of a node that starts it with this address.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Starts a node that can be probed.
    pub(super) fn start(stage: &Stage, spec: NodeSpec) -> Result<(Node, Self)> {
        let node = stage.start(&probed(spec))?;
        let probe = Self::of(&node)?;
        Ok((node, probe))
    }

    /// Calls `:handle` or `.name` with a text, and waits for nothing.
    pub(super) fn begin(&self, address: &str, text: &str) -> Result<Asked> {
        let mut client = LineClient::connect(self.address)?;
        client.send(&format!("{address} {text}"))?;
        let what = format!("{text:?} of {address}");
        Ok(Asked { client, what })
    }

    /// Calls and waits for the answer.
    pub(super) fn ask(&self, address: &str, text: &str) -> Result<Answer> {
        self.begin(address, text)?.answer(PATIENCE)
    }

    /// Calls; anything but a reply is an error.
    pub(super) fn call(&self, address: &str, text: &str) -> Result<String> {
        self.begin(address, text)?.reply(PATIENCE)
    }

    /// Launches `module args...` and gives the handle.
    pub(super) fn launch(&self, line: &str) -> Result<String> {
        self.call(CALLER, &format!("LAUNCH {line}"))
    }

    /// Launches what cannot be launched, and gives the error.
    pub(super) fn launch_fails(&self, line: &str) -> Result<String> {
        match self.ask(CALLER, &format!("LAUNCH {line}"))? {
            Answer::Error { text, .. } => Ok(text),
            other => bail!("{line} was launched: {other:?}"),
        }
    }

    /// Runs a text command.
    pub(super) fn command(&self, line: &str) -> Result<String> {
        self.call(CALLER, &format!("COMMAND {line}"))
    }

    /// Ends a service.
    pub(super) fn kill(&self, address: &str) -> Result<()> {
        self.command(&format!("KILL {address}")).map(|_| ())
    }

    /// One figure of `STAT all`.
    pub(super) fn stat(&self, address: &str, key: &str) -> Result<f64> {
        figure(&self.command(&format!("STAT all {address}"))?, key, ':')
    }

    /// One figure of the node.
    pub(super) fn node(&self, key: &str) -> Result<f64> {
        figure(&self.command("NODE")?, key, ':')
    }

    /// Waits until a service is there no more.
    pub(super) fn wait_gone(&self, address: &str) -> Result<()> {
        eventually(&format!("{address} to end"), PATIENCE, || {
            let list = self.command("LIST")?;
            Ok(list
                .lines()
                .all(|line| !line.starts_with(address))
                .then_some(()))
        })
    }

    /// Calls `target` again and again from `caller`, and gives the round trips.
    pub(super) fn begin_ping(&self, caller: &str, target: &str, count: u32) -> Result<Asked> {
        self.begin(caller, &format!("PING {target} {count} 1"))
    }
}

impl Asked {
    /// Waits for the answer.
    pub(super) fn answer(mut self, limit: Duration) -> Result<Answer> {
        let line = self
            .client
            .line(limit)
            .with_context(|| format!("asked {}", self.what))?;
        parse(&line).with_context(|| format!("the probe says {line:?}"))
    }

    /// Waits; anything but a reply is an error.
    pub(super) fn reply(self, limit: Duration) -> Result<String> {
        let what = self.what.clone();
        match self.answer(limit)? {
            Answer::Reply(text) => Ok(text),
            other => bail!("asked {what}: {other:?}"),
        }
    }
}

impl Answer {
    /// Fails unless it is an error with that reason and with `text` in its text.
    pub(super) fn expect_error(&self, what: &str, wanted: u32, part: &str) -> Result<()> {
        match self {
            Self::Error { reason, text } if *reason == wanted && text.contains(part) => Ok(()),
            other => bail!("{what}: found {other:?}, wanted error {wanted} with {part:?}"),
        }
    }
}

fn parse(line: &str) -> Option<Answer> {
    let (word, rest) = line.split_once(' ')?;
    Some(match word {
        "reply" => Answer::Reply(rest.replace(LINE_END, "\n")),
        "error" => {
            let (reason, text) = rest.split_once(' ')?;
            Answer::Error {
                reason: reason.parse().ok()?,
                text: text.replace(LINE_END, "\n"),
            }
        }
        "refused" => Answer::Refused(rest.trim().parse().ok()?),
        _ => return None,
    })
}

/// The number behind `key=` (or another sign) in a text of words.
pub(super) fn figure(text: &str, key: &str, sign: char) -> Result<f64> {
    text.split_whitespace()
        .filter_map(|word| word.split_once(sign))
        .find(|(name, _)| *name == key)
        .and_then(|(_, value)| value.parse().ok())
        .with_context(|| format!("there is no number {key} in {text:?}"))
}

/// As [`figure`], of `key=count`.
pub(super) fn count(text: &str, key: &str) -> Result<u64> {
    Ok(figure(text, key, '=')? as u64)
}

/// Round trips, as `PING` gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrips {
    pub(super) count: u64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
    /// The longest that an answer came after its call was due: how long nobody was served.
    pub(super) late: Duration,
}

impl RoundTrips {
    /// Reads an answer of `PING`. An error when one of the calls failed.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let failed = count(text, "failed")?;
        ensure!(failed == 0, "{failed} calls failed: {text}");
        let time = |key| count(text, key).map(Duration::from_micros);
        Ok(Self {
            count: count(text, "count")?,
            p50: time("p50")?,
            p99: time("p99")?,
            max: time("max")?,
            late: time("late")?,
        })
    }
}

impl std::fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let times = [self.p50, self.p99, self.max, self.late];
        let [p50, p99, max, late] = times.map(crate::say::duration);
        write!(
            f,
            "p50 {p50}, p99 {p99}, max {max}, longest wait {late} ({} calls)",
            self.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_lines() {
        let check = |line: &str, expected| assert_eq!(parse(line), expected, "{line}");
        check("reply ", Some(Answer::Reply(String::new())));
        check("reply a b\x1fc", Some(Answer::Reply("a b\nc".to_owned())));
        let error = Answer::Error {
            reason: 3,
            text: String::new(),
        };
        check("error 3 ", Some(error));
        check("refused -3", Some(Answer::Refused(STATUS_FULL)));
        check("refused x", None);
        check("nonsense ", None);
    }

    #[test]
    fn figures_are_read() {
        assert_eq!(figure("cpu:0.5 kept:7", "kept", ':').unwrap(), 7.0);
        assert_eq!(count("a=1 ab=2", "ab").unwrap(), 2);
        assert!(count("a=1", "b").is_err());
        let trips = RoundTrips::parse("count=2 failed=0 p50=1 p99=1500 max=3 late=4").unwrap();
        assert_eq!(trips.p99, Duration::from_micros(1500));
        assert!(RoundTrips::parse("count=2 failed=1 p50=1 p99=2 max=3 late=4").is_err());
    }
}
