//! The harbor network that the node is in: its nodes and its global names.

mod error;
pub(crate) mod info;
#[cfg(test)]
mod tests;

use std::time::Duration;

use skynet_seri::PackArgs;

use crate::request::{Limit, ask, first};
use crate::{Context, Handle, Reply, RequestError};

pub use error::HarborError;
pub use info::{MasterInfo, NodeInfo, NodeKind, NodeState};

/// The service that knows the network, on every node.
const SLAVE: &str = ".cslave";

impl Context {
    /// The harbor network that this node is in. In a single node (`harbor` 0) there are global names, and no other nodes.
    #[must_use]
    pub fn harbor(&self) -> Harbor<'_> {
        Harbor { cx: self }
    }
}

/// The harbor network that a node is in; see [`Context::harbor`]. All functions ask the service `.cslave`. *Own turn.*
///
/// Those that wait do so as long as it takes, whatever the node's `call_timeout` is; each has a version with a time-out,
/// which fails with an error that [is one](HarborError::is_timeout). Dropping the future forgets the answer, not the
/// request.
///
/// ```
/// # use skynet_service::{Context, Message, Result, Service};
/// /// Tells when a node comes and goes.
/// async fn report(cx: Context, node: u8) -> Result<()> {
///     loop {
///         cx.harbor().connect(node).await?;
///         skynet_service::log::info!("node {node} is here");
///         cx.harbor().link(node).await?;
///         skynet_service::log::warn!("node {node} is gone");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Harbor<'cx> {
    cx: &'cx Context,
}

