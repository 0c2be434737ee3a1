//! Messages to and from other nodes, up to the harbor service.

mod world;

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use skynet_abi::{
    FLAG_BY_NAME, FLAG_CALL, FLAG_FOREIGN, FLAG_REDIRECTED, FLAG_REPLY, KIND_ERROR, KIND_EXIT,
    KIND_HARBOR, KIND_RESPONSE, KIND_SYSTEM, KIND_TEXT, Message, NAME_SIZE, PEER_ABSENT, PEER_FULL,
    PEER_FULL_BLOCK, PEER_LOST, PEER_OPEN, REASON_DEAD, REASON_FAILED, REASON_NODE_LOST,
    REASON_NONE, REASON_UNSUPPORTED, REMOTE_PAYLOAD, STATUS_EXISTS, STATUS_FULL, STATUS_INVALID,
    STATUS_NODE_LOST, STATUS_NOT_FOUND, STATUS_OK, STATUS_TOO_LARGE, STATUS_WRONG_TURN,
};

use super::settle;
use crate::command;
use crate::current;
use crate::end;
use crate::peers::PATIENCE;
use crate::scheduler::Seat;
use crate::service::Ending;
use world::{OWN, World, world};

/// A service of node 9, and one of node 10.
const FAR: u32 = 0x0900_0001;
const OTHER: u32 = 0x0a00_0001;

fn to(destination: u32) -> Message {
    Message {
        destination,
        ..Message::EMPTY
    }
}

fn call_to(destination: u32) -> Message {
    Message {
        flags: FLAG_CALL,
        ..to(destination)
    }
}

fn by_name(name: &str, message: Message) -> Message {
    Message {
        name: name.as_ptr(),
        name_len: name.len() as u32,
        flags: message.flags | FLAG_BY_NAME,
        ..message
    }
}

/// The answer to a call of `caller`, of `source` if that is not 0.
fn answer(caller: u32, session: i32, source: u32) -> Message {
    Message {
        kind: KIND_RESPONSE,
        session,
        source,
        flags: if source == 0 { 0 } else { FLAG_REDIRECTED },
        ..to(caller)
    }
}

fn with_payload(bytes: &[u8], message: Message) -> Message {
    Message {
        data: bytes.as_ptr().cast_mut(),
        len: bytes.len(),
        ..message
    }
}

fn strays(world: &World) -> u64 {
    world.node.stray_replies.load(Ordering::Relaxed)
}

#[test]
fn there_is_one_harbor_service_with_one_id() {
    let world = world();
    let sender = world.launch();
    assert_eq!(world.send(sender, to(FAR)), Err(STATUS_NOT_FOUND));
    let other = world.launch();
    for id in [0, 256, u32::MAX] {
        assert_eq!(world.become_harbor(other, id), STATUS_INVALID, "{id}");
    }
    let harbor = world.harbor();
    assert_eq!(world.become_harbor(harbor.service, OWN >> 24), STATUS_OK);
    assert_eq!(world.become_harbor(harbor.service, 8), STATUS_INVALID);
    assert_eq!(world.become_harbor(other, OWN >> 24), STATUS_EXISTS);
    assert_eq!(world.become_harbor(other, 8), STATUS_EXISTS);
    drop(harbor);
    assert_eq!(
        world.become_harbor(other, 8),
        STATUS_INVALID,
        "it has one for good"
    );
    assert_eq!(world.node.harbor.load(Ordering::Relaxed), 0);
    assert_eq!(world.launch().handle() & 0xff00_0000, OWN);
}

