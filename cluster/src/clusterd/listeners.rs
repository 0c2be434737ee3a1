//! Where others may connect, and who is connected.

use std::collections::BTreeMap;

use skynet_service::Handle;
use skynet_service::socket::SocketId;

/// What callers from outside reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expose {
    /// What has a name for them, or was exported.
    Names,
    /// Every service, as in Skynet.
    All,
}

impl Expose {
    /// Reads the word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "names" => Some(Self::Names),
            "all" => Some(Self::All),
            _ => None,
        }
    }

    /// The word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::All => "all",
        }
    }
}

/// How a listener treats those who connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    /// The most connections.
    pub(crate) max_clients: usize,
    /// The most of them that have not proven who they are.
    pub(crate) unproven: usize,
    pub(crate) expose: Expose,
    /// Whether they have to prove that they know the secret.
    pub(crate) secret: bool,
    /// Whether they speak TLS.
    pub(crate) tls: bool,
}

impl Rules {
    /// Whether a connection has to do something before it is served.
    const fn wants_proof(&self) -> bool {
        self.secret || self.tls
    }
}

/// Whether a connection is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// It is.
    Taken(Rules),
    /// There are as many as are allowed.
    Full,
    /// As many as are allowed have not proven yet who they are.
    Crowded,
    /// Nobody listens there any more.
    Closed,
}

/// One place where others connect.
#[derive(Debug)]
struct Listener {
    /// As it was asked for.
    place: String,
    /// As it is bound.
    address: String,
    rules: Rules,
    connections: usize,
    unproven: usize,
}

/// One connection.
#[derive(Debug)]
struct Agent {
    listener: SocketId,
    connection: SocketId,
    is_proven: bool,
}

/// All of them.
#[derive(Default, Debug)]
pub(crate) struct Listeners {
    listeners: BTreeMap<SocketId, Listener>,
    agents: BTreeMap<Handle, Agent>,
}

impl Listeners {
    /// A listener is bound.
    pub(crate) fn opened(&mut self, socket: SocketId, place: &str, address: &str, rules: Rules) {
        let listener = Listener {
            place: place.to_owned(),
            address: address.to_owned(),
            rules,
            connections: 0,
            unproven: 0,
        };
        self.listeners.insert(socket, listener);
    }

    /// Whether somebody connects who may.
    pub(crate) fn admit(&self, listener: SocketId) -> Admission {
        let Some(listener) = self.listeners.get(&listener) else {
            return Admission::Closed;
        };
        let rules = listener.rules;
        if listener.connections >= rules.max_clients {
            return Admission::Full;
        }
        if listener.unproven >= rules.unproven {
            return Admission::Crowded;
        }
        Admission::Taken(rules)
    }

    /// An agent serves a connection.
    pub(crate) fn joined(&mut self, agent: Handle, listener: SocketId, connection: SocketId) {
        let Some(found) = self.listeners.get_mut(&listener) else {
            return;
        };
        let is_proven = !found.rules.wants_proof();
        found.connections += 1;
        found.unproven += usize::from(!is_proven);
        let joined = Agent {
            listener,
            connection,
            is_proven,
        };
        self.agents.insert(agent, joined);
    }

    /// The other end of an agent's connection has proven who it is. Returns whether there is such an agent.
    pub(crate) fn proven(&mut self, agent: Handle) -> bool {
        let Some(agent) = self.agents.get_mut(&agent) else {
            return false;
        };
        if !std::mem::replace(&mut agent.is_proven, true)
            && let Some(listener) = self.listeners.get_mut(&agent.listener)
        {
            listener.unproven -= 1;
        }
        true
    }

    /// An agent has ended. Returns its connection.
    pub(crate) fn ended(&mut self, agent: Handle) -> Option<SocketId> {
        let agent = self.agents.remove(&agent)?;
        if let Some(listener) = self.listeners.get_mut(&agent.listener) {
            listener.connections -= 1;
            listener.unproven -= usize::from(!agent.is_proven);
        }
        Some(agent.connection)
    }

