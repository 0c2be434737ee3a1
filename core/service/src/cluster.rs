//! The cluster that the node is in: other nodes by their names, and what they may reach here.

mod address;
mod error;
pub(crate) mod gate;
mod info;
mod sender;
#[cfg(test)]
mod tests;

use std::time::Duration;

use skynet_seri::{Pack, PackArgs, WriteError};

use crate::{Buffer, Context, Handle, Reply, RequestError};

pub use address::{ClusterExpose, ClusterPlace, ClusterService, ListenOptions};
pub use error::{ClusterError, ClusterPeer};
pub use info::{ClusterNode, ClusterNodeState};

use info::Nodes;
use sender::{Kind, Remote, Terms, ask_clusterd, find, pack_request, request, wrap_request};

impl Context {
    /// The cluster that this node is in. A node in which nobody uses it has none, and pays nothing.
    #[must_use]
    pub const fn cluster(&self) -> Cluster<'_> {
        let terms = Terms {
            trace: 0,
            limit: None,
        };
        Cluster { cx: self, terms }
    }
}

/// The cluster that a node is in; see [`Context::cluster`]. *Own turn.*
///
/// A node is known by a name, which the configuration gives an address (`cluster`); a service there is known by `@name`,
/// `.name`, a global name or its handle.
///
/// Requests of one service to one node are sent in the order in which their futures are first polled. Those for one service
/// there arrive in that order, except that an unmodified Skynet node may handle one of more than 32 KiB later than smaller
/// ones behind it.
///
/// The first request to a node that is not connected waits for the connection. What waits for an answer fails when the
/// connection is lost, with [`ClusterError::NodeLost`]: whether the other node has handled it is not known then.
///
/// ```
/// # use skynet_service::{ClusterError, Context, Result};
/// /// Keeps a score on the node `db`, and tells the node `log` of it.
/// async fn keep(cx: &Context, player: &str, score: i64) -> Result<i64> {
///     let cluster = cx.cluster();
///     let former = cluster.call("db", "@scores", &("SET", player, score)).await?;
///     let (former,) = former.unpack::<(Option<i64>,)>()?;
///     match cluster.send("log", ".events", &("score", player, score)).await {
///         Err(ClusterError::NodeLost { .. }) => skynet_service::log::warn!("the log is not here"),
///         sent => sent?,
///     }
///     Ok(former.unwrap_or(0))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'cx> {
    cx: &'cx Context,
    terms: Terms,
}