#[test]
fn what_is_for_others_lies_with_the_harbor_service() {
    let world = world();
    let harbor = world.harbor();
    let sender = world.launch();
    world.send(sender, with_payload(b"hello", to(FAR))).unwrap();
    let session = world.send(sender, by_name("NAME", call_to(0))).unwrap();
    world.send(sender, answer(FAR, 5, 0)).unwrap();
    let carried = harbor.carried();
    let [plain, named, reply] = &carried[..] else {
        panic!("{carried:?}");
    };
    assert_eq!((plain.source, plain.destination), (sender.handle(), FAR));
    assert_eq!((plain.flags, &plain.payload[..]), (0, &b"hello"[..]));
    let mut name = [0; NAME_SIZE];
    name[..4].copy_from_slice(b"NAME");
    assert_eq!((named.destination, &named.name[..]), (0, &name[..]));
    assert_eq!(
        (named.session, named.flags),
        (session, FLAG_CALL | FLAG_BY_NAME)
    );
    assert_eq!((reply.session, reply.flags), (5, FLAG_REPLY));

    let long = vec![0; REMOTE_PAYLOAD + 1];
    let kind = |kind, message| Message { kind, ..message };
    for (message, expected) in [
        (kind(KIND_SYSTEM, to(FAR)), STATUS_INVALID),
        (kind(KIND_HARBOR, to(FAR)), STATUS_INVALID),
        (kind(256, to(FAR)), STATUS_INVALID),
        (kind(KIND_SYSTEM, by_name("NAME", to(0))), STATUS_INVALID),
        (with_payload(&long, to(FAR)), STATUS_TOO_LARGE),
        (
            with_payload(&long, by_name("NAME", to(0))),
            STATUS_TOO_LARGE,
        ),
        (by_name("SIXTEEN LETTERS.", to(0)), STATUS_NOT_FOUND),
        (by_name("NAME", answer(0, 5, 0)), STATUS_INVALID),
        (to(0), STATUS_INVALID),
    ] {
        assert_eq!(world.send(sender, message), Err(expected), "{message:?}");
    }
    let longest = with_payload(&long[1..], to(FAR));
    assert!(world.send(sender, longest).is_ok());
}

#[test]
fn a_service_older_than_the_id_has_two_handles() {
    let world = world();
    let harbor = world.harbor();
    let (early, sender) = (world.early, world.launch());
    let (own, known) = (early.handle(), early.handle() | OWN);
    assert_eq!(own & 0xff00_0000, 0);
    for handle in [own, known] {
        world.send(sender, to(handle)).unwrap();
        let received = world.received(early);
        assert_eq!(received.len(), 1, "{handle:x}");
        assert_eq!(received[0].destination, own);
        let stat = format!("mqlen :{handle:x}");
        let found = command::run(sender, "STAT", &stat).unwrap();
        assert_eq!(found.as_deref(), Some("0"));
    }
    // Its call is answered, and moved, by either.
    let session = world.send(early, call_to(FAR)).unwrap();
    assert_eq!(harbor.call_moved(known, session, OTHER), STATUS_OK);
    world
        .send(harbor.service, answer(known, session, OTHER))
        .unwrap();
    assert_eq!(world.received(early)[0].session, session);
    // What another node has asked in its name is not owed for ever.
    let callee = world.launch();
    let relayed = Message {
        source: known,
        session: 77,
        flags: FLAG_CALL | FLAG_REDIRECTED,
        ..to(callee.handle())
    };
    world.send(harbor.service, relayed).unwrap();
    assert_eq!(world.received(callee)[0].source, known);
    world.send(callee, answer(known, 77, 0)).unwrap();
    assert!(!world.settle(callee, known, 77));
    // The node's own errors find it too.
    let session = world.send(early, call_to(FAR)).unwrap();
    let relayed = Message { session, ..relayed };
    world.send(harbor.service, relayed).unwrap();
    world.run();
    world.end(callee, REASON_FAILED, "why");
    let failed = world.received(early).pop().unwrap();
    assert_eq!((failed.session, failed.reason), (session, REASON_FAILED));
    assert_eq!(failed.payload, b"why");
    let handle = sender.handle();
    assert_eq!(world.node.registry.own_form(handle), handle);
    assert_eq!(world.node.registry.own_form(FAR), FAR);
    assert_eq!(
        world.node.registry.own_form(OWN | 0xff_fffe),
        OWN | 0xff_fffe
    );
}

