//! TCP and UDP sockets of a node.
//!
//! [`Sockets`] owns every socket and hands what happens to an [`EventSink`], which makes messages of it. There is no
//! thread in here: whoever has nothing better to do calls [`Sockets::poll`], one thread at a time, and all reading,
//! accepting and connecting happens in it. The operations may be called from any thread, also while another one polls.
//!
//! # How a write goes out
//! If nothing waits, the caller's thread sends it with one system call. What the kernel does not take waits in the
//! socket's queue ([`queue`]) and is sent by whoever polls. Owned parts are never copied on that way.
//!
//! # How data come in
//! Registration is level-triggered, and a readiness event leads to exactly one read, into one large buffer that all
//! sockets share. A short read means that the socket is drained; after a full one the poller reports the socket again
//! in the next round, after all others. So nothing is read twice and nobody is starved. The sink copies the bytes once,
//! into a message of the right size; an idle connection has no buffer at all.
//!
//! # Life of a socket
//! Opening → open → void. A socket that failed keeps its id, without a file, until its owner closes it. A void id is
//! unknown to all operations at once, while its last bytes are sent (for as long as the linger allows) and until the
//! peer has stopped sending: closing earlier would make the kernel reset the connection and destroy them.
//!
//! # Locks
//! Two for each socket (see [`entry`]), so that a read and a write do not wait for each other, and a sharded table of
//! all. The sink is called under the socket's input lock, which keeps its events in order, and must therefore not call
//! back.

mod close;
mod connect;
mod deadline;
mod entry;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod listen;
mod os;
mod part;
mod poll;
mod queue;
mod stat;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod udp;

pub(crate) use entry::Policy;
pub(crate) use error::SocketError;
pub(crate) use part::{OwnedPart, Part, Parts};

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use skynet_abi::{
    Context, SOCKET_ERROR, SOCKET_OPEN, SOCKET_OPTION_DEAD_AFTER, SOCKET_OPTION_KEEPALIVE,
    SOCKET_OPTION_NODELAY, SOCKET_OPTION_OUTPUT_LIMIT, SOCKET_OPTION_OUTPUT_POLICY,
};

use self::deadline::Deadlines;
use self::entry::{Input, Kind, Phase, Socket};
use self::os::{Interest, Selector, set_dead_after};
use self::poll::Driver;
use self::table::Table;
use crate::resolver::{Address, Resolution, Resolver};

/// Receives what happens to sockets.
pub(crate) trait EventSink: Send + Sync {
    /// Hands an event to the service that owns the socket. `event` is one of `SOCKET_*`, `value` and the concatenated
    /// parts of `payload` are what the interface documents for it. The bytes are valid for the call only.
    ///
    /// `false`: the service has ended; then its socket is closed.
    ///
    /// Called by the thread that polls, by those that call operations and by those that resolve names, with the
    /// socket's lock held: it must neither block nor call [`Sockets`], except [`Sockets::notify`].
    fn event(&self, owner: Context, socket: i32, event: u32, value: u64, payload: &[&[u8]])
    -> bool;
}

/// What the node's configuration decides about sockets.
#[derive(Clone, Debug)]
pub(crate) struct SocketSettings {
    /// Sockets that may exist at once, of all kinds.
    pub(crate) max_sockets: usize,
    /// Bytes that may wait on one socket before `output_policy` applies. `usize::MAX`: no limit.
    pub(crate) output_limit: usize,
    /// What happens at the limit.
    pub(crate) output_policy: Policy,
    /// How long connecting may take when the caller does not say.
    pub(crate) connect_timeout: Duration,
    /// How long sending the rest may take after a close when the caller does not say.
    pub(crate) linger: Duration,
    /// The same for sockets whose service has ended.
    pub(crate) orphan_linger: Duration,
    /// Connections that the kernel may hold ready for a listener when the caller does not say.
    pub(crate) backlog: u32,
    /// Bytes that one read may bring. At least 64 KiB are used, so that each datagram fits.
    pub(crate) read_size: usize,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            max_sockets: 65_536,
            output_limit: 64 << 20,
            output_policy: Policy::Warn,
            connect_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(30),
            orphan_linger: Duration::from_secs(5),
            backlog: 1024,
            read_size: 256 << 10,
        }
    }
}

/// All sockets of a node. Any thread may call any method.
pub(crate) struct Sockets {
    settings: SocketSettings,
    sink: Arc<dyn EventSink>,
    selector: Selector,
    table: Table,
    deadlines: Deadlines,
    driver: Mutex<Driver>,
    resolver: Resolver,
    /// For what goes on when a name has been resolved.
    this: Weak<Self>,
}

