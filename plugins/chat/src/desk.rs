//! Who is in the chat: clients by their sockets, their agents and nicks.

use std::collections::HashMap;

use skynet_service::Handle;

use crate::gate::Socket;
use crate::text;

/// The clients. Each has one nick, and no two the same one.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    clients: HashMap<Socket, Client>,
    agents: HashMap<Handle, Socket>,
    /// Folded nicks, and whose they are.
    nicks: HashMap<String, Socket>,
    /// The number of the last guest.
    guests: u64,
    /// What all nicks end with, so that those of another node are others.
    suffix: String,
}

#[derive(Debug)]
struct Client {
    /// Folded.
    nick: String,
    /// `None` until it is launched.
    agent: Option<Handle>,
}

/// What became of a wish for a nick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// The nick, which is this one as a whole, is now the client's.
    Granted(String),
    /// Somebody else has it.
    Taken,
    /// There is no such client (any more).
    Gone,
}

impl Desk {
    /// A desk whose nicks all end alike.
    pub(crate) fn with_suffix(suffix: String) -> Self {
        Self {
            suffix,
            ..Self::default()
        }
    }

    /// A client has connected; returns the nick that it begins with.
    pub(crate) fn arrive(&mut self, socket: Socket) -> String {
        self.depart(socket);
        let nick = loop {
            self.guests += 1;
            let nick = format!("guest{}{}", self.guests, self.suffix);
            if !self.nicks.contains_key(&nick) {
                break nick;
            }
        };
        self.nicks.insert(nick.clone(), socket);
        let client = Client {
            nick: nick.clone(),
            agent: None,
        };
        self.clients.insert(socket, client);
        nick
    }

    /// A client has its agent. Returns false if the client has gone meanwhile.
    pub(crate) fn serve(&mut self, socket: Socket, agent: Handle) -> bool {
        let Some(client) = self.clients.get_mut(&socket) else {
            return false;
        };
        client.agent = Some(agent);
        self.agents.insert(agent, socket);
        true
    }

    /// A client has gone, and its nick is free. Returns its agent, if it had one.
    pub(crate) fn depart(&mut self, socket: Socket) -> Option<Handle> {
        let client = self.clients.remove(&socket)?;
        self.nicks.remove(&client.nick);
        let agent = client.agent?;
        self.agents.remove(&agent);
        Some(agent)
    }

    /// An agent has ended. Returns its client, if that is still there; it is gone for the desk.
    pub(crate) fn abandon(&mut self, agent: Handle) -> Option<Socket> {
        let socket = self.agents.get(&agent).copied()?;
        self.depart(socket);
        Some(socket)
    }

    /// An agent wants a nick for its client.
    pub(crate) fn claim(&mut self, agent: Handle, nick: &str) -> Claim {
        let Some(&socket) = self.agents.get(&agent) else {
            return Claim::Gone;
        };
        let Some(client) = self.clients.get_mut(&socket) else {
            return Claim::Gone;
        };
        let whole = format!("{nick}{}", self.suffix);
        let nick = text::fold(&whole);
        match self.nicks.get(&nick) {
            Some(&owner) if owner == socket => return Claim::Granted(whole),
            Some(_) => return Claim::Taken,
            None => {}
        }
        self.nicks.remove(&client.nick);
        self.nicks.insert(nick.clone(), socket);
        client.nick = nick;
        Claim::Granted(whole)
    }

    /// The agents.
    pub(crate) fn agents(&self) -> Vec<Handle> {
        self.agents.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Handle = Handle(0xb0b);
    const EVE: Handle = Handle(0xe5e);

    fn two() -> Desk {
        let mut desk = Desk::default();
        assert_eq!(desk.arrive(1), "guest1");
        assert_eq!(desk.arrive(2), "guest2");
        assert!(desk.serve(1, BOB) && desk.serve(2, EVE));
        desk
    }

    #[test]
    fn nicks_are_unique_however_they_are_written() {
        let mut desk = two();
        let mut check = |agent, nick: &str, expected| assert_eq!(desk.claim(agent, nick), expected);
        let granted = |nick: &str| Claim::Granted(nick.to_owned());
        check(BOB, "Bob", granted("Bob"));
        check(EVE, "bOB", Claim::Taken);
        check(BOB, "BOB", granted("BOB"));
        check(EVE, "guest1", granted("guest1"));
        check(BOB, "guest1", Claim::Taken);
        check(BOB, "rob", granted("rob"));
        check(EVE, "bob", granted("bob"));
        check(Handle(9), "zoe", Claim::Gone);
    }

    #[test]
    fn nicks_of_a_node_end_alike() {
        let mut desk = Desk::with_suffix("@2".to_owned());
        assert_eq!(desk.arrive(1), "guest1@2");
        assert!(desk.serve(1, BOB));
        let granted = |nick: &str| Claim::Granted(nick.to_owned());
        assert_eq!(desk.claim(BOB, "bob"), granted("bob@2"));
        assert_eq!(desk.claim(BOB, "bob@1"), granted("bob@1@2"));
    }

    #[test]
    fn guests_get_what_is_free() {
        let mut desk = two();
        assert_eq!(
            desk.claim(BOB, "guest3"),
            Claim::Granted("guest3".to_owned())
        );
        assert_eq!(desk.arrive(3), "guest4");
    }

    #[test]
    fn who_has_gone_leaves_nothing_behind() {
        let mut desk = two();
        assert_eq!(desk.depart(1), Some(BOB));
        assert_eq!(desk.depart(1), None);
        assert_eq!(desk.abandon(BOB), None);
        assert_eq!(desk.claim(BOB, "bob"), Claim::Gone);
        assert_eq!(desk.abandon(EVE), Some(2));
        assert_eq!(desk.arrive(4), "guest3");
        assert_eq!(desk.depart(4), None);
        assert!(!desk.serve(4, BOB));
        assert!(desk.clients.is_empty() && desk.agents.is_empty() && desk.nicks.is_empty());
    }
}