#[test]
fn what_the_harbor_service_says_of_a_node_decides() {
    let world = world();
    let harbor = world.harbor();
    let sender = world.launch();
    let check = |state, request: Result<(), i32>, reply: Result<(), i32>| {
        assert_eq!(harbor.peer_state(FAR >> 24, state), STATUS_OK);
        for message in [to(FAR), call_to(FAR)] {
            let sent = world.send(sender, message).map(drop);
            assert_eq!(sent, request, "{state}");
        }
        let sent = world.send(sender, answer(FAR, 5, 0)).map(drop);
        assert_eq!(sent, reply, "{state}");
        assert!(world.send(sender, to(OTHER)).is_ok(), "another node");
        assert!(world.send(sender, by_name("NAME", to(0))).is_ok(), "a name");
        let many = [FAR, OTHER, FAR, sender.handle()];
        let to_far = if request.is_ok() { 2 } else { 0 };
        let sent = world.send_many(sender, to(0), &many);
        assert_eq!(sent, (STATUS_OK, 2 + to_far), "{state}");
    };
    check(PEER_OPEN, Ok(()), Ok(()));
    check(PEER_FULL, Err(STATUS_FULL), Ok(()));
    // Outside of a worker nobody can be kept waiting.
    check(PEER_FULL_BLOCK, Err(STATUS_FULL), Ok(()));
    check(PEER_LOST, Err(STATUS_NODE_LOST), Err(STATUS_NODE_LOST));
    check(PEER_ABSENT, Err(STATUS_NODE_LOST), Err(STATUS_NODE_LOST));
    check(PEER_OPEN, Ok(()), Ok(()));
    for (id, state) in [(0, PEER_OPEN), (256, PEER_OPEN), (9, PEER_ABSENT + 1)] {
        assert_eq!(harbor.peer_state(id, state), STATUS_INVALID);
    }
    assert_eq!(sender.shared().calls.len(), 2, "only those that were sent");
}

#[test]
fn only_the_harbor_service_speaks_of_other_nodes() {
    let world = world();
    let harbor = world.harbor();
    let other = world.launch();
    assert_eq!(world.peer_state(other, 9, PEER_LOST), STATUS_INVALID);
    assert_eq!(
        world.peer_state_elsewhere(harbor.service),
        STATUS_WRONG_TURN
    );
    assert_eq!(harbor.call_moved(other.handle(), 1, 0), STATUS_INVALID);
    assert_eq!(harbor.call_moved(other.handle(), 1, FAR), STATUS_NOT_FOUND);
    assert_eq!(harbor.call_moved(FAR, 1, FAR), STATUS_NOT_FOUND);
}

#[test]
fn answers_end_calls_to_the_node_they_come_from() {
    let world = world();
    let harbor = world.harbor();
    let caller = world.launch();
    let own = caller.handle();
    let before = strays(&world);
    let session = world.send(caller, call_to(FAR)).unwrap();
    let error = |message| Message {
        kind: KIND_ERROR,
        ..message
    };
    // Of another node, and of no call.
    world
        .send(harbor.service, answer(own, session, OTHER))
        .unwrap();
    world
        .send(harbor.service, error(answer(own, session, OTHER)))
        .unwrap();
    world
        .send(harbor.service, answer(own, session + 9, FAR))
        .unwrap();
    assert_eq!(world.received(caller), []);
    assert_eq!(strays(&world), before + 3);
    world
        .send(harbor.service, answer(own, session, FAR + 5))
        .unwrap();
    let received = world.received(caller);
    assert_eq!((received.len(), received[0].source), (1, FAR + 5));
    assert_eq!(received[0].flags, FLAG_REPLY | FLAG_REDIRECTED);

    // Vouched for.
    let session = world.send(caller, call_to(FAR)).unwrap();
    let mut foreign = answer(own, session, OTHER);
    foreign.flags |= FLAG_FOREIGN;
    world.send(harbor.service, foreign).unwrap();
    let received = world.received(caller);
    assert_eq!(
        received[0].flags,
        FLAG_REPLY | FLAG_REDIRECTED,
        "it is not shown"
    );

    // The harbor service's own word counts.
    let session = world.send(caller, call_to(FAR)).unwrap();
    world
        .send(harbor.service, error(answer(own, session, 0)))
        .unwrap();
    assert_eq!(world.received(caller).len(), 1);

    // Other services of this node answer in whose name they like, as ever.
    let proxy = world.launch();
    let session = world.send(caller, call_to(proxy.handle())).unwrap();
    world.run();
    world.send(proxy, answer(own, session, OTHER)).unwrap();
    assert_eq!(world.received(caller).len(), 1);
}

