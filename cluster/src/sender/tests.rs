//! A sender on a fake node; the test is clusterd, the caller, and the other node byte by byte.

use std::cell::RefCell;
use std::time::Duration;

use skynet_cluster_wire::{self as wire, FLAG_PROOF, Handshake, Role, Secret, ServerHello};
use skynet_seri::{PackArgs, Value, pack, unpack};
use skynet_service::testing::{Node, Pending};
use skynet_service::{CallError, Handle, KIND_LUA, KIND_TEXT, Outgoing, Reason};

use super::Sender;
use crate::testing::{ADDRESS, HELLO, SECRET, Server, bytes_of, requests};

struct World {
    node: Node,
    sender: Handle,
    server: Handle,
}

impl World {
    fn new() -> Self {
        Self::with(&[], ADDRESS)
    }

    fn with(settings: &[(&str, &str)], address: &str) -> Self {
        let mut node = Node::new();
        for (key, value) in settings {
            node.set_env(key, value);
        }
        let test = node.tester();
        let server = node.launch_raw::<Server>(&test.to_string()).unwrap();
        let sender = node.launch_raw::<Sender>(&format!("db {test}")).unwrap();
        let mut world = Self {
            node,
            sender,
            server,
        };
        world.change(address);
        world
    }

    /// With a connection to an unmodified node.
    fn unmodified() -> Self {
        let mut world = Self::new();
        assert_eq!(world.read(), ["probe"]);
        world.say(|out| wire::error(out, wire::SESSION_PROBE, b"name not found"));
        world
    }

    /// With a connection to one of ours.
    fn ours() -> Self {
        let mut world = Self::new();
        assert_eq!(world.read(), ["probe"]);
        world.hello(0, None);
        world
    }

    fn change(&mut self, address: impl Into<Value>) {
        let request = pack(&("changenode", address.into())).unwrap();
        self.node.call(self.sender, KIND_LUA, request).unwrap();
        self.node.run();
    }

    fn hello(&mut self, flags: u8, proof: Option<[u8; 32]>) {
        let hello = ServerHello {
            nonce: [9; 16],
            heartbeat_ms: 3000,
            flags,
            proof,
        };
        self.say(|out| wire::ok(out, wire::SESSION_PROBE, &hello.write()).unwrap());
    }

    /// The server writes.
    fn say(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.node.send(self.server, KIND_TEXT, bytes).unwrap();
        self.node.run();
    }

    /// The server closes the connection.
    fn cut(&mut self) {
        self.node.send(self.server, KIND_TEXT, "").unwrap();
        self.node.run();
    }

    fn read_bytes(&mut self) -> Vec<u8> {
        self.node.run();
        let test = self.node.tester();
        let mut received = self.node.received(test);
        received.retain(|one| {
            one.source == self.server
                && !one.payload.starts_with(b"accepted")
                && one.payload != b"closed"
        });
        bytes_of(&received)
    }

    /// What the server has received.
    fn read(&mut self) -> Vec<String> {
        requests(&self.read_bytes())
    }

    fn ask(&mut self, values: &impl PackArgs) -> Pending {
        let request = pack(values).unwrap();
        let pending = self
            .node
            .begin_call(self.sender, KIND_LUA, request)
            .unwrap();
        self.node.run();
        pending
    }

    /// A push that has a deadline in so many milliseconds, and a trace.
    fn relay(&mut self, body: &str, milliseconds: u64, trace: u64) {
        let deadline = self.node.now() + Duration::from_millis(milliseconds);
        let body = pack(&("push", "@svc", body)).unwrap();
        let message = Outgoing::new(self.sender, KIND_LUA, body)
            .trace(trace)
            .deadline(u64::try_from(deadline.as_nanos()).unwrap());
        let relay = self.node.launch_raw::<Relay>("").unwrap();
        GIVEN.set(Some(message));
        self.node.send(relay, KIND_TEXT, "").unwrap();
        self.node.run();
    }

    fn answer(&mut self, pending: &Pending) -> Option<Result<Vec<u8>, (Reason, String)>> {
        self.node.run();
        let answer = self.node.finish_call(pending)?;
        Some(match answer {
            Ok(reply) => Ok(reply.bytes().to_vec()),
            Err(CallError::Failed { reason, text, .. }) => Err((reason, text)),
            Err(other) => panic!("{other}"),
        })
    }

