//! What a hostile or an unlucky world does to links, and that nobody waits for ever because of it.

use skynet_service::{Outgoing, PeerState, Reason};

use super::*;
use crate::peer::{Peer, State};

const LUA: u8 = KIND_LUA as u8;
const CALLEE: Handle = Handle(0x0700_0010);

#[test]
fn an_id_that_nobody_had_can_be_reached_when_somebody_has_it() {
    let mut world = World::with(&[("harbor_wait", "2")]);
    world.tell(&("joined",));
    world.node.advance(Duration::from_secs(2));
    let failed = world.node.call(CALLEE, KIND_LUA, &b"?"[..]);
    assert_eq!(failed.unwrap_err().reason(), Reason::NODE_LOST);
    assert_eq!(world.node.peer_state(PEER), PeerState::Absent);
    world.linked();
    assert_eq!(world.node.peer_state(PEER), PeerState::Open);
}

#[test]
fn one_of_ours_that_was_slow_to_say_so_is_known_the_next_time() {
    let mut world = World::new();
    world.expect(0, 0);
    let mut slow = world.dial();
    world.node.advance(Duration::from_secs(1));
    assert_eq!(world.news(), [format!("up,{PEER},0,1")]);
    slow.say_hello_only(&mut world, PEER_EPOCH);
    assert!(slow.is_closed(&world));
    world.news();
    let mut again = world.dial();
    again.greet(&mut world, PEER_EPOCH, 0, 0);
    assert_eq!(world.news(), [format!("up,{PEER},{PEER_EPOCH},2")]);
}

#[test]
fn a_call_that_is_passed_on_to_a_node_that_cannot_answer_fails() {
    let mut world = World::with(&[("harbor_wait", "2")]);
    let mut dialer = world.linked();
    // This node has no link to node 9, which owes the answer now. It may still come; and when it has not, it is lost.
    for wait in [2, 0] {
        let call = world.node.begin_call(CALLEE, KIND_LUA, &b"?"[..]).unwrap();
        world.node.run();
        let frames = dialer.frames(&mut world);
        let question = frames.iter().find(|frame| frame.contains("\"?\"")).unwrap();
        let session = question.split(['#', ' ']).nth(3).unwrap();
        let moved = Cookie {
            source: 0x0900_0010,
            ..cookie(LUA, world.node.tester(), session.parse().unwrap())
        };
        dialer.say(&mut world, Flags::MOVED | Flags::REDIRECTED, moved, b"");
        world.node.advance(Duration::from_secs(wait));
        let error = world.node.finish_call(&call).unwrap().unwrap_err();
        assert_eq!(error.reason(), Reason::NODE_LOST);
    }
}

#[test]
fn what_was_sent_before_the_queue_was_full_is_not_lost() {
    for (key, most) in [("harbor_queue", "8"), ("harbor_queue_bytes", "80")] {
        let mut world = World::with(&[(key, most)]);
        world.expect(PEER_EPOCH, 2);
        let echo = world.echo;
        // All of these are on their way to the harbor before it can say anything.
        let sent = 2000;
        for _ in 0..sent {
            let body = &b"nine byte"[..];
            world
                .node
                .send_from(echo, CALLEE, KIND_LUA, 0, body)
                .unwrap();
        }
        world.node.run();
        assert_eq!(world.node.peer_state(PEER), PeerState::Full, "{key}");
        let more = world.node.send_from(echo, CALLEE, KIND_LUA, 0, &b""[..]);
        assert!(more.is_err(), "{key}");
        let mut dialer = world.dial();
        dialer.greet(&mut world, PEER_EPOCH, 0, 0);
        assert_eq!(dialer.frames(&mut world).len(), sent, "{key}");
        assert_eq!(world.node.peer_state(PEER), PeerState::Open, "{key}");
    }
}