#[test]
fn calls_to_names_are_somebodys_once_they_are_resolved() {
    let world = world();
    let harbor = world.harbor();
    let caller = world.launch();
    let session = world.send(caller, by_name("NAME", call_to(0))).unwrap();
    world
        .send(harbor.service, answer(caller.handle(), session, FAR))
        .unwrap();
    assert_eq!(world.received(caller), []);
    assert_eq!(harbor.call_moved(caller.handle(), session, FAR), STATUS_OK);
    assert_eq!(world.node_lost(harbor.service, OTHER >> 24), 0);
    assert_eq!(world.node_lost(harbor.service, FAR >> 24), 1);
    let received = world.received(caller);
    assert_eq!(
        (received[0].source, received[0].reason),
        (FAR, REASON_NODE_LOST)
    );
}

#[test]
fn with_the_harbor_service_all_calls_to_others_end() {
    let world = world();
    let harbor = world.harbor();
    let (caller, callee) = (world.launch(), world.launch());
    let far = world.send(caller, call_to(FAR)).unwrap();
    let named = world.send(caller, by_name("NAME", call_to(0))).unwrap();
    let near = world.send(caller, call_to(callee.handle())).unwrap();
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_LOST), STATUS_OK);
    harbor.carried();
    drop(harbor);
    // Their records went with the harbor service's.
    world.run();
    assert_eq!(caller.shared().calls.len(), 1);
    assert!(caller.shared().calls.get(near).is_some());
    assert!(caller.shared().calls.get(far).is_none() && caller.shared().calls.get(named).is_none());
    assert_eq!(world.node.peers.state(FAR), PEER_OPEN);
    assert_eq!(world.send(caller, to(FAR)), Err(STATUS_NOT_FOUND));
}

#[test]
fn debts_to_other_nodes_are_paid_or_told() {
    let world = world();
    let harbor = world.harbor();
    let callee = world.launch();
    let request = |session| Message {
        source: FAR,
        session,
        flags: FLAG_CALL | FLAG_REDIRECTED,
        ..to(callee.handle())
    };
    let owe = |session| {
        world.send(harbor.service, request(session)).unwrap();
        world.run();
    };
    let is_owed = |session| world.settle(callee, FAR, session);
    owe(1);
    world.send(callee, answer(FAR, 1, 0)).unwrap();
    assert!(!is_owed(1));
    owe(2);
    let long = vec![0; REMOTE_PAYLOAD + 1];
    let too_large = with_payload(&long, answer(FAR, 2, 0));
    assert_eq!(world.send(callee, too_large), Err(STATUS_TOO_LARGE));
    assert!(is_owed(2), "it can still be answered");
    owe(3);
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_LOST), STATUS_OK);
    assert_eq!(world.send(callee, answer(FAR, 3, 0)), Err(STATUS_NODE_LOST));
    assert!(!is_owed(3));
    owe(4);
    let hex = format!(":{FAR:x}");
    let named = by_name(&hex, answer(0, 4, 0));
    assert_eq!(world.send(callee, named), Err(STATUS_NODE_LOST));
    assert!(!is_owed(4));
    // From elsewhere the turn is told.
    owe(5);
    settle(
        &mut super::Sender::Elsewhere(crate::service::Found::new(callee)),
        FAR,
        5,
    );
    world.run();
    assert!(!is_owed(5));
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_OPEN), STATUS_OK);
    owe(6);
    harbor.carried();
    world.end(callee, REASON_DEAD, "why");
    let carried = harbor.carried();
    let [told] = &carried[..] else {
        panic!("{carried:?}");
    };
    assert_eq!((told.kind, told.flags), (KIND_ERROR, FLAG_REPLY));
    assert_eq!((told.destination, told.session), (FAR, 6));
    assert_eq!((told.reason, &told.payload[..]), (REASON_DEAD, &b"why"[..]));

    let last = world.launch();
    let request = Message {
        destination: last.handle(),
        ..request(7)
    };
    world.send(harbor.service, request).unwrap();
    world.run();
    drop(harbor);
    assert_eq!(world.send(last, answer(FAR, 7, 0)), Err(STATUS_NOT_FOUND));
    assert!(!world.settle(last, FAR, 7));
}

