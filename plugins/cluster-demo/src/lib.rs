//! Two nodes of a cluster, as `cargo xtask run cluster` starts them: one has a database, the other one asks it.
//!
//! * `clusterdb [NODE]`: has other nodes reach the `.simpledb` of this node, and listens as NODE (`db`);
//! * `clusterclient [NODE]`: calls the database of NODE (`db`) by every kind of name and tells what it sees, in the log; then
//!   it looks once in a second whether the node is there, and tells when that changes.

mod client;
mod db;

skynet_service::export! {
    clusterdb: db::Db,
    clusterclient: client::Client,
}

/// The node of the database, when the arguments name no other.
fn node(args: &str) -> &str {
    match args.trim() {
        "" => "db",
        node => node,
    }
}
