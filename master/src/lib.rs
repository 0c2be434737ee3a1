//! The master of a harbor network, the slaves that join one, and what is in their place in a node without a network.
//!
//! A *harbor network* is up to 255 nodes with one address space: the top byte of a handle is the id of its node. One
//! *master* keeps which nodes there are and which service has which global name. Each node has a *slave*, which joins
//! the network and speaks with the master, and a *harbor* (another plugin), which speaks with the other nodes. On the
//! wire all of it is Skynet, and unmodified Skynet nodes and masters may take part; what our nodes say more to each
//! other is in `skynet-master-wire`.
//!
//! # Module `master`
//! Launched as `master`, it listens on the configuration's `standalone`; `master HOST:PORT` listens there.
//!
//! * **Who dials whom.** The older node dials the newer one: the others are told of a newcomer, and the newcomer how many
//!   they are. Not counted is who would not dial: a node that has been silent for longer than a heartbeat, and an
//!   unmodified one that has known the id before.
//! * **Lives.** Each life of a node of ours has an epoch. A node that loses its connection has a second to come back as
//!   the same life; then it is dead, and the others are told. One that says goodbye, and an unmodified one, is dead at
//!   once. A node of ours that has been silent for ten heartbeats is dead, too.
//! * **Ids.** One that nobody holds is free, unless an unmodified node has known a former holder: it never dials an id
//!   twice. If somebody of ours holds it he is probed; an answer within a second keeps it for him, else the newcomer gets
//!   it. An unmodified holder keeps it. Nodes that ask for any id are leased the one they had if it is free, or the lowest
//!   that is; in the first two seconds of a master only to those who come back, as ids may look free that are not.
//! * **Names.** The first who registers a name has it; others are told who. A name can be moved and given up by our
//!   nodes, and goes with its node. Unmodified nodes keep names of dead nodes: they cannot be told.
//! * **Secret.** With one (`harbor_secret`, `harbor_secret_file`) both sides prove that they know it. Unmodified nodes
//!   cannot, and are refused.
//! * **Strangers.** A connection has 3 seconds to say who it is (and to prove it), holds one packet of at most 255 bytes
//!   meanwhile, and there are at most `harbor_unproven` of them. A node that does not read is closed when 8 MiB wait
//!   for it.
//!
//! A master that was restarted knows nobody. Its nodes come back by themselves and tell it their names again.
//!
//! # Module `slave`
//! Launched as `slave`. It launches `harbor`, has it listen on `address`, connects to `master`, and waits until all nodes
//! have connected that were told to; its start is over then. All that may take `harbor_join`; after that it fails and
//! says who is missing. Later it tells the harbor whom to dial and who is gone, makes the connection to the master again
//! when that is lost (after 0.1 s, and then up to once a second), and answers as `.cslave` requests of kind `KIND_LUA`:
//!
//! | request | answer |
//! |---|---|
//! | `REGISTER name handle` | `true`; or an error that says who has the name. With an unmodified master nobody says no |
//! | `QUERYNAME name` | the handle, when somebody has the name; of a local name (`.x`) at once, or nil |
//! | `LINK id` | nothing, when the node is gone; at once if it is not there |
//! | `CONNECT id` | nothing, when the node is there |
//! | `LINKMASTER` | nothing, when the connection to the master ends; at once if there is none |
//! | `UNREGISTER name` | `true`; needs a master of ours |
//! | `MOVE name handle` | `true`; needs a master of ours |
//! | `NODES` | a table of the other nodes, as the harbor knows them |
//! | `MASTER` | a table: `address`, `state` (`"up"`, `"away"`), `kind` (`"ours"`, `"unmodified"`, `"unknown"`) |
//!
//! A request waits for as long as its caller does. While the master is away a registration holds within the node at once
//! and is told to the master when it is back; who registers waits for the master's word for 5 seconds.
//! Requests that come before the node has joined are answered then.
//!
//! A node that is told that its id is another one's ends, and so does one whose harbor has ended. With `harbor = "auto"`
//! the id is kept as `harbor.id` in the run folder, and asked for again.
//!
//! # Module `dummy`
//! In a node with `harbor = 0`: `.cslave` with the names of the node itself and no other nodes. `CONNECT` is refused, as
//! are `LINKMASTER` and `MASTER`.
//!
//! # How the code is cut
//! `network.rs` (the master's) and `membership.rs` (the slave's) decide: events and the time in, actions out. `master.rs`
//! and `slave.rs` connect them to sockets and messages.

mod alarm;
mod dummy;
mod lease;
mod master;
mod membership;
mod network;
mod random;
mod request;
mod responders;
mod settings;
mod slave;
mod talk;
#[cfg(test)]
mod testing;
mod waiting;

skynet_service::export! {
    raw master: master::Master,
    raw slave: slave::Slave,
    dummy: dummy::Dummy,
}
