//! Real sockets on the loopback interface; the test thread polls.

mod close;
mod connect;
mod listen;
mod output;
mod storm;
mod stream;
mod udp;

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skynet_abi::{Context, SOCKET_ACCEPT, SOCKET_CLOSE, SOCKET_DATA, SOCKET_OPEN, SOCKET_UDP};
use smallvec::smallvec;

use super::poll::Polled;
use super::{EventSink, OwnedPart, Part, Parts, SocketError, SocketSettings, Sockets};

const OWNER: Context = Context {
    handle: 0x0100_0001,
    generation: 1,
};
const OTHER: Context = Context {
    handle: 0x0100_0002,
    generation: 1,
};

/// No test waits for longer.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Event {
    owner: Context,
    socket: i32,
    event: u32,
    value: u64,
    payload: Vec<u8>,
}

impl Event {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// Keeps all events; services may be declared dead.
#[derive(Default)]
struct Recorder {
    events: Mutex<VecDeque<Event>>,
    dead: Mutex<HashSet<Context>>,
}

impl EventSink for Recorder {
    fn event(
        &self,
        owner: Context,
        socket: i32,
        event: u32,
        value: u64,
        payload: &[&[u8]],
    ) -> bool {
        let payload = payload.concat();
        let event = Event {
            owner,
            socket,
            event,
            value,
            payload,
        };
        let alive = !self.dead.lock().unwrap().contains(&owner);
        if alive {
            self.events.lock().unwrap().push_back(event);
        }
        alive
    }
}

/// Sockets, and what they told.
struct Node {
    sockets: Arc<Sockets>,
    sink: Arc<Recorder>,
}

impl Node {
    fn new() -> Self {
        Self::with(SocketSettings::default())
    }

    fn with(settings: SocketSettings) -> Self {
        let sink = Arc::new(Recorder::default());
        let sockets = Sockets::new(settings, Arc::clone(&sink) as Arc<dyn EventSink>).unwrap();
        Self { sockets, sink }
    }

    /// Polls until `done`.
    #[track_caller]
    fn poll_until(&self, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() {
            assert!(
                Instant::now() < end,
                "nothing came; events so far: {:?}",
                self.all()
            );
            let polled = self.sockets.poll(Some(Duration::from_millis(50))).unwrap();
            assert_ne!(polled, Polled::Busy);
        }
    }

    /// Handles what has already happened.
    fn poll_now(&self) {
        while self.sockets.poll(Some(Duration::ZERO)).unwrap() != Polled::Done(0) {}
    }

    /// Takes the first event of that socket and kind, waiting for it.
    #[track_caller]
    fn next(&self, socket: i32, event: u32) -> Event {
        let mut found = None;
        self.poll_until(|| {
            found = self.take(socket, event);
            found.is_some()
        });
        found.unwrap()
    }

    /// Takes the first event of that socket and kind, if there is one.
    fn take(&self, socket: i32, event: u32) -> Option<Event> {
        let taken = {
            let mut events = self.sink.events.lock().unwrap();
            let is_it = |e: &Event| (e.socket, e.event) == (socket, event);
            let at = events.iter().position(is_it)?;
            events.remove(at)?
        };
        if event == SOCKET_DATA || event == SOCKET_UDP {
            self.sockets.handled(socket, taken.payload.len());
        }
        Some(taken)
    }

    fn all(&self) -> Vec<Event> {
        self.sink.events.lock().unwrap().iter().cloned().collect()
    }

    fn kill(&self, owner: Context) {
        self.sink.dead.lock().unwrap().insert(owner);
    }

    /// A listener that takes connections.
    #[track_caller]
    fn listener(&self) -> (i32, SocketAddr) {
        let id = self.sockets.listen(OWNER, "127.0.0.1:0", 0).unwrap();
        let open = self.next(id, SOCKET_OPEN);
        self.sockets.start(OWNER, id).unwrap();
        self.next(id, SOCKET_OPEN);
        (id, open.text().parse().unwrap())
    }

    /// A connection taken by a listener, not started, and its other end.
    #[track_caller]
    fn accepted(&self) -> (i32, TcpStream) {
        let (listener, address) = self.listener();
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        let accept = self.next(listener, SOCKET_ACCEPT);
        self.sockets.close(listener, Duration::ZERO).unwrap();
        self.next(listener, SOCKET_CLOSE);
        (accept.value as i32, client)
    }