    /// The listener of a place: as it was asked for, or as it is bound.
    pub(crate) fn find(&self, place: &str) -> Option<SocketId> {
        let mut listeners = self.listeners.iter();
        let found = listeners.find(|(_, one)| one.place == place || one.address == place);
        found.map(|(socket, _)| *socket)
    }

    /// Forgets a listener. Its connections go on. Returns whether there was one.
    pub(crate) fn close(&mut self, listener: SocketId) -> bool {
        self.listeners.remove(&listener).is_some()
    }

    /// Where a listener is bound.
    pub(crate) fn address(&self, listener: SocketId) -> Option<&str> {
        let listener = self.listeners.get(&listener)?;
        Some(&listener.address)
    }

    /// All agents.
    pub(crate) fn agents(&self) -> Vec<Handle> {
        self.agents.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: SocketId = SocketId(1);

    fn open(max_clients: usize, unproven: usize, secret: bool) -> Listeners {
        let rules = Rules {
            max_clients,
            unproven,
            expose: Expose::Names,
            secret,
            tls: false,
        };
        let mut listeners = Listeners::default();
        listeners.opened(PLACE, "db", "127.0.0.1:1", rules);
        listeners
    }

    /// Connects agents of these numbers; returns how many were taken.
    fn connect(listeners: &mut Listeners, agents: std::ops::Range<u32>) -> usize {
        let mut taken = 0;
        for agent in agents {
            if let Admission::Taken(_) = listeners.admit(PLACE) {
                listeners.joined(Handle(agent), PLACE, SocketId(1000 + agent.cast_signed()));
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn exactly_as_many_are_taken_as_are_allowed() {
        let mut listeners = open(3, 1, false);
        assert_eq!(connect(&mut listeners, 1..9), 3);
        assert_eq!(listeners.admit(PLACE), Admission::Full);
        assert_eq!(listeners.ended(Handle(2)), Some(SocketId(1002)));
        assert_eq!(listeners.ended(Handle(2)), None);
        assert_eq!(connect(&mut listeners, 9..19), 1);
        assert_eq!(listeners.agents(), [1, 3, 9].map(Handle));
    }

    #[test]
    fn the_unproven_have_a_limit_of_their_own() {
        let mut listeners = open(5, 2, true);
        assert_eq!(connect(&mut listeners, 1..9), 2);
        assert_eq!(listeners.admit(PLACE), Admission::Crowded);
        assert!(listeners.proven(Handle(1)));
        assert!(listeners.proven(Handle(1)));
        assert!(!listeners.proven(Handle(9)));
        assert_eq!(connect(&mut listeners, 9..19), 1);
        // One proven, two not: the end of each makes its own room.
        listeners.ended(Handle(1));
        assert_eq!(listeners.admit(PLACE), Admission::Crowded);
        listeners.ended(Handle(2));
        assert_eq!(connect(&mut listeners, 20..29), 1);
    }

    #[test]
    fn a_closed_listener_takes_nobody_and_its_connections_go_on() {
        let mut listeners = open(5, 2, true);
        connect(&mut listeners, 1..3);
        assert_eq!(listeners.find("db"), Some(PLACE));
        assert_eq!(listeners.find("127.0.0.1:1"), Some(PLACE));
        assert_eq!(listeners.find("other"), None);
        assert_eq!(listeners.address(PLACE), Some("127.0.0.1:1"));
        assert!(listeners.close(PLACE));
        assert!(!listeners.close(PLACE));
        assert_eq!(listeners.admit(PLACE), Admission::Closed);
        assert_eq!(listeners.agents().len(), 2);
        assert!(listeners.proven(Handle(1)));
        assert_eq!(listeners.ended(Handle(2)), Some(SocketId(1002)));
        assert_eq!(listeners.agents(), [Handle(1)]);
    }
}
