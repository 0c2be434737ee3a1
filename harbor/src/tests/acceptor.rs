//! Nodes that dial: unmodified ones, ours, and whoever else knows the port.

use super::*;

const LUA: u8 = KIND_LUA as u8;

#[test]
fn an_unmodified_node_gets_an_id_byte_and_stock_frames() {
    let mut world = World::new();
    world.expect(0, 1);
    let mut dialer = world.dial();
    assert_eq!(world.node.client_read(dialer.client), [ME]);
    assert_eq!(world.news(), ["up,7,0,1"]);
    // The captured call and its answer, with the handle of a service that exists.
    let mut call = *b"\x00\x00\x00\x18\x24ECHO\x0a\x01\x1ctwo\x09\x07\x00\x00\x10\x0a\x00\x00\x09\x00\x00\x00\x05";
    let [_, high, middle, low] = world.echo.0.to_be_bytes();
    call[21..24].copy_from_slice(&[high, middle, low]);
    dialer.send(&mut world, &call);
    let heard = world.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].kind, heard[0].session), (KIND_LUA, 5));
    assert_eq!(heard[0].source, Handle(0x0700_0010));
    world.node.answer(&heard[0], &b"\x0a\x01\x1ctwo\x09"[..]);
    let mut answer =
        *b"\x00\x00\x00\x13\x0a\x01\x1ctwo\x09\x01\x00\x00\x09\x01\x00\x00\x10\x00\x00\x00\x05";
    answer[12..15].copy_from_slice(&[high, middle, low]);
    assert_eq!(world.node.client_read(dialer.client), answer);
    // Nobody has this handle: an error without a body.
    call[21..24].copy_from_slice(&[0xff, 0xff, 0xfe]);
    call[27] = 6;
    dialer.send(&mut world, &call);
    assert_eq!(
        world.node.client_read(dialer.client),
        *b"\x00\x00\x00\x0c\x01\xff\xff\xfe\x07\x00\x00\x10\x00\x00\x00\x06"
    );
    assert!(dialer.frames(&mut world).is_empty());
}

#[test]
fn a_node_that_says_nothing_of_itself_is_unmodified() {
    for first in [
        &b""[..],
        b"\x00\x00\x00\x0c\x07\x00\x00\x10\x0a\x00\x00\x02\x00\x00\x00\x00",
    ] {
        let mut world = World::new();
        world.expect(0, 0);
        let dialer = world.dial();
        let hello = world.node.client_read(dialer.client);
        assert_eq!(hello.first(), Some(&ME));
        assert_eq!(world.news(), [""; 0]);
        dialer.send(&mut world, first);
        if first.is_empty() {
            world.node.advance(Duration::from_secs(1));
        }
        assert_eq!(world.news(), ["up,7,0,1"]);
        assert!(!dialer.is_closed(&world));
    }
}

#[test]
fn a_large_message_may_be_the_first_of_an_unmodified_node() {
    let mut world = World::new();
    world.expect(0, 0);
    let dialer = world.dial();
    let body = vec![7; 100 << 10];
    let frame = [
        &wire::stock_header(body.len()).unwrap()[..],
        &body,
        &cookie(LUA, world.echo, 0).write(),
    ]
    .concat();
    let (first, rest) = frame.split_at(70 << 10);
    dialer.send(&mut world, first);
    // No greeting is that long, so nobody waits for one any more.
    assert_eq!(world.news(), ["up,7,0,1"]);
    dialer.send(&mut world, rest);
    assert_eq!(world.heard()[0].payload, body);
}

#[test]
fn a_node_that_has_forgotten_this_one_begins_anew() {
    let mut world = World::new();
    let mut first = world.linked();
    let (from, to) = (world.echo, Handle(0x0700_0010));
    for text in [b"1", b"2"] {
        world
            .node
            .send_from(from, to, KIND_LUA, 0, &text[..])
            .unwrap();
    }
    world.node.run();
    assert_eq!(first.frames(&mut world).len(), 2);
    world.node.client_close(first.client);
    let mut second = world.dial();
    second.greet(&mut world, PEER_EPOCH, 0, 0);
    let news = world.news();
    assert!(news[0].starts_with("down,7,"), "{news:?}");
    assert_eq!(news[1..], [format!("up,{PEER},{PEER_EPOCH},2")]);
    assert!(second.frames(&mut world).is_empty());
}

#[test]
fn one_of_ours_is_linked_and_acknowledged() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let echo = world.echo;
    dialer.say(&mut world, Flags::CALL, cookie(LUA, echo, 5), b"question");
    let heard = world.heard();
    assert_eq!(heard[0].payload, b"question");
    assert_eq!(heard[0].session, 5);
    world.node.answer(&heard[0], &b"answer"[..]);
    let answered = format!("1 100000{:x}->10 #5 00 \"answer\"", echo.0);
    assert_eq!(
        dialer.frames(&mut world),
        [answered.replace("1000000", "100000")]
    );
    world.node.advance(HEARTBEAT / 4);
    assert_eq!(dialer.frames(&mut world), ["Ack(1)", "ping"]);
}