impl Harbor<'_> {
    async fn ask(
        &self,
        values: &(impl PackArgs + Sync),
        limit: Limit,
    ) -> Result<Reply, RequestError> {
        ask(self.cx, SLAVE, values, limit).await
    }

    /// Waits until node `id` is lost or has left; at once if it is not connected.
    ///
    /// # Errors
    /// The request failed.
    pub async fn link(&self, id: u8) -> Result<(), HarborError> {
        self.link_within(id, Limit::None).await
    }

    /// As [`link`](Self::link), at most for `timeout`.
    ///
    /// # Errors
    /// The request failed, or the time is up: the node is still there.
    pub async fn link_timeout(&self, id: u8, timeout: Duration) -> Result<(), HarborError> {
        self.link_within(id, Limit::Within(timeout)).await
    }

    async fn link_within(&self, id: u8, limit: Limit) -> Result<(), HarborError> {
        self.ask(&("LINK", i64::from(id)), limit).await?;
        Ok(())
    }

    /// Waits until node `id` is connected; at once if it is.
    ///
    /// # Errors
    /// The request failed. In a single node it always does.
    pub async fn connect(&self, id: u8) -> Result<(), HarborError> {
        self.connect_within(id, Limit::None).await
    }

    /// As [`connect`](Self::connect), at most for `timeout`.
    ///
    /// # Errors
    /// The request failed, or the time is up: the node has not come.
    pub async fn connect_timeout(&self, id: u8, timeout: Duration) -> Result<(), HarborError> {
        self.connect_within(id, Limit::Within(timeout)).await
    }

    async fn connect_within(&self, id: u8, limit: Limit) -> Result<(), HarborError> {
        self.ask(&("CONNECT", i64::from(id)), limit).await?;
        Ok(())
    }

    /// Waits until the connection to the network's master ends. Nodes that are connected stay so without it, and the
    /// node connects to it again by itself.
    ///
    /// # Errors
    /// The request failed. In a single node it always does.
    pub async fn link_master(&self) -> Result<(), HarborError> {
        self.link_master_within(Limit::None).await
    }

    /// As [`link_master`](Self::link_master), at most for `timeout`.
    ///
    /// # Errors
    /// The request failed, or the time is up: the master is still there.
    pub async fn link_master_timeout(&self, timeout: Duration) -> Result<(), HarborError> {
        self.link_master_within(Limit::Within(timeout)).await
    }

    async fn link_master_within(&self, limit: Limit) -> Result<(), HarborError> {
        self.ask(&("LINKMASTER",), limit).await?;
        Ok(())
    }

    /// Who has a global name; waits until somebody does. A local name (`.name`) is looked up in this node, and answered
    /// at once: only there `None` is possible.
    ///
    /// # Errors
    /// The request failed, or this cannot be a name.
    pub async fn query_name(&self, name: &str) -> Result<Option<Handle>, HarborError> {
        self.query_name_within(name, Limit::None).await
    }

    /// As [`query_name`](Self::query_name), at most for `timeout`.
    ///
    /// # Errors
    /// The request failed, this cannot be a name, or the time is up: nobody has it.
    pub async fn query_name_timeout(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<Option<Handle>, HarborError> {
        self.query_name_within(name, Limit::Within(timeout)).await
    }

    async fn query_name_within(
        &self,
        name: &str,
        limit: Limit,
    ) -> Result<Option<Handle>, HarborError> {
        let answer = self.ask(&("QUERYNAME", name), limit).await?;
        Ok(first::<u32>(&answer)?.map(Handle))
    }

    /// Gives a service a global name: 1 to 15 bytes, not a number, and not beginning with `.` or `:`. It is known in the
    /// whole network when this returns, or about to be, and lasts until it is unregistered or the service's node is gone.
    ///
    /// # Errors
    /// Another service has it ([`HarborError::Taken`]), this cannot be a name, or the request failed.
    pub async fn global_name(&self, name: &str, handle: Handle) -> Result<(), HarborError> {
        self.global_name_within(name, handle, Limit::Usual).await
    }

    /// As [`global_name`](Self::global_name), at most for `timeout`.
    ///
    /// # Errors
    /// As [`global_name`](Self::global_name), or the time is up: the master cannot be asked now, and may take the name
    /// later.
    pub async fn global_name_timeout(
        &self,
        name: &str,
        handle: Handle,
        timeout: Duration,
    ) -> Result<(), HarborError> {
        let limit = Limit::Within(timeout);
        self.global_name_within(name, handle, limit).await
    }

    async fn global_name_within(
        &self,
        name: &str,
        handle: Handle,
        limit: Limit,
    ) -> Result<(), HarborError> {
        let request = ("REGISTER", name, i64::from(handle.0));
        match self.ask(&request, limit).await {
            Ok(_) => Ok(()),
            Err(error) => Err(HarborError::of_registration(name, error)),
        }
    }

    /// Gives a service a global name, whoever has it now. Every node of this kind follows; unmodified Skynet nodes may go
    /// on with the former holder.
    ///
    /// # Errors
    /// This cannot be a name, the request failed, or the network's master is an unmodified one, which moves no names.
    pub async fn move_name(&self, name: &str, handle: Handle) -> Result<(), HarborError> {
        self.move_name_within(name, handle, Limit::Usual).await
    }

    /// As [`move_name`](Self::move_name), at most for `timeout`.
    ///
    /// # Errors
    /// As [`move_name`](Self::move_name), or the time is up.
    pub async fn move_name_timeout(
        &self,
        name: &str,
        handle: Handle,
        timeout: Duration,
    ) -> Result<(), HarborError> {
        let limit = Limit::Within(timeout);
        self.move_name_within(name, handle, limit).await
    }

    async fn move_name_within(
        &self,
        name: &str,
        handle: Handle,
        limit: Limit,
    ) -> Result<(), HarborError> {
        self.ask(&("MOVE", name, i64::from(handle.0)), limit)
            .await?;
        Ok(())
    }

    /// Frees a global name, whoever has it. That nobody has it is no error.
    ///
    /// # Errors
    /// This cannot be a name, the request failed, or the network's master is an unmodified one, which frees no names.
    pub async fn unregister_name(&self, name: &str) -> Result<(), HarborError> {
        self.unregister_name_within(name, Limit::Usual).await
    }

    /// As [`unregister_name`](Self::unregister_name), at most for `timeout`.
    ///
    /// # Errors
    /// As [`unregister_name`](Self::unregister_name), or the time is up.
    pub async fn unregister_name_timeout(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<(), HarborError> {
        let limit = Limit::Within(timeout);
        self.unregister_name_within(name, limit).await
    }

    async fn unregister_name_within(&self, name: &str, limit: Limit) -> Result<(), HarborError> {
        self.ask(&("UNREGISTER", name), limit).await?;
        Ok(())
    }

    /// The other nodes that this one knows, and how the links to them are.
    ///
    /// # Errors
    /// The request failed.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, HarborError> {
        self.nodes_within(Limit::Usual).await
    }

    /// As [`nodes`](Self::nodes), at most for `timeout`.
    ///
    /// # Errors
    /// The request failed, or the time is up.
    pub async fn nodes_timeout(&self, timeout: Duration) -> Result<Vec<NodeInfo>, HarborError> {
        self.nodes_within(Limit::Within(timeout)).await
    }

    async fn nodes_within(&self, limit: Limit) -> Result<Vec<NodeInfo>, HarborError> {
        let answer = self.ask(&("NODES",), limit).await?;
        let (nodes,) = answer.unpack().map_err(RequestError::from)?;
        Ok(nodes)
    }

    /// How the connection to the network's master is.
    ///
    /// # Errors
    /// The request failed. In a single node it always does.
    pub async fn master(&self) -> Result<MasterInfo, HarborError> {
        let answer = self.ask(&("MASTER",), Limit::Usual).await?;
        let (master,) = answer.unpack().map_err(RequestError::from)?;
        Ok(master)
    }
}
