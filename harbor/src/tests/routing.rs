//! Messages of the node for others, and for names.

use skynet_service::{Outgoing, PeerState, Reason};

use super::*;

#[test]
fn messages_for_a_node_that_is_to_come_wait_and_keep_their_order() {
    let mut world = World::new();
    world.expect(PEER_EPOCH, 2);
    let (from, to) = (world.echo, Handle(0x0700_0010));
    for number in 0..3 {
        let text = format!("{number}");
        world
            .node
            .send_from(from, to, KIND_LUA, 0, text.as_bytes())
            .unwrap();
    }
    world.node.run();
    let mut dialer = world.dial();
    dialer.greet(&mut world, PEER_EPOCH, 0, 0);
    let from = world.echo_remote().0;
    let expected: Vec<_> = (0..3)
        .map(|number| format!("10 {from:x}->10 #0 00 \"{number}\""))
        .collect();
    assert_eq!(dialer.frames(&mut world), expected);
}

#[test]
fn a_node_that_does_not_come_is_given_up() {
    let mut world = World::with(&[("harbor_wait", "2")]);
    world.expect(PEER_EPOCH, 2);
    let call = world
        .node
        .begin_call(Handle(0x0700_0010), KIND_LUA, &b"?"[..])
        .unwrap();
    world.node.advance(Duration::from_millis(1999));
    assert!(world.node.finish_call(&call).is_none());
    world.node.advance(Duration::from_millis(1));
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::NODE_LOST);
    assert_eq!(world.node.peer_state(PEER), PeerState::Lost);
}

#[test]
fn nobody_waits_for_an_id_that_nobody_has() {
    let mut world = World::with(&[("harbor_wait", "2")]);
    world.tell(&("joined",));
    world.node.advance(Duration::from_secs(2));
    let failed = world.node.call(Handle(0x0900_0010), KIND_LUA, &b"?"[..]);
    assert_eq!(failed.unwrap_err().reason(), Reason::NODE_LOST);
    assert_eq!(world.node.peer_state(9), PeerState::Absent);
}

#[test]
fn a_full_queue_refuses_and_lets_answers_pass() {
    let mut world = World::with(&[("harbor_queue", "4")]);
    world.expect(PEER_EPOCH, 2);
    let (from, to) = (world.echo, Handle(0x0700_0010));
    for _ in 0..4 {
        world
            .node
            .send_from(from, to, KIND_LUA, 0, &b""[..])
            .unwrap();
    }
    world.node.run();
    assert_eq!(world.node.peer_state(PEER), PeerState::Full);
    assert!(
        world
            .node
            .send_from(from, to, KIND_LUA, 0, &b""[..])
            .is_err()
    );
    let mut dialer = world.dial();
    dialer.greet(&mut world, PEER_EPOCH, 0, 0);
    assert_eq!(dialer.frames(&mut world).len(), 4);
    assert_eq!(world.node.peer_state(PEER), PeerState::Open);
}

#[test]
fn the_oldest_make_room() {
    let mut world = World::with(&[
        ("harbor_queue", "2"),
        ("harbor_queue_policy", "drop-oldest"),
    ]);
    world.expect(PEER_EPOCH, 2);
    let to = Handle(0x0700_0010);
    let call = world.node.begin_call(to, KIND_LUA, &b"call"[..]).unwrap();
    let from = world.echo;
    for text in ["1", "2"] {
        world
            .node
            .send_from(from, to, KIND_LUA, 0, text.as_bytes())
            .unwrap();
    }
    world.node.run();
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::REFUSED);
    let mut dialer = world.dial();
    dialer.greet(&mut world, PEER_EPOCH, 0, 0);
    let frames = dialer.frames(&mut world);
    assert!(
        frames[0].ends_with("\"1\"") && frames[1].ends_with("\"2\""),
        "{frames:?}"
    );
}

#[test]
fn names_are_asked_for_once_and_resolved_when_known() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let call = world.node.begin_call("ECHO", KIND_LUA, &b"1"[..]).unwrap();
    let from = world.echo;
    world
        .node
        .send_from(from, "ECHO", KIND_LUA, 0, &b"2"[..])
        .unwrap();
    world.node.run();
    assert_eq!(world.news(), ["query,ECHO"]);
    world.tell(&("name", "ECHO", 0x0700_0010_u32));
    let frames = dialer.frames(&mut world);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames[0].contains(" 01 \"1\""), "{frames:?}");
    // The call is owed by that node now.
    dialer.send(&mut world, &Control::Goodbye.write());
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::NODE_LOST);
}

#[test]
fn a_name_that_nobody_has_fails() {
    let mut world = World::with(&[("harbor_wait", "1")]);
    let call = world
        .node
        .begin_call("NOBODY", KIND_LUA, &b"1"[..])
        .unwrap();
    world.node.run();
    world.node.advance(Duration::from_millis(500));
    let later = world
        .node
        .begin_call("NOBODY", KIND_LUA, &b"2"[..])
        .unwrap();
    world.node.advance(Duration::from_millis(500));
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::UNKNOWN);
    assert!(error.to_string().contains("NOBODY"), "{error}");
    assert!(world.node.finish_call(&later).is_none());
    world.node.advance(Duration::from_millis(500));
    assert!(world.node.finish_call(&later).is_some());
}

#[test]
fn only_so_much_waits_for_names() {
    let mut world = World::new();
    for _ in 0..4096 {
        world.node.send("NOBODY", KIND_LUA, &b""[..]).unwrap();
    }
    world.node.run();
    let refused = world.node.call("NOBODY", KIND_LUA, &b""[..]);
    assert_eq!(refused.unwrap_err().reason(), Reason::REFUSED);
}

