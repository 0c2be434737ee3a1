//! What is known of the nodes of a cluster.

use skynet_seri::{TableRef, Unpack, UnpackError, ValueRef};

use crate::harbor::info::{field, number};

/// How the connection to another node is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ClusterNodeState {
    /// Nobody has asked anything of it yet.
    Idle,
    /// It is being connected. Requests wait for it.
    Connecting,
    /// It is connected.
    Up,
    /// It is not connected, or configured as down.
    Down,
    /// Requests wait for it, but nobody has said where it is; or its connection is too busy to say how it is.
    Unknown,
}

/// What is known of another node; see [`Cluster::nodes`](crate::Cluster::nodes).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClusterNode {
    /// Its name.
    pub name: String,
    /// Where it is, as it is configured. `None`: it is down, or nobody has said it.
    pub address: Option<String>,
    /// How the connection to it is.
    pub state: ClusterNodeState,
    /// Whether it is a node like this, and no unmodified one; only known of one that is connected.
    pub is_ours: bool,
    /// Calls whose answers have not come yet.
    pub pending: u64,
    /// Requests that wait for the connection.
    pub waiting: u64,
    /// Bytes that wait to be written.
    pub queued: u64,
    /// Requests so far.
    pub sent: u64,
    /// Answers so far.
    pub answered: u64,
    /// Messages without an answer that were lost.
    pub dropped: u64,
    /// How often it was connected.
    pub connects: u64,
}

impl ClusterNodeState {
    fn find(word: &str) -> Option<Self> {
        Some(match word {
            "idle" => Self::Idle,
            "connecting" => Self::Connecting,
            "up" => Self::Up,
            "down" => Self::Down,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }
}

/// The nodes of an answer: a table by name.
pub(super) struct Nodes(pub(super) Vec<ClusterNode>);

impl<'a> Unpack<'a> for Nodes {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        let table = TableRef::unpack(value)?;
        let node = |(name, value): (ValueRef<'a>, ValueRef<'a>)| {
            let name = String::unpack(name)?;
            node(name, &TableRef::unpack(value)?)
        };
        table.pairs().map(node).collect::<Result<_, _>>().map(Self)
    }
}

fn node(name: String, table: &TableRef<'_>) -> Result<ClusterNode, UnpackError> {
    let state = field::<Option<&str>>(table, "state")?.unwrap_or("idle");
    let address = match table.get("address") {
        Some(ValueRef::Boolean(false)) | None => None,
        Some(address) => Some(String::unpack(address)?),
    };
    Ok(ClusterNode {
        address,
        state: ClusterNodeState::find(state)
            .ok_or_else(|| UnpackError::Custom(format!("{name}: no node can be {state:?}")))?,
        is_ours: field::<Option<bool>>(table, "ours")?.unwrap_or_default(),
        pending: number(table, "pending")?,
        waiting: number(table, "waiting")?,
        queued: number(table, "queued")?,
        sent: number(table, "sent")?,
        answered: number(table, "answered")?,
        dropped: number(table, "dropped")?,
        connects: number(table, "connects")?,
        name,
    })
}
