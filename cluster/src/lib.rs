//! Calls between named nodes, of any number and any network.
//!
//! # Module `clusterfile`
//! Where the names of nodes come from when nothing else is configured: the file of the key `cluster`, or its table.
//! Any other service can take its place (`cluster_discovery`); `file.rs` says what such a service is asked.
//!
//! # Module `clusterproxy`
//! Stands for a service of another node: what it is sent goes there.

mod config;
mod file;
mod proxy;
mod table;
#[allow(dead_code, unused_imports, reason = "for the connections")]
mod tls;

skynet_service::export! {
    clusterfile: file::ClusterFile,
    raw clusterproxy: proxy::ClusterProxy,
}
