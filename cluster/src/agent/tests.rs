//! An agent on a fake node; the test is clusterd, the services, and the other node byte by byte.

use std::time::{Duration, Instant};

use skynet_cluster_wire::{self as wire, Address, Beat, Kind, Proof, Role, Secret};
use skynet_seri::{PackArgs, Value, pack};
use skynet_service::abi;
use skynet_service::testing::{Client, Node, Received};
use skynet_service::{Handle, KIND_LUA, Reason};

use super::Agent;
use crate::testing::{self, ADDRESS, HELLO, SECRET, Server, call, list, probe, responses, table};

struct World {
    node: Node,
    agent: Handle,
    /// Registered as `svc`.
    service: Handle,
    client: Client,
}

impl World {
    fn new() -> Self {
        Self::with(&[], &[])
    }

    fn with(settings: &[(&str, &str)], options: &[(&str, Value)]) -> Self {
        let mut node = Node::new();
        for (key, value) in settings {
            node.set_env(key, value);
        }
        let test = node.tester();
        let service = node.peer();
        node.launch_raw::<Server>(&format!("{test} keep")).unwrap();
        let agent = node.launch_raw::<Agent>(&test.to_string()).unwrap();
        let client = node.connect(ADDRESS).unwrap();
        let accepted = node.received(test).pop().unwrap().text();
        let socket: i64 = accepted.rsplit(' ').next().unwrap().parse().unwrap();
        let names = table(&[("svc", Value::Integer(i64::from(service.0)))]);
        let request = pack(&(
            "accept",
            socket,
            "10.0.0.1:5",
            table(options),
            names,
            list(vec![]),
        ));
        node.call(agent, KIND_LUA, request.unwrap()).unwrap();
        Self {
            node,
            agent,
            service,
            client,
        }
    }

    fn tell(&mut self, values: &impl PackArgs) {
        let values = pack(values).unwrap();
        self.node.send(self.agent, KIND_LUA, values).unwrap();
        self.node.run();
    }

    fn write(&mut self, bytes: &[u8]) {
        assert!(self.node.client_write(self.client, bytes));
        self.node.run();
    }

    /// One of our nodes says hello.
    fn greet(&mut self) {
        self.write(&probe(&HELLO.write()));
        assert_eq!(self.read(), ["probe"]);
    }

    fn read(&mut self) -> Vec<String> {
        responses(&self.node.client_read(self.client))
    }

    /// What came to the service.
    fn heard(&mut self) -> Vec<Received> {
        self.node.received(self.service)
    }

    /// What clusterd was told.
    fn news(&mut self) -> usize {
        let test = self.node.tester();
        self.node.received(test).len()
    }

    fn is_gone(&self) -> bool {
        self.node.client_is_closed(self.client) && !self.node.is_alive(self.agent)
    }
}

fn in_parts(kind: Kind, session: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let total = u32::try_from(body.len()).unwrap();
    wire::begin(&mut bytes, Address::Name(b"@svc"), session, kind, total).unwrap();
    let mut parts = body.chunks(wire::PART).peekable();
    while let Some(part) = parts.next() {
        wire::part(&mut bytes, session, part, parts.peek().is_none()).unwrap();
    }
    bytes
}

#[test]
fn calls_come_from_the_agent_and_their_answers_go_back() {
    let mut world = World::new();
    world.write(&[call(b"@svc", 5, b"\x0ca"), call(b"@svc", 5, b"\x0cb")].concat());
    let heard = world.heard();
    assert_eq!(heard.len(), 2);
    assert!(
        heard
            .iter()
            .all(|one| one.source == world.agent && one.is_call())
    );
    assert_eq!(
        (heard[0].kind, &heard[0].payload[..]),
        (KIND_LUA, &b"\x0ca"[..])
    );
    // The answers come in the order in which they are given, whatever the sessions are.
    world.node.answer(&heard[1], "\x0cB");
    world.node.answer(&heard[0], "\x0cA");
    world.node.run();
    assert_eq!(world.read(), ["ok 5 \\x0cB", "ok 5 \\x0cA"]);
}

