//! The sockets of the fake node: connections between its services, and clients that the test plays.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use skynet_abi as abi;
use skynet_abi::{
    KIND_SOCKET, SOCKET_ACCEPT, SOCKET_CLOSE, SOCKET_DATA, SOCKET_ERROR, SOCKET_OPEN, SOCKET_UDP,
    SOCKET_WARNING, STATUS_CLOSED, STATUS_DEAD, STATUS_FULL, STATUS_INVALID,
};

use crate::socket::encode_address;
use crate::testing::state::Mail;

/// Marks the output queue: a warning when it passes this many bytes.
const MARK: usize = 64 * 1024;

type Events = Vec<(u32, Mail)>;

#[derive(Default)]
struct Socket {
    /// The owning service; 0 for the test.
    owner: u32,
    address: String,
    listening: bool,
    udp: bool,
    target: Option<SocketAddr>,
    started: bool,
    /// The other end of a connection.
    peer: Option<i32>,
    /// Events that wait for the socket to be started.
    held: VecDeque<Mail>,
    /// What a client of the test has received.
    received: Vec<u8>,
    /// A client of the test that does not read.
    stalled: bool,
    /// Output that the stalled peer has not taken.
    queue: Vec<u8>,
    warned: bool,
    limit: usize,
    policy: u64,
    no_write: bool,
    ended: bool,
    /// Options as they were set.
    options: BTreeMap<u32, u64>,
}

#[derive(Default)]
pub(super) struct Network {
    last: i32,
    last_port: u16,
    sockets: BTreeMap<i32, Socket>,
}

fn event(to: u32, socket: i32, reason: u32, value: u64, payload: &[u8]) -> (u32, Mail) {
    let mut mail = Mail::from_node(KIND_SOCKET, to, payload);
    mail.head.session = socket;
    mail.head.reason = reason;
    mail.head.value = value;
    (to, mail)
}

impl Network {
    fn add(&mut self, socket: Socket) -> i32 {
        self.last += 1;
        self.sockets.insert(self.last, socket);
        self.last
    }

    fn pick_address(&mut self, address: &str) -> Option<SocketAddr> {
        let mut address: SocketAddr = address.parse().ok()?;
        if address.port() == 0 {
            self.last_port += 1;
            address.set_port(40_000 + self.last_port);
        }
        Some(address)
    }

    pub(super) fn listen(&mut self, owner: u32, address: &str) -> (i32, Events) {
        self.bind(owner, address, false)
    }

    pub(super) fn udp(&mut self, owner: u32, address: &str) -> (i32, Events) {
        let address = if address.is_empty() {
            "127.0.0.1:0"
        } else {
            address
        };
        self.bind(owner, address, true)
    }

    fn bind(&mut self, owner: u32, address: &str, udp: bool) -> (i32, Events) {
        let picked = self.pick_address(address);
        let taken = picked.is_some_and(|picked| self.at(&picked.to_string(), udp).is_some());
        let id = self.add(Socket {
            owner,
            address: picked.map(|picked| picked.to_string()).unwrap_or_default(),
            listening: !udp && picked.is_some() && !taken,
            udp,
            ..Socket::default()
        });
        let outcome = match picked {
            None => event(
                owner,
                id,
                SOCKET_ERROR,
                0,
                b"not an address that the fake node knows",
            ),
            Some(_) if taken => event(owner, id, SOCKET_ERROR, 0, b"the address is taken"),
            Some(picked) => event(
                owner,
                id,
                SOCKET_OPEN,
                u64::from(picked.port()),
                picked.to_string().as_bytes(),
            ),
        };
        (id, vec![outcome])
    }

    fn at(&self, address: &str, udp: bool) -> Option<i32> {
        self.sockets
            .iter()
            .find(|(_, socket)| {
                socket.address == address && socket.udp == udp && (socket.listening || udp)
            })
            .map(|(id, _)| *id)
    }

