//! The clients of a gate, by socket id, and for each agent the list of those it serves.
//!
//! A connection that is idle costs one entry of 40 bytes here and nothing else: what came of an incomplete packet is
//! allocated when there is one. The list of an agent runs through the entries themselves.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use skynet_gate_wire::{Decoder, Framing};
use skynet_service::Handle;

/// A map from numbers that the node gave out.
pub(crate) type IdMap<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

/// No socket has this id, and no service this handle.
pub(crate) const NONE: u32 = 0;

/// One client.
#[derive(Debug)]
pub(crate) struct Connection {
    /// What came of a packet that is not complete; `None` between packets.
    pub(crate) partial: Option<Box<Decoder>>,
    /// Who gets its packets, or [`NONE`].
    agent: u32,
    /// Whom its packets seem to come from, or [`NONE`]: the gate.
    pub(crate) client: u32,
    /// The neighbours in the agent's list.
    previous: u32,
    next: u32,
    /// When something last came, in ticks of [`Idle`](crate::idle::Idle).
    pub(crate) last_heard: u32,
    /// How its packets are told apart.
    pub(crate) framing: Framing,
    /// Whether it is read.
    pub(crate) started: bool,
}

impl Connection {
    /// A new connection that is not read yet.
    pub(crate) const fn new(framing: Framing, now: u32) -> Self {
        Self {
            partial: None,
            agent: NONE,
            client: NONE,
            previous: NONE,
            next: NONE,
            last_heard: now,
            framing,
            started: false,
        }
    }

    /// Who gets its packets.
    pub(crate) const fn agent(&self) -> Option<Handle> {
        match self.agent {
            NONE => None,
            agent => Some(Handle(agent)),
        }
    }
}

/// All clients.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_id: IdMap<Connection>,
    /// The first connection of each agent that has any.
    agents: IdMap<u32>,
}

/// What became of an agent's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// It had no connection before.
    First(Handle),
    /// It has no connection any more.
    Last(Handle),
}

impl Connections {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds a connection.
    pub(crate) fn insert(&mut self, id: u32, connection: Connection) {
        self.by_id.insert(id, connection);
    }

    /// One connection.
    pub(crate) fn get(&self, id: u32) -> Option<&Connection> {
        self.by_id.get(&id)
    }

    /// One connection, to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Connection> {
        self.by_id.get_mut(&id)
    }

    /// The ids of those that `wanted` picks.
    pub(crate) fn ids(&self, wanted: impl Fn(&Connection) -> bool) -> Vec<u32> {
        let picked = self
            .by_id
            .iter()
            .filter(|(_, connection)| wanted(connection));
        picked.map(|(id, _)| *id).collect()
    }

    /// The ids of the connections that an agent serves.
    pub(crate) fn served_by(&self, agent: Handle) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut next = self.agents.get(&agent.0).copied().unwrap_or(NONE);
        while let Some(connection) = self.by_id.get(&next) {
            ids.push(next);
            next = connection.next;
        }
        ids
    }

    /// Gives a connection to an agent, or to nobody ([`NONE`]). Says whose list began or ended by that: the former
    /// agent's comes first.
    pub(crate) fn serve(&mut self, id: u32, agent: u32) -> [Option<Served>; 2] {
        let last = self.unlink(id);
        let first = self.link(id, agent);
        [last, first]
    }

    /// Takes a connection out. `None`: there is no such connection.
    pub(crate) fn remove(&mut self, id: u32) -> Option<(Connection, Option<Served>)> {
        let last = self.unlink(id);
        let connection = self.by_id.remove(&id)?;
        // After a rush of clients the room is given back, so that the memory of a node follows its load.
        if self.by_id.len() < self.by_id.capacity() / 8 {
            self.by_id.shrink_to(self.by_id.len() * 2);
        }
        Some((connection, last))
    }

    fn link(&mut self, id: u32, agent: u32) -> Option<Served> {
        let connection = self.by_id.get_mut(&id).filter(|_| agent != NONE)?;
        let next = self.agents.insert(agent, id).unwrap_or(NONE);
        connection.agent = agent;
        connection.next = next;
        if let Some(neighbour) = self.by_id.get_mut(&next) {
            neighbour.previous = id;
        }
        (next == NONE).then_some(Served::First(Handle(agent)))
    }

    fn unlink(&mut self, id: u32) -> Option<Served> {
        let connection = self
            .by_id
            .get_mut(&id)
            .filter(|found| found.agent != NONE)?;
        let agent = std::mem::replace(&mut connection.agent, NONE);
        let previous = std::mem::replace(&mut connection.previous, NONE);
        let next = std::mem::replace(&mut connection.next, NONE);
        if let Some(neighbour) = self.by_id.get_mut(&next) {
            neighbour.previous = previous;
        }
        if let Some(neighbour) = self.by_id.get_mut(&previous) {
            neighbour.next = next;
            return None;
        }
        if next != NONE {
            self.agents.insert(agent, next);
            return None;
        }
        self.agents.remove(&agent);
        Some(Served::Last(Handle(agent)))
    }
}