#[test]
fn a_push_is_a_send_and_nobody_answers_it() {
    let mut world = World::new();
    world.write(&[call(b"@svc", 0, b"\x0ca"), call(b"@nobody", 0, b"")].concat());
    let heard = world.heard();
    assert_eq!(heard.len(), 1);
    assert!(!heard[0].is_call());
    assert!(world.read().is_empty());
}

#[test]
fn large_ones_are_put_together_and_cut() {
    let mut world = World::new();
    let body = vec![b'x'; 70_000];
    world.write(
        &[
            in_parts(Kind::Call, 1, &body),
            in_parts(Kind::Push, 2, &body),
        ]
        .concat(),
    );
    let heard = world.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard[0].is_call() && !heard[1].is_call());
    assert!(heard.iter().all(|one| one.payload == body));
    world.node.answer(&heard[0], &body[..32_769]);
    world.node.run();
    assert_eq!(
        world.read(),
        ["begin 1 32769", "part 1 (32768 bytes)", "last 1 x"]
    );
}

#[test]
fn a_small_one_behind_a_large_one_stays_behind_it() {
    let mut world = World::new();
    let body = vec![b'x'; 40_000];
    world.write(&[in_parts(Kind::Push, 1, &body), call(b"@svc", 0, b"next")].concat());
    let lengths: Vec<_> = world.heard().iter().map(|one| one.payload.len()).collect();
    assert_eq!(lengths, [40_000, 4]);
}

#[test]
fn errors_are_texts_for_unmodified_nodes_and_say_why_to_ours() {
    let mut world = World::new();
    world.write(&call(b"@svc", 1, b""));
    let heard = world.heard();
    world.node.fail(&heard[0], Reason::FAILED, "no money");
    world.node.run();
    world.write(&call(b"@nobody", 2, b""));
    let invalid = "Invalid name: nobody has registered @nobody";
    assert_eq!(
        world.read(),
        ["error 1 no money", &format!("error 2 {invalid}")]
    );
    world.greet();
    world.write(&[call(b"@nobody", 3, b""), call(b".launcher", 4, b"")].concat());
    let told = world.read();
    assert_eq!(told[0], format!("reason 3 {} {invalid}", Reason::UNKNOWN.0));
    let refused = format!("reason 4 {} .launcher is not exposed", Reason::REFUSED.0);
    assert!(
        told[1].starts_with(&refused) && told[1].contains("cluster_expose"),
        "{told:?}"
    );
}

#[test]
fn an_acknowledged_push_is_one_that_lies_in_a_mailbox() {
    let mut world = World::new();
    let ack = |name: &[u8], session| {
        let mut bytes = Vec::new();
        wire::small_request(&mut bytes, Address::Name(name), session, true, b"x").unwrap();
        bytes
    };
    // Who has not said that it is one of ours cannot mean this.
    world.write(&ack(b"@svc", 1));
    assert!(world.heard().is_empty() && world.read().is_empty());
    world.greet();
    world.write(&[ack(b"@svc", 2), ack(b"@nobody", 3)].concat());
    assert_eq!(world.heard().len(), 1);
    let told = world.read();
    assert_eq!(told[0], "ok 2 ");
    assert!(
        told[1].starts_with(&format!("reason 3 {}", Reason::UNKNOWN.0)),
        "{told:?}"
    );
}

#[test]
fn names_and_exports_follow_what_clusterd_says() {
    let mut world = World::new();
    let query = |name: &str| {
        let mut bytes = Vec::new();
        let body = pack(&(name,)).unwrap();
        wire::small_request(&mut bytes, Address::Handle(0), 9, false, &body).unwrap();
        bytes
    };
    world.write(&query("svc"));
    let handle = pack(&(world.service.0,))
        .unwrap()
        .escape_ascii()
        .to_string();
    assert_eq!(world.read(), [format!("ok 9 {handle}")]);
    world.tell(&("name", "svc", Value::Nil));
    world.tell(&("name", "other", world.service.0));
    world.write(&[query("svc"), query("other")].concat());
    assert_eq!(
        world.read(),
        ["error 9 name not found", &format!("ok 9 {handle}")]
    );
    let numeric = |world: &World| {
        let mut bytes = Vec::new();
        let address = Address::Handle(world.service.0);
        wire::small_request(&mut bytes, address, 0, false, b"").unwrap();
        bytes
    };
    world.tell(&("name", "other", Value::Nil));
    world.write(&numeric(&world));
    assert!(world.heard().is_empty());
    world.tell(&("export", world.service.0, true));
    world.write(&numeric(&world));
    assert_eq!(world.heard().len(), 1);
}

