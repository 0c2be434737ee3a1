//! Calls between named nodes, of any number and any network.
//!
//! # Module `clusterd`
//! What a node knows of its cluster: where the others are, and who of its own services is known to them. It launches
//! the other modules. `clusterd.rs` says what it is asked.
//!
//! # Module `clusterfile`
//! Where the names of nodes come from when nothing else is configured: the file of the key `cluster`, or its table.
//! Any other service can take its place (`cluster_discovery`); `file.rs` says what such a service is asked.
//!
//! # Module `clustersender`
//! Carries requests to one other node; launched by clusterd, one for each name of a node. `sender.rs` says what it does.
//!
//! # Module `clusteragent`
//! Carries the requests of one connection of another node; launched by clusterd.
//!
//! # Module `clusterproxy`
//! Stands for a service of another node: what it is sent goes there.

mod agent;
mod bytes;
mod clusterd;
mod config;
mod file;
mod line;
mod outbox;
mod proxy;
mod sender;
mod session;
mod settings;
mod strangers;
mod table;
mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod trace;
mod transport;

skynet_service::export! {
    clusterd: clusterd::Clusterd,
    clusterfile: file::ClusterFile,
    raw clustersender: sender::Sender,
    raw clusteragent: agent::Agent,
    raw clusterproxy: proxy::ClusterProxy,
}
