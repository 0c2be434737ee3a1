//! Other nodes: whose handles are whose, and what the harbor service tells its own node.

use skynet_abi as abi;

use crate::{Context, Handle, HostError, Reason, host};

/// What becomes of messages for another node; see [`Context::set_peer_state`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PeerState {
    /// They are taken. So it is at first.
    Open,
    /// Sends and calls are refused: [`SendError::is_full`](crate::SendError::is_full). Replies and errors pass.
    Full,
    /// A turn that sends or calls is kept until the state changes, at most 30 seconds; then, and elsewhere than in
    /// turns, as [`Full`](Self::Full).
    FullBlock,
    /// Everything is refused: [`SendError::is_node_lost`](crate::SendError::is_node_lost).
    Lost,
    /// Nobody holds this id. As [`Lost`](Self::Lost).
    Absent,
}

impl PeerState {
    const fn number(self) -> u32 {
        match self {
            Self::Open => abi::PEER_OPEN,
            Self::Full => abi::PEER_FULL,
            Self::FullBlock => abi::PEER_FULL_BLOCK,
            Self::Lost => abi::PEER_LOST,
            Self::Absent => abi::PEER_ABSENT,
        }
    }

    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            abi::PEER_OPEN => Self::Open,
            abi::PEER_FULL => Self::Full,
            abi::PEER_FULL_BLOCK => Self::FullBlock,
            abi::PEER_LOST => Self::Lost,
            abi::PEER_ABSENT => Self::Absent,
            _ => return None,
        })
    }
}

impl Context {
    /// This node's id in its harbor network; 0 in a single node, and before it has one.
    ///
    /// *Own turn* for a service that is older than the id (of the bootstrap, with `harbor = "auto"`); elsewhere such a
    /// service is told 0. For others: *any thread*.
    #[must_use]
    pub fn harbor_id(&self) -> u8 {
        match self.handle().harbor() {
            0 => self.told_harbor_id().unwrap_or(0),
            id => id,
        }
    }

    fn told_harbor_id(&self) -> Option<u8> {
        self.command("HARBOR", "").ok()??.parse().ok()
    }

    /// Whether a service is one of another node. Sending and calling are the same for those; what only works within a
    /// node is watching, killing and local names. Threads as [`harbor_id`](Self::harbor_id).
    #[must_use]
    pub fn is_remote(&self, handle: Handle) -> bool {
        handle.harbor() != 0 && handle.harbor() != self.harbor_id()
    }

    /// Carries messages to other nodes from now on; `harbor` is this node's id, 0 in a single node, where only
    /// global names are carried. See `OPTION_HARBOR`. *Own turn.*
    ///
    /// # Errors
    /// The node has a harbor service (`STATUS_EXISTS`), or another id.
    pub fn become_harbor(&self, harbor: u8) -> Result<(), HostError> {
        host::ok(host::set_option(
            self.token(),
            abi::OPTION_HARBOR,
            u64::from(harbor),
        ))
        .map_err(|status| HostError::new(format_args!("become harbor {harbor}"), status))
    }

    /// For the harbor service: fails each open call that waits on node `harbor`. Returns how many. *Own turn.*
    ///
    /// # Errors
    /// This is not the harbor service.
    pub fn node_lost(&self, harbor: u8, reason: Reason) -> Result<usize, HostError> {
        host::node_lost(self.token(), u32::from(harbor), reason.0).map_err(|status| {
            HostError::new(format_args!("report the loss of node {harbor}"), status)
        })
    }

    /// For the harbor service: the open call `session` of `caller`, a service of this node, is owed by `callee` from now
    /// on. Returns whether there is such a call. *Own turn.*
    ///
    /// # Errors
    /// This is not the harbor service, or the node is older than version 1.1 of the ABI.
    pub fn call_moved(
        &self,
        caller: Handle,
        session: i32,
        callee: Handle,
    ) -> Result<bool, HostError> {
        match host::call_moved(self.token(), caller.0, session, callee.0) {
            abi::STATUS_OK => Ok(true),
            abi::STATUS_NOT_FOUND => Ok(false),
            status => Err(HostError::new(
                format_args!("move call {session} of {caller} to {callee}"),
                status,
            )),
        }
    }

    /// For the harbor service: says what becomes of messages for node `harbor` from now on. *Own turn.*
    ///
    /// # Errors
    /// This is not the harbor service, `harbor` is 0, or the node is older than version 1.1 of the ABI.
    pub fn set_peer_state(&self, harbor: u8, state: PeerState) -> Result<(), HostError> {
        let status = host::peer_state(self.token(), u32::from(harbor), state.number());
        host::ok(status).map_err(|status| {
            HostError::new(format_args!("set the state of node {harbor}"), status)
        })
    }
}