    fn error(&mut self, pending: &Pending) -> (Reason, String) {
        self.answer(pending).expect("no answer").unwrap_err()
    }
}

#[test]
fn calls_count_from_one_and_their_answers_go_to_the_callers() {
    let mut world = World::unmodified();
    let first = world.ask(&("req", "@svc", "\x0ca"));
    let second = world.ask(&("req", 0x11, "\x0cb"));
    assert_eq!(
        world.read(),
        ["small @svc 1 \\x0ca", "small :00000011 2 \\x0cb"]
    );
    world.say(|out| wire::ok(out, 2, b"two").unwrap());
    world.say(|out| wire::error(out, 1, b"no"));
    assert_eq!(world.answer(&second), Some(Ok(b"two".to_vec())));
    assert_eq!(world.error(&first), (Reason::FAILED, "no".to_owned()));
    // Nobody waits for these.
    world.say(|out| wire::ok(out, 2, b"two").unwrap());
    world.say(|out| wire::ok(out, 77, b"").unwrap());
    let third = world.ask(&("query", "svc"));
    assert_eq!(world.read(), ["small :00000000 3 \\x1csvc"]);
    world.say(|out| wire::ok(out, 3, &pack(&(17,)).unwrap()).unwrap());
    assert_eq!(world.answer(&third), Some(Ok(pack(&(17,)).unwrap())));
}

#[test]
fn an_unmodified_node_says_only_that_a_name_is_unknown() {
    let mut world = World::unmodified();
    let query = world.ask(&("query", "nobody"));
    let call = world.ask(&("req", "@nobody", ""));
    world.say(|out| {
        wire::error(out, 1, b"name not found");
        wire::error(out, 2, b"Invalid name");
    });
    assert_eq!(world.error(&query).0, Reason::UNKNOWN);
    assert_eq!(world.error(&call).0, Reason::FAILED);
    // It cannot answer as one of ours does.
    let call = world.ask(&("req", "@svc", ""));
    world.say(|out| wire::reason(out, 3, Reason::DEAD.0, b""));
    assert_eq!(world.error(&call).0, Reason::NODE_LOST);
}

#[test]
fn a_push_is_answered_when_it_is_written() {
    let mut world = World::unmodified();
    let push = world.ask(&("push", "@svc", "x"));
    assert_eq!(world.answer(&push), Some(Ok(vec![])));
    let large = "x".repeat(40_000);
    let push = world.ask(&("push", "@svc", &large[..]));
    assert_eq!(world.answer(&push), Some(Ok(vec![])));
    let call = world.ask(&("req", "@other", ""));
    assert_eq!(
        world.read(),
        [
            "small @svc 0 x",
            "begin Push @svc 1 40000",
            "part 1 (32768 bytes)",
            "last 1 (7232 bytes)",
            "small @other 2 "
        ]
    );
    world.say(|out| wire::ok(out, 2, b"").unwrap());
    assert_eq!(world.answer(&call), Some(Ok(vec![])));
    // Our nodes only say that it lies in a mailbox.
    let ack = world.ask(&("ack", "@svc", "x"));
    assert_eq!(world.error(&ack).0, Reason::UNSUPPORTED);
}

#[test]
fn messages_that_are_lost_with_the_connection_are_counted() {
    let mut world = World::unmodified();
    world.read();
    let large = "x".repeat(40_000);
    // The end of the connection lies in front of the time to write.
    world.node.send(world.server, KIND_TEXT, "").unwrap();
    for body in ["1", &large[..], "3"] {
        let push = pack(&("push", "@svc", body)).unwrap();
        world.node.send(world.sender, KIND_LUA, push).unwrap();
    }
    let call = pack(&("req", "@svc", "4")).unwrap();
    let call = world.node.begin_call(world.sender, KIND_LUA, call).unwrap();
    assert_eq!(world.error(&call).0, Reason::NODE_LOST);
    let logs = world.node.logs();
    assert!(
        logs.iter()
            .any(|log| log.text.contains(": 3 messages that waited")),
        "{logs:?}"
    );
    let state = world.ask(&("state",));
    let state = world.answer(&state).unwrap().unwrap();
    let (state,) = unpack::<(Value,)>(&state).unwrap();
    let Value::Table(state) = state else {
        panic!("{state:?}");
    };
    let dropped = state.pairs.iter().find(|(key, _)| *key == "dropped".into());
    assert_eq!(dropped.map(|(_, count)| count), Some(&Value::Integer(3)));
}