#[test]
fn a_session_makes_no_call_of_a_message_of_ours() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let nobody = Handle(0x00ff_fffe);
    dialer.say(&mut world, Flags::NONE, cookie(3, nobody, 5), b"");
    assert!(dialer.frames(&mut world).is_empty());
    dialer.say(&mut world, Flags::CALL, cookie(LUA, nobody, 5), b"");
    let frames = dialer.frames(&mut world);
    assert!(frames[0].starts_with("7 1fffffe->10 #5 20"), "{frames:?}");
}

#[test]
fn a_link_that_was_cut_goes_on_where_it_was() {
    let mut world = World::new();
    let mut first = world.linked();
    let echo = world.echo;
    for text in [b"1", b"2", b"3"] {
        let to = Handle(0x0700_0010);
        let from = world.echo;
        world
            .node
            .send_from(from, to, KIND_LUA, 0, &text[..])
            .unwrap();
        world.node.run();
        first.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), text);
    }
    assert_eq!(first.frames(&mut world).len(), 3);
    assert_eq!(world.heard().len(), 3);
    world.node.client_close(first.client);
    assert_eq!(world.news(), [""; 0], "a cut is no loss");
    // What is sent meanwhile waits.
    let (from, to) = (world.echo, Handle(0x0700_0010));
    world
        .node
        .send_from(from, to, KIND_LUA, 0, &b"4"[..])
        .unwrap();
    let mut second = world.dial();
    let said = second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 1);
    assert_eq!(said, (PEER_EPOCH, 3));
    let frames = second.frames(&mut world);
    let bodies: Vec<_> = frames
        .iter()
        .filter_map(|frame| frame.split('"').nth(1))
        .collect();
    assert_eq!(bodies, ["2", "3", "4"], "{frames:?}");
    // What comes again is not delivered again: the peer begins with its fourth.
    second.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"four");
    let heard = world.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].payload, b"four");
    assert_eq!(world.news(), [format!("up,{PEER},{PEER_EPOCH},2")]);
}

#[test]
fn frames_that_come_twice_are_delivered_once() {
    let mut world = World::new();
    let old = world.linked();
    let echo = world.echo;
    // The peer dials anew while the old connection still brings something.
    let mut new = world.dial();
    let said = new.say_hello(&mut world, PEER_EPOCH, MY_EPOCH, 0, None);
    assert_eq!(said, (PEER_EPOCH, 0));
    old.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"one");
    let go = Go {
        id: PEER,
        proof: None,
    };
    new.send(&mut world, &go.write());
    new.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"one");
    new.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"two");
    let bodies: Vec<_> = world
        .heard()
        .into_iter()
        .map(|heard| heard.payload)
        .collect();
    assert_eq!(bodies, [b"one", b"two"]);
    assert!(old.is_closed(&world));
}

#[test]
fn another_life_gets_nothing_of_the_former_one() {
    let mut world = World::new();
    let mut first = world.linked();
    let (from, to) = (world.echo, Handle(0x0700_0010));
    world.node.client_close(first.client);
    world
        .node
        .send_from(from, to, KIND_LUA, 0, &b"old"[..])
        .unwrap();
    world.node.run();
    assert!(first.frames(&mut world).is_empty());
    world.expect(PEER_EPOCH + 1, 2);
    let news = world.news();
    assert!(news[0].starts_with("down,7,"), "{news:?}");
    // The old life is not taken any more.
    let old = world.dial();
    let hello = world.node.client_read(old.client);
    assert!(!hello.is_empty());
    let mut second = world.dial();
    let said = second.greet(&mut world, PEER_EPOCH + 1, 0, 0);
    assert_eq!(said, (0, 0));
    world
        .node
        .send_from(from, to, KIND_LUA, 0, &b"new"[..])
        .unwrap();
    world.node.run();
    let frames = second.frames(&mut world);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert!(frames[0].ends_with("\"new\""), "{frames:?}");
}

