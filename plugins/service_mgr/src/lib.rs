//! Service `service_mgr`: services of which there is one, per node or per harbor network. It is `.service`; the one in the
//! network's standalone node, or in a single node, is the global name `SERVICE` too, and launches what is one per network.
//! Where the master is no node, `service_mgr network` makes it so in the node that starts it.
//!
//! Requests are of kind `KIND_LUA`, with the words of Skynet's service manager:
//!
//! | request | answer |
//! |---|---|
//! | `LAUNCH name argument…` | the handle of the node's only `name`, launched if there is none |
//! | `QUERY name` | the same handle, when there is one |
//! | `GLAUNCH name argument…`, `GQUERY name` | the same for the network's only `name` |
//! | `LIST` | a table: the name to `":0000000a"`, or to how far it is |
//! | `REPORT handle` | nil; to `SERVICE`: the service manager of another node |
//!
//! What is one per network has an `@` before its name, which `LAUNCH` and `QUERY` take too. A launch that fails is answered
//! with nil and the reason, to everybody who waits for it; the next request tries again.

mod answer;
mod network;
mod request;
mod slave;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use answer::Answer;
use network::Network;
use request::{Request, Target};
use skynet_seri::Value;
use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_LUA, Local, Message, Result, Service, Waiters, bail,
    export,
};
use slave::Slave;
use table::Table;

/// Requests that may wait for services at a time.
const MOST_WAITERS: usize = 65_536;

/// How long a launch may take: its callers give up on their own account, and the node's own limit for calls is theirs.
const LONGEST_LAUNCH: Duration = Duration::from_secs(24 * 3600);

/// Who launches what is one per network.
enum Role {
    /// This one.
    Network(Network),
    /// The one of the standalone node.
    Slave(Slave),
}

struct ServiceMgr {
    role: Role,
    table: Local<Table>,
    waiters: Waiters<String>,
}

impl Service for ServiceMgr {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let is_named = match args.trim() {
            "" => false,
            "network" => true,
            other => bail!("found {other:?}, wanted `service_mgr` or `service_mgr network`"),
        };
        cx.register(".service")?;
        let is_single = cx.env("harbor").is_none_or(|harbor| harbor == "0");
        let is_standalone = cx.env("standalone").is_some();
        let role = if is_single || is_standalone || is_named {
            Role::Network(Network::register(cx).await?)
        } else {
            Role::Slave(Slave::report(cx).await?)
        };
        Ok(Self {
            role,
            table: Local::default(),
            waiters: Waiters::new(MOST_WAITERS),
        })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        if let Role::Slave(slave) = &self.role {
            slave.follow(cx);
        }
        Ok(())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "the service manager takes lua messages, found kind {}",
                message.kind()
            )));
        }
        match Request::parse(message.bytes())? {
            Request::Launch(target, arguments) => {
                self.launch(cx, &message, target, &arguments).await
            }
            Request::Query(target) => self.query(cx, &message, target).await,
            Request::List => {
                let list = self.list(cx).await;
                Ok(cx.reply(&message, skynet_seri::encode(&[list])?)?)
            }
            Request::Report(manager) => self.take_report(cx, &message, manager),
        }
    }

    async fn on_exit(&self, _cx: &Context, exit: Exit) -> Result<()> {
        self.table.with(|table| table.forget(exit.handle));
        Ok(())
    }

    fn on_stop(&self, cx: &Context) {
        if matches!(self.role, Role::Network(_)) {
            network::unregister(cx);
        }
    }
}

impl ServiceMgr {
    async fn launch(
        &self,
        cx: &Context,
        message: &Message,
        target: Target,
        arguments: &[u8],
    ) -> Result<()> {
        let key = target.key();
        if let Some(handle) = self.table.with(|table| table.running(&key)) {
            Answer::Handle(handle).give(message);
            return Ok(());
        }
        self.waiters.add(cx, key.clone(), message)?;
        if !self.table.with(|table| table.begin_launch(&key)) {
            return Ok(());
        }
        let answer = match &self.role {
            Role::Slave(slave) if target.is_global => {
                slave.ask(cx, "LAUNCH", &target, arguments).await
            }
            _ => self.start_service(cx, &key, &target, arguments).await,
        };
        self.table.with(|table| table.end_launch(&key));
        self.answer_all(&key, &answer);
        Ok(())
    }

    /// Has the launcher launch a service; remembers it.
    async fn start_service(
        &self,
        cx: &Context,
        key: &str,
        target: &Target,
        arguments: &[u8],
    ) -> Answer {
        let mut request = match Buffer::pack(&("LAUNCH", &*target.name)) {
            Ok(request) => request,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        request.extend_from_slice(arguments);
        let answer = cx.call_timeout(".launcher", KIND_LUA, request, LONGEST_LAUNCH);
        let answer = Answer::of_launcher(answer.await);
        if let Answer::Handle(handle) = answer {
            self.table.with(|table| table.insert(key, handle));
            // Told at once if it has ended meanwhile.
            cx.monitor(handle);
        }
        answer
    }

    async fn query(&self, cx: &Context, message: &Message, target: Target) -> Result<()> {
        let key = target.key();
        if let Some(handle) = self.table.with(|table| table.running(&key)) {
            Answer::Handle(handle).give(message);
            return Ok(());
        }
        self.waiters.add(cx, key.clone(), message)?;
        if let Role::Slave(slave) = &self.role
            && target.is_global
            && self.table.with(|table| table.begin_question(&key))
        {
            let answer = slave.ask(cx, "QUERY", &target, &[]).await;
            self.table.with(|table| table.end_question(&key));
            self.answer_all(&key, &answer);
        }
        Ok(())
    }

    fn answer_all(&self, key: &String, answer: &Answer) {
        for waiter in self.waiters.take(key) {
            answer.give_to(waiter);
        }
    }

    async fn list(&self, cx: &Context) -> Value {
        let waiting = self.waiters.counts();
        let own = self.table.with(|table| table.list(&waiting));
        let list = match &self.role {
            Role::Network(network) => network.list(cx, own).await,
            Role::Slave(_) => own,
        };
        table::to_value(list)
    }

    fn take_report(&self, cx: &Context, message: &Message, manager: Handle) -> Result<()> {
        let Role::Network(network) = &self.role else {
            return Err(Error::refused(
                "this service manager takes no REPORT: it is not the one of the standalone node",
            ));
        };
        network.add(message.source(), manager)?;
        Ok(cx.reply(message, skynet_seri::encode(&[Value::Nil])?)?)
    }
}

/// How long the network may take to answer at start.
fn join_limit(cx: &Context) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(30);
    let seconds = cx.env("harbor_join").and_then(|text| text.parse().ok());
    let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    limit.unwrap_or(DEFAULT)
}

export!(service_mgr: ServiceMgr);
