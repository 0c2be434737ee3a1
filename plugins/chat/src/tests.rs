//! The three services together, on a fake node with a stand-in for the gate.

mod gate;
mod network;

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::{pack, unpack};
use skynet_service::testing::Node;
use skynet_service::{Handle, KIND_CLIENT, KIND_LUA, KIND_TEXT, Reason};

use self::gate::{StandIn, TO_CLIENT};
use crate::agent::Agent;
use crate::chat::Chat;
use crate::room::Room;

/// A chat with clients that the test plays, by the numbers of their sockets.
struct World {
    node: Node,
    chat: Handle,
    gate: Handle,
    /// Gets what the gate would do.
    street: Handle,
    agents: BTreeMap<u32, Handle>,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A chat with settings of `[chat]`.
    fn with(settings: &[(&str, &str)]) -> Self {
        let mut world = Self::prepared(settings);
        world.chat = world.node.launch::<Chat>("").unwrap();
        world.gate = *world.node.services().last().unwrap();
        world
    }

    /// Everything but the chat.
    fn prepared(settings: &[(&str, &str)]) -> Self {
        let mut node = Node::new();
        node.module::<Room>("room");
        node.module::<Agent>("agent");
        node.raw_module::<StandIn>("gate");
        for (key, value) in settings {
            node.set_env(&format!("chat.{key}"), value);
        }
        let street = node.peer();
        node.register(street, ".street");
        Self {
            node,
            chat: Handle::SYSTEM,
            gate: Handle::SYSTEM,
            street,
            agents: BTreeMap::new(),
        }
    }

    /// Reports something in the gate's name, and tells what came of it.
    fn report(&mut self, report: Vec<u8>) -> Vec<(u32, String)> {
        self.node
            .send_from(self.gate, self.chat, KIND_LUA, 0, report)
            .unwrap();
        self.node.run();
        self.seen()
    }

    /// A client connects.
    fn connect(&mut self, socket: u32) {
        let report = pack(&("socket", "open", socket, "127.0.0.1:5")).unwrap();
        let seen = self.report(report);
        let [(to, text)] = &seen[..] else {
            panic!("{seen:?}");
        };
        assert_eq!(*to, socket);
        assert!(text.starts_with("* Welcome! You are guest"), "{text}");
    }

    /// Clients with nicks in the room `bar`.
    fn in_bar(nicks: &[(u32, &str)]) -> Self {
        let mut world = Self::new();
        for (socket, nick) in nicks {
            world.connect(*socket);
            world.line(*socket, &format!("/nick {nick}"));
            world.line(*socket, "/join bar");
        }
        world
    }

    /// A client sends a line. Tells who saw what.
    fn line(&mut self, socket: u32, line: &str) -> Vec<(u32, String)> {
        self.send(socket, line.as_bytes());
        self.node.run();
        self.seen()
    }

    fn send(&mut self, socket: u32, line: &[u8]) {
        assert!(self.try_send(socket, line), "the mailbox is full");
    }

    /// Returns false when the agent's mailbox is full.
    fn try_send(&mut self, socket: u32, line: &[u8]) -> bool {
        let session = i32::try_from(socket).unwrap();
        let agent = self.agents[&socket];
        let sent = self
            .node
            .send_from(self.gate, agent, KIND_CLIENT, session, line);
        sent.is_ok()
    }

    /// What clients saw since the last time, in order.
    fn seen(&mut self) -> Vec<(u32, String)> {
        let mut seen = Vec::new();
        for received in self.node.received(self.street) {
            let socket = u32::try_from(received.session).unwrap();
            if received.kind == TO_CLIENT {
                let text = received.text();
                assert!(text.ends_with('\n'), "not whole lines: {text:?}");
                seen.extend(text.lines().map(|line| (socket, line.to_owned())));
                continue;
            }
            let (command, agent) = unpack::<(&str, Option<u32>)>(&received.payload).unwrap();
            match command {
                "forward" => {
                    self.agents.insert(socket, Handle(agent.unwrap()));
                }
                _ => seen.push((socket, format!("({command})"))),
            }
        }
        seen
    }