#[test]
fn what_waits_for_the_connection_goes_out_in_order() {
    let mut world = World::new();
    let large = "x".repeat(40_000);
    let calls = [
        world.ask(&("req", "@svc", &large[..])),
        world.ask(&("push", "@svc", "2")),
        world.ask(&("req", "@svc", "3")),
    ];
    assert_eq!(world.read(), ["probe"]);
    assert!(
        calls
            .iter()
            .all(|call| world.node.finish_call(call).is_none())
    );
    world.hello(0, None);
    assert_eq!(world.answer(&calls[1]), Some(Ok(vec![])));
    assert_eq!(
        world.read(),
        [
            "begin Call @svc 1 40000",
            "part 1 (32768 bytes)",
            "last 1 (7232 bytes)",
            "small @svc 0 2",
            "small @svc 2 3"
        ]
    );
}

#[test]
fn large_answers_are_put_together() {
    let mut world = World::ours();
    let calls = [
        world.ask(&("req", "@svc", "")),
        world.ask(&("req", "@svc", "")),
    ];
    world.say(|out| {
        for session in 1..=2 {
            wire::response_begin(out, session, 40_000);
        }
        for session in 1..=2 {
            wire::response_part(out, session, &[b'0' + session as u8; 32_768], false).unwrap();
        }
        for session in 1..=2 {
            wire::response_part(out, session, &[b'0' + session as u8; 7_232], true).unwrap();
        }
    });
    for (call, letter) in calls.iter().zip(*b"12") {
        assert_eq!(world.answer(call), Some(Ok(vec![letter; 40_000])));
    }
    let call = world.ask(&("req", "@svc", ""));
    world.say(|out| wire::response_begin(out, 3, u32::MAX));
    assert_eq!(world.error(&call).0, Reason::TOO_LARGE);
}

#[test]
fn a_connection_that_ends_fails_its_calls_and_is_dialled_again() {
    let mut world = World::ours();
    let call = world.ask(&("req", "@svc", ""));
    world.cut();
    let (reason, text) = world.error(&call);
    assert_eq!(reason, Reason::NODE_LOST);
    assert!(text.contains("db") && text.contains("closed"), "{text}");
    world.read();
    world.node.advance(Duration::from_millis(100));
    assert_eq!(world.read(), ["probe"]);
    world.hello(0, None);
    let call = world.ask(&("req", "@svc", "again"));
    assert_eq!(world.read(), ["small @svc 2 again"]);
    world.say(|out| wire::ok(out, 2, b"").unwrap());
    assert_eq!(world.answer(&call), Some(Ok(vec![])));
}

#[test]
fn answers_that_cannot_be_read_end_the_connection() {
    for wrong in [
        &b"\0\x04\x01\0\0\0"[..],
        b"\0\x05\x01\0\0\0\x09",
        b"\0\x08\x01\0\0\0\x02\0\0\0",
    ] {
        let mut world = World::ours();
        let call = world.ask(&("req", "@svc", ""));
        world.say(|out| out.extend_from_slice(wrong));
        assert_eq!(world.error(&call).0, Reason::NODE_LOST);
    }
}

#[test]
fn a_node_that_is_silent_is_lost() {
    let mut world = World::ours();
    for _ in 0..8 {
        world.node.advance(Duration::from_millis(750));
        assert_eq!(world.read(), ["probe"]);
        world.say(|out| wire::error(out, wire::SESSION_PROBE, b"name not found"));
    }
    let call = world.ask(&("req", "@svc", ""));
    world.node.advance(Duration::from_millis(2900));
    assert!(world.answer(&call).is_none());
    world.node.advance(Duration::from_millis(200));
    let (reason, text) = world.error(&call);
    assert_eq!(reason, Reason::NODE_LOST);
    assert!(text.contains("silent"), "{text}");
}