#[test]
fn a_name_of_this_node_is_delivered_here() {
    let mut world = World::new();
    let echo = world.echo_remote().0;
    world.tell(&("name", "HERE", echo));
    let call = world
        .node
        .begin_call("HERE", KIND_LUA, &b"hello"[..])
        .unwrap();
    world.node.run();
    let heard = world.heard();
    assert_eq!(heard[0].payload, b"hello");
    world.node.answer(&heard[0], &b"yes"[..]);
    let reply = world.node.finish_call(&call).unwrap().unwrap();
    assert_eq!(reply.bytes(), b"yes");
}

#[test]
fn large_messages_go_in_fragments_between_which_others_pass() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let (echo, to) = (world.echo, Handle(0x0700_0010));
    let large = vec![7; 200 << 10];
    world
        .node
        .send_from(echo, to, KIND_LUA, 0, &large[..])
        .unwrap();
    world
        .node
        .send_from(echo, to, KIND_LUA, 0, &b"after"[..])
        .unwrap();
    let other = world.node.peer();
    world
        .node
        .send_from(other, to, KIND_LUA, 0, &b"other"[..])
        .unwrap();
    world.node.run();
    let frames = dialer.frames(&mut world);
    let place = |text: &str| {
        frames
            .iter()
            .position(|frame| frame.contains(text))
            .unwrap()
    };
    let fragments = frames.iter().filter(|frame| frame.contains(" 04 ")).count();
    assert_eq!(fragments, 7, "{frames:?}");
    assert!(place("other") < 3, "{frames:?}");
    assert_eq!(place("after"), 8, "{frames:?}");
}

#[test]
fn an_unmodified_node_that_reads_slowly_gets_nothing_but_messages() {
    let mut world = World::new();
    world.expect(0, 1);
    let mut dialer = world.dial();
    assert_eq!(world.node.client_read(dialer.client), [ME]);
    let (echo, to) = (world.echo, Handle(0x0700_0010));
    // It has sent something, which one of ours would be told to have arrived.
    let frame = [
        &wire::stock_header(0).unwrap()[..],
        &cookie(10, echo, 0).write(),
    ];
    dialer.send(&mut world, &frame.concat());
    world.node.client_stall(dialer.client, true);
    let large = vec![7; 4 << 20];
    for _ in 0..3 {
        world
            .node
            .send_from(echo, to, KIND_LUA, 0, &large[..])
            .unwrap();
        world.node.run();
    }
    world.node.client_stall(dialer.client, false);
    let frames = dialer.frames(&mut world);
    assert_eq!(frames.len(), 3, "{frames:?}");
}

#[test]
fn what_no_frame_can_hold_is_refused() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let to = Handle(0x0700_0010);
    let most = Buffer::from(&vec![1; wire::MAX_BODY][..]);
    world.node.send(to, KIND_LUA, most).unwrap();
    world.node.run();
    assert!(!dialer.frames(&mut world).is_empty());
    let more = Buffer::from(&vec![1; wire::MAX_BODY + 1][..]);
    let refused = world.node.call(to, KIND_LUA, more);
    assert_eq!(refused.unwrap_err().reason(), Reason::TOO_LARGE);
}

/// Passes requests on to a service of the other node.
struct Relay;

impl RawService for Relay {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        message.set_answered();
        let passed = Outgoing::new(Handle(0x0700_0022), message.kind(), message.keep_buffer());
        let passed = passed.session(message.session()).source(message.source());
        Ok(cx.send_message(passed.call_flag())?)
    }
}

#[test]
fn a_request_that_is_passed_on_is_told_of() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let relay = world.node.launch_raw::<Relay>("").unwrap();
    dialer.say(&mut world, Flags::CALL, cookie(10, relay, 5), b"question");
    let frames = dialer.frames(&mut world);
    assert_eq!(
        frames,
        [
            "10 7000022->10 #5 12 \"\"",
            "10 7000010->22 #5 03 \"question\""
        ]
    );
}

#[test]
fn the_answer_to_a_request_that_came_by_a_third_node_says_so() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let foreign = Cookie {
        source: 0x0900_0010,
        ..cookie(10, world.echo, 5)
    };
    dialer.say(
        &mut world,
        Flags::CALL | Flags::REDIRECTED,
        foreign,
        b"question",
    );
    // The caller's node is linked, too.
    world.tell(&("expect", 9, 9, 2, "127.0.0.1:2609"));
    let heard = world.heard();
    world.node.answer(&heard[0], &b"answer"[..]);
    assert!(dialer.frames(&mut world).is_empty());
    let client = world.node.connect(ADDRESS).unwrap();
    world.node.client_write(client, &[9]);
    assert!(!world.node.client_read(client).is_empty());
    let hello = Hello {
        id: 9,
        keeps_listening: true,
        has_secret: false,
        gave_up: false,
        heartbeat_ms: 100,
        epoch: 9,
        known_epoch: 0,
        last_received: 0,
        nonce: [9; 16],
        address: "127.0.0.1:2609",
    };
    world.node.client_write(client, &hello.write().unwrap());
    world
        .node
        .client_write(client, &Go { id: 9, proof: None }.write());
    let bytes = world.node.client_read(client);
    let answer = b"\x02\x00\x00\x12answer";
    let found = bytes.windows(answer.len()).any(|bytes| bytes == answer);
    assert!(found, "{bytes:02x?}");
}