    /// The same, started.
    #[track_caller]
    fn connection(&self) -> (i32, TcpStream) {
        let (id, client) = self.accepted();
        self.sockets.start(OWNER, id).unwrap();
        self.next(id, SOCKET_OPEN);
        (id, client)
    }

    /// Receives `len` bytes.
    #[track_caller]
    fn receive(&self, socket: i32, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let event = self.next(socket, SOCKET_DATA);
            assert_eq!(event.value, event.payload.len() as u64);
            bytes.extend(event.payload);
        }
        bytes
    }

    fn write(&self, socket: i32, bytes: &[u8]) -> Result<(), SocketError> {
        self.sockets
            .write(socket, &mut smallvec![Part::Borrowed(bytes)], 0)
    }

    /// Writes until something waits in the queue: what was written.
    #[track_caller]
    fn stuff(&self, socket: i32) -> Vec<u8> {
        let mut written = Vec::new();
        while self.queued(socket) == 0 {
            let chunk = pattern(64 << 10, written.len());
            self.write(socket, &chunk).unwrap();
            written.extend(chunk);
        }
        written
    }

    fn queued(&self, socket: i32) -> usize {
        let stat = self.sockets.stat();
        stat.iter()
            .find(|stat| stat.socket == socket)
            .map_or(0, |stat| stat.queued)
    }

    /// Lets `client` read `len` bytes while this node goes on sending.
    #[track_caller]
    fn drain_into(&self, client: &mut TcpStream, len: usize) -> Vec<u8> {
        client.set_nonblocking(true).unwrap();
        let mut bytes = vec![0; len];
        let mut count = 0;
        self.poll_until(|| {
            while count < len {
                match client.read(&mut bytes[count..]) {
                    Ok(0) => panic!("the connection ended after {count} of {len} bytes"),
                    Ok(more) => count += more,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                    Err(error) => panic!("after {count} of {len} bytes: {error}"),
                }
            }
            true
        });
        client.set_nonblocking(false).unwrap();
        bytes
    }
}

/// Bytes that tell where they are.
fn pattern(len: usize, from: usize) -> Vec<u8> {
    (from..from + len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A part that owns a buffer with these bytes behind `skip` others.
fn owned(bytes: &[u8], skip: usize) -> Part<'static> {
    Part::Owned(OwnedPart::copy_of(bytes, skip))
}

fn read_exactly(client: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

fn send(client: &mut TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
}

/// Waits for the peer's end of a connection that it closed: `true` after a proper end, `false` after a reset.
fn ends_properly(client: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).is_ok()
}

#[test]
fn ids_skip_those_in_use_and_wrap_within_31_bits() {
    let node = Node::new();
    let open = || node.sockets.udp(OWNER, "").unwrap();
    let first = open();
    assert_eq!((first, open()), (1, 2));
    node.sockets.table.set_last_id(i32::MAX as u32 - 1);
    assert_eq!(open(), i32::MAX);
    assert_eq!(open(), 3);
}

#[test]
fn a_second_poller_is_sent_away_and_a_notification_wakes_the_first() {
    let node = Node::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            loop {
                // The other thread may be looking at this very moment.
                match node.sockets.poll(None).unwrap() {
                    Polled::Busy => std::thread::yield_now(),
                    done => return done,
                }
            }
        });
        while node.sockets.poll(Some(Duration::ZERO)).unwrap() != Polled::Busy {
            std::thread::yield_now();
        }
        node.sockets.notify();
        assert_eq!(waiting.join().unwrap(), Polled::Done(0));
    });
    // One that comes before is not lost.
    node.sockets.notify();
    assert_eq!(node.sockets.poll(Some(PATIENCE)).unwrap(), Polled::Done(0));
}

#[test]
fn operations_on_unknown_sockets_say_so() {
    let node = Node::new();
    let sockets = &node.sockets;
    for id in [0, 1, -1, i32::MIN, i32::MAX] {
        let results = [
            sockets.start(OWNER, id),
            sockets.pause(id),
            sockets.write(id, &mut smallvec![Part::Borrowed(b"x")], 0),
            sockets.close(id, Duration::ZERO),
            sockets.shutdown(id, 1),
            sockets.set(id, 1, 1),
            sockets.udp_connect(id, "127.0.0.1:1"),
            sockets.send_to(id, b"", b"x"),
        ];
        for result in results {
            assert_eq!(result.unwrap_err().status(), skynet_abi::STATUS_DEAD);
        }
    }
    assert!(sockets.is_idle());
}
