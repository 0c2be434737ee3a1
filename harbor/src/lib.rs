//! Carries messages between the nodes of a harbor network.
//!
//! Launched by the slave as `harbor SLAVE`, or `harbor SLAVE single` in a node without a network, where it only
//! resolves global names. The slave knows the network: it tells of nodes and names, and is told which nodes are linked
//! and lost. The harbor has the connections: it listens, dials, says who it is, and keeps a link alive. Nobody else
//! may give it orders; everybody's messages for other nodes come to it by themselves.
//!
//! # How a message goes
//! Out: `route.rs` picks it up and finds its peer, or `names.rs` keeps it until its name is known. It waits in the
//! peer's `outbox.rs` until the message that flushes comes round; what waits together becomes one write. A body of more
//! than 64 KiB goes in fragments (`streams.rs`), between which small messages of other pairs pass.
//!
//! In: `dial.rs` has the sockets, `greet.rs` reads the first bytes of a connection, `deliver.rs` what comes on a proven
//! one: frames are parsed where they lie, and each body is copied once, into the message.
//!
//! # What a peer goes through
//! `links.rs`: it is *joining* until its connection is proven, then *up*. When the connection ends without a word it
//! is *cut*: messages wait, and the link goes on where it was if the same life comes back in time. Else it is *lost*:
//! calls to it fail, and messages are refused until it is back.
//!
//! # What is counted
//! Frames to a peer of our own kind are numbered by counting, for each pair of lives (a life is one process that has
//! the id). The peer acknowledges what lies in mailboxes; what it has not acknowledged is kept, 8 MiB at most, and sent
//! again on the next connection. The bytes on the wire are those of `skynet-harbor-wire`, which is their reference.

mod body;
mod command;
mod connection;
mod deliver;
mod dial;
mod greet;
mod harbor;
mod item;
mod links;
mod names;
mod outbox;
mod peer;
mod route;
mod settings;
mod streams;
#[cfg(test)]
mod tests;
mod timer;

use harbor::Harbor;

skynet_service::export!(raw harbor: Harbor);
