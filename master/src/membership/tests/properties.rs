//! What holds whatever happens, in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use skynet_master_wire::NameFlag;

use super::*;

/// Something that happens to the node.
#[derive(Clone, Debug)]
enum Event {
    Connected,
    Disconnected,
    Garbage,
    Packet(FromMaster),
    Harbor(FromHarbor),
    Ask(u32, Option<u64>, Request),
    CallerEnds(u32),
    Pass(u64),
}

fn id() -> impl Strategy<Value = u8> {
    prop_oneof![Just(1_u8), Just(2), Just(7)]
}

fn life() -> impl Strategy<Value = Life> {
    (0_u64..3).prop_map(|epoch| Life {
        epoch,
        kind: NodeKind::of(if epoch == 0 { 1 } else { 2 }),
    })
}

fn binding() -> impl Strategy<Value = (String, u32)> {
    let handle = (id(), 1_u32..3).prop_map(|(id, number)| u32::from(id) << 24 | number);
    ("[A-C]", handle)
}

fn from_master() -> impl Strategy<Value = FromMaster> {
    let extension = proptest::option::of(Just(Welcome {
        id: 7,
        epoch: MASTER_EPOCH,
        proof: None,
    }));
    let ended = proptest::option::of((0_u64..3).prop_map(|epoch| (epoch, "gone".to_owned())));
    prop_oneof![
        4 => (0_u32..3, extension)
            .prop_map(|(dialers, extension)| FromMaster::Welcome { dialers, extension }),
        2 => (id(), life(), any::<bool>()).prop_map(|(id, life, dials)| FromMaster::Node {
            id,
            address: address(id),
            life,
            dials
        }),
        2 => (id(), proptest::option::of(life())).prop_map(|(id, life)| connect(id, life)),
        2 => (id(), ended).prop_map(|(id, ended)| FromMaster::Down { id, ended }),
        2 => binding().prop_map(|(name, handle)| FromMaster::Name {
            name,
            handle,
            flag: Some(NameFlag::Refused)
        }),
        1 => "[A-C]".prop_map(|name| FromMaster::Unbound { name }),
        1 => (0_i64..4).prop_map(|number| FromMaster::Beat { number }),
    ]
}

fn from_harbor() -> impl Strategy<Value = FromHarbor> {
    prop_oneof![
        (id(), life()).prop_map(|(id, life)| FromHarbor::Up { id, life }),
        id().prop_map(|id| FromHarbor::Down {
            id,
            reason: "silent".to_owned()
        }),
        "[A-C]".prop_map(|name| FromHarbor::Query { name }),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        binding().prop_map(|(name, handle)| Request::Register { name, handle }),
        binding().prop_map(|(name, handle)| Request::Move { name, handle }),
        "[A-C]".prop_map(Request::Unregister),
        "[A-C]".prop_map(Request::QueryName),
        id().prop_map(Request::Link),
        id().prop_map(Request::Connect),
        Just(Request::LinkMaster),
        Just(Request::Master),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Connected),
        1 => Just(Event::Disconnected),
        1 => Just(Event::Garbage),
        8 => from_master().prop_map(Event::Packet),
        4 => from_harbor().prop_map(Event::Harbor),
        6 => (1_u32..4, proptest::option::of(0_u64..5000), request())
            .prop_map(|(caller, until, request)| Event::Ask(caller, until, request)),
        1 => (1_u32..4).prop_map(Event::CallerEnds),
        2 => (0_u64..3000).prop_map(Event::Pass),
    ]
}

/// What the node has done, which must make sense.
#[derive(Default)]
struct Seen {
    open: BTreeSet<Ticket>,
    has_failed: bool,
    has_joined: bool,
}

impl Seen {
    fn see(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Reply(ticket, _) | Action::Refuse(ticket, ..) | Action::Forget(ticket) => {
                    assert!(self.open.remove(&ticket), "{ticket} is answered twice");
                }
                Action::Fail(_) => {
                    assert!(!std::mem::replace(&mut self.has_failed, true));
                }
                Action::Joined => assert!(!std::mem::replace(&mut self.has_joined, true)),
                Action::ToMaster(packet) => assert!(packet.encode().is_ok()),
                _ => {}
            }
        }
    }
}

fn play(stage: &mut Stage, seen: &mut Seen, event: Event) {
    let now = stage.now;
    match event {
        Event::Connected => stage.node.connected(now),
        Event::Disconnected => stage.node.disconnected("closed", now),
        Event::Garbage => stage.node.garbage("rubbish", now),
        Event::Packet(packet) => stage.node.packet(packet, now),
        Event::Harbor(said) => stage.node.harbor(said, now),
        Event::Ask(caller, until, request) => {
            let until = until.map(|until| now + ms(until));
            seen.open.insert(stage.last_ticket + 1);
            let (_, actions) = stage.ask_of(caller, until, request);
            seen.see(actions);
        }
        Event::CallerEnds(caller) => stage.node.caller_ended(caller),
        Event::Pass(milliseconds) => {
            let actions = stage.pass(ms(milliseconds));
            seen.see(actions);
        }
    }
    seen.see(stage.take());
}

proptest! {
    #[test]
    fn whatever_happens_the_node_stays_in_order(events in proptest::collection::vec(event(), 0..80)) {
        let mut stage = Stage::with(rules());
        let mut seen = Seen::default();
        for event in events {
            play(&mut stage, &mut seen, event);
            prop_assert_eq!(stage.node.has_joined(), seen.has_joined);
        }
        // Who has asked is never forgotten without a word, unless he ends.
        for caller in 1..4 {
            play(&mut stage, &mut seen, Event::CallerEnds(caller));
        }
        prop_assert!(seen.open.is_empty(), "{:?} are lost", seen.open);
    }
}
