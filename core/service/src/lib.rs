//! The safe SDK that plugins are written with.
//!
//! A plugin is a shared library with one or several *modules*; a node makes *services* of them. A service has a handle,
//! gets messages one at a time, and does everything through a [`Context`]. This is a whole one, with its test:
//!
//! ```
//! use skynet_service::{Context, KIND_TEXT, Local, Message, Result, Service, export};
//!
//! /// Counts words, and asks `.dictionary` about those it has not seen.
//! struct Words {
//!     seen: Local<Vec<String>>,
//! }
//!
//! impl Service for Words {
//!     async fn start(_cx: &Context, _args: &str) -> Result<Self> {
//!         Ok(Self { seen: Local::default() })
//!     }
//!
//!     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
//!         let word = message.text()?;
//!         if !self.seen.with(|seen| seen.iter().any(|known| known == word)) {
//!             cx.call(".dictionary", KIND_TEXT, word).await?; // others are handled meanwhile
//!             self.seen.with(|seen| seen.push(word.to_owned()));
//!         }
//!         let count = self.seen.with(|seen| seen.len());
//!         Ok(cx.reply(&message, &count.to_string())?)
//!     }
//! }
//!
//! export!(words: Words);
//!
//! # fn main() -> Result<()> {
//! let mut node = skynet_service::testing::Node::new();
//! let dictionary = node.peer();
//! node.register(dictionary, ".dictionary");
//! let words = node.launch::<Words>("")?;
//!
//! let question = node.begin_call(words, KIND_TEXT, "lantern")?;
//! node.run();
//! let asked = node.received(dictionary).remove(0);
//! assert_eq!(asked.text(), "lantern");
//! node.answer(&asked, "a light");
//! assert_eq!(node.finish_call(&question).unwrap()?.bytes(), b"1");
//! # Ok(())
//! # }
//! ```
//!
//! # How the parts meet
//! The node calls four functions of a plugin: load, create, deliver, release (and signal, at any time). All of them are
//! in `entry`, and each runs under the one guard that catches panics. [`export!`] puts their addresses into the one
//! symbol that a plugin shows. `deliver` marks the thread as being in the service's *turn* and hands the message to the
//! service's runner:
//!
//! * the runner of a [`RawService`] calls its handler, with the message borrowed;
//! * the executor of a [`Service`] makes a task of a request, or finds out who waits: an answer belongs to a [`Call`], a
//!   timer to a [`Sleep`], a socket event to a [`TcpStream`]. Then it polls whatever is ready, and the turn ends.
//!
//! There is no thread and no reactor: the node's messages are all that ever wakes a task. A waker that is used
//! elsewhere sends such a message; after the service has ended it does nothing.
//!
//! # What holds
//! * Each request gets exactly one answer: the handler's, or an error that says how the handler ended.
//! * A turn may run on any thread, one at a time. That is why futures are `Send`, why state shared by tasks needs no
//!   lock, and why it lives in a [`Local`], which checks that.
//! * Tasks are dropped in a turn of their service, before the service itself.
//! * A panic ends the service that panicked ([or only the request](OnPanic)), never the node. It does not survive
//!   `panic = "abort"`: the node refuses such a plugin.
//! * Payloads are not copied on their way: a [`Buffer`] that was received, or written to, is handed over as it is.

mod buffer;
mod call;
mod cluster;
mod context;
mod data_center;
mod entry;
mod error;
mod executor;
#[doc(hidden)]
pub mod export;
mod guard;
mod handle;
mod harbor;
mod host;
mod local;
mod logging;
mod message;
mod outgoing;
mod payload;
mod raw;
mod reason;
mod request;
mod runner;
mod service;
mod shared;
pub mod socket;
pub mod testing;
mod timer;
mod turn;
mod unique;
mod values;
mod waiters;
mod watch;

pub use buffer::Buffer;
pub use call::Call;
pub use cluster::{
    Cluster, ClusterError, ClusterExpose, ClusterNode, ClusterNodeState, ClusterPeer, ClusterPlace,
    ClusterService, ListenOptions,
};
pub use context::{Answerable, Context, Outcome, PeerState, RedirectError, TaskHandle, This};
pub use data_center::DataCenter;
pub use error::{
    CallError, CommandError, Error, HostError, LaunchError, Result, ResultExt, SendError,
};
pub use handle::{Destination, Handle, ParseHandleError, Peer};
pub use harbor::{Harbor, HarborError, MasterInfo, NodeInfo, NodeKind, NodeState};
pub use local::Local;
pub use log;
pub use message::{Message, Reply, Responder};
pub use outgoing::Outgoing;
pub use payload::Payload;
pub use raw::RawMessage;
pub use reason::Reason;
pub use request::RequestError;
pub use service::{Exit, OnPanic, RawService, Service};
pub use skynet_abi as abi;
pub use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_REDIRECTED, FLAG_REPLY, FLAG_SHARED, KIND_CLIENT,
    KIND_DEBUG, KIND_ERROR, KIND_EXIT, KIND_HARBOR, KIND_LUA, KIND_MULTICAST, KIND_QUEUE,
    KIND_RESPONSE, KIND_SNAX, KIND_SOCKET, KIND_SYSTEM, KIND_TEXT, KIND_TIMER, KIND_TRACE,
    KIND_WAKE,
};
pub use skynet_seri as seri;
pub use socket::{TcpListener, TcpStream, UdpSocket};
pub use timer::{Elapsed, Interval, Sleep};
pub use unique::UniqueError;
pub use waiters::Waiters;
pub use watch::Watch;

/// Has the blocks of the guide compiled and run with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugin-guide.md")]
struct PluginGuide;

/// And the one of the page about clusters.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/cluster.md")]
struct ClusterPage;
