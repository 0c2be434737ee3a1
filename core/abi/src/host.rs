//! The functions of the node.

use core::fmt;

use crate::{Buffer, Context, Message, Prelude, SocketPart, Text};

/// Log level of failures that somebody should look at.
pub const LEVEL_ERROR: u32 = 1;
/// Log level of things that may become failures.
pub const LEVEL_WARN: u32 = 2;
/// Log level of normal news.
pub const LEVEL_INFO: u32 = 3;
/// Log level of details.
pub const LEVEL_DEBUG: u32 = 4;
/// Log level of every step.
pub const LEVEL_TRACE: u32 = 5;

/// For [`Host::set_option`]: the most messages in the service's mailbox, 0 for no bound. At the bound sends and calls
/// are refused with [`STATUS_FULL`](crate::STATUS_FULL); replies, errors and host-only kinds always pass.
pub const OPTION_MAILBOX_LIMIT: u32 = 1;
/// For [`Host::set_option`]: this service carries messages to other nodes. `value` is this node's harbor id. From then
/// on it gets each message whose destination is another node, unchanged, and each message by global name with
/// [`FLAG_BY_NAME`](crate::FLAG_BY_NAME). Where the configuration leaves the id open (`harbor = "auto"`) the first
/// one given is the node's from then on: later services get handles with it, and those from before, whose handles have 0
/// there, are found by it too. In a single node the id is 0, and only names are carried.
pub const OPTION_HARBOR: u32 = 2;

/// For [`Host::peer_state`]: messages for the node are taken. So it is at first.
pub const PEER_OPEN: u32 = 0;
/// For [`Host::peer_state`]: sends and calls are refused with [`STATUS_FULL`](crate::STATUS_FULL). Replies and errors
/// pass.
pub const PEER_FULL: u32 = 1;
/// For [`Host::peer_state`]: a turn that sends or calls is kept until the state changes, at most 30 seconds; then, and
/// elsewhere than in turns, as [`PEER_FULL`].
pub const PEER_FULL_BLOCK: u32 = 2;
/// For [`Host::peer_state`]: everything is refused with [`STATUS_NODE_LOST`](crate::STATUS_NODE_LOST).
pub const PEER_LOST: u32 = 3;
/// For [`Host::peer_state`]: nobody holds this id. As [`PEER_LOST`].
pub const PEER_ABSENT: u32 = 4;