#[test]
fn a_silent_node_is_lost_and_may_come_back() {
    let mut world = World::new();
    let mut first = world.linked();
    let call = world
        .node
        .begin_call(Handle(0x0700_0010), KIND_LUA, &b"?"[..])
        .unwrap();
    world.node.run();
    assert_eq!(first.frames(&mut world).len(), 1);
    world.node.advance(HEARTBEAT * 2);
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), skynet_service::Reason::NODE_LOST);
    let news = world.news();
    assert!(
        news[0].starts_with("down,7,30583,it was silent"),
        "{news:?}"
    );
    assert!(first.is_closed(&world));
    let refused = world.node.call(Handle(0x0700_0010), KIND_LUA, &b"?"[..]);
    assert_eq!(
        refused.unwrap_err().reason(),
        skynet_service::Reason::NODE_LOST
    );
    // The same life: what it was sent, it gets.
    let mut second = world.dial();
    second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 0);
    let frames = second.frames(&mut world);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(world.news(), [format!("up,{PEER},{PEER_EPOCH},2")]);
    assert!(second.was_given_up && !first.was_given_up);
    // That has been said now.
    world.node.client_close(second.client);
    let mut third = world.dial();
    third.greet(&mut world, PEER_EPOCH, MY_EPOCH, 1);
    assert!(!third.was_given_up);
}

#[test]
fn a_node_that_had_given_this_one_up_answers_no_call_from_before() {
    let mut world = World::new();
    let first = world.linked();
    let callee = Handle(0x0700_0010);
    let call = world.node.begin_call(callee, KIND_LUA, &b"?"[..]).unwrap();
    world.node.run();
    world.node.client_close(first.client);
    let mut second = world.dial();
    second.gives_up = true;
    second.greet(&mut world, PEER_EPOCH, MY_EPOCH, 1);
    let error = world.node.finish_call(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), skynet_service::Reason::NODE_LOST);
    let news = world.news();
    assert!(news[0].starts_with("down,7,"), "{news:?}");
    assert_eq!(news[1..], [format!("up,{PEER},{PEER_EPOCH},2")]);
    // The next call is one of the new link.
    let call = world.node.begin_call(callee, KIND_LUA, &b"?"[..]).unwrap();
    world.node.run();
    assert!(world.node.finish_call(&call).is_none());
    assert_eq!(second.frames(&mut world).len(), 1);
}

#[test]
fn a_stranger_is_no_unmodified_node_once_this_one_has_joined() {
    let mut world = World::new();
    world.tell(&("joined",));
    let silent = world.dial();
    world.node.advance(HEARTBEAT);
    assert!(silent.is_closed(&world));
    let talker = world.dial();
    let frame = b"\x00\x00\x00\x0c\x07\x00\x00\x10\x0a\x00\x00\x02\x00\x00\x00\x00";
    talker.send(&mut world, frame);
    assert!(talker.is_closed(&world));
    assert_eq!(world.news(), [""; 0]);
    // One that the master has told of may say nothing.
    world.expect(0, 0);
    let known = world.dial();
    known.send(&mut world, frame);
    assert_eq!(world.news(), [format!("up,{PEER},0,1")]);
}

#[test]
fn an_unmodified_node_may_dial_before_the_master_has_told_of_it() {
    let mut world = World::new();
    let dialer = world.dial();
    assert!(!world.node.client_read(dialer.client).is_empty());
    assert_eq!(world.news(), [""; 0]);
    world.expect(0, 1);
    assert_eq!(world.news(), [format!("up,{PEER},0,1")]);
    world.node.advance(HEARTBEAT * 2);
    assert!(!dialer.is_closed(&world));
}

#[test]
fn a_node_that_only_the_master_has_lost_stays_linked() {
    let mut world = World::new();
    let dialer = world.linked();
    world.tell(&(
        "gone",
        PEER,
        PEER_EPOCH.cast_signed(),
        "its connection has ended",
    ));
    assert_eq!(world.news(), [""; 0]);
    assert!(!dialer.is_closed(&world));
    // Not so when its link is gone, too. It may all the same come back as it was, if the master says so.
    world.node.client_close(dialer.client);
    world.tell(&(
        "gone",
        PEER,
        PEER_EPOCH.cast_signed(),
        "its connection has ended",
    ));
    assert_eq!(world.news().len(), 1);
    let mut stale = world.dial();
    stale.say_hello_only(&mut world, PEER_EPOCH);
    assert!(stale.is_closed(&world));
    world.expect(PEER_EPOCH, 2);
    let mut dialer = world.dial();
    assert_eq!(dialer.greet(&mut world, PEER_EPOCH, 0, 0), (0, 0));
    assert_eq!(world.news(), [format!("up,{PEER},{PEER_EPOCH},2")]);
}

#[test]
fn a_node_whose_port_closes_after_its_connection_is_lost_soon() {
    let mut world = World::new();
    let dialer = world.linked();
    world.node.client_close(dialer.client);
    assert_eq!(world.news(), [""; 0]);
    // It is being killed: the port, which was asked at once, is the last to go.
    world.node.kill(world.alive);
    world.node.advance(Duration::from_millis(100));
    assert_eq!(world.news(), ["down,7,30583,its process has ended"]);
}

