//! Nodes of a cluster, for scenarios.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Stage;
use super::probe::{Answer, Asked, Probe};
use crate::client::fixed_address;
use crate::deadline::eventually;
use crate::node::{Node, NodeSpec, PATIENCE};

/// The service of every node that does and suffers what it is told, see `plugins/test-cluster`.
pub(super) const DRIVER: &str = ".cl";

/// A node to be. It can be started any number of times, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What others call it, unless a scenario says otherwise.
    pub(super) name: String,
    /// Where it listens for the cluster.
    pub(super) address: SocketAddr,
    probe: SocketAddr,
    spec: NodeSpec,
}

/// A node of a cluster.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) node: Node,
    pub(super) probe: Probe,
    /// Where it listens, once it does.
    pub(super) address: SocketAddr,
    /// The handle of its [`DRIVER`].
    pub(super) driver: String,
}

impl Plan {
    /// A node that knows no other.
    pub(super) fn new(stage: &Stage, name: &str) -> Result<Self> {
        let probe = fixed_address()?;
        let spec = stage
            .spec(name)
            .start(format!("test-probe {probe}"))
            .start("test-caller caller")
            .start("test_cluster");
        Ok(Self {
            name: name.to_owned(),
            address: fixed_address()?,
            probe,
            spec,
        })
    }

    /// Lets it listen elsewhere.
    pub(super) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Lets it know where others are, by their own names.
    pub(super) fn knows(self, others: &[&Self]) -> Self {
        let know = |plan: Self, other: &&Self| plan.finds(&other.name, other.address);
        others.iter().fold(self, know)
    }

    /// Lets it know a node by any name.
    pub(super) fn finds(self, name: &str, address: impl ToString) -> Self {
        self.set(&format!("cluster.{name}"), address.to_string())
    }

    /// Sets a key of its configuration.
    pub(super) fn set(self, key: &str, value: impl Into<toml_edit::Value>) -> Self {
        Self {
            spec: self.spec.set(key, value),
            ..self
        }
    }

    /// Starts it, has it listen, and gives its service the name `svc`.
    pub(super) fn open(&self, stage: &Stage) -> Result<Site> {
        let site = self.start(stage)?;
        site.clusterd(&format!("register svc {}", site.driver))?;
        site.listen("")?;
        Ok(site)
    }

    /// Starts it; it does not listen.
    pub(super) fn start(&self, stage: &Stage) -> Result<Site> {
        let node = stage.start(&self.spec)?;
        let probe = Probe::at(self.probe);
        let driver = probe.call(DRIVER, "SELF")?;
        Ok(Site {
            node,
            probe,
            address: self.address,
            driver,
        })
    }
}

#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
impl Site {
    /// Tells its driver something; anything but an answer is an error.
    pub(super) fn tell(&self, words: &str) -> Result<String> {
        self.probe.call(DRIVER, words)
    }

    /// The same, whatever comes of it.
    pub(super) fn ask(&self, words: &str) -> Result<Answer> {
        self.probe.ask(DRIVER, words)
    }

    /// The same, without waiting.
    pub(super) fn begin(&self, words: &str) -> Result<Asked> {
        self.probe.begin(DRIVER, words)
    }

    /// Has `.clusterd` do something.
    pub(super) fn clusterd(&self, words: &str) -> Result<String> {
        self.tell(&format!("CLUSTERD {words}"))
    }

    /// Listens where it is planned, with options as `{key=value,…}`.
    pub(super) fn listen(&self, options: &str) -> Result<String> {
        self.clusterd(&format!("listen {} {options}", self.address))
    }

    /// Calls a service of another node with values.
    pub(super) fn call(&self, node: &str, service: &str, words: &str) -> Result<String> {
        self.tell(&format!("REQ {node} {service} 0 {words}"))
    }

    /// The same, whatever comes of it.
    pub(super) fn try_call(&self, node: &str, service: &str, words: &str) -> Result<Answer> {
        self.ask(&format!("REQ {node} {service} 0 {words}"))
    }

    /// The same, without waiting.
    pub(super) fn begin_call(&self, node: &str, service: &str, words: &str) -> Result<Asked> {
        self.begin(&format!("REQ {node} {service} 0 {words}"))
    }

    /// A call whose answer shows that both ends are there.
    pub(super) fn reaches(&self, node: &str) -> Result<()> {
        let answer = self.call(node, "@svc", "ECHO there 7")?;
        ensure!(answer == "there 7", "{node} said {answer:?}");
        Ok(())
    }

    /// Waits until its driver holds so many calls.
    pub(super) fn wait_held(&self, count: u64) -> Result<()> {
        eventually("calls to be held", PATIENCE, || {
            let held: u64 = self.tell("HELD")?.parse()?;
            Ok((held >= count).then_some(()))
        })
    }

    /// Begins so many calls that are not answered, and waits until they are there.
    pub(super) fn hold(&self, to: &Self, node: &str, count: u64) -> Result<Asked> {
        let calls = self.begin(&format!("CALLS {node} @svc {count} 0 HOLD"))?;
        to.wait_held(count)?;
        Ok(calls)
    }

    /// How many services of a module it has.
    pub(super) fn services(&self, module: &str) -> Result<usize> {
        let list = self.probe.command("LIST")?;
        let ours = |line: &&str| line.split_whitespace().any(|word| word == module);
        Ok(list.lines().filter(ours).count())
    }

    /// A figure that the sender of a node tells.
    pub(super) fn figure(&self, node: &str, key: &str) -> Result<String> {
        let sender = self.clusterd(&format!("sender {node}"))?;
        let sender = super::net::as_handle(&sender)?;
        let state = self.tell(&format!("LUA {sender} 0 state"))?;
        let mut pairs = state
            .split([' ', '{', '}'])
            .filter_map(|word| word.split_once('='));
        let value = pairs.find(|(name, _)| *name == key);
        let (_, value) = value.with_context(|| format!("there is no {key} in {state}"))?;
        Ok(value.to_owned())
    }
}

/// A number of a report such as `answered=7 failed=0`.
pub(super) fn expect_counts(report: &str, wanted: &[(&str, u64)]) -> Result<()> {
    for (key, count) in wanted {
        let found = super::probe::count(report, key)?;
        ensure!(found == *count, "wanted {key}={count} in: {report}");
    }
    Ok(())
}

/// Fails unless it is an error with that reason and each of the texts in it.
pub(super) fn expect_error(what: &str, answer: &Answer, reason: u32, parts: &[&str]) -> Result<()> {
    for part in parts.iter().chain(&[""]) {
        answer.expect_error(what, reason, part)?;
    }
    Ok(())
}

/// How soon something fails that is known to fail.
pub(super) const AT_ONCE: Duration = Duration::from_millis(100);