/// Spreads numbers that count up, which is all that is needed: nobody outside can choose them.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte) ^ (self.0 >> 32) as u32);
        }
    }

    #[inline]
    fn write_u32(&mut self, id: u32) {
        // The golden ratio: neighbours get far apart, in the high bits too, from which the map takes its tags.
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u32 = 0x0100_000a;
    const B: u32 = 0x0100_000b;

    fn connections(ids: std::ops::RangeInclusive<u32>) -> Connections {
        let mut connections = Connections::default();
        for id in ids {
            connections.insert(id, Connection::new(Framing::Raw, 0));
        }
        connections
    }

    fn served(connections: &Connections, agent: u32) -> Vec<u32> {
        let mut ids = connections.served_by(Handle(agent));
        ids.sort_unstable();
        ids
    }

    #[test]
    fn idle_connections_are_small() {
        assert!(size_of::<Connection>() <= 40, "{}", size_of::<Connection>());
    }

    #[test]
    fn agents_know_their_connections() {
        let mut all = connections(1..=4);
        let check = |all: &mut Connections, id, agent, told, a: &[u32], b: &[u32]| {
            assert_eq!(all.serve(id, agent), told, "{id} to {agent:x}");
            assert_eq!((&*served(all, A), &*served(all, B)), (a, b));
        };
        let first = |agent| Some(Served::First(Handle(agent)));
        let last = |agent| Some(Served::Last(Handle(agent)));
        check(&mut all, 1, A, [None, first(A)], &[1], &[]);
        check(&mut all, 2, A, [None, None], &[1, 2], &[]);
        check(&mut all, 3, A, [None, None], &[1, 2, 3], &[]);
        check(&mut all, 2, B, [None, first(B)], &[1, 3], &[2]);
        check(&mut all, 3, B, [None, None], &[1], &[2, 3]);
        check(&mut all, 1, B, [last(A), None], &[], &[1, 2, 3]);
        check(&mut all, 1, B, [None, None], &[], &[1, 2, 3]);
        check(&mut all, 2, NONE, [None, None], &[], &[1, 3]);
        check(&mut all, 9, A, [None, None], &[], &[1, 3]);
        assert_eq!(all.remove(3).unwrap().1, None);
        let (connection, told) = all.remove(1).unwrap();
        assert_eq!((connection.agent(), told), (None, last(B)));
        assert!(all.remove(1).is_none());
        assert_eq!(all.ids(|connection| connection.agent().is_none()).len(), 2);
    }

    #[test]
    fn one_connection_given_to_its_own_agent_again_ends_and_begins_a_list() {
        let mut all = connections(1..=1);
        all.serve(1, A);
        let told = [
            Some(Served::Last(Handle(A))),
            Some(Served::First(Handle(A))),
        ];
        assert_eq!(all.serve(1, A), told);
        assert_eq!(served(&all, A), [1]);
    }

    #[test]
    fn room_is_given_back() {
        let mut all = connections(1..=20_000);
        for id in 11..=20_000 {
            all.remove(id);
        }
        assert_eq!(all.len(), 10);
        assert!(all.by_id.capacity() < 200, "{}", all.by_id.capacity());
    }
}
