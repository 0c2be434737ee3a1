//! What is known of the other nodes, and of the master.

use std::time::Duration;

use skynet_seri::{TableRef, Unpack, UnpackError, ValueRef};

/// How the link to another node is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NodeState {
    /// It is known, and not connected yet. Messages wait for it.
    Joining,
    /// It is connected.
    Up,
    /// The link was cut, and is being made again. Messages wait for it.
    Cut,
    /// It is lost: calls to it have failed, and messages are refused. It may come back.
    Lost,
}

/// Which kind of node somebody is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NodeKind {
    /// Not known yet.
    Unknown,
    /// An unmodified Skynet node.
    Unmodified,
    /// One like this.
    Ours,
}

/// What is known of another node; see [`Harbor::nodes`](crate::Harbor::nodes).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its harbor id.
    pub id: u8,
    /// How the link to it is.
    pub state: NodeState,
    /// Where it listens, as the master says; may be empty.
    pub address: String,
    /// Which kind of node it is.
    pub kind: NodeKind,
    /// Tells its life from others under the same id; 0 of an unmodified node.
    pub epoch: u64,
    /// How long a message there and back takes, by the last heartbeat. `None` before the first, and of an unmodified
    /// node.
    pub round_trip: Option<Duration>,
    /// Messages that wait to be sent.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Messages that were sent, and of which it has not said yet that it has them.
    pub unacked: u64,
    /// Messages that were lost on their way to it.
    pub dropped: u64,
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// How often the link was made again.
    pub reconnects: u64,
}

/// How the connection to the network's master is; see [`Harbor::master`](crate::Harbor::master).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MasterInfo {
    /// Its address.
    pub address: String,
    /// What this node does: `up` when it is connected, else how far it is.
    pub state: String,
    /// Which kind of master it is.
    pub kind: NodeKind,
}

impl NodeState {
    fn find(word: &str) -> Option<Self> {
        Some(match word {
            "joining" => Self::Joining,
            "up" => Self::Up,
            "cut" => Self::Cut,
            "lost" => Self::Lost,
            _ => return None,
        })
    }
}

impl NodeKind {
    /// By its number, or by its name.
    fn find(value: ValueRef<'_>) -> Self {
        match (value.as_integer(), value.as_str()) {
            (Some(1), _) | (_, Some("unmodified")) => Self::Unmodified,
            (Some(2), _) | (_, Some("ours")) => Self::Ours,
            _ => Self::Unknown,
        }
    }
}

/// A field of a table. What is missing is nil.
pub(crate) fn field<'a, T: Unpack<'a>>(table: &TableRef<'a>, name: &str) -> Result<T, UnpackError> {
    let value = table.get(name).unwrap_or(ValueRef::Nil);
    T::unpack(value).map_err(|error| UnpackError::Custom(format!("{name}: {error}")))
}

/// A number that may be missing: 0. It is 64 bits, of which the first is not a sign.
pub(crate) fn number(table: &TableRef<'_>, name: &str) -> Result<u64, UnpackError> {
    let number = field::<Option<i64>>(table, name)?;
    Ok(number.unwrap_or(0).cast_unsigned())
}

impl<'a> Unpack<'a> for NodeInfo {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        let table = TableRef::unpack(value)?;
        let state = field::<&str>(&table, "state")?;
        let round_trip = Duration::from_micros(number(&table, "rtt_us")?);
        Ok(Self {
            id: field(&table, "id")?,
            state: NodeState::find(state)
                .ok_or_else(|| UnpackError::Custom(format!("state: no node can be {state:?}")))?,
            address: field::<Option<_>>(&table, "address")?.unwrap_or_default(),
            kind: NodeKind::find(table.get("kind").unwrap_or(ValueRef::Nil)),
            epoch: number(&table, "epoch")?,
            round_trip: (!round_trip.is_zero()).then_some(round_trip),
            queued: number(&table, "queued")?,
            queued_bytes: number(&table, "queued_bytes")?,
            unacked: number(&table, "unacked")?,
            dropped: number(&table, "dropped")?,
            received: number(&table, "received")?,
            sent: number(&table, "sent")?,
            reconnects: number(&table, "reconnects")?,
        })
    }
}

impl<'a> Unpack<'a> for MasterInfo {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        let table = TableRef::unpack(value)?;
        Ok(Self {
            address: field(&table, "address")?,
            state: field(&table, "state")?,
            kind: NodeKind::find(table.get("kind").unwrap_or(ValueRef::Nil)),
        })
    }
}
