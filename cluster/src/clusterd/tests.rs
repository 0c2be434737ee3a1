//! clusterd in a fake node, with senders and agents whom the test plays.

mod discovery;
mod listening;
mod outside;
mod routing;

use skynet_seri::{Value, decode, pack};
use skynet_service::testing::{Node, Received};
use skynet_service::{
    Context, Handle, KIND_LUA, KIND_RESPONSE, KIND_TEXT, Outgoing, RawMessage, RawService, Reason,
    Reply, Result,
};

use super::Clusterd;
use crate::file::ClusterFile;
use crate::proxy::ClusterProxy;
use crate::table::NodeTable;

/// Passes on what it gets to somebody whom the test plays: a sender to `.NODE`, an agent to `.agent`. A text
/// is a request to clusterd, `ask …`, or ends it.
struct Relay {
    to: String,
}

impl Relay {
    fn pass(&self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let to = cx.query(&self.to).expect("the test plays it");
        match message.kind() {
            KIND_TEXT => {
                match message.bytes().strip_prefix(b"ask ") {
                    Some(request) => {
                        cx.call_raw(Outgoing::new(".clusterd", KIND_LUA, request))?;
                    }
                    None => cx.exit_with(Reason::FAILED, "it was told to"),
                }
                return Ok(());
            }
            KIND_RESPONSE => return Ok(cx.send(to, KIND_LUA, &pack!("answered")?)?),
            _ => {}
        }
        let mut outgoing = Outgoing::new(to, message.kind(), message.bytes())
            .source(message.source())
            .session(message.session())
            .deadline(message.deadline())
            .trace(message.trace());
        if message.is_call() {
            outgoing = outgoing.call_flag();
        }
        cx.send_message(outgoing)?;
        message.set_answered();
        Ok(())
    }
}

struct Sender(Relay);

impl RawService for Sender {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let node = args.split_whitespace().next().unwrap();
        let to = format!(".{node}");
        Ok(Self(Relay { to }))
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        self.0.pass(cx, message)
    }
}

struct Agent(Relay);

impl RawService for Agent {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        let to = ".agent".to_owned();
        Ok(Self(Relay { to }))
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        self.0.pass(cx, message)
    }
}

/// A node with clusterd.
struct World {
    node: Node,
    clusterd: Handle,
    agent: Handle,
}

fn prepared(env: &[(&str, &str)]) -> Node {
    let mut node = Node::new();
    for (key, value) in env {
        node.set_env(key, value);
    }
    node.module::<ClusterFile>("clusterfile");
    node.raw_module::<Sender>("clustersender");
    node.raw_module::<ClusterProxy>("clusterproxy");
    node.raw_module::<Agent>("clusteragent");
    node
}

fn world_with(env: &[(&str, &str)]) -> World {
    let mut node = prepared(env);
    let agent = node.peer();
    node.register(agent, ".agent");
    let clusterd = node.launch::<Clusterd>("").unwrap();
    World {
        node,
        clusterd,
        agent,
    }
}

fn world(nodes: &str) -> World {
    world_with(&[("cluster_nodes", nodes)])
}

/// The values of an answer.
fn values(reply: &Reply) -> Vec<Value> {
    decode(reply).unwrap()
}

/// The values of what came.
fn commands(received: &[Received]) -> Vec<Vec<Value>> {
    let all = received.iter().map(|one| decode(&one.payload).unwrap());
    all.collect()
}

impl World {
    /// Somebody who gets what the sender of a node gets.
    fn play(&mut self, node: &str) -> Handle {
        let peer = self.node.peer();
        self.node.register(peer, &format!(".{node}"));
        peer
    }

    fn ask(&mut self, request: Vec<u8>) -> Result<Vec<Value>> {
        let reply = self.node.call(self.clusterd, KIND_LUA, request)?;
        Ok(values(&reply))
    }

    /// A request that gets a handle.
    fn handle(&mut self, request: Vec<u8>) -> Handle {
        let answer = self.ask(request).unwrap();
        let handle = answer[0].as_integer().unwrap();
        Handle(u32::try_from(handle).unwrap())
    }

    /// A request that fails: why.
    fn error(&mut self, request: Vec<u8>) -> (Reason, String) {
        let error = self
            .node
            .call(self.clusterd, KIND_LUA, request)
            .unwrap_err();
        (error.reason(), error.to_string())
    }

    /// A request whose answer says nothing.
    fn tell(&mut self, request: Vec<u8>) {
        assert_eq!(self.ask(request).unwrap(), []);
    }

    fn received(&mut self, peer: Handle) -> Vec<Vec<Value>> {
        commands(&self.node.received(peer))
    }

    fn count_logs(&self, part: &str) -> usize {
        let logs = self.node.logs();
        logs.iter().filter(|one| one.text.contains(part)).count()
    }
}

/// A table of nodes for a message.
fn toml(text: &str) -> Value {
    NodeTable::from_toml(text).unwrap().to_value()
}

/// Values as they are received.
fn list<const N: usize>(values: [Value; N]) -> Vec<Value> {
    values.into()
}