impl Sockets {
    /// No sockets yet.
    ///
    /// # Errors
    /// When the system gives no poller (no file or memory left).
    pub(crate) fn new(settings: SocketSettings, sink: Arc<dyn EventSink>) -> io::Result<Arc<Self>> {
        let selector = Selector::new()?;
        Ok(Arc::new_cyclic(|this| Self {
            selector,
            table: Table::new(settings.max_sockets),
            deadlines: Deadlines::default(),
            driver: Mutex::new(Driver::new(settings.read_size)),
            resolver: Resolver::new(),
            this: Weak::clone(this),
            settings,
            sink,
        }))
    }

    /// Whether there is no socket at all, so that nobody needs to poll. Sockets that are still sending their last bytes
    /// count.
    pub(crate) fn is_idle(&self) -> bool {
        self.table.len() == 0
    }

    /// Makes `owner` the owner of a socket, and starts or resumes reading or accepting. `SOCKET_OPEN` follows, at once
    /// or when the socket has been opened.
    ///
    /// # Errors
    /// `Dead`; `Closed` when the socket failed or its peer will send no more, and the former owner was told so.
    pub(crate) fn start(&self, owner: Context, socket: i32) -> Result<(), SocketError> {
        let socket = self.get(socket)?;
        let mut input = socket.input();
        if input.is_void() {
            return Err(SocketError::Dead { socket: socket.id });
        }
        if input.ended || input.phase == Phase::Failed {
            return Err(SocketError::Closed { socket: socket.id });
        }
        if input.owner != owner {
            self.table.change_owner(socket.id, input.owner, owner);
            input.owner = owner;
            // What the former owner has not handled is its own affair.
            input.unhandled = 0;
            input.flooded = false;
        }
        input.reading = true;
        if input.phase == Phase::Open {
            self.tell_open(&socket, &mut input);
            self.update_interest(&socket, &mut input);
        }
        self.settle(&socket, input);
        Ok(())
    }

    /// Stops reading or accepting until [`start`](Self::start).
    ///
    /// # Errors
    /// `Dead`.
    pub(crate) fn pause(&self, socket: i32) -> Result<(), SocketError> {
        let socket = self.get(socket)?;
        let mut input = socket.input();
        if input.is_void() {
            return Err(SocketError::Dead { socket: socket.id });
        }
        input.reading = false;
        self.update_interest(&socket, &mut input);
        self.settle(&socket, input);
        Ok(())
    }

    /// Changes a setting: `option` is one of `SOCKET_OPTION_*`.
    ///
    /// # Errors
    /// `Dead`; `Closed` when the socket failed; `Invalid` for an unknown option or a value that it does not allow;
    /// `Failed` when the system refuses.
    pub(crate) fn set(&self, socket: i32, option: u32, value: u64) -> Result<(), SocketError> {
        let socket = self.get(socket)?;
        let mut output = socket.output();
        let mut input = socket.input();
        if input.is_void() {
            return Err(SocketError::Dead { socket: socket.id });
        }
        if input.phase == Phase::Failed {
            return Err(SocketError::Closed { socket: socket.id });
        }
        match option {
            SOCKET_OPTION_NODELAY | SOCKET_OPTION_KEEPALIVE => {
                if value > 1 {
                    let text = format!("socket option {option} takes 0 or 1, not {value}");
                    return Err(SocketError::invalid(text));
                }
                if socket.kind == Kind::Datagram {
                    let text = format!("socket option {option} is for TCP, {} is UDP", socket.id);
                    return Err(SocketError::invalid(text));
                }
                let wanted = value == 1;
                let nodelay = option == SOCKET_OPTION_NODELAY;
                // Before it is connected there is nothing to set it on; it is remembered.
                if let Some(fd) = &input.fd {
                    let result = match nodelay {
                        true => fd.set_tcp_nodelay(wanted),
                        false => fd.set_keepalive(wanted),
                    };
                    result.map_err(SocketError::Failed)?;
                }
                match nodelay {
                    true => input.nodelay = wanted,
                    false => input.keepalive = wanted,
                }
            }
            SOCKET_OPTION_OUTPUT_LIMIT => {
                output.limit = usize::try_from(value).unwrap_or(usize::MAX);
            }
            SOCKET_OPTION_OUTPUT_POLICY => {
                let Some(policy) = Policy::from_abi(value) else {
                    let text = format!("{value} is no output policy (wanted: 0, 1 or 2)");
                    return Err(SocketError::invalid(text));
                };
                output.policy = Some(policy);
            }
            SOCKET_OPTION_DEAD_AFTER => {
                if socket.kind != Kind::Stream {
                    let text = format!("socket option {option} is for connections");
                    return Err(SocketError::invalid(text));
                }
                // Before it is connected there is nothing to set it on.
                if let Some(fd) = &input.fd {
                    set_dead_after(fd, value).map_err(SocketError::Failed)?;
                }
            }
            _ => {
                let text = format!("{option} is no socket option (wanted: 1 to 5)");
                return Err(SocketError::invalid(text));
            }
        }
        let (limit, policy) = self.limit_of(&output);
        let relieved = policy != Policy::Pause || output.queued() <= limit / 2;
        if socket.kind == Kind::Stream && input.throttled && relieved {
            input.throttled = false;
            self.update_interest(&socket, &mut input);
        }
        drop(output);
        self.settle(&socket, input);
        Ok(())
    }

