//! What a service can do.

mod life;
mod messages;
mod network;
mod node;
mod sockets;
mod tasks;

use std::fmt;
use std::sync::Arc;

use skynet_abi as abi;

use crate::Handle;
use crate::shared::Shared;

pub use messages::{Answerable, RedirectError};
pub use network::PeerState;
pub use tasks::{Outcome, TaskHandle, This};

/// A service's door to its node.
///
/// Handlers get a reference; a clone can be kept, moved into spawned tasks and to other threads. What only works in the
/// service's own turn (calls, timers, sockets, launching) says so, and fails elsewhere with an error; sending, logging
/// and waking work on any thread. After the service has ended everything fails with an error.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

impl Context {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) const fn shared_arc(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[inline]
    pub(crate) fn token(&self) -> abi::Context {
        self.shared.owner.context
    }

    /// This service's own address.
    #[inline]
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.token().handle)
    }

    /// Whether the calling thread is inside a turn of this service.
    #[must_use]
    pub fn is_own_turn(&self) -> bool {
        self.shared.is_current()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.handle())
    }
}