    /// Connects a service, or the test (owner 0).
    pub(super) fn connect(&mut self, owner: u32, address: &str) -> (i32, Events) {
        let listener = self.at(address, false);
        let id = self.add(Socket {
            owner,
            started: true,
            address: address.to_owned(),
            ..Socket::default()
        });
        let Some(listener) = listener else {
            let text = format!("connect to {address}: connection refused");
            return (id, vec![event(owner, id, SOCKET_ERROR, 0, text.as_bytes())]);
        };
        let accepted = self.add(Socket {
            owner: self.sockets[&listener].owner,
            peer: Some(id),
            ..Socket::default()
        });
        let from = format!("127.0.0.1:{}", 50_000 + id % 10_000);
        let mut events = vec![event(owner, id, SOCKET_OPEN, 0, address.as_bytes())];
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.peer = Some(accepted);
        }
        if let Some(socket) = self.sockets.get_mut(&listener) {
            let number = u64::from(accepted.cast_unsigned());
            let (to, mail) = event(
                socket.owner,
                listener,
                SOCKET_ACCEPT,
                number,
                from.as_bytes(),
            );
            if socket.started {
                events.push((to, mail));
            } else {
                socket.held.push_back(mail);
            }
        }
        (id, events)
    }

    /// Whether a connection of the test was made.
    pub(super) fn is_connected(&self, id: i32) -> bool {
        self.sockets
            .get(&id)
            .is_some_and(|socket| socket.peer.is_some() && !socket.ended)
    }

    pub(super) fn start(&mut self, owner: u32, id: i32) -> Result<Events, i32> {
        let socket = self.sockets.get_mut(&id).ok_or(STATUS_DEAD)?;
        socket.owner = owner;
        socket.started = true;
        let mut events = vec![event(owner, id, SOCKET_OPEN, 0, socket.address.as_bytes())];
        for mut mail in socket.held.drain(..) {
            mail.head.destination = crate::Handle(owner);
            events.push((owner, mail));
        }
        Ok(events)
    }

    pub(super) fn pause(&mut self, id: i32) -> Result<(), i32> {
        self.sockets.get_mut(&id).ok_or(STATUS_DEAD)?.started = false;
        Ok(())
    }

    pub(super) fn is_paused(&self, id: i32) -> bool {
        self.sockets.get(&id).is_some_and(|socket| !socket.started)
    }

    /// An event of a connection's end: now, or when it is started.
    fn tell(&mut self, id: i32, reason: u32, value: u64, payload: &[u8], events: &mut Events) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        if reason == SOCKET_CLOSE && std::mem::replace(&mut socket.ended, true) {
            return;
        }
        if socket.owner == 0 {
            if reason == SOCKET_DATA {
                socket.received.extend_from_slice(payload);
            }
            return;
        }
        let (to, mail) = event(socket.owner, id, reason, value, payload);
        if socket.started {
            events.push((to, mail));
        } else {
            socket.held.push_back(mail);
        }
    }

    pub(super) fn write(&mut self, id: i32, bytes: &[u8]) -> Result<Events, i32> {
        let mut events = Vec::new();
        let socket = self.sockets.get(&id).ok_or(STATUS_DEAD)?;
        if socket.no_write {
            return Err(STATUS_CLOSED);
        }
        let peer = socket.peer.ok_or(STATUS_CLOSED)?;
        let stalled = self.sockets.get(&peer).is_some_and(|peer| peer.stalled);
        if !stalled {
            let len = bytes.len() as u64;
            if !bytes.is_empty() {
                self.tell(peer, SOCKET_DATA, len, bytes, &mut events);
            }
            return Ok(events);
        }
        let Some(socket) = self.sockets.get_mut(&id) else {
            return Err(STATUS_DEAD);
        };
        let total = socket.queue.len() + bytes.len();
        if socket.limit != 0 && total > socket.limit {
            if socket.policy == abi::SOCKET_POLICY_CLOSE {
                let owner = socket.owner;
                events.push(event(
                    owner,
                    id,
                    SOCKET_ERROR,
                    0,
                    b"the output queue is full",
                ));
                events.extend(self.close(id).unwrap_or_default());
                return Ok(events);
            }
            if socket.policy == abi::SOCKET_POLICY_PAUSE && total > 2 * socket.limit {
                return Err(STATUS_FULL);
            }
        }
        socket.queue.extend_from_slice(bytes);
        if socket.queue.len() > MARK && !socket.warned {
            socket.warned = true;
            let kib = (socket.queue.len() / 1024) as u64;
            events.push(event(socket.owner, id, SOCKET_WARNING, kib, b""));
        }
        Ok(events)
    }

    /// A client of the test begins or stops to read.
    pub(super) fn stall(&mut self, client: i32, stalled: bool) -> Events {
        let mut events = Vec::new();
        let Some(socket) = self.sockets.get_mut(&client) else {
            return events;
        };
        socket.stalled = stalled;
        let other = socket
            .peer
            .and_then(|other| self.sockets.get_mut(&other).map(|s| (other, s)));
        if let (false, Some((other, socket))) = (stalled, other) {
            let queue = std::mem::take(&mut socket.queue);
            if std::mem::take(&mut socket.warned) {
                events.push(event(socket.owner, other, SOCKET_WARNING, 0, b""));
            }
            self.tell(client, SOCKET_DATA, queue.len() as u64, &queue, &mut events);
        }
        events
    }

    pub(super) fn take_received(&mut self, client: i32) -> Vec<u8> {
        self.sockets
            .get_mut(&client)
            .map(|socket| std::mem::take(&mut socket.received))
            .unwrap_or_default()
    }

    pub(super) fn is_ended(&self, client: i32) -> bool {
        self.sockets.get(&client).is_none_or(|socket| socket.ended)
    }

    pub(super) fn close(&mut self, id: i32) -> Result<Events, i32> {
        let socket = self.sockets.remove(&id).ok_or(STATUS_DEAD)?;
        let mut events = Vec::new();
        if let Some(peer) = socket.peer {
            if !socket.queue.is_empty() {
                self.tell(
                    peer,
                    SOCKET_DATA,
                    socket.queue.len() as u64,
                    &socket.queue,
                    &mut events,
                );
            }
            self.tell(peer, SOCKET_CLOSE, 0, b"", &mut events);
            if let Some(peer) = self.sockets.get_mut(&peer) {
                peer.peer = None;
            }
        }
        if !socket.ended && socket.owner != 0 {
            events.push(event(socket.owner, id, SOCKET_CLOSE, 0, b""));
        }
        Ok(events)
    }

    pub(super) fn close_all_of(&mut self, owner: u32) -> Events {
        let own: Vec<i32> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.owner == owner)
            .map(|(id, _)| *id)
            .collect();
        own.into_iter()
            .flat_map(|id| self.close(id).unwrap_or_default())
            .collect()
    }

    pub(super) fn shutdown(&mut self, id: i32, direction: u32) -> Result<Events, i32> {
        let mut events = Vec::new();
        let socket = self.sockets.get_mut(&id).ok_or(STATUS_DEAD)?;
        if direction == abi::SOCKET_ABORT {
            return self.close(id);
        }
        if direction & abi::SOCKET_WRITE != 0 {
            socket.no_write = true;
            if let Some(peer) = socket.peer {
                self.tell(peer, SOCKET_CLOSE, 0, b"", &mut events);
            }
        }
        Ok(events)
    }

    pub(super) fn set(&mut self, id: i32, option: u32, value: u64) -> Result<(), i32> {
        let socket = self.sockets.get_mut(&id).ok_or(STATUS_DEAD)?;
        match option {
            abi::SOCKET_OPTION_NODELAY | abi::SOCKET_OPTION_KEEPALIVE => {}
            abi::SOCKET_OPTION_OUTPUT_LIMIT => {
                socket.limit = usize::try_from(value).unwrap_or(usize::MAX);
            }
            abi::SOCKET_OPTION_OUTPUT_POLICY => socket.policy = value,
            _ => return Err(STATUS_INVALID),
        }
        socket.options.insert(option, value);
        Ok(())
    }

    pub(super) fn option(&self, id: i32, option: u32) -> Option<u64> {
        self.sockets.get(&id)?.options.get(&option).copied()
    }

    /// The service's end of a connection that the test made.
    pub(super) fn other_end(&self, client: i32) -> Option<i32> {
        self.sockets.get(&client)?.peer
    }

    pub(super) fn udp_connect(&mut self, id: i32, address: &str) -> Result<(), i32> {
        let target = address.parse().map_err(|_| STATUS_INVALID)?;
        self.sockets.get_mut(&id).ok_or(STATUS_DEAD)?.target = Some(target);
        Ok(())
    }

    /// Sends a datagram; what goes to nobody is lost, as in life.
    pub(super) fn send_to(
        &mut self,
        id: i32,
        address: Option<SocketAddr>,
        data: &[u8],
    ) -> Result<Events, i32> {
        let socket = self.sockets.get(&id).ok_or(STATUS_DEAD)?;
        let to = address.or(socket.target).ok_or(STATUS_INVALID)?;
        let from: SocketAddr = socket.address.parse().map_err(|_| STATUS_INVALID)?;
        let Some(target) = self.at(&to.to_string(), true) else {
            return Ok(Vec::new());
        };
        let (bytes, len) = encode_address(from);
        let payload = [data, &bytes[..len]].concat();
        let owner = self.sockets[&target].owner;
        Ok(vec![event(
            owner,
            target,
            SOCKET_UDP,
            data.len() as u64,
            &payload,
        )])
    }
}
