//! Service `datacenter`: a tree of values that a harbor network shares, as the global name `DATACENTER`.
//!
//! Requests are of kind `KIND_LUA`, with the words of Skynet's data center:
//!
//! | request | answer |
//! |---|---|
//! | `QUERY key…` | what is there: a value, a table of what is below, or nil |
//! | `UPDATE key… value` | what was there; nil takes away what is there |
//! | `WAIT key…` | what is there, as soon as something is |
//!
//! `GET` and `SET` are other words for `QUERY` and `UPDATE`. Keys are texts, numbers and booleans. A table that is set is
//! a branch of the tree: what is in it can be read and set by its keys.
//!
//! With a file (the argument, or `datacenter.file` of the configuration) everything survives the end of the node, and an
//! `UPDATE` is answered when it is safe there.

mod key;
mod request;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod updates;
mod waits;

use std::time::Duration;

use request::Request;
use settings::Settings;
use skynet_seri::Value;
use skynet_service::{Buffer, Context, Error, KIND_LUA, Local, Message, Result, Service, export};
use store::Store;
use tree::{Node, Tree};
use updates::Updates;
use waits::Waits;

/// The name by which all nodes find it.
const DATACENTER: &str = "DATACENTER";

struct DataCenter {
    tree: Local<Tree>,
    waits: Waits,
    updates: Updates,
}

impl Service for DataCenter {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let settings = Settings::read(cx, args)?;
        let mut tree = Tree::new(settings.limits);
        let store = match &settings.file {
            Some(file) => Some(cx.blocking(|| Store::open(file, &mut tree))?),
            None => None,
        };
        let network = cx.harbor();
        network
            .global_name_timeout(DATACENTER, cx.handle(), join_limit(cx))
            .await?;
        Ok(Self {
            tree: Local::new(tree),
            waits: Waits::new(settings.waiters),
            updates: Updates::new(store),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() == updates::WRITE && message.source() == cx.handle() {
            self.commit(cx);
            return Ok(());
        }
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "the data center takes lua messages, found kind {}",
                message.kind()
            )));
        }
        match Request::parse(message.bytes())? {
            Request::Query(path) => {
                let value = self.value(&path)?;
                Ok(cx.reply(&message, skynet_seri::encode(&[value])?)?)
            }
            Request::Wait(path) => match self.value(&path)? {
                Value::Nil => self.waits.add(cx, path, &message),
                value => Ok(cx.reply(&message, skynet_seri::encode(&[value])?)?),
            },
            Request::Update(path, new) => self.update(cx, &message, path, new),
        }
    }

    fn on_stop(&self, cx: &Context) {
        // What nobody was told of yet is not lost for that.
        self.commit(cx);
        if let Ok(request) = Buffer::pack(&("UNREGISTER", DATACENTER)) {
            // When the whole node ends, nobody may be there to take it.
            drop(cx.send(".cslave", KIND_LUA, request));
        }
    }
}

impl DataCenter {
    /// What is at a path, or nil.
    fn value(&self, path: &[key::Key]) -> Result<Value> {
        self.tree
            .with(|tree| Ok(tree.get(path)?.map(Node::to_value).unwrap_or_default()))
    }
}

/// How long the network may take to answer at start.
fn join_limit(cx: &Context) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(30);
    let seconds = cx.env("harbor_join").and_then(|text| text.parse().ok());
    let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    limit.unwrap_or(DEFAULT)
}

export!(datacenter: DataCenter);
