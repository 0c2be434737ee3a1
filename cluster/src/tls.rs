//! TLS between nodes: bytes of the network in, plaintext out, without any I/O of its own.
//!
//! A listener shows the certificate of `cluster_tls_cert`; whoever dials checks it against `cluster_tls_ca` and the name
//! that it dialled. With `cluster_tls_clients` the listener wants a certificate in return, signed by the same CA. The
//! files are looked at for each new connection: one that was renewed counts from then on, without a restart.
//!
//! Sessions are never resumed, so that each connection is checked anew. Nothing is logged here: who owns the connection
//! tells its end once, with the text of the error.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
mod session;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(feature = "tls")]
mod text;

use std::path::PathBuf;

use skynet_service::Context;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::Tls;
#[cfg(feature = "tls")]
pub(crate) use session::Tls;

/// Where the certificates lie.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct TlsFiles {
    /// This node's certificate and those between it and the CA (`cluster_tls_cert`).
    pub(crate) cert: Option<PathBuf>,
    /// The private key of that certificate (`cluster_tls_key`).
    pub(crate) key: Option<PathBuf>,
    /// The certificates that sign those of other nodes (`cluster_tls_ca`).
    pub(crate) ca: Option<PathBuf>,
    /// Whether a listener wants a certificate of its clients, too (`cluster_tls_clients`).
    pub(crate) clients: bool,
}

impl TlsFiles {
    /// What the configuration says.
    pub(crate) fn read(cx: &Context) -> Self {
        let path = |key| {
            cx.env(key)
                .filter(|text| !text.is_empty())
                .map(PathBuf::from)
        };
        Self {
            cert: path("cluster_tls_cert"),
            key: path("cluster_tls_key"),
            ca: path("cluster_tls_ca"),
            clients: cx
                .env("cluster_tls_clients")
                .is_some_and(|text| text == "true"),
        }
    }
}