#[test]
fn only_clusterd_is_listened_to() {
    let mut world = World::new();
    let name = pack(&("name", "mine", 1)).unwrap();
    let stranger = world.node.peer();
    world
        .node
        .send_from(stranger, world.agent, KIND_LUA, 0, name)
        .unwrap();
    world.node.run();
    world.write(&call(b"@mine", 1, b""));
    assert!(world.read()[0].starts_with("error 1 Invalid name"));
}

#[test]
fn what_cannot_be_read_is_skipped() {
    let mut world = World::new();
    for wrong in [
        &b"\0\0"[..],
        b"\0\x01\x06",
        b"\0\x03\0\0\0",
        b"\0\x02\x80\0",
    ] {
        world.write(wrong);
    }
    // Parts of nothing; the last one says so.
    let mut parts = Vec::new();
    wire::part(&mut parts, 3, b"x", false).unwrap();
    wire::part(&mut parts, 3, b"x", true).unwrap();
    world.write(&parts);
    world.write(&call(b"@svc", 4, b"ok"));
    assert_eq!(world.heard().len(), 1);
    let told = world.read();
    assert!(
        told.len() == 1 && told[0].starts_with("error 3 Invalid name"),
        "{told:?}"
    );
}

#[test]
fn what_is_too_large_or_too_much_is_refused_and_named() {
    let mut world = World::with(
        &[("cluster_max_message", "50000"), ("cluster_max_calls", "2")],
        &[],
    );
    world.greet();
    let mut huge = Vec::new();
    wire::begin(&mut huge, Address::Name(b"@svc"), 1, Kind::Call, u32::MAX).unwrap();
    world.write(&huge);
    world.write(
        &[
            call(b"@svc", 2, b""),
            call(b"@svc", 3, b""),
            call(b"@svc", 4, b""),
        ]
        .concat(),
    );
    let told = world.read();
    assert!(
        told[0].starts_with(&format!("reason 1 {}", Reason::TOO_LARGE.0)),
        "{told:?}"
    );
    assert!(
        told[1].starts_with(&format!("reason 4 {}", Reason::REFUSED.0)),
        "{told:?}"
    );
    assert!(told[1].contains("cluster_max_calls"), "{told:?}");
    assert_eq!(world.heard().len(), 2);
}

#[test]
fn a_deadline_and_a_tag_are_those_of_the_next_request() {
    let mut world = World::new();
    world.greet();
    let mut bytes = Vec::new();
    wire::deadline(&mut bytes, 500);
    wire::trace(&mut bytes, b"(a-b-1)tag");
    bytes.extend_from_slice(&call(b"@svc", 1, b""));
    world.write(&bytes);
    world.node.advance(Duration::from_millis(501));
    let told = world.read();
    assert!(
        told[0].starts_with(&format!("reason 1 {}", Reason::TIMED_OUT.0)),
        "{told:?}"
    );
    let logged = world.node.logs();
    assert!(
        logged
            .iter()
            .any(|one| one.text.contains("<TRACE (a-b-1)tag>"))
    );
}