/// Table of the node's functions. Valid as long as the process lives.
///
/// A plugin may meet a node of an older minor, where [`adopt`](Self::adopt) leaves entries null that the node does not
/// have. Entries are since 1.0, and so always there, unless they say otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    /// Who made this table and how long it is.
    pub prelude: Prelude,
    /// The node's log level, one of `LEVEL_*` or 0 for silence; read it with one relaxed atomic load. Records above
    /// it need not be formatted.
    pub log_level: *const u32,

    // Buffers.
    /// Allocates a writable payload of at least `capacity` bytes, 16-byte aligned. Null when out of memory or
    /// `capacity` is above 2^40. *Any thread.*
    pub buffer_alloc: Option<unsafe extern "C" fn(capacity: usize) -> *mut u8>,
    /// Makes room for `capacity` bytes and keeps the first `len`. The old pointer is void once a new one is returned;
    /// null leaves the old buffer as it is. The caller must own the buffer alone (not shared). *Any thread.*
    pub buffer_grow:
        Option<unsafe extern "C" fn(data: *mut u8, len: usize, capacity: usize) -> *mut u8>,
    /// Writable bytes behind `data`. *Any thread.*
    pub buffer_capacity: Option<unsafe extern "C" fn(data: *mut u8) -> usize>,
    /// Gives up one ownership of a buffer; the last one frees it. Null is ignored. *Any thread.*
    pub buffer_free: Option<unsafe extern "C" fn(data: *mut u8)>,
    /// Adds one ownership. From then on the payload is read-only for everybody. Returns `data`. *Any thread.*
    pub buffer_ref: Option<unsafe extern "C" fn(data: *mut u8) -> *mut u8>,
    /// Turns one ownership into sole ownership: returns `data` itself if nobody else has it, else gives that up and
    /// returns a copy of its first `len` bytes. Null (and nothing given up) when out of memory, or when the buffer is
    /// shorter than `len`. *Any thread.*
    pub buffer_unique: Option<unsafe extern "C" fn(data: *mut u8, len: usize) -> *mut u8>,

    // Messages.
    /// Sends one message in the name of the context's service. With `FLAG_CALL` and session 0 a session is allocated;
    /// `session`, if not null, receives it. Calls are for the service's *own turn*; everything else *any thread*.
    ///
    /// Returns `STATUS_OK` when the message lies in the mailbox (or with the harbor service), else `STATUS_DEAD` (no
    /// such service, or the caller's own has ended), `STATUS_NOT_FOUND` (unknown name), `STATUS_FULL`,
    /// `STATUS_TOO_LARGE`, `STATUS_INVALID`, `STATUS_NO_MEMORY`, `STATUS_WRONG_TURN`, `STATUS_NODE_LOST` (see
    /// [`peer_state`](Self::peer_state)). On an error nothing was sent and an owned buffer is still the caller's.
    pub send: Option<
        unsafe extern "C" fn(context: Context, message: *const Message, session: *mut i32) -> i32,
    >,
    /// Sends one payload to `count` destinations: one allocation for the payload, one node per member. `delivered`, if
    /// not null, receives how many mailboxes took it. Ownership as in `send`; the function succeeds when `message` is
    /// well formed, whoever took it. Not for calls. *Any thread.*
    pub send_many: Option<
        unsafe extern "C" fn(
            context: Context,
            message: *const Message,
            destinations: *const u32,
            count: usize,
            delivered: *mut usize,
        ) -> i32,
    >,
    /// Puts a `KIND_WAKE` message with `value` into the service's own mailbox. `STATUS_DEAD` when it has ended: then
    /// nothing happens. *Any thread.*
    pub wake: Option<unsafe extern "C" fn(context: Context, value: u64) -> i32>,
    /// Fails each open call that waits on a service of node `harbor`, with `reason`. Only for the harbor service, in
    /// its *own turn*. `failed`, if not null, receives how many.
    pub node_lost: Option<
        unsafe extern "C" fn(context: Context, harbor: u32, reason: u32, failed: *mut usize) -> i32,
    >,

    // The node.
    /// Writes one record to the node's log. `target` names the part of the plugin that speaks (may be empty). Records
    /// above the node's level are dropped. *Any thread*; a context of handle 0 or of an ended service is accepted.
    pub log: Option<unsafe extern "C" fn(context: Context, level: u32, target: Text, text: Text)>,
    /// Nanoseconds of the node's monotonic clock. *Any thread.*
    pub now: Option<unsafe extern "C" fn() -> u64>,
    /// A text command (`LAUNCH`, `KILL`, `QUERY`, …; see the ABI reference). `result` receives a buffer that the caller
    /// frees, or null: no result. `STATUS_OK` when the command was carried out, `STATUS_UNSUPPORTED` for an unknown
    /// one; on other errors `result` may hold the reason. *Own turn.*
    pub command: Option<
        unsafe extern "C" fn(
            context: Context,
            command: Text,
            parameter: Text,
            result: *mut Buffer,
        ) -> i32,
    >,

    // The service's life.
    /// Launches `module args…`. `STATUS_OK`: `handle` is a running service. `STATUS_PENDING`: it goes on starting, and
    /// the reply of `session` (a call of the caller) will say how that ended. Otherwise nothing was launched and
    /// `error` receives the reason (the caller frees it). Any of the pointers may be null. *Own turn.*
    pub launch: Option<
        unsafe extern "C" fn(
            context: Context,
            command: Text,
            handle: *mut u32,
            session: *mut i32,
            error: *mut Buffer,
        ) -> i32,
    >,
    /// A service whose `create` answered `STATUS_PENDING` has started (`reason` 0), which answers its launcher's call.
    /// (To fail, call `exit`: the launcher gets its reason.) *Own turn.*
    pub ready: Option<unsafe extern "C" fn(context: Context) -> i32>,
    /// The service ends when its turn ends. `reason` (one of `REASON_*`, 0 for a normal end) and `text` go to those who
    /// wait on it and to those who watch it. In `create` before an error return: says why. *Own turn.*
    pub exit: Option<unsafe extern "C" fn(context: Context, reason: u32, text: Text) -> i32>,
    /// One `KIND_EXIT` message comes when service `handle` ends; at once if it already has. *Any thread.*
    pub watch: Option<unsafe extern "C" fn(context: Context, handle: u32) -> i32>,
    /// Takes `watch` back. *Any thread.*
    pub unwatch: Option<unsafe extern "C" fn(context: Context, handle: u32) -> i32>,
    /// Changes a setting of the service, one of `OPTION_*`. *Own turn.*
    pub set_option: Option<unsafe extern "C" fn(context: Context, option: u32, value: u64) -> i32>,
    /// This turn is about to block: another thread takes over its worker's other services. *Own turn.*
    pub blocking_begin: Option<unsafe extern "C" fn(context: Context) -> i32>,
    /// The blocking part is over. *Own turn.*
    pub blocking_end: Option<unsafe extern "C" fn(context: Context) -> i32>,

    // Timers.
    /// A `KIND_TIMER` message with `value` comes once, not before `delay` milliseconds have passed. `timer`, if not
    /// null, receives an id. *Any thread.*
    pub timer_set: Option<
        unsafe extern "C" fn(context: Context, delay: u64, value: u64, timer: *mut u64) -> i32,
    >,
    /// Cancels a timer. `STATUS_DEAD` when it has fired (its message may still lie in the mailbox) or was cancelled.
    /// *Any thread.*
    pub timer_cancel: Option<unsafe extern "C" fn(context: Context, timer: u64) -> i32>,

    // Sockets. Each belongs to one service, which gets its events (`KIND_SOCKET`) and with which it ends. Ids are
    // positive and not reused for a long time. All *any thread*.
    /// Listens on `address` (`host:port`, `[v6]:port`; port 0 picks one). `backlog` 0 takes the default. `SOCKET_OPEN`
    /// or `SOCKET_ERROR` follows, for a numeric address before any other message; connections are taken after
    /// [`socket_start`](Self::socket_start).
    pub socket_listen: Option<
        unsafe extern "C" fn(
            context: Context,
            address: Text,
            backlog: u32,
            socket: *mut i32,
        ) -> i32,
    >,
    /// Connects to `address`; every address that the name resolves to is tried within `timeout` milliseconds (0 for the
    /// default, 30 s). `SOCKET_OPEN` or `SOCKET_ERROR` follows. Reading begins at once.
    pub socket_connect: Option<
        unsafe extern "C" fn(
            context: Context,
            address: Text,
            timeout: u64,
            socket: *mut i32,
        ) -> i32,
    >,
    /// Makes the caller the owner of a socket and starts (or resumes) reading or taking connections. `SOCKET_OPEN`
    /// follows. Events from before still go to the former owner. `STATUS_DEAD`: no such socket.
    pub socket_start: Option<unsafe extern "C" fn(context: Context, socket: i32) -> i32>,
    /// Stops reading or taking connections until `socket_start`.
    pub socket_pause: Option<unsafe extern "C" fn(context: Context, socket: i32) -> i32>,
    /// Queues `count` parts, in order and not torn apart by other writes; sends at once what the kernel takes.
    /// `priority` 0 or `SOCKET_LOW_PRIORITY`. `STATUS_DEAD`: no such socket; `STATUS_CLOSED`: no longer writable;
    /// `STATUS_FULL`: the cap was reached (see `SOCKET_POLICY_*`). On an error nothing was queued and owned buffers are
    /// still the caller's.
    pub socket_write: Option<
        unsafe extern "C" fn(
            context: Context,
            socket: i32,
            parts: *const SocketPart,
            count: usize,
            priority: u32,
        ) -> i32,
    >,
    /// Sends what is queued, at most `linger` milliseconds long (0 for the default, 30 s), then closes. The id is void
    /// at once; a `SOCKET_CLOSE` comes if none came before.
    pub socket_close:
        Option<unsafe extern "C" fn(context: Context, socket: i32, linger: u64) -> i32>,
    /// Shuts one direction down, or both, or resets: one of `SOCKET_READ`, `SOCKET_WRITE`, `SOCKET_BOTH`,
    /// `SOCKET_ABORT`. The id stays valid until `socket_close`, except with `SOCKET_ABORT`.
    pub socket_shutdown:
        Option<unsafe extern "C" fn(context: Context, socket: i32, direction: u32) -> i32>,
    /// Changes a setting of a socket, one of `SOCKET_OPTION_*`.
    pub socket_set:
        Option<unsafe extern "C" fn(context: Context, socket: i32, option: u32, value: u64) -> i32>,
    /// Opens a UDP socket: bound to `address`, or unbound when it is empty. `SOCKET_OPEN` or `SOCKET_ERROR` follows.
    pub socket_udp:
        Option<unsafe extern "C" fn(context: Context, address: Text, socket: *mut i32) -> i32>,
    /// Sets the default destination of a UDP socket. Datagrams from anybody still arrive.
    pub socket_udp_connect:
        Option<unsafe extern "C" fn(context: Context, socket: i32, address: Text) -> i32>,
    /// Sends one datagram to `address` (as in `SOCKET_UDP` events; empty: the default destination).
    pub socket_send_to: Option<
        unsafe extern "C" fn(context: Context, socket: i32, address: Text, data: Text) -> i32,
    >,

    // Other nodes: only for the harbor service, in its *own turn*. Since 1.1.
    /// The open call `session` of the service `caller` is owed by `callee` from now on: the global name that it went to
    /// was resolved, or another node has passed the request on. `STATUS_NOT_FOUND`: there is no such call.
    pub call_moved: Option<
        unsafe extern "C" fn(context: Context, caller: u32, session: i32, callee: u32) -> i32,
    >,
    /// What becomes of messages for node `harbor` (1 to 255), from now on: one of `PEER_*`. When the harbor service
    /// ends, all are [`PEER_OPEN`] again.
    pub peer_state: Option<unsafe extern "C" fn(context: Context, harbor: u32, state: u32) -> i32>,
}

impl Host {
    /// The least bytes of a table that can be used: everything version 1.0 has.
    pub const LEAST_SIZE: usize =
        core::mem::offset_of!(Host, socket_send_to) + core::mem::size_of::<usize>();
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("prelude", &self.prelude)
            .finish_non_exhaustive()
    }
}
