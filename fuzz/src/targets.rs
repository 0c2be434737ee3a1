//! The targets, one file each.

mod abi;
mod addresses;
mod chat;
mod cluster;
mod cluster_client;
mod cluster_hello;
mod cluster_server;
mod command;
mod config;
mod control;
mod cpath;
mod framing;
mod gate;
mod harbor;
mod link;
mod log_line;
mod master;
mod network_services;
mod node;
mod plugin_file;
mod requests;
mod sample;
mod serde;
mod seri;
mod so;
mod sources;

use crate::Target;

/// All targets.
pub const TARGETS: &[Target] = &[
    seri::TARGET,
    serde::TARGET,
    framing::TARGET,
    gate::TARGET,
    addresses::TARGET,
    control::TARGET,
    command::TARGET,
    abi::TARGET,
    plugin_file::TARGET,
    cpath::TARGET,
    config::TARGET,
    chat::TARGET,
    requests::TARGET,
    log_line::TARGET,
    harbor::TARGET,
    link::TARGET,
    master::TARGET,
    network_services::TARGET,
    cluster_server::TARGET,
    cluster_client::TARGET,
    cluster_hello::TARGET,
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