#[test]
fn with_a_secret_nothing_goes_before_the_proof() {
    let secret = Secret::read(SECRET).unwrap();
    let open = || {
        let options = [("secret", Value::Boolean(true))];
        World::with(&[("cluster_secret", SECRET)], &options)
    };
    let mut world = open();
    world.write(&call(b"@svc", 1, b""));
    let told = world.read();
    assert!(
        told[0].contains("cluster_secret") && world.is_gone(),
        "{told:?}"
    );

    let mut world = open();
    world.write(&probe(&HELLO.write()));
    let answer = world.node.client_read(world.client);
    let (hello, handshake) = testing::server_hello(&answer);
    assert!(hello.wants_proof());
    assert!(handshake.verify(&secret, Role::Server, &hello.proof.unwrap()));
    assert_eq!(world.news(), 0);
    world.write(&probe(
        &Proof(handshake.prove(&secret, Role::Client)).write(),
    ));
    assert_eq!((world.read(), world.news()), (vec!["probe".to_owned()], 1));
    world.write(&call(b"@svc", 1, b""));
    assert_eq!(world.heard().len(), 1);

    let mut world = open();
    world.write(&probe(&HELLO.write()));
    world.node.client_read(world.client);
    world.write(&probe(&Proof([1; 32]).write()));
    assert!(world.is_gone());
    assert!(world.heard().is_empty());

    let mut world = open();
    world.write(&[probe(&HELLO.write()), probe(&HELLO.write())].concat());
    assert!(world.is_gone(), "any number of answers could be asked for");

    let mut world = open();
    world.node.advance(Duration::from_millis(3001));
    assert!(world.is_gone());
}

#[test]
fn one_of_ours_that_is_silent_is_gone_and_an_unmodified_one_is_not() {
    let mut world = World::new();
    world.node.advance(Duration::from_secs(60));
    assert!(!world.is_gone());
    world.greet();
    for _ in 0..20 {
        world.node.advance(Duration::from_millis(750));
        world.write(&probe(&Beat { stamp: 1 }.write()));
        assert_eq!(world.read(), ["probe"]);
    }
    world.node.advance(Duration::from_millis(3100));
    assert!(world.is_gone());
}

#[test]
fn who_takes_no_answers_is_read_no_more_and_gets_no_more_of_them() {
    let mut world = World::with(&[("cluster_queue_bytes", "4000000")], &[]);
    let calls = (1..=40).flat_map(|session| call(b"@svc", session, b""));
    world.write(&calls.collect::<Vec<_>>());
    world.node.client_stall(world.client, true);
    for request in world.heard() {
        world.node.answer(&request, vec![b'x'; 1 << 20]);
        world.node.run();
    }
    world.write(&call(b"@svc", 41, b""));
    assert!(world.heard().is_empty(), "it was read");
    world.node.client_stall(world.client, false);
    world.node.run();
    let answers = world.read();
    let given_up = |one: &&String| one.contains("cluster_queue_bytes");
    let given_up = answers.iter().filter(given_up).count();
    let large = answers
        .iter()
        .filter(|one| one.starts_with("begin"))
        .count();
    assert!(
        large < 10,
        "{large} MiB were kept for a client that reads nothing"
    );
    assert_eq!(large + given_up, 40, "each call has an end");
    assert_eq!(world.heard().len(), 1, "it is read again");
}

#[test]
fn the_agent_ends_with_its_connection_and_with_clusterd() {
    let mut world = World::new();
    world.node.client_close(world.client);
    assert!(!world.node.is_alive(world.agent));
}

#[test]
fn strangers_do_not_fill_the_log() {
    let begin = Instant::now();
    let mut told = 0;
    for _ in 0..100 {
        let options = [("secret", Value::Boolean(true))];
        let mut world = World::with(&[("cluster_secret", SECRET)], &options);
        world.write(&call(b"@svc", 1, b""));
        assert!(world.is_gone());
        let logs = world.node.logs();
        let ends = logs.iter().filter(|log| log.text.contains(" ends: "));
        told += ends.filter(|log| log.level != abi::LEVEL_DEBUG).count();
    }
    let most = 16 * (2 + usize::try_from(begin.elapsed().as_secs()).unwrap());
    assert!(told <= most, "{told} lines");
}

#[test]
fn an_unmodified_node_begins_many_before_it_sends_the_first_part() {
    let mut world = World::new();
    let body = vec![7; 0x8000];
    let (mut begins, mut parts) = (Vec::new(), Vec::new());
    for session in 1..=1000 {
        let bytes = in_parts(Kind::Call, session, &body);
        let (begin, part) = bytes.split_at(16);
        begins.extend_from_slice(begin);
        parts.extend_from_slice(part);
    }
    world.write(&begins);
    world.write(&parts);
    assert_eq!(world.heard().len(), 1000);
}