    #[track_caller]
    fn check(&mut self, socket: u32, line: &str, expected: &[(u32, &str)]) {
        let seen = self.line(socket, line);
        same(&seen, expected);
    }

    fn rooms(&self) -> Vec<Handle> {
        let services = self.node.services();
        let first = services.iter().position(|service| *service == self.chat);
        services[first.unwrap() + 1..][..4].to_vec()
    }
}

#[track_caller]
fn same(seen: &[(u32, String)], expected: &[(u32, &str)]) {
    let seen: Vec<_> = seen.iter().map(|(to, line)| (*to, line.as_str())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_chat_says_that_it_is_open() {
    let world = World::with(&[("address", "[::1]:7")]);
    let logs = world.node.logs();
    let open = "chat is open on 127.0.0.1:8888 (try: nc 127.0.0.1 8888)";
    assert!(logs.iter().any(|record| record.text == open), "{logs:?}");
}

#[test]
fn wrong_settings_and_addresses_are_no_chat() {
    let mut node = Node::new();
    node.module::<Room>("room");
    node.raw_module::<StandIn>("gate");
    let error = node.launch::<Chat>("nowhere").unwrap_err().to_string();
    let expected = "chat cannot open nowhere: there is no such place";
    assert!(error.ends_with(expected), "{error}");
    assert_eq!(node.services(), [], "something is left");
    node.set_env("chat.rooms", "none");
    let error = node.launch::<Chat>("").unwrap_err().to_string();
    assert!(error.contains("chat.rooms is \"none\""), "{error}");
}

#[test]
fn clients_talk() {
    let mut world = World::new();
    world.connect(7);
    world.connect(8);
    world.check(7, "/nick bob", &[(7, "* You are bob now.")]);
    world.check(
        7,
        "/rooms",
        &[(7, "* There are no rooms yet: /join ROOM makes one.")],
    );
    world.check(
        7,
        "hello?",
        &[(7, "* You are in no room yet: /join ROOM. Nobody got that.")],
    );
    world.check(
        7,
        "/join Bar",
        &[(7, "[bar] * you have come in; here are: bob")],
    );
    world.check(
        8,
        "/join bar",
        &[
            (7, "[bar] * guest2 has come in"),
            (8, "[bar] * you have come in; here are: bob, guest2"),
        ],
    );
    world.check(
        8,
        "hi",
        &[(7, "[bar] <guest2> hi"), (8, "[bar] <guest2> hi")],
    );
    world.check(
        8,
        "/nick BOB",
        &[(8, "* You cannot be BOB: somebody else has this nick")],
    );
    world.check(
        8,
        "/nick eve",
        &[
            (8, "* You are eve now."),
            (7, "[bar] * guest2 is now eve"),
            (8, "[bar] * guest2 is now eve"),
        ],
    );
    world.check(7, "/who", &[(7, "* In bar: bob, eve")]);
    world.check(7, "/who pub", &[(7, "* Nobody is in pub.")]);
    world.check(7, "/rooms", &[(7, "* bar (2)")]);
    world.check(
        7,
        "/join bar",
        &[(7, "[bar] * you are in this room already")],
    );
    world.check(
        8,
        "/leave",
        &[(8, "[bar] * you have left"), (7, "[bar] * eve has left")],
    );
    world.check(8, "/leave bar", &[(8, "* You are not in bar.")]);
    world.check(
        8,
        "/leave",
        &[(8, "* You are in no room: name one, or /join one.")],
    );
}

#[test]
fn the_last_room_that_was_joined_is_talked_to() {
    let mut world = World::in_bar(&[(7, "bob")]);
    world.check(
        7,
        "/join pub",
        &[(7, "[pub] * you have come in; here are: bob")],
    );
    world.check(7, "one", &[(7, "[pub] <bob> one")]);
    world.check(
        7,
        "/join bar",
        &[(
            7,
            "[bar] * you are in this room already, and talk to it now",
        )],
    );
    world.check(7, "two", &[(7, "[bar] <bob> two")]);
    world.check(
        7,
        "/leave bar",
        &[(7, "[bar] * you have left"), (7, "* You talk to pub now.")],
    );
    world.check(7, "/rooms", &[(7, "* pub (1)")]);
    for room in 1..16 {
        world.line(7, &format!("/join room{room}"));
    }
    world.check(
        7,
        "/join more",
        &[(7, "* You are in 16 rooms: /leave one of them first.")],
    );
}

#[test]
fn wrong_lines_are_explained_and_seen_by_nobody_else() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    world.check(7, "/join a b", &[(7, "* No: a room has no blanks.")]);
    world.check(
        7,
        "/nick <x>",
        &[(7, "* No: a nick has no '<' in this place.")],
    );
    world.check(
        7,
        "/dance",
        &[(
            7,
            "* there is no command \"/dance\"; /help lists those that there are",
        )],
    );
    world.check(7, "\u{1b}\u{7}", &[]);
    world.send(7, b"\xff\xfe");
    world.node.run();
    let seen = world.seen();
    same(
        &seen,
        &[(7, "* that line is not text (UTF-8), nobody got it")],
    );
    assert_eq!(world.line(7, "/help").len(), 8);
}

#[test]
fn who_quits_is_missed() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    world.send(7, b"bye");
    world.send(7, b"/quit");
    world.send(7, b"never said");
    world.node.run();
    let seen = world.seen();
    same(
        &seen,
        &[
            (7, "[bar] <bob> bye"),
            (8, "[bar] <bob> bye"),
            (8, "[bar] * bob has gone"),
            (7, "* Good bye."),
            (7, "(kick)"),
        ],
    );
    let agent = world.agents[&7];
    same(&world.report(pack(&("socket", "close", 7)).unwrap()), &[]);
    assert!(!world.node.is_alive(agent));
    world.check(
        8,
        "/nick bob",
        &[(8, "* You are bob now."), (8, "[bar] * eve is now bob")],
    );
}

