//! What holds whatever happens, in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// Something that happens to the master.
#[derive(Clone, Debug)]
enum Event {
    Open,
    Close(usize),
    Garbage(usize),
    Packet(usize, ToMaster),
    /// Whoever was asked something last answers.
    Answer,
    Pass(u64),
}

fn extension() -> impl Strategy<Value = Extension> {
    (any::<bool>(), any::<bool>(), 1_u64..4).prop_map(|(rejoin, auto, epoch)| Extension {
        rejoin,
        auto,
        ..life(epoch)
    })
}

fn to_master() -> impl Strategy<Value = ToMaster> {
    let hello =
        (0_u8..4, proptest::option::of(extension())).prop_map(|(id, extension)| ToMaster::Hello {
            id,
            address: format!("127.0.0.1:{id}"),
            extension,
        });
    let handle = (0_u32..4, 0_u32..3).prop_map(|(id, number)| id << 24 | number);
    let name = || "[A-C]";
    prop_oneof![
        4 => hello,
        2 => (name(), handle, any::<bool>()).prop_map(|(name, handle, moves)| ToMaster::Register {
            name,
            handle,
            moves
        }),
        1 => name().prop_map(|name| ToMaster::Query { name }),
        1 => name().prop_map(|name| ToMaster::Unregister { name }),
        1 => (0_i64..4).prop_map(|number| ToMaster::Beat { number }),
        1 => Just(ToMaster::Goodbye),
        1 => Just(ToMaster::Proof { proof: [0; 32] }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Open),
        2 => (0_usize..8).prop_map(Event::Close),
        1 => (0_usize..8).prop_map(Event::Garbage),
        8 => (0_usize..8, to_master()).prop_map(|(link, packet)| Event::Packet(link, packet)),
        2 => Just(Event::Answer),
        2 => (0_u64..2000).prop_map(Event::Pass),
    ]
}

/// The connections as their other ends see them.
#[derive(Default)]
struct World {
    last: Link,
    /// Open ones: whether they know our packets, by the first that they have said; and whether they were welcomed.
    open: BTreeMap<Link, (Option<bool>, bool)>,
    probes: Vec<(Link, i64)>,
}

impl World {
    fn pick(&self, number: usize) -> Option<Link> {
        let count = self.open.len();
        self.open.keys().nth(number.checked_rem(count)?).copied()
    }

    /// Takes in what the master does, which must make sense.
    fn see(&mut self, got: Vec<(Link, Got)>) {
        for (link, got) in got {
            let (knows_ours, is_in) = self.open.get_mut(&link).expect("nobody is there");
            let knows_ours = *knows_ours == Some(true);
            match got {
                Got::End => drop(self.open.remove(&link)),
                Got::Packet(FromMaster::Welcome { extension, .. }) => {
                    assert!(!*is_in, "a second welcome");
                    assert_eq!(extension.is_some(), knows_ours);
                    *is_in = true;
                }
                Got::Packet(FromMaster::Refused { .. }) => assert!(knows_ours),
                Got::Packet(packet) => {
                    assert!(*is_in, "{packet:?} before the welcome");
                    let is_stock = matches!(
                        packet,
                        FromMaster::Connect { .. }
                            | FromMaster::Name { .. }
                            | FromMaster::Down { .. }
                    );
                    assert!(is_stock || knows_ours, "{packet:?} to an unmodified node");
                    if let FromMaster::Beat { number } = packet {
                        self.probes.push((link, number));
                    }
                    assert!(packet.encode().is_ok());
                }
            }
        }
    }
}

fn play(stage: &mut Stage, world: &mut World, event: Event) {
    match event {
        Event::Open => {
            world.last += 1;
            world.open.insert(world.last, (None, false));
            stage.network.opened(world.last, stage.now);
        }
        Event::Close(number) => {
            if let Some(link) = world.pick(number) {
                world.open.remove(&link);
                stage.network.closed(link, "closed", stage.now);
            }
        }
        Event::Garbage(number) => {
            if let Some(link) = world.pick(number) {
                stage.network.garbage(link, "rubbish", stage.now);
            }
        }
        Event::Packet(number, packet) => {
            if let Some(link) = world.pick(number) {
                let (knows_ours, _) = world.open.get_mut(&link).expect("it is open");
                knows_ours.get_or_insert(matches!(
                    packet,
                    ToMaster::Hello {
                        extension: Some(_),
                        ..
                    }
                ));
                stage.network.packet(link, packet, stage.now);
            }
        }
        Event::Answer => {
            if let Some((link, number)) = world.probes.pop()
                && world.open.contains_key(&link)
            {
                stage
                    .network
                    .packet(link, ToMaster::Beat { number }, stage.now);
            }
        }
        Event::Pass(milliseconds) => stage.pass(ms(milliseconds)),
    }
    world.see(stage.take());
}

/// What the master knows is in order.
fn check(network: &Network, world: &World) {
    let links: BTreeSet<Link> = network
        .nodes
        .values()
        .filter_map(|node| node.link)
        .collect();
    let linked = network.nodes.values().filter(|node| node.link.is_some());
    assert_eq!(links.len(), linked.count(), "two nodes share a connection");
    for (id, node) in &network.nodes {
        assert_ne!(*id, 0);
        match node.link {
            Some(link) => {
                assert!(
                    matches!(network.links[&link].stage, crate::network::Stage::Member(own) if own == *id)
                )
            }
            None => assert!(
                node.is_ours() && node.grace.is_some(),
                "it is away for good"
            ),
        }
    }
    let open: Vec<_> = network.links.keys().collect();
    let seen: Vec<_> = world.open.keys().collect();
    assert_eq!(open, seen, "connections that only one side knows");
    for handle in network.names.values() {
        let owner = handle.to_be_bytes()[0];
        assert!(network.nodes.contains_key(&owner), "a name of nobody");
    }
    for id in network.contests.keys() {
        assert!(
            network
                .nodes
                .get(id)
                .is_some_and(|node| node.link.is_some())
        );
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_master_stays_in_order(events in proptest::collection::vec(event(), 0..80)) {
        let mut stage = Stage::fresh(None);
        let mut world = World::default();
        for event in events {
            play(&mut stage, &mut world, event);
            check(&stage.network, &world);
        }
        // Everybody is in or out in the end.
        for _ in 0..20 {
            play(&mut stage, &mut world, Event::Pass(1000));
        }
        check(&stage.network, &world);
        prop_assert!(world.open.values().all(|(_, is_in)| *is_in));
        prop_assert!(stage.network.contests.is_empty() && stage.network.leases.is_empty());
    }
}