#[test]
fn much_that_is_on_its_way_is_given_time() {
    let mut world = World::ours();
    let call = world.ask(&("req", "@svc", "x".repeat(1 << 20)));
    let probes = |world: &mut World| {
        let read = world.read();
        read.iter().filter(|one| *one == "probe").count()
    };
    let mut asked = probes(&mut world);
    assert!(asked >= 3, "asked {asked} times within a mebibyte");
    for _ in 0..8 {
        world.node.advance(Duration::from_millis(750));
    }
    assert!(world.answer(&call).is_none());
    asked += probes(&mut world);
    for _ in 0..asked {
        world.say(|out| wire::error(out, wire::SESSION_PROBE, b"name not found"));
    }
    world.node.advance(Duration::from_millis(2900));
    assert!(world.answer(&call).is_none());
    world.node.advance(Duration::from_millis(200));
    assert_eq!(world.error(&call).0, Reason::NODE_LOST);
}

#[test]
fn nobody_there_is_said_at_once_and_dialled_less_and_less_often() {
    let mut world = World::with(&[], "127.0.0.1:1");
    let call = world.ask(&("req", "@svc", ""));
    let (reason, text) = world.error(&call);
    assert_eq!(reason, Reason::NODE_LOST);
    assert!(text.contains("127.0.0.1:1"), "{text}");
    for pause in [200_u64, 400, 800, 1600, 3200, 5000, 5000] {
        let timer = world.node.next_timer().unwrap() - world.node.now();
        assert_eq!(timer, Duration::from_millis(pause));
        world.node.advance(timer);
    }
}

#[test]
fn another_address_is_used_at_once_and_false_is_down() {
    let mut world = World::ours();
    let old = world.ask(&("req", "@svc", ""));
    world.change("127.0.0.1:1");
    let (reason, text) = world.error(&old);
    assert_eq!(reason, Reason::NODE_LOST);
    assert!(
        text.contains("from 127.0.0.1:2528 to 127.0.0.1:1"),
        "{text}"
    );
    world.read();
    world.change(ADDRESS);
    assert_eq!(world.read(), ["probe"]);
    let waiting = world.ask(&("req", "@svc", ""));
    world.change(false);
    let (reason, text) = world.error(&waiting);
    assert_eq!(reason, Reason::NODE_LOST);
    assert!(text.contains("down"), "{text}");
    let call = world.ask(&("req", "@svc", ""));
    assert!(world.error(&call).1.contains("down"));
}

#[test]
fn only_clusterd_moves_a_node() {
    let mut world = World::ours();
    let stranger = world.node.peer();
    let request = pack(&("changenode", false)).unwrap();
    world
        .node
        .send_from(stranger, world.sender, KIND_LUA, 0, request)
        .unwrap();
    world.node.run();
    world.ask(&("req", "@svc", ""));
    assert_eq!(world.read(), ["small @svc 1 "]);
}

#[test]
fn a_secret_is_proven_both_ways() {
    let secret = Secret::read(SECRET).unwrap();
    let settings = [("cluster_secret", SECRET)];
    let mut world = World::with(&settings, ADDRESS);
    let call = world.ask(&("req", "@svc", ""));
    let hello = world.read_bytes();
    let client_nonce = hello[hello.len() - 21..][..16].try_into().unwrap();
    let handshake = Handshake {
        client_nonce,
        server_nonce: [9; 16],
        binding: None,
    };
    world.hello(FLAG_PROOF, Some(handshake.prove(&secret, Role::Server)));
    let proof = world.read_bytes();
    assert!(proof.ends_with(&handshake.prove(&secret, Role::Client)));
    world.say(|out| wire::ok(out, wire::SESSION_PROBE, &wire::proof_taken()).unwrap());
    assert_eq!(world.read(), ["small @svc 1 "]);
    assert!(world.answer(&call).is_none());

    // Who does not know it gets nothing.
    for proof in [None, Some([1; 32])] {
        let mut world = World::with(&settings, ADDRESS);
        let call = world.ask(&("req", "@svc", ""));
        world.hello(FLAG_PROOF, proof);
        assert!(world.error(&call).1.contains("cluster_secret"));
        assert_eq!(world.read(), ["probe"]);
    }
    let mut world = World::with(&settings, ADDRESS);
    let call = world.ask(&("req", "@svc", ""));
    world.say(|out| wire::error(out, wire::SESSION_PROBE, b"name not found"));
    assert!(world.error(&call).1.contains("skynet://"));

    // An unmodified node cannot.
    let mut world = World::with(&settings, &format!("skynet://{ADDRESS}"));
    world.ask(&("req", "@svc", ""));
    world.say(|out| wire::error(out, wire::SESSION_PROBE, b"name not found"));
    assert_eq!(world.read(), ["probe", "small @svc 1 "]);

    // A server that wants a proof, and there is no secret.
    let mut world = World::new();
    let call = world.ask(&("req", "@svc", ""));
    world.hello(FLAG_PROOF, Some([1; 32]));
    assert!(world.error(&call).1.contains("cluster_secret"));
    assert_eq!(HELLO.flags, 0);
}