#[test]
fn a_link_that_comes_back_does_not_open_a_full_queue() {
    let mut world = World::with(&[("harbor_queue_bytes", "1000000")]);
    let mut first = world.linked();
    let echo = world.echo;
    // 8 MiB are written and not acknowledged; the rest waits, and is too much.
    for _ in 0..10 {
        let body = vec![7; 1 << 20];
        world
            .node
            .send_from(echo, CALLEE, KIND_LUA, 0, &body[..])
            .unwrap();
    }
    world.node.run();
    assert_eq!(world.node.peer_state(PEER), PeerState::Full);
    let arrived = first.frames(&mut world).len();
    world.node.client_close(first.client);
    let mut second = world.dial();
    second.greet(&mut world, PEER_EPOCH, MY_EPOCH, arrived as u64 / 4);
    assert_eq!(world.node.peer_state(PEER), PeerState::Full);
}

#[test]
fn a_large_message_has_as_many_small_ones_dropped_as_it_needs() {
    let mut world = World::with(&[
        ("harbor_queue_bytes", "100"),
        ("harbor_queue_policy", "drop-oldest"),
    ]);
    world.expect(PEER_EPOCH, 2);
    let echo = world.echo;
    for len in [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 75] {
        let body = vec![b'.'; len];
        world
            .node
            .send_from(echo, CALLEE, KIND_LUA, 0, &body[..])
            .unwrap();
    }
    world.node.run();
    let mut dialer = world.dial();
    dialer.greet(&mut world, PEER_EPOCH, 0, 0);
    assert_eq!(dialer.frames(&mut world).len(), 3);
}

#[test]
fn who_takes_no_answers_is_lost_before_they_fill_the_memory() {
    let mut world = World::with(&[("harbor_queue_bytes", "1024")]);
    let dialer = world.linked();
    let echo = world.echo;
    let large = vec![7; 15 << 20];
    for session in 1..=6 {
        dialer.say(&mut world, Flags::CALL, cookie(LUA, echo, session), b"?");
        let heard = world.heard();
        // It acknowledges nothing, so what is above the window waits.
        world.node.answer(&heard[0], &large[..]);
        if session == 4 {
            assert!(!dialer.is_closed(&world), "answers pass a full queue");
        }
        if dialer.is_closed(&world) {
            break;
        }
    }
    assert!(dialer.is_closed(&world));
    let news = world.news();
    assert!(news[0].starts_with("down,7,"), "{news:?}");
}

/// Keeps the first request; with the next message it passes it on to node 9.
#[derive(Default)]
struct LateRelay(Option<(Handle, i32)>);

impl RawService for LateRelay {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self::default())
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        message.set_answered();
        let Some((caller, session)) = self.0.take() else {
            self.0 = Some((message.source(), message.session()));
            return Ok(());
        };
        let passed = Outgoing::new(Handle(0x0900_0022), KIND_LUA, &b"late"[..]);
        let passed = passed.session(session).source(caller);
        Ok(cx.send_message(passed.call_flag())?)
    }
}

#[test]
fn a_caller_whose_link_is_cut_learns_later_who_owes_it_the_answer() {
    let mut world = World::new();
    let first = world.linked();
    world.tell(&("expect", 9, 9, 2, "127.0.0.1:2609"));
    let relay = world.node.launch_raw::<LateRelay>("").unwrap();
    first.say(&mut world, Flags::CALL, cookie(LUA, relay, 5), b"question");
    world.node.client_close(first.client);
    world.node.send(relay, KIND_LUA, &b"go on"[..]).unwrap();
    world.node.run();
    let mut second = world.dial();
    second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 0);
    assert_eq!(second.frames(&mut world), ["10 9000022->10 #5 12 \"\""]);
}

