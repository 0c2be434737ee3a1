//! Nodes of one harbor network, for scenarios.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Stage;
use super::probe::{Answer, Asked, Probe};
use crate::client::fixed_address;
use crate::deadline::eventually;
use crate::node::{Node, NodeSpec, PATIENCE};

/// The node of the callee is lost; `SKYNET_REASON_NODE_LOST`.
pub(super) const NODE_LOST: u32 = skynet_abi::REASON_NODE_LOST;
/// The service of every node that does and suffers what it is told, see `plugins/test-harbor`.
pub(super) const NET: &str = ".net";
/// The service that knows the network.
pub(super) const SLAVE: &str = ".cslave";

/// A network to be: where its master is.
#[derive(Debug)]
pub(super) struct Net<'a> {
    stage: &'a Stage,
    pub(super) master: SocketAddr,
}

/// A node to be. It can be started any number of times, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Where its peers reach it.
    pub(super) address: SocketAddr,
    probe: SocketAddr,
    spec: NodeSpec,
}

/// A node of a network.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) id: u8,
    pub(super) node: Node,
    pub(super) probe: Probe,
    /// The handle of its [`NET`].
    pub(super) net: String,
}

impl<'a> Net<'a> {
    /// With a master on an address of its own.
    pub(super) fn new(stage: &'a Stage) -> Result<Self> {
        Ok(Self::with_master(stage, fixed_address()?))
    }

    /// With a master that is there already.
    pub(super) fn with_master(stage: &'a Stage, master: SocketAddr) -> Self {
        Self { stage, master }
    }

    /// A node that joins. Id 0: whichever is free.
    pub(super) fn plan(&self, name: &str, id: u8) -> Result<Plan> {
        let (address, probe) = (fixed_address()?, fixed_address()?);
        let spec = self
            .stage
            .spec(name)
            .set("master", self.master.to_string())
            .set("address", address.to_string())
            .start(format!("test-probe {probe}"))
            .start("test-caller caller")
            .start("test_net");
        let plan = Plan {
            address,
            probe,
            spec,
        };
        Ok(match id {
            0 => plan.set("harbor", "auto"),
            id => plan.set("harbor", i64::from(id)),
        })
    }

    /// A node that has the master, too.
    pub(super) fn plan_standalone(&self, name: &str, id: u8) -> Result<Plan> {
        let plan = self.plan(name, id)?;
        Ok(plan.set("standalone", self.master.to_string()))
    }

    /// Starts a node and waits until it is ready.
    pub(super) fn start(&self, plan: &Plan) -> Result<Site> {
        plan.site(self.stage.start(&plan.spec)?)
    }

    /// Starts a node and waits for nothing.
    pub(super) fn spawn(&self, plan: &Plan) -> Result<Node> {
        self.stage.spawn(&plan.spec)
    }

    /// A network of so many nodes, from id 1 on; the first one has the master.
    pub(super) fn of(&self, count: u8) -> Result<Vec<Site>> {
        (1..=count)
            .map(|id| {
                let name = format!("n{id}");
                let plan = match id {
                    1 => self.plan_standalone(&name, id)?,
                    _ => self.plan(&name, id)?,
                };
                self.start(&plan)
            })
            .collect()
    }
}

impl Plan {
    /// Lets it listen elsewhere.
    pub(super) fn at(self, address: SocketAddr) -> Self {
        let plan = self.set("address", address.to_string());
        Self { address, ..plan }
    }

    /// Sets a key of its configuration.
    pub(super) fn set(self, key: &str, value: impl Into<toml_edit::Value>) -> Self {
        Self {
            spec: self.spec.set(key, value),
            ..self
        }
    }

    /// Adds a service to start.
    pub(super) fn start(self, service: &str) -> Self {
        Self {
            spec: self.spec.start(service),
            ..self
        }
    }

    /// With what the standalone node has, in a network whose master is no node.
    pub(super) fn with_services(self) -> Self {
        self.start("datacenter").start("service_mgr network")
    }

    /// The site of a node that is ready.
    pub(super) fn site(&self, node: Node) -> Result<Site> {
        let probe = Probe::at(self.probe);
        let net = probe.call(NET, "SELF")?;
        let id = u8::from_str_radix(net.get(1..3).context("a handle")?, 16)?;
        Ok(Site {
            id,
            node,
            probe,
            net,
        })
    }
}

/// What a node says of another one.
pub(super) type Line = BTreeMap<String, String>;

#[allow(dead_code, reason = "a kit: scenarios take from it what they need")]
impl Site {
    /// Has its service call another one with a text.
    pub(super) fn call(&self, to: &str, text: &str) -> Result<String> {
        self.probe.call(NET, &format!("CALL {to} 0 {text}"))
    }

