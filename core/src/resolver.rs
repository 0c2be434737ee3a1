//! Name resolution away from the thread that does I/O.
//!
//! The system's look-up blocks for as long as the name servers please, so [`Resolver`] runs it on at
//! most two threads of its own. They start when a name is asked for and end after some idle time: a
//! node that asks for no names has neither threads nor wake-ups. Addresses in numbers need no
//! look-up and are answered at once.
//!
//! What a user writes as an address (`host:port` and its shorter forms) is read by
//! [`parse_address`].

mod address;
#[cfg(test)]
mod tests;

pub(crate) use address::{Address, AddressError, parse_address};

use address::quoted;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that look names up at the same time.
const MAX_THREADS: usize = 2;

/// Look-ups that wait for a thread.
const MAX_WAITING: usize = 1024;

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// What a look-up ends with: at least one address, in the order of the system's preference, or an
/// error whose text names the host.
pub(crate) type Resolution = io::Result<Vec<SocketAddr>>;

/// Receives the result of a look-up.
pub(crate) type Done = Box<dyn FnOnce(Resolution) + Send>;

type Lookup = dyn Fn(&str, u16) -> Resolution + Send + Sync;

/// Looks names up on threads of its own. Any thread may ask.
///
/// Dropping it is [`close`](Self::close).
pub(crate) struct Resolver {
    shared: Arc<Shared>,
}

impl Resolver {
    /// A resolver that asks the system (`getaddrinfo`). Starts no thread yet.
    pub(crate) fn new() -> Self {
        Self::with(
            Box::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect)),
            IDLE,
        )
    }

    fn with(lookup: Box<Lookup>, idle: Duration) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            lookup,
            idle,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Looks `host` up and hands its addresses, each with `port`, to `done`.
    ///
    /// `host` is a name or an address in numbers, IPv6 without brackets. For an address in numbers
    /// `done` runs before this returns, on the calling thread: call with no lock held that `done`
    /// takes. For a name it runs later on a resolver thread; it should be short, as the next look-up
    /// waits for it.
    ///
    /// After `Ok`, `done` is called exactly once.
    ///
    /// # Errors
    ///
    /// `done` is dropped uncalled when too many look-ups wait, when the resolver is closed, and when
    /// the first thread cannot be started.
    pub(crate) fn resolve(&self, host: &str, port: u16, done: Done) -> Result<(), ResolveError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            done(Ok(vec![SocketAddr::new(ip, port)]));
            return Ok(());
        }
        let mut state = self.shared.lock();
        if state.closed {
            return Err(ResolveError::Closed {
                host: host.to_owned(),
            });
        }
        if state.waiting.len() >= MAX_WAITING {
            return Err(ResolveError::Busy {
                host: host.to_owned(),
                waiting: state.waiting.len(),
            });
        }
        state.waiting.push_back(Job {
            host: host.to_owned(),
            port,
            done,
        });
        match Shared::staff(&self.shared, &mut state) {
            Err(source) if state.threads == 0 => {
                let refused = state.waiting.pop_back();
                // Dropping `done` runs code of others.
                drop(state);
                drop(refused);
                Err(ResolveError::Thread {
                    host: host.to_owned(),
                    source,
                })
            }
            // With one thread running, failing to start another only makes the look-up wait.
            _ => Ok(()),
        }
    }

    /// Refuses look-ups from now on and answers those that wait with an error, on the calling
    /// thread. Look-ups under way are not waited for (the system gives no way to stop them): their
    /// `done` runs when they end, if the process lives that long.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.shared.work.notify_all();
        for Job { host, done, .. } in waiting {
            let text = format!("cannot resolve {}: the resolver was closed", quoted(&host));
            done(Err(io::Error::new(io::ErrorKind::ConnectionAborted, text)));
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Resolver")
            .field("waiting", &state.waiting.len())
            .field("threads", &state.threads)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}

struct Job {
    host: String,
    port: u16,
    done: Done,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Threads that run.
    threads: usize,
    /// Those of them that wait for work, also when woken and not yet on their way.
    idle: usize,
    /// Threads ever started: the number in the name of the next one.
    started: u64,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when there is a job for an idle thread, and when the resolver closes.
    work: Condvar,
    lookup: Box<Lookup>,
    idle: Duration,
}

impl Shared {
    /// No code of others runs under the lock, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes or starts a thread when more jobs wait than threads are idle.
    fn staff(shared: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if state.waiting.len() <= state.idle {
            shared.work.notify_one();
            return Ok(());
        }
        // The idle ones have all been signalled, once for each job before this one.
        if state.threads == MAX_THREADS {
            return Ok(());
        }
        state.started += 1;
        let builder = thread::Builder::new().name(format!("resolver-{}", state.started));
        let shared = Arc::clone(shared);
        // The new thread signs off under the lock that is held here, so it cannot do so too early.
        builder.spawn(move || Worker { shared }.run())?;
        state.threads += 1;
        Ok(())
    }
}

/// One resolver thread. Signs off when dropped, also by a panic of a callback.
struct Worker {
    shared: Arc<Shared>,
}

impl Worker {
    fn run(self) {
        while let Some(job) = self.next_job() {
            let found = (self.shared.lookup)(&job.host, job.port);
            (job.done)(named(&job.host, found));
        }
    }

    /// Waits for a job. `None` when it is time to end.
    fn next_job(&self) -> Option<Job> {
        let ends = Instant::now() + self.shared.idle;
        let mut state = self.shared.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            let left = ends.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state.idle += 1;
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.threads -= 1;
        // After a panic, or when a job came in between the last look and now, others may wait. If no
        // thread can be started now, the next look-up tries again.
        if !state.waiting.is_empty() {
            let _ = Shared::staff(&self.shared, &mut state);
        }
    }
}

/// Puts the host into the text of an error, and makes an empty list one.
fn named(host: &str, found: Resolution) -> Resolution {
    match found {
        Ok(addresses) if addresses.is_empty() => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("cannot resolve {}: the name has no address", quoted(host)),
        )),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("cannot resolve {}: {error}", quoted(host)),
        )),
    }
}

/// Why a look-up was not taken on. Its `done` was dropped uncalled.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum ResolveError {
    /// As many look-ups wait as may.
    Busy {
        /// What was to be looked up.
        host: String,
        /// How many wait.
        waiting: usize,
    },
    /// The system gave no thread, and none runs.
    Thread {
        /// What was to be looked up.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The resolver is closed.
    Closed {
        /// What was to be looked up.
        host: String,
    },
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self {
            Self::Busy { host, .. } | Self::Thread { host, .. } | Self::Closed { host } => host,
        };
        write!(f, "cannot resolve {}: ", quoted(host))?;
        match self {
            Self::Busy { waiting, .. } => write!(f, "{waiting} look-ups wait already"),
            Self::Thread { source, .. } => write!(f, "no thread for the look-up: {source}"),
            Self::Closed { .. } => f.write_str("the resolver is closed"),
        }
    }
}

impl std::error::Error for ResolveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Thread { source, .. } => Some(source),
            _ => None,
        }
    }
}