impl<'cx> Cluster<'cx> {
    /// The same, of which each request fails after `timeout` with an error that [is one](ClusterError::is_timeout). Without
    /// it a call waits as long as the node is configured (`cluster_call_timeout`, `call_timeout`).
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        let terms = Terms {
            limit: Some(timeout),
            ..self.terms
        };
        Self { terms, ..self }
    }

    /// The same, of which each request carries this trace id, on the other node too.
    #[must_use]
    pub const fn traced(self, trace: u64) -> Self {
        let terms = Terms {
            trace,
            ..self.terms
        };
        Self { terms, ..self }
    }

    // Requests.

    /// Calls a service of another node, and waits for its answer.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn call<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
        values: &(impl PackArgs + Sync + ?Sized),
    ) -> Result<Reply, ClusterError> {
        let service = service.into();
        let packed = pack_request(Kind::Call, service, values);
        self.request(node, service, packed).await
    }

    /// As [`call`](Self::call), at most for `timeout`: the other service is told how long its answer is waited for.
    ///
    /// # Errors
    /// As [`call`](Self::call), or the time is up.
    pub async fn call_timeout<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
        values: &(impl PackArgs + Sync + ?Sized),
        timeout: Duration,
    ) -> Result<Reply, ClusterError> {
        self.timeout(timeout).call(node, service, values).await
    }

    /// As [`call`](Self::call), with values that are packed already.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_bytes<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
        packed: &[u8],
    ) -> Result<Reply, ClusterError> {
        let service = service.into();
        let request = wrap_request(Kind::Call, service, packed);
        self.request(node, service, request).await
    }

    /// Sends a service of another node a message that needs no answer. When this returns, the message was handed over to a
    /// live connection; whether it arrives is not known.
    ///
    /// # Errors
    /// It was not handed over. See [`ClusterError`].
    pub async fn send<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
        values: &(impl PackArgs + Sync + ?Sized),
    ) -> Result<(), ClusterError> {
        let service = service.into();
        let packed = pack_request(Kind::Push, service, values);
        self.request(node, service, packed).await.map(drop)
    }

    /// As [`send`](Self::send); when this returns, the message lies in the mailbox of the other service.
    ///
    /// # Errors
    /// As [`send`](Self::send), and what became of it is not known after [`ClusterError::NodeLost`]. An unmodified Skynet
    /// node acknowledges nothing: [`ClusterError::Unsupported`].
    pub async fn send_acked<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
        values: &(impl PackArgs + Sync + ?Sized),
    ) -> Result<(), ClusterError> {
        let service = service.into();
        let packed = pack_request(Kind::Ack, service, values);
        self.request(node, service, packed).await.map(drop)
    }

    async fn request(
        &self,
        node: &str,
        service: ClusterService<'_>,
        packed: Result<Buffer, WriteError>,
    ) -> Result<Reply, ClusterError> {
        let packed = packed.map_err(RequestError::Write)?;
        let remote = Remote {
            node,
            service: Some(service),
        };
        request(self.cx, self.terms, remote, packed).await
    }

    /// Who is registered under a name (with or without its `@`) on another node. The handle is one of that node.
    ///
    /// # Errors
    /// Nobody is ([`ClusterError::UnknownService`]), or as [`call`](Self::call).
    pub async fn query(&self, node: &str, name: &str) -> Result<Handle, ClusterError> {
        let bare = name.strip_prefix('@').unwrap_or(name);
        let question = Buffer::pack(&("query", bare)).map_err(RequestError::Write)?;
        let remote = Remote {
            node,
            service: Some(ClusterService::Name(name)),
        };
        let answer = request(self.cx, self.terms, remote, question).await?;
        let (handle,) = answer.unpack::<(u32,)>().map_err(RequestError::from)?;
        Ok(Handle(handle))
    }

    /// A service of this node that stands for one of another node: what it is sent in the lua or snax protocol goes there,
    /// and the answers come back. There is one for each service that is asked for.
    ///
    /// # Errors
    /// The node is not known, or the request failed.
    pub async fn proxy<'a>(
        &self,
        node: &str,
        service: impl Into<ClusterService<'a>> + Send,
    ) -> Result<Handle, ClusterError> {
        let service = service.into();
        let remote = Remote {
            node,
            service: Some(service),
        };
        let answer = self.ask(&("proxy", node, service)).await;
        let answer = answer.map_err(|error| ClusterError::of_node(remote.into(), error))?;
        handle_in(&answer)
    }

    /// The service that has the connection to a node, for raw services, which send it requests themselves: see the
    /// documentation of the module `clustersender`. Waits for the node to be known as long as is configured.
    ///
    /// # Errors
    /// The node is not known or down, or the request failed.
    pub async fn sender(&self, node: &str) -> Result<Handle, ClusterError> {
        let remote = Remote {
            node,
            service: None,
        };
        let limit = self.terms.limit;
        let deadline = limit.map(|limit| self.cx.now().saturating_add(limit));
        let mut place = None;
        find(self.cx, self.terms, remote, deadline, &mut place).await
    }

    // What others reach here.

    /// Has others connect to this node; returns the address and the port that it listens on.
    ///
    /// # Errors
    /// The address cannot be listened on, the node is not known, or the request failed.
    pub async fn open<'a>(
        &self,
        place: impl Into<ClusterPlace<'a>> + Send,
    ) -> Result<(String, u16), ClusterError> {
        self.open_with(place, &ListenOptions::new()).await
    }

    /// As [`open`](Self::open), with other rules for those who connect than the configured ones.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with<'a>(
        &self,
        place: impl Into<ClusterPlace<'a>> + Send,
        options: &ListenOptions,
    ) -> Result<(String, u16), ClusterError> {
        let answer = self.ask(&("open", place.into(), options)).await?;
        Ok(answer.unpack().map_err(RequestError::from)?)
    }

    /// Takes no further connections at a place that was [opened](Self::open). Those that there are stay.
    ///
    /// # Errors
    /// Nothing is open there, or the request failed.
    pub async fn close<'a>(
        &self,
        place: impl Into<ClusterPlace<'a>> + Send,
    ) -> Result<(), ClusterError> {
        self.tell(&("close", place.into())).await
    }

    /// Gives a service a name under which other nodes reach it as `@name`: 1 to 254 bytes. A service has one at most; a
    /// former one is dropped. It lasts until it is unregistered or the service ends.
    ///
    /// # Errors
    /// Another service has it ([`ClusterError::Taken`]), this cannot be a name, or the request failed.
    pub async fn register(&self, name: &str, handle: Handle) -> Result<(), ClusterError> {
        let told = self.tell(&("register", name, i64::from(handle.0))).await;
        told.map_err(|error| ClusterError::of_registration(name, error))
    }

    /// Frees a name. That nobody has it is no error.
    ///
    /// # Errors
    /// The request failed.
    pub async fn unregister(&self, name: &str) -> Result<(), ClusterError> {
        self.tell(&("unregister", name)).await
    }

    /// Lets other nodes reach a service by its name (`.name` or a global name, whoever has it) or its handle, where only
    /// what is registered or exported is exposed.
    ///
    /// # Errors
    /// This cannot be exported, or the request failed.
    pub async fn export<'a>(
        &self,
        service: impl Into<ClusterService<'a>> + Send,
    ) -> Result<(), ClusterError> {
        self.tell(&("export", service.into())).await
    }

    /// Takes an [`export`](Self::export) back.
    ///
    /// # Errors
    /// This cannot be exported, or the request failed.
    pub async fn unexport<'a>(
        &self,
        service: impl Into<ClusterService<'a>> + Send,
    ) -> Result<(), ClusterError> {
        self.tell(&("unexport", service.into())).await
    }

    // Names and addresses of nodes.

    /// Has the names and addresses of nodes read again from where they come from.
    ///
    /// # Errors
    /// They cannot be read, or are wrong: then nothing has changed. Or the request failed.
    pub async fn reload(&self) -> Result<(), ClusterError> {
        self.tell(&("reload",)).await
    }

    /// As [`reload`](Self::reload), from another file, now and later.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub async fn reload_file(&self, path: &str) -> Result<(), ClusterError> {
        self.tell(&("reload", path)).await
    }

    /// Changes the names and addresses of nodes: a table of `name = "host:port"` or `name = false` (down), with
    /// `__nowaiting` if wanted. What it does not name stays as it is. Calls that wait for an answer of a node that has
    /// moved fail.
    ///
    /// # Errors
    /// Something in it is wrong: then nothing has changed. Or the request failed.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use skynet_service::{Context, Result};
    /// async fn move_db(cx: &Context) -> Result<()> {
    ///     Ok(cx.cluster().update(&BTreeMap::from([("db", "10.0.0.8:2528")])).await?)
    /// }
    /// ```
    pub async fn update(&self, table: &(impl Pack + Sync + ?Sized)) -> Result<(), ClusterError> {
        self.tell(&("reload", table)).await
    }

    /// All nodes that are known, and how the connections to them are.
    ///
    /// # Errors
    /// The request failed.
    pub async fn nodes(&self) -> Result<Vec<ClusterNode>, ClusterError> {
        let answer = self.ask(&("nodes",)).await?;
        let (Nodes(nodes),) = answer.unpack().map_err(RequestError::from)?;
        Ok(nodes)
    }

    async fn ask(&self, values: &(impl PackArgs + Sync + ?Sized)) -> Result<Reply, ClusterError> {
        ask_clusterd(self.cx, self.terms, values).await
    }

    async fn tell(&self, values: &(impl PackArgs + Sync + ?Sized)) -> Result<(), ClusterError> {
        self.ask(values).await.map(drop)
    }
}

fn handle_in(answer: &Reply) -> Result<Handle, ClusterError> {
    let (handle,) = answer.unpack::<(u32,)>().map_err(RequestError::from)?;
    Ok(Handle(handle))
}
