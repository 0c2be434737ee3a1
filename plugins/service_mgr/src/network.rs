//! The service manager of the whole network: the one in the standalone node.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::Value;
use skynet_service::{Buffer, Context, Error, Handle, KIND_LUA, Local, Reason, Reply, Result, log};

use crate::answer::is_gone;
use crate::join_limit;

/// The name by which the other nodes find it.
pub(crate) const SERVICE: &str = "SERVICE";

/// How long another node's manager may take for its list.
const LIST_LIMIT: Duration = Duration::from_secs(3);

/// The managers of the other nodes, by their harbor id.
pub(crate) struct Network {
    managers: Local<BTreeMap<u8, Handle>>,
}

impl Network {
    /// Makes this service `SERVICE`.
    ///
    /// # Errors
    /// The name is another's, or `.cslave` does not answer.
    pub(crate) async fn register(cx: &Context) -> Result<Self> {
        let network = cx.harbor();
        network
            .global_name_timeout(SERVICE, cx.handle(), join_limit(cx))
            .await?;
        Ok(Self {
            managers: Local::default(),
        })
    }

    /// Remembers the manager of a node, in the place of a former one.
    ///
    /// # Errors
    /// `source` is not on the manager's node.
    pub(crate) fn add(&self, source: Handle, manager: Handle) -> Result<()> {
        if source.harbor() != manager.harbor() {
            return Err(Error::refused(format_args!(
                "{source} reported {manager}, which is on another node"
            )));
        }
        let former = self
            .managers
            .with(|managers| managers.insert(manager.harbor(), manager));
        if former != Some(manager) {
            log::debug!(
                "the service manager of node {} is {manager}",
                manager.harbor()
            );
        }
        Ok(())
    }

    /// Adds the lists of the other nodes: their names have `@` and the node's id behind them.
    pub(crate) async fn list(
        &self,
        cx: &Context,
        mut list: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let managers = self.managers.with(|managers| managers.clone());
        let mut calls = Vec::new();
        // All are asked before the first is waited for.
        for (node, manager) in managers {
            if let Ok(question) = Buffer::pack(&("LIST",)) {
                let call = cx.call_timeout(manager, KIND_LUA, question, LIST_LIMIT);
                calls.push((node, manager, call));
            }
        }
        for (node, manager, call) in calls {
            match call.await {
                Ok(reply) => add_list(&mut list, node, &reply),
                Err(error) => {
                    log::warn!("the services of node {node} are not listed: {error}");
                    // A node that is lost may be back without its manager having noticed.
                    if is_gone(&error) && error.reason() != Reason::NODE_LOST {
                        self.remove(node, manager);
                    }
                }
            }
        }
        list
    }

    /// Forgets a manager, unless there is a new one meanwhile.
    fn remove(&self, node: u8, manager: Handle) {
        self.managers.with(|managers| {
            if managers.get(&node) == Some(&manager) {
                managers.remove(&node);
            }
        });
    }
}

/// Gives the name back; whoever starts next may have it.
pub(crate) fn unregister(cx: &Context) {
    if let Ok(request) = Buffer::pack(&("UNREGISTER", SERVICE)) {
        // When the whole node ends, nobody may be there to take it.
        drop(cx.send(".cslave", KIND_LUA, request));
    }
}

fn add_list(list: &mut BTreeMap<String, String>, node: u8, reply: &Reply) {
    let values = skynet_seri::decode(reply.bytes()).unwrap_or_default();
    let Some(table) = values.first().and_then(Value::as_table) else {
        log::warn!("the service manager of node {node} has answered LIST without a table");
        return;
    };
    for (name, text) in &table.pairs {
        if let (Some(name), Some(text)) = (name.as_str(), text.as_str()) {
            list.insert(format!("{name}@{node}"), text.to_owned());
        }
    }
}