    /// The same, without waiting.
    pub(super) fn begin_call(&self, to: &str, text: &str) -> Result<Asked> {
        self.probe.begin(NET, &format!("CALL {to} 0 {text}"))
    }

    /// Has its service call another one with values. Waits no longer than `limit`, if there is one.
    pub(super) fn ask(&self, to: &str, limit: Option<Duration>, words: &str) -> Result<Answer> {
        self.begin_lua(to, limit, words)?.answer(PATIENCE)
    }

    /// The same; anything but an answer is an error.
    pub(super) fn lua(&self, to: &str, words: &str) -> Result<String> {
        self.begin_lua(to, None, words)?.reply(PATIENCE)
    }

    /// The same, without waiting.
    pub(super) fn begin_lua(
        &self,
        to: &str,
        limit: Option<Duration>,
        words: &str,
    ) -> Result<Asked> {
        let time = limit.unwrap_or_default().as_millis();
        self.probe.begin(NET, &format!("LUA {to} {time} {words}"))
    }

    /// Binds a global name to its service.
    pub(super) fn register(&self, name: &str) -> Result<()> {
        self.lua(SLAVE, &format!("REGISTER {name} {}", self.net))
            .map(|_| ())
    }

    /// The handle that a global name is bound to, as text; waits until it is.
    pub(super) fn query(&self, name: &str) -> Result<String> {
        as_handle(&self.lua(SLAVE, &format!("QUERYNAME {name}"))?)
    }

    /// What it knows of the other nodes.
    pub(super) fn nodes(&self) -> Result<BTreeMap<u8, Line>> {
        let text = self.lua(SLAVE, "NODES")?;
        let mut nodes = BTreeMap::new();
        for part in text.split('{').filter(|part| part.contains("id=")) {
            let words = part.split_whitespace();
            let pairs = words.filter_map(|word| word.trim_end_matches('}').split_once('='));
            let line: Line = pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect();
            let id = line.get("id").and_then(|id| id.parse().ok());
            nodes.insert(id.context("a node without an id")?, line);
        }
        Ok(nodes)
    }

    /// A figure that it knows of another node.
    pub(super) fn figure(&self, id: u8, key: &str) -> Result<u64> {
        let nodes = self.nodes()?;
        let line = nodes
            .get(&id)
            .with_context(|| format!("node {id} is not in {nodes:?}"))?;
        let value = line
            .get(key)
            .with_context(|| format!("there is no {key} in {line:?}"))?;
        Ok(value.parse()?)
    }

    /// What it holds of another node: `up`, `cut`, `lost` …; nothing for one that it does not know.
    pub(super) fn state(&self, id: u8) -> Result<String> {
        let line = self.nodes()?.remove(&id);
        Ok(line
            .and_then(|mut line| line.remove("state"))
            .unwrap_or_default())
    }

    /// Waits until it holds another node to be in a state.
    pub(super) fn wait_state(&self, id: u8, state: &str, limit: Duration) -> Result<()> {
        let what = format!("node {} to hold node {id} to be {state:?}", self.id);
        eventually(
            &what,
            limit,
            || Ok((self.state(id)? == state).then_some(())),
        )
        .with_context(|| format!("it holds {:?}", self.nodes()))
    }

    /// Waits until it has links to all of them.
    pub(super) fn wait_up(&self, others: &[&Site]) -> Result<()> {
        for other in others.iter().filter(|other| other.id != self.id) {
            self.wait_state(other.id, "up", PATIENCE)?;
        }
        Ok(())
    }

    /// Launches a service of `plugins/test-harbor`, or any other.
    pub(super) fn launch(&self, line: &str) -> Result<String> {
        self.probe.launch(line)
    }
}

/// Waits until every site has a link to every other one.
pub(super) fn all_up(sites: &[&Site]) -> Result<()> {
    for site in sites {
        site.wait_up(sites)?;
    }
    Ok(())
}

/// A handle that came as a number.
pub(super) fn as_handle(number: &str) -> Result<String> {
    let handle: u32 = number
        .trim()
        .parse()
        .with_context(|| format!("{number:?} is no handle"))?;
    Ok(format!(":{handle:08x}"))
}

/// Fails unless it is an error with that reason.
pub(super) fn expect_reason(what: &str, answer: &Answer, reason: u32) -> Result<()> {
    ensure!(
        matches!(answer, Answer::Error { reason: found, .. } if *found == reason),
        "{what}: found {answer:?}, wanted error {reason}"
    );
    Ok(())
}

/// Fails unless it is an error, of whichever reason.
pub(super) fn expect_ended(what: &str, answer: &Answer) -> Result<()> {
    ensure!(
        matches!(answer, Answer::Error { .. }),
        "{what}: found {answer:?}, wanted an error"
    );
    Ok(())
}