#[test]
fn services_of_other_nodes_are_not_watched_nor_commanded() {
    let world = world();
    let harbor = world.harbor();
    let watcher = world.launch();
    let check = |reason, text: &str| {
        assert_eq!(world.watch(watcher, FAR), STATUS_OK);
        let exit = world.received(watcher).pop().unwrap();
        assert_eq!(
            (exit.kind, exit.source, exit.reason),
            (KIND_EXIT, FAR, reason)
        );
        assert_eq!(String::from_utf8_lossy(&exit.payload), text);
    };
    check(
        REASON_UNSUPPORTED,
        "services of other nodes cannot be watched; their node can",
    );
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_LOST), STATUS_OK);
    check(REASON_NODE_LOST, "");
    for (name, parameter) in [
        ("KILL", ":9000001"),
        ("SIGNAL", ":9000001 1"),
        ("STAT", "mqlen :9000001"),
        ("NAME", ".far :9000001"),
        ("MONITOR", ":9000001"),
        ("LOGON", ":9000001"),
    ] {
        let error = command::run(watcher, name, parameter).unwrap_err();
        assert_eq!(error.status(), STATUS_NOT_FOUND, "{name}");
        let text = error.to_string();
        assert!(
            text.starts_with("service :09000001 is of node 9: "),
            "{text}"
        );
    }
    let id = command::run(watcher, "HARBOR", "").unwrap();
    assert_eq!(id.as_deref(), Some("7"));
}

/// The seat of a worker whose place has been taken already.
fn replaced_worker(world: &World) -> &'static Seat {
    let seats = &world.node.scheduler.seats;
    let seat = seats.iter().find(|seat| seat.sit()).expect("a free seat");
    seat.replaced.store(true, Ordering::SeqCst);
    seat
}

/// Somebody sends to a node to which messages are held up; `end` ends that.
fn check_held_up(end: impl FnOnce(&World, &world::Harbor<'_>, u32), expected: Result<i32, i32>) {
    let world = world();
    let harbor = world.harbor();
    let sender = world.launch();
    let handle = sender.handle();
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_FULL_BLOCK), STATUS_OK);
    let (seat, began) = (replaced_worker(&world), Instant::now());
    let sent = thread::scope(|scope| {
        let held_up = scope.spawn(|| {
            current::set_seat(Some(seat));
            let sent = world.send(sender, to(FAR));
            current::set_seat(None);
            sent
        });
        while world.node.peers.waiting() == 0 {
            thread::yield_now();
        }
        end(&world, &harbor, handle);
        held_up.join().expect("it does not panic")
    });
    assert_eq!(sent, expected);
    assert!(began.elapsed() < PATIENCE / 2, "nobody told it");
    seat.replaced.store(false, Ordering::SeqCst);
    seat.leave();
    if sent.is_ok() {
        assert_eq!(harbor.carried().len(), 1);
    }
}

#[test]
fn a_turn_is_kept_until_there_is_room() {
    let say = |state| {
        move |_: &World, harbor: &world::Harbor<'_>, _| {
            assert_eq!(harbor.peer_state(FAR >> 24, state), STATUS_OK);
        }
    };
    check_held_up(say(PEER_OPEN), Ok(0));
    check_held_up(say(PEER_FULL), Err(STATUS_FULL));
    check_held_up(say(PEER_LOST), Err(STATUS_NODE_LOST));
}

#[test]
fn a_turn_is_not_kept_when_its_service_is_killed() {
    let kill = |_: &World, _: &world::Harbor<'_>, handle| {
        end::kill(handle, Ending::default());
    };
    check_held_up(kill, Err(STATUS_FULL));
}

#[test]
fn who_cannot_wait_is_told_so() {
    let world = world();
    let harbor = world.harbor();
    let sender = world.launch();
    assert_eq!(harbor.peer_state(FAR >> 24, PEER_FULL_BLOCK), STATUS_OK);
    assert_eq!(world.send_elsewhere(sender, to(FAR)), STATUS_FULL);
    assert_eq!(world.send(sender, to(FAR)), Err(STATUS_FULL), "no worker");
    // Nobody but the harbor service itself would let it go on.
    let (seat, began) = (replaced_worker(&world), Instant::now());
    current::set_seat(Some(seat));
    assert_eq!(world.send(harbor.service, to(FAR)), Err(STATUS_FULL));
    current::set_seat(None);
    seat.replaced.store(false, Ordering::SeqCst);
    seat.leave();
    assert!(began.elapsed() < PATIENCE / 2);
    let text = Message {
        kind: KIND_TEXT,
        reason: REASON_NONE,
        ..to(OTHER)
    };
    assert_eq!(world.send_elsewhere(sender, text), STATUS_OK);
}
