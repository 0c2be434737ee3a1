//! How the nodes are, as far as their senders know.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::{Table, Value, decode};
use skynet_service::{Buffer, Context, Handle, KIND_LUA, Result};

use super::{Clusterd, table};
use crate::table::Whereabouts;

/// How long a sender may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);

impl Clusterd {
    /// A table of all nodes: those that are known, and those that are only waited for.
    pub(super) async fn status(&self, cx: &Context) -> Value {
        let mut nodes: BTreeMap<String, Table> = BTreeMap::new();
        let senders = self.state.with(|state| {
            for (name, node) in state.nodes.all() {
                nodes.insert(name.clone(), known(node));
            }
            for (name, count) in state.held.nodes() {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let unknown = [("state", Value::from("unknown")), ("waiting", count.into())];
                nodes.insert(name.to_owned(), of_pairs(unknown));
            }
            state.running.senders().clone()
        });
        // All are asked before the first answer is waited for.
        let mut asked = Vec::new();
        for (name, sender) in senders {
            let question = Buffer::pack(&("state",)).unwrap_or_default();
            let call = cx.call_timeout(sender, KIND_LUA, question, PATIENCE);
            asked.push((name, sender, call));
        }
        for (name, sender, call) in asked {
            let said = match call.await {
                Ok(answer) => read(&answer),
                Err(error) => Err(error.into()),
            };
            if let Some(node) = nodes.get_mut(&name) {
                add(node, sender, said);
            }
        }
        let nodes = nodes.into_iter();
        table(nodes.map(|(name, node)| (Value::from(name.as_str()), Value::from(node))))
    }
}

/// A node without a sender.
fn known(node: &Whereabouts) -> Table {
    let (address, state) = match node {
        Whereabouts::At(address) => (Value::from(address.text()), "idle"),
        Whereabouts::Down => (Value::from(false), "down"),
    };
    of_pairs([("address", address), ("state", Value::from(state))])
}

fn read(answer: &[u8]) -> Result<Table> {
    let said = decode(answer)?.into_iter().next();
    Ok(match said {
        Some(Value::Table(said)) => *said,
        _ => Table::default(),
    })
}

/// Adds what a sender has said, or why it has not. The address is as the table of nodes has it.
fn add(node: &mut Table, sender: Handle, said: Result<Table>) {
    let said = said.unwrap_or_else(|error| {
        of_pairs([
            ("state", Value::from("unknown")),
            ("error", Value::from(error.to_string())),
        ])
    });
    if said.get("state").is_some() && node.get("address") != Some(&Value::from(false)) {
        node.pairs.retain(|(key, _)| key.as_str() != Some("state"));
    }
    for (key, value) in said.pairs {
        if key.as_str().is_some_and(|key| node.get(key).is_none()) {
            node.pairs.push((key, value));
        }
    }
    let sender = Value::from(i64::from(sender.0));
    node.pairs.push((Value::from("sender"), sender));
}

fn of_pairs<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    let pairs = pairs.map(|(key, value)| (Value::from(key), value));
    Table {
        array: Vec::new(),
        pairs: pairs.into(),
    }
}