#[test]
fn last_lines_of_who_has_gone_are_still_said() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    world.send(7, b"/nick rob");
    world.send(7, b"bye");
    let seen = world.report(pack(&("socket", "error", 7, "reset")).unwrap());
    let others: Vec<_> = seen.into_iter().filter(|(to, _)| *to == 8).collect();
    let [.., (_, said), (_, gone)] = &others[..] else {
        panic!("{others:?}");
    };
    assert!(said.ends_with("bye"), "{said}");
    assert!(gone.ends_with("has gone"), "{gone}");
    assert!(!world.node.is_alive(world.agents[&7]));
}

#[test]
fn who_talks_too_fast_is_slowed_down() {
    let mut world = World::with(&[("rate", "10"), ("burst", "4"), ("backlog", "5")]);
    world.connect(7);
    world.line(7, "/join bar");
    for number in 0..6 {
        world.send(7, format!("{number}").as_bytes());
    }
    world.node.run();
    let seen = world.seen();
    same(
        &seen,
        &[
            (7, "* Not so fast: your lines have to wait."),
            (7, "[bar] <guest1> 0"),
            (7, "[bar] <guest1> 1"),
            (7, "[bar] <guest1> 2"),
        ],
    );
    world.node.advance(Duration::from_millis(100));
    let seen = world.seen();
    same(&seen, &[(7, "[bar] <guest1> 3")]);
    world.node.advance(Duration::from_millis(900));
    let seen = world.seen();
    same(&seen, &[(7, "[bar] <guest1> 4"), (7, "[bar] <guest1> 5")]);
}