#[test]
fn nobody_gives_the_harbor_orders_in_the_name_of_its_slave() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let slave = world.node.tester();
    for source in [slave.0, u32::from(ME) << 24 | slave.0] {
        let order = Cookie {
            source,
            ..cookie(LUA, world.harbor, 5)
        };
        let nodes = pack(&("nodes",)).unwrap();
        let flags = Flags::REDIRECTED | Flags::CALL;
        dialer.say(&mut world, flags, order, &nodes);
    }
    assert!(dialer.frames(&mut world).is_empty());
    // Whoever asks in its own name is told that it cannot.
    let harbor = world.harbor;
    dialer.say(&mut world, Flags::CALL, cookie(6, harbor, 6), b"x");
    let frames = dialer.frames(&mut world);
    assert!(frames[0].starts_with("7 "), "{frames:?}");
    assert!(frames[0].contains("->10 #6 20"), "{frames:?}");
}

#[test]
fn a_peer_that_counts_wrong_can_begin_anew() {
    let mut world = World::new();
    let first = world.linked();
    let call = world.node.begin_call(CALLEE, KIND_LUA, &b"?"[..]).unwrap();
    world.node.run();
    world.node.client_close(first.client);
    let mut second = world.dial();
    second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 1_000_000);
    assert!(second.is_closed(&world));
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::NODE_LOST);
    let mut third = world.dial();
    let said = third.greet(&mut world, PEER_EPOCH, MY_EPOCH, 1_000_000);
    assert_eq!(said, (0, 0));
    assert!(!third.is_closed(&world));
}

/// The peer remembers what was counted, this node does not, and the link ends before the peer has seen it begin anew.
#[test]
fn who_has_begun_anew_does_not_take_old_counts_for_new_ones() {
    let mut world = World::new();
    let first = world.linked();
    world.node.client_close(first.client);
    let gone = ("gone", PEER, PEER_EPOCH.cast_signed(), "it was away");
    world.tell(&gone);
    world.expect(PEER_EPOCH, 2);
    let mut second = world.dial();
    let said = second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 2);
    assert_eq!(said, (0, 0));
    for text in ["1", "2", "3"] {
        let from = world.echo;
        let sent = world
            .node
            .send_from(from, CALLEE, KIND_LUA, 0, text.as_bytes());
        sent.unwrap();
    }
    world.node.run();
    assert_eq!(second.frames(&mut world).len(), 3);
    // It has not read the GO.
    world.node.client_close(second.client);
    let mut third = world.dial();
    let said = third.greet(&mut world, PEER_EPOCH, MY_EPOCH, 2);
    assert_eq!(said, (0, 0));
    assert!(third.frames(&mut world).is_empty());
    // What comes from it shows that it has begun anew, too.
    let echo = world.echo;
    third.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"one");
    world.node.client_close(third.client);
    let mut fourth = world.dial();
    let said = fourth.greet(&mut world, PEER_EPOCH, MY_EPOCH, 0);
    assert_eq!(said, (PEER_EPOCH, 1));
}

#[test]
fn a_link_that_is_cut_is_tried_often_until_its_time_is_up() {
    let mut peer = Peer::new(PEER, HEARTBEAT);
    peer.set_state(State::Cut);
    let mut passed = Duration::ZERO;
    let mut attempts = 0;
    while passed < HEARTBEAT {
        let pause = peer.next_pause();
        assert!(pause <= HEARTBEAT / 8);
        passed += pause;
        attempts += 1;
    }
    assert!(attempts < 12, "{attempts}");
    peer.set_state(State::Lost);
    assert_eq!(peer.next_pause(), Duration::from_secs(2));
}

#[test]
fn strangers_do_not_fill_the_log() {
    let mut world = World::new();
    for _ in 0..100 {
        let stranger = world.dial();
        let _ = world.node.client_read(stranger.client);
        stranger.send(&mut world, b"\xffGET / HTTP/1.1");
        assert!(stranger.is_closed(&world));
    }
    let said = |world: &World| {
        let logs = world.node.logs();
        let told = logs.iter().filter(|log| log.text.contains("is closed"));
        told.count()
    };
    assert_eq!(said(&world), 16);
    world.node.advance(Duration::from_secs(1));
    let stranger = world.dial();
    stranger.send(&mut world, b"\xffGET / HTTP/1.1");
    assert_eq!(said(&world), 17);
}