    fn get(&self, socket: i32) -> Result<Arc<Socket>, SocketError> {
        self.table.get(socket).ok_or(SocketError::Dead { socket })
    }

    /// A new socket that is being opened.
    fn open(&self, owner: Context, kind: Kind) -> Result<Arc<Socket>, SocketError> {
        self.table
            .insert(owner, |id| Socket::new(id, kind, owner))
            .ok_or(SocketError::TooMany {
                max: self.table.max(),
            })
    }

    /// Resolves a host and goes on with `then`, now or on another thread; not at all when the socket is gone.
    ///
    /// Call it without locks.
    fn look_up(
        &self,
        socket: &Arc<Socket>,
        host: &str,
        port: u16,
        then: impl FnOnce(&Self, &Arc<Socket>, Resolution) + Send + 'static,
    ) {
        let this = Weak::clone(&self.this);
        let waiting = Arc::downgrade(socket);
        let then = Arc::new(Mutex::new(Some(then)));
        let go_on = {
            let then = Arc::clone(&then);
            move |found: Resolution| {
                let (Some(this), Some(socket)) = (this.upgrade(), waiting.upgrade()) else {
                    return;
                };
                let then = then
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .take();
                if let Some(then) = then {
                    then(&this, &socket, found);
                }
            }
        };
        if let Err(refused) = self.resolver.resolve(host, port, Box::new(go_on)) {
            let then = then
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .take();
            if let Some(then) = then {
                then(self, socket, Err(io::Error::other(refused)));
            }
        }
    }

    /// Hands an event to the owner, in order, as the caller holds the input lock.
    fn emit(&self, socket: &Socket, input: &mut Input, event: u32, value: u64, payload: &[&[u8]]) {
        if input.is_void() || input.orphan {
            return;
        }
        if !self
            .sink
            .event(input.owner, socket.id, event, value, payload)
        {
            input.orphan = true;
        }
    }

    fn tell_open(&self, socket: &Socket, input: &mut Input) {
        let Some(address) = input.address else { return };
        let text = address.to_string();
        self.emit(
            socket,
            input,
            SOCKET_OPEN,
            address.port().into(),
            &[text.as_bytes()],
        );
    }

    fn tell_error(&self, socket: &Socket, input: &mut Input, text: &str) {
        self.emit(socket, input, SOCKET_ERROR, 0, &[text.as_bytes()]);
    }

    /// Asks the poller for what the socket wants by now.
    fn update_interest(&self, socket: &Socket, input: &mut Input) {
        let wanted = input.wanted();
        let Some(fd) = &input.fd else { return };
        if wanted == input.registered {
            return;
        }
        let key = socket.id as usize;
        let result = match (input.registered, wanted) {
            (Interest::NONE, _) => self.selector.add(fd, key, wanted),
            (_, Interest::NONE) => self.selector.delete(fd),
            _ => self.selector.modify(fd, key, wanted),
        };
        match result {
            Ok(()) => input.registered = wanted,
            Err(error) => {
                let text = format!("cannot wait for socket {}: {error}", socket.id);
                log::error!("{text}");
                self.tell_error(socket, input, &text);
            }
        }
    }

    /// Replaces what [`Input::deadline`] says.
    fn set_deadline(&self, socket: &Socket, input: &mut Input, deadline: Option<Instant>) {
        if input.deadline != deadline && self.deadlines.replace(socket.id, input.deadline, deadline)
        {
            self.selector.notify();
        }
        input.deadline = deadline;
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets")
            .field("settings", &self.settings)
            .field("sockets", &self.table.len())
            .finish_non_exhaustive()
    }
}

/// The host of an address, or `default`.
fn host_or<'a>(address: &'a Address, default: &'a str) -> &'a str {
    address.host.as_deref().unwrap_or(default)
}

/// `after` from now, or as far away as the clock goes.
fn later(now: Instant, after: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    now.checked_add(after).unwrap_or_else(|| now + FAR)
}