#[test]
fn who_floods_is_thrown_out() {
    let mut world = World::with(&[("rate", "10"), ("burst", "1"), ("backlog", "5")]);
    world.connect(7);
    for _ in 0..100 {
        world.send(7, b"/who bar");
    }
    world.node.run();
    let seen = world.seen();
    let goodbye = "* You sent far too much. Good bye.";
    let place = seen.iter().position(|(_, line)| line == goodbye);
    assert_eq!(seen[place.unwrap() + 1].1, "(kick)", "{seen:?}");
    assert!(seen.len() < 10, "{seen:?}");
    world.report(pack(&("socket", "close", 7)).unwrap());
    assert!(!world.node.is_alive(world.agents[&7]));
}

#[test]
fn an_agent_that_drowns_ends_with_its_client() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    // The gate closes a client whose agent takes no more: there is no room for the news of that either.
    let closed = pack(&("socket", "error", 7, "its mailbox is full")).unwrap();
    let sent = world
        .node
        .send_from(world.gate, world.chat, KIND_LUA, 0, closed);
    sent.unwrap();
    while world.try_send(7, b"flood") {}
    world.node.run();
    let seen = world.seen();
    same(&seen, &[(8, "[bar] * bob has gone")]);
    assert!(!world.node.is_alive(world.agents[&7]));
}

#[test]
fn an_agent_that_ends_takes_its_client_along() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    world.node.kill(world.agents[&7]);
    let mut seen = world.seen();
    seen.sort();
    same(&seen, &[(7, "(kick)"), (8, "[bar] * bob has gone")]);
    world.check(
        8,
        "/nick bob",
        &[(8, "* You are bob now."), (8, "[bar] * eve is now bob")],
    );
}

#[test]
fn a_room_service_that_ends_is_replaced() {
    let mut world = World::in_bar(&[(7, "bob"), (8, "eve")]);
    for room in world.rooms() {
        world.node.kill(room);
    }
    let seen = world.seen();
    for socket in [7, 8] {
        let lines = seen.iter().filter(|(to, _)| *to == socket);
        let lines: Vec<_> = lines.map(|(_, line)| line.as_str()).collect();
        assert!(lines[0].contains("had to begin anew"), "{lines:?}");
        assert!(lines[1].contains("you have come in"), "{lines:?}");
    }
    let mut seen = world.line(7, "hi");
    seen.sort();
    same(&seen, &[(7, "[bar] <bob> hi"), (8, "[bar] <bob> hi")]);
}

#[test]
fn all_ends_with_the_gate() {
    let mut world = World::in_bar(&[(7, "bob")]);
    world.node.kill(world.gate);
    assert_eq!(world.node.services(), []);
}

#[test]
fn all_ends_with_the_chat() {
    let mut world = World::in_bar(&[(7, "bob")]);
    world.node.kill(world.chat);
    assert_eq!(world.node.services(), []);
}

#[test]
fn strangers_are_refused() {
    let mut world = World::in_bar(&[(7, "bob")]);
    let (chat, agent, room) = (world.chat, world.agents[&7], world.rooms()[0]);
    let mut check = |to, kind, bytes: &[u8], reason, text: &str| {
        let error = world.node.call(to, kind, bytes).unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    let nick = pack(&("nick", "eve")).unwrap();
    check(chat, KIND_LUA, &nick, Reason::REFUSED, "only agents");
    let dance = pack(&("dance", "x", "y")).unwrap();
    let dance: &[u8] = &dance;
    check(chat, KIND_LUA, dance, Reason::UNSUPPORTED, "\"dance\"");
    check(room, KIND_LUA, dance, Reason::UNSUPPORTED, "\"dance\"");
    check(agent, KIND_LUA, &nick, Reason::FAILED, "");
    for service in [chat, room] {
        check(service, KIND_TEXT, b"hello", Reason::UNSUPPORTED, "kind 0");
        check(service, KIND_LUA, b"\xff\xff", Reason::FAILED, "");
    }
    check(agent, 99, b"", Reason::UNSUPPORTED, "kind 99");
    for service in [chat, agent, room] {
        assert!(world.node.is_alive(service));
    }
}