#[test]
fn calls_end_when_their_time_is_up() {
    let mut world = World::with(&[("cluster_call_timeout", "2")], ADDRESS);
    world.hello(0, None);
    let call = world.ask(&("req", "@svc", ""));
    for _ in 0..3 {
        world.node.advance(Duration::from_millis(600));
        world.say(|out| wire::error(out, wire::SESSION_PROBE, b""));
    }
    assert!(world.answer(&call).is_none());
    world.node.advance(Duration::from_millis(201));
    let (reason, text) = world.error(&call);
    assert_eq!(reason, Reason::TIMED_OUT);
    assert!(text.contains("cluster_call_timeout"), "{text}");
}

#[test]
fn too_much_is_refused_where_it_is_sent() {
    let settings = [
        ("cluster_queue_bytes", "100"),
        ("cluster_max_calls", "2"),
        ("cluster_max_message", "1000"),
    ];
    let mut world = World::with(&settings, ADDRESS);
    world.ask(&("req", "@svc", "x".repeat(90)));
    let call = world.ask(&("req", "@svc", "x".repeat(11)));
    let (reason, text) = world.error(&call);
    assert!(
        reason == Reason::REFUSED && text.contains("cluster_queue_bytes"),
        "{text}"
    );
    world.ask(&("req", "@svc", ""));
    let call = world.ask(&("req", "@svc", ""));
    let (reason, text) = world.error(&call);
    assert!(
        reason == Reason::REFUSED && text.contains("cluster_max_calls"),
        "{text}"
    );
    let call = world.ask(&("req", "@svc", "x".repeat(1001)));
    let (reason, text) = world.error(&call);
    assert!(
        reason == Reason::TOO_LARGE && text.contains("cluster_max_message"),
        "{text}"
    );
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let mut world = World::ours();
    let refused = [
        world.ask(&("req", "", "x")),
        world.ask(&("req", "x".repeat(256), "x")),
        world.ask(&("req", 0, "x")),
        world.ask(&("req", -1, "x")),
        world.ask(&("req", true, "x")),
        world.ask(&("req", "@svc", 1)),
        world.ask(&("nothing", "@svc", "x")),
        world.ask(&("query", "")),
        world.ask(&("query", "\0SKYNET")),
    ];
    for request in refused {
        world.error(&request);
    }
    assert!(world.read().is_empty());
}

#[test]
fn a_trace_and_a_deadline_go_before_their_request() {
    let mut world = World::ours();
    let number = crate::trace::number_of(b"(here)tag");
    world.relay("x", 1500, number);
    assert_eq!(
        world.read(),
        ["deadline 1500", "trace (here)tag", "small @svc 0 x"]
    );
}

#[test]
fn what_is_overdue_when_the_connection_comes_is_not_sent() {
    let mut world = World::new();
    world.relay("late", 1000, 0);
    world.relay("timely", 3000, 0);
    world.node.advance(Duration::from_millis(1000));
    world.hello(0, None);
    assert_eq!(
        world.read(),
        ["probe", "deadline 2000", "small @svc 0 timely"]
    );
}

/// Sends what a test gives it, with all its fields.
struct Relay;

thread_local! {
    static GIVEN: RefCell<Option<Outgoing<'static>>> = const { RefCell::new(None) };
}

impl skynet_service::RawService for Relay {
    fn start(_cx: &skynet_service::Context, _args: &str) -> skynet_service::Result<Self> {
        Ok(Self)
    }

    fn on_message(
        &mut self,
        cx: &skynet_service::Context,
        _message: &mut skynet_service::RawMessage<'_>,
    ) -> skynet_service::Result<()> {
        let message = GIVEN.take().unwrap();
        Ok(cx.send_message(message)?)
    }
}
