//! Whom requests are for, and where others may connect.

use skynet_seri::{Pack, Sink, WriteError, Writer};

use crate::Handle;

/// A service of another node: `@name` (registered with [`Cluster::register`](crate::Cluster::register)), `.name`, a global
/// name, or a handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClusterService<'a> {
    /// By its name.
    Name(&'a str),
    /// By its handle on that node.
    Handle(Handle),
}

impl<'a> From<&'a str> for ClusterService<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for ClusterService<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl From<Handle> for ClusterService<'_> {
    fn from(handle: Handle) -> Self {
        Self::Handle(handle)
    }
}

impl Pack for ClusterService<'_> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        match self {
            Self::Name(name) => writer.string(name),
            Self::Handle(handle) => writer.integer(i64::from(handle.0)),
        }
    }
}

impl std::fmt::Display for ClusterService<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Handle(handle) => handle.fmt(f),
        }
    }
}

/// Where other nodes may connect: a port of this machine (127.0.0.1), `"host:port"`, or the name of a node, whose address
/// it is then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClusterPlace<'a> {
    /// The name of a node, `"host:port"`, or a port in digits.
    Text(&'a str),
    /// This port of 127.0.0.1; 0 picks one.
    Port(u16),
}

impl<'a> From<&'a str> for ClusterPlace<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for ClusterPlace<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<u16> for ClusterPlace<'_> {
    fn from(port: u16) -> Self {
        Self::Port(port)
    }
}

impl Pack for ClusterPlace<'_> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        match self {
            Self::Text(text) => writer.string(text),
            Self::Port(port) => writer.integer(i64::from(*port)),
        }
    }
}

/// What callers from other nodes may reach.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ClusterExpose {
    /// What was registered or exported.
    Names,
    /// Every service, as in Skynet.
    All,
}

/// How a listener treats those who connect. What is not said is as the node is configured.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[must_use]
pub struct ListenOptions {
    max_clients: Option<u32>,
    expose: Option<ClusterExpose>,
    secret: Option<bool>,
    tls: Option<bool>,
}

impl ListenOptions {
    /// As the node is configured.
    pub const fn new() -> Self {
        Self {
            max_clients: None,
            expose: None,
            secret: None,
            tls: None,
        }
    }

    /// The most connections at a time; further ones are closed at once.
    pub const fn max_clients(self, count: u32) -> Self {
        Self {
            max_clients: Some(count),
            ..self
        }
    }

    /// What those who connect may reach.
    pub const fn expose(self, expose: ClusterExpose) -> Self {
        Self {
            expose: Some(expose),
            ..self
        }
    }

    /// Asks nobody for a proof that they know the node's `cluster_secret`.
    pub const fn without_secret(self) -> Self {
        Self {
            secret: Some(false),
            ..self
        }
    }

    /// Whether those who connect have to speak TLS.
    pub const fn tls(self, tls: bool) -> Self {
        Self {
            tls: Some(tls),
            ..self
        }
    }
}

impl Pack for ListenOptions {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        writer.begin_table(0)?;
        if let Some(count) = self.max_clients {
            "maxclient".pack(writer)?;
            count.pack(writer)?;
        }
        if let Some(expose) = self.expose {
            "expose".pack(writer)?;
            match expose {
                ClusterExpose::Names => "names".pack(writer)?,
                ClusterExpose::All => "all".pack(writer)?,
            }
        }
        if let Some(secret) = self.secret {
            "secret".pack(writer)?;
            secret.pack(writer)?;
        }
        if let Some(tls) = self.tls {
            "tls".pack(writer)?;
            tls.pack(writer)?;
        }
        writer.end_table()
    }
}
