//! Module `clusterd`: what a node knows of its cluster. There is one, `.clusterd`, launched by whoever needs it first.
//!
//! It is asked in messages of kind `KIND_LUA`:
//!
//! | request | answer |
//! |---|---|
//! | `sender node` | the handle of the service that has the connection to a node; waits for one that is not known |
//! | `senders` | a table: node to that handle, of those that run |
//! | `proxy node service`, `proxy "node@name"`, `proxy "node.name"` | the handle of a service that stands for another node's |
//! | `req`, `push`, `ack`, `query` `node …` | that of the node's sender, which gets the rest of it |
//! | `register name [handle]` | nothing: the service (whoever asks) is known outside as `@name` |
//! | `unregister name` | nothing |
//! | `queryname name` | the handle, or nil |
//! | `export ".name"`, `export "GLOBAL"`, `export handle`, `unexport …` | nothing: callers from outside reach the service, or not any more |
//! | `open where [options]`, `listen …` | the address and the port where others may connect now |
//! | `close where` | nothing: nobody new may connect there. Who is connected stays |
//! | `reload [table]`, `reload file` | nothing, when what is said of nodes holds |
//! | `update table` | the same as `reload table`: the word of discovery services |
//! | `nodes` | a table: node to a table with its `address` (`false`: down) and `state`, and what its sender says |
//!
//! `where` is the name of a node, `"host:port"`, or a port of 127.0.0.1. Options are a table of `maxclient`, `expose`
//! (`"names"`, `"all"`), `secret` and `tls` (booleans), or `maxclient` alone.
//!
//! # How the code is cut
//! `request.rs` reads commands. What decides has no I/O: `nodes.rs` (the table, and how long one waits for a name),
//! `held.rs` (what waits), `names.rs`, `exports.rs`, `listeners.rs` (who may connect), `running.rs` (senders and
//! proxies). `route.rs` brings requests to nodes, `waiting.rs` has them wait, `listen.rs` lets others in, `outside.rs`
//! tells agents what callers from outside reach, `discovery.rs` asks where nodes are, `status.rs` how they are.

mod discovery;
mod exports;
mod held;
mod listen;
mod listeners;
mod names;
mod nodes;
mod outside;
mod request;
mod route;
mod running;
mod settings;
mod status;
#[cfg(test)]
mod tests;
mod waiting;

use skynet_seri::{PackArgs, Value};
use skynet_service::socket::SocketEvent;
use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_LUA, Local, Message, Result, Service, bail, log,
};

use exports::Exports;
use held::Held;
use listen::Doors;
use names::Names;
use nodes::Nodes;
use request::{Request, answered_table};
use running::{Role, Running};
use settings::Settings;
use waiting::{Alarm, Losses, Waiter};

/// The name by which services of the node find it.
const NAME: &str = ".clusterd";

/// Knows the nodes, and who is known to them.
pub(crate) struct Clusterd {
    settings: Settings,
    state: Local<State>,
}

struct State {
    nodes: Nodes,
    held: Held<Waiter>,
    alarm: Option<Alarm>,
    losses: Losses,
    running: Running,
    names: Names,
    exports: Exports,
    doors: Doors,
    /// The service that knows where nodes are, while it runs.
    discovery: Option<Handle>,
}

impl Service for Clusterd {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        if !args.trim().is_empty() {
            bail!("found {args:?}, wanted `clusterd` alone");
        }
        let settings = Settings::read(cx)?;
        let mut exports = Exports::default();
        for export in &settings.exports {
            exports.add(export.clone())?;
        }
        let (discovery, table) = discovery::begin(cx, &settings.discovery).await?;
        let mut nodes = Nodes::default();
        nodes.update(table)?;
        // At last: nobody finds it before it can answer.
        cx.register(NAME)?;
        let state = State {
            nodes,
            held: Held::new(settings.queue_bytes),
            alarm: None,
            losses: Losses::default(),
            running: Running::default(),
            names: Names::default(),
            exports,
            doors: Doors::default(),
            discovery: Some(discovery),
        };
        Ok(Self {
            settings,
            state: Local::new(state),
        })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let (discovery, exported) = self.state.with(|state| {
            let exported: Vec<Handle> = state.exports.handles().collect();
            (state.discovery, exported)
        });
        // Told at once of those that have ended meanwhile.
        for handle in discovery.into_iter().chain(exported) {
            self.follow(cx, handle);
        }
        Ok(())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "clusterd takes lua messages, found kind {}",
                message.kind()
            )));
        }
        match Request::parse(message.bytes())? {
            Request::OfNode(node, wanted) => return self.route(cx, node, wanted, message),
            Request::Open(place, options) => return self.open(cx, &place, options, &message),
            Request::Senders => return answer(cx, &message, &(self.senders(),)),
            Request::Nodes => {
                let nodes = self.status(cx).await;
                return answer(cx, &message, &(nodes,));
            }
            Request::QueryName(name) => {
                let holder = self.state.with(|state| state.names.find(&name));
                return answer(cx, &message, &(holder.map(|holder| holder.0),));
            }
            Request::Register(name, handle) => {
                self.register(cx, &name, handle.unwrap_or_else(|| message.source()))?;
            }
            Request::Unregister(name) => self.unregister(cx, &name),
            Request::Export(export, true) => self.export(cx, export)?,
            Request::Export(export, false) => self.unexport(cx, &export),
            Request::Close(place) => self.close(cx, &place)?,
            Request::Reload(file) => self.reload(cx, file.as_deref()).await?,
            Request::Update(table) => self.apply(cx, table)?,
            Request::Proven => self.proven(message.source())?,
        }
        Ok(cx.reply(&message, b"")?)
    }

    async fn on_exit(&self, cx: &Context, exit: Exit) -> Result<()> {
        self.forget_outside(cx, exit.handle);
        self.agent_ended(cx, exit.handle);
        match self.state.with(|state| state.running.ended(exit.handle)) {
            Some(Role::Sender(node)) => {
                log::warn!(
                    "the sender of cluster node {node} has ended: {}",
                    why(&exit)
                );
            }
            Some(Role::Proxy(node, service)) => {
                log::debug!("the proxy of {service} of cluster node {node} has ended");
            }
            None => {}
        }
        self.discovery_ended(cx, &exit);
        Ok(())
    }

    fn on_socket(&self, cx: &Context, event: SocketEvent<'_>) {
        self.on_listener(cx, &event);
    }
}

impl Clusterd {
    /// Learns of a service's end. Those of other nodes of a harbor network end unnoticed.
    #[expect(clippy::unused_self, reason = "it is this service who is told")]
    fn follow(&self, cx: &Context, handle: Handle) {
        if !cx.is_remote(handle) {
            cx.monitor(handle);
        }
    }

    fn senders(&self) -> Value {
        self.state.with(|state| {
            let senders = state.running.senders().iter();
            table(senders.map(|(node, handle)| {
                let handle = Value::from(i64::from(handle.0));
                (Value::from(node.as_str()), handle)
            }))
        })
    }
}

/// Answers with values.
fn answer(cx: &Context, message: &Message, values: &impl PackArgs) -> Result<()> {
    Ok(cx.reply(message, Buffer::pack(values)?)?)
}

/// Pairs as one value.
fn table(pairs: impl Iterator<Item = (Value, Value)>) -> Value {
    Value::from(skynet_seri::Table {
        array: Vec::new(),
        pairs: pairs.collect(),
    })
}

/// Why a service has ended, for the log.
fn why(exit: &Exit) -> String {
    let separator = if exit.text.is_empty() { "" } else { ": " };
    format!("{}{separator}{}", exit.reason, exit.text)
}
