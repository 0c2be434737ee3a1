//! The C ABI between a node and its plugins.
//!
//! A plugin is a shared library that exports **one data symbol**, [`SYMBOL`]: a [`Plugin`] header followed by its
//! [`Module`]s. Everything the node must know before it runs a single instruction of the plugin (version, flags,
//! module names) is plain bytes inside that symbol, so it can be read from the file. The node then calls
//! [`Plugin::load`] with its table of functions, [`Host`]. Nothing else crosses.
//!
//! ```text
//!   plugin.so                                   node
//!   skynet_plugin_v1: Plugin | Module | …  ───► checks magic, version, sizes; dlopen
//!   load(host)                             ◄─── hands over the Host table
//!   create(context, args) -> instance      ◄─── LAUNCH module args
//!   deliver(instance, context, message)    ◄─── one message at a time
//!   host.send(context, message)            ───► anything the service does
//!   release(instance, context)             ◄─── the service has ended
//! ```
//!
//! # What may cross
//! Integers, raw pointers, `Option<extern "C" fn>` and `repr(C)` structs of those: no Rust type, no allocator, no
//! unwinding. That is why neither the compiler, nor its version, nor the build profile of a plugin matters.
//!
//! # Versions
//! Both sides begin with a [`Prelude`]. `major` must be equal. `minor` grows when a table grows; tables only grow at
//! their end, and `size` says how much of a table the other side has: [`adopt`](Host::adopt) copies
//! `min(theirs, ours)` bytes, so an entry the peer does not have reads as null. `needs_minor` is the oldest minor of
//! the peer that this side can work with.
//!
//! # Threads
//! Each function of [`Host`] says *any thread* or *own turn*. *Own turn* means: on the thread that is inside `create`,
//! `deliver` or `release` of the very service the [`Context`] names.
#![no_std]

mod adopt;
mod context;
mod host;
pub mod layout;
mod message;
mod plugin;
mod prelude;
mod socket;
mod status;

pub use context::{Buffer, Context, Text};
pub use host::{
    Host, LEVEL_DEBUG, LEVEL_ERROR, LEVEL_INFO, LEVEL_TRACE, LEVEL_WARN, OPTION_HARBOR,
    OPTION_MAILBOX_LIMIT, PEER_ABSENT, PEER_FULL, PEER_FULL_BLOCK, PEER_LOST, PEER_OPEN,
};
pub use message::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_OWNED, FLAG_REDIRECTED, FLAG_REPLY, FLAG_SHARED,
    KIND_CLIENT, KIND_DEBUG, KIND_ERROR, KIND_EXIT, KIND_HARBOR, KIND_LUA, KIND_MULTICAST,
    KIND_QUEUE, KIND_RESPONSE, KIND_SNAX, KIND_SOCKET, KIND_SOCKET_WIRE, KIND_SYSTEM, KIND_TEXT,
    KIND_TIMER, KIND_TRACE, KIND_WAKE, Message, NAME_SIZE, REASON_DEAD, REASON_DROPPED,
    REASON_FAILED, REASON_KILLED, REASON_NODE_LOST, REASON_NONE, REASON_PANICKED, REASON_REFUSED,
    REASON_TIMED_OUT, REASON_TOO_LARGE, REASON_UNKNOWN, REASON_UNSUPPORTED, REMOTE_PAYLOAD,
    reason_text,
};
pub use plugin::{
    Create, DELIVER_FAILED, DELIVER_KEEP, DELIVER_RELEASE, Deliver, Load, MAX_MODULES, Module,
    PLUGIN_GLOBAL_SYMBOLS, PLUGIN_UNWINDS, Plugin, Quiesce, Release, Restore, SHORT_TEXT, SYMBOL,
    SYMBOL_C, Save, Signal, short_text,
};
pub use prelude::{MAGIC, MAJOR, MINOR, Mismatch, Prelude};
pub use socket::{
    SOCKET_ABORT, SOCKET_ACCEPT, SOCKET_BOTH, SOCKET_CLOSE, SOCKET_DATA, SOCKET_ERROR,
    SOCKET_LOW_PRIORITY, SOCKET_OPEN, SOCKET_OPTION_DEAD_AFTER, SOCKET_OPTION_KEEPALIVE,
    SOCKET_OPTION_NODELAY, SOCKET_OPTION_OUTPUT_LIMIT, SOCKET_OPTION_OUTPUT_POLICY,
    SOCKET_POLICY_CLOSE, SOCKET_POLICY_PAUSE, SOCKET_POLICY_WARN, SOCKET_READ, SOCKET_UDP,
    SOCKET_WARNING, SOCKET_WRITE, SocketPart,
};
pub use status::{
    STATUS_CLOSED, STATUS_DEAD, STATUS_EXISTS, STATUS_FAILED, STATUS_FULL, STATUS_INVALID,
    STATUS_NO_MEMORY, STATUS_NODE_LOST, STATUS_NOT_FOUND, STATUS_OK, STATUS_PANICKED,
    STATUS_PENDING, STATUS_TOO_LARGE, STATUS_UNSUPPORTED, STATUS_WRONG_TURN, status_text,
};