#[test]
fn who_leaves_is_lost_at_once() {
    let mut world = World::new();
    let dialer = world.linked();
    dialer.send(&mut world, &Control::Goodbye.write());
    assert_eq!(world.news(), ["down,7,30583,it has left the network"]);
    assert!(dialer.is_closed(&world));
}

#[test]
fn with_a_secret_only_those_who_know_it_are_linked() {
    let settings = [("harbor_secret", "a secret of the network")];
    let secret = Secret::read("a secret of the network").unwrap();
    let link = |world: &mut World, proof: Option<[u8; 32]>| {
        let go = Go { id: PEER, proof };
        let mut dialer = world.dial();
        dialer.say_hello(world, PEER_EPOCH, 0, 0, Some(&secret));
        dialer.send(world, &go.write());
        dialer
    };
    for proof in [None, Some([0; 32])] {
        let mut world = World::with(&settings);
        world.expect(PEER_EPOCH, 2);
        let dialer = link(&mut world, proof);
        assert!(dialer.is_closed(&world), "{proof:?}");
        assert_eq!(world.news(), [""; 0]);
    }
    // An unmodified one, and one that has no secret.
    for bytes in [
        b"\x00\x00\x00\x0c\x07\x00\x00\x10\x0a\x00\x00\x02\x00\x00\x00\x00".to_vec(),
        Hello {
            id: PEER,
            keeps_listening: true,
            has_secret: false,
            gave_up: false,
            heartbeat_ms: 3000,
            epoch: PEER_EPOCH,
            known_epoch: 0,
            last_received: 0,
            nonce: [0; 16],
            address: "",
        }
        .write()
        .unwrap(),
    ] {
        let mut world = World::with(&settings);
        world.expect(0, 0);
        let dialer = world.dial();
        let _ = world.node.client_read(dialer.client);
        dialer.send(&mut world, &bytes);
        assert!(dialer.is_closed(&world));
        assert_eq!(world.news(), [""; 0]);
    }
}

#[test]
fn who_does_not_prove_in_time_is_closed() {
    let mut world = World::new();
    let silent = world.node.connect(ADDRESS).unwrap();
    world.expect(PEER_EPOCH, 2);
    let dialer = world.dial();
    world.node.advance(Duration::from_millis(2999));
    assert!(!world.node.client_is_closed(silent));
    assert!(!dialer.is_closed(&world));
    world.node.advance(Duration::from_millis(1));
    assert!(world.node.client_is_closed(silent));
    assert!(dialer.is_closed(&world));
}

#[test]
fn only_so_many_may_be_unproven() {
    let mut world = World::with(&[("harbor_unproven", "2")]);
    assert!(world.node.connect(ADDRESS).is_some());
    assert!(world.node.connect(ADDRESS).is_some());
    assert!(world.node.connect(ADDRESS).is_none());
    world.node.advance(Duration::from_secs(3));
    assert!(world.node.connect(ADDRESS).is_some());
}

#[test]
fn garbage_ends_its_connection_only() {
    let mut world = World::new();
    let good = world.linked();
    for garbage in [
        &b"\x00"[..],
        b"\x01",
        b"\x05\xff\xff\xff\xff",
        b"\x05GET / HTTP/1.1\r\n\r\n",
    ] {
        let client = world.node.connect(ADDRESS).unwrap();
        world.node.client_write(client, garbage);
        world.node.advance(Duration::ZERO);
        let _ = world.node.client_read(client);
    }
    let echo = world.echo;
    good.say(&mut world, Flags::NONE, cookie(LUA, echo, 0), b"still");
    assert_eq!(world.heard().len(), 1);
    // On a link what makes no sense ends it, and what was counted on it.
    good.send(&mut world, b"\xff\xff\xff\xff");
    assert!(good.is_closed(&world));
    let news = world.news();
    assert!(news[0].starts_with("down,7,"), "{news:?}");
}

#[test]
fn nobody_speaks_for_others() {
    let mut world = World::new();
    let mut dialer = world.linked();
    let echo = world.echo;
    let foreign = Cookie {
        source: 0x0900_0010,
        ..cookie(LUA, echo, 0)
    };
    dialer.say(&mut world, Flags::NONE, foreign, b"wrong");
    for kind in [4, 5] {
        dialer.say(&mut world, Flags::NONE, cookie(kind, echo, 0), b"wrong");
    }
    assert_eq!(world.heard().len(), 0);
    dialer.say(&mut world, Flags::REDIRECTED, foreign, b"passed on");
    dialer.say(
        &mut world,
        Flags::NONE,
        Cookie { kind: 2, ..foreign },
        b"multicast",
    );
    assert_eq!(world.heard().len(), 2);
    assert!(
        world
            .nodes()
            .contains("String([100, 114, 111, 112, 112, 101, 100]), Integer(3)")
    );
    assert!(dialer.frames(&mut world).is_empty());
}
