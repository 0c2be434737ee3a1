//! Services that use everything of a cluster and check what it promises; scenarios drive them through the probe.
//!
//! * `test_cluster [NAME]`: does and suffers what it is told, see `driver.rs` and `callee.rs`;
//! * `test_discovery [NAME=ADDRESS…] CLUSTERD`: says where nodes are, and is told at run time, see `discovery.rs`.

mod callee;
mod discovery;
mod driver;
mod load;
mod remote;
mod sdk;
mod streams;
mod values;

skynet_service::export! {
    test_cluster: driver::Driver,
    test_discovery: discovery::Discovery,
}
