//! Who joins, who dials whom, and how nodes end.

use super::*;

const ENDED: &str = "its connection to the master has ended";
const CLOSED: &str = "its connection to the master has ended: closed";

#[test]
fn the_others_dial_a_newcomer() {
    let mut stage = Stage::new();
    // Unmodified nodes get what a master of theirs says, and what they ignore.
    assert_eq!(stage.hello(10, 1, None), [plain_welcome(10, 0)]);
    assert_eq!(
        stage.hello(20, 2, None),
        [connect(10, 2, 20, STOCK), plain_welcome(20, 1)]
    );
    // Ours are told of each node that is there.
    assert_eq!(
        stage.hello(30, 3, Some(life(33))),
        [
            connect(10, 3, 30, of(33)),
            connect(20, 3, 30, of(33)),
            welcome(30, 2, 3),
            node(30, 1, 10, STOCK, true),
            node(30, 2, 20, STOCK, true),
        ]
    );
    assert_eq!(
        stage.hello(40, 4, None),
        [
            connect(10, 4, 40, STOCK),
            connect(20, 4, 40, STOCK),
            connect(30, 4, 40, STOCK),
            plain_welcome(40, 3),
        ]
    );
}

#[test]
fn a_node_that_ends_is_told_of() {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.ours(20, 2, 22);
    stage.ours(30, 3, 33);
    // An unmodified one at once.
    assert_eq!(
        stage.close(10),
        [down(20, 1, 0, CLOSED), down(30, 1, 0, CLOSED)]
    );
    // One of ours when it has not come back within a second.
    assert_eq!(stage.close(20), []);
    assert_eq!(stage.later(ms(999)), []);
    assert_eq!(stage.later(ms(1)), [down(30, 2, 22, ENDED)]);
    // One that says goodbye at once.
    stage.ours(40, 4, 44);
    assert_eq!(
        stage.packet(30, ToMaster::Goodbye),
        [end(30), down(40, 3, 33, "it has left")]
    );
    assert_eq!(stage.close(30), [], "it is forgotten");
}

#[test]
fn a_node_that_comes_back_within_its_grace_was_never_away() {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.ours(20, 2, 22);
    stage.ours(30, 3, 33);
    stage.close(30);
    stage.pass(ms(900));
    // Nobody has to dial it: the unmodified node could not, the other ignores what it knows.
    assert_eq!(
        stage.hello(31, 3, Some(rejoin(33))),
        [
            connect(20, 3, 31, of(33)),
            welcome(31, 0, 3),
            node(31, 1, 10, STOCK, false),
            node(31, 2, 20, of(22), true),
        ]
    );
    assert_eq!(stage.later(ms(5000)), []);
    // Also when the master has not noticed that the connection is gone.
    let got = stage.hello(32, 3, Some(rejoin(33)));
    assert_eq!(got[0], end(31));
    assert!(has_welcome(&got, 32));
    assert_eq!(stage.close(31), []);
}

#[test]
fn a_node_that_joined_meanwhile_is_made_known_to_one_that_comes_back() {
    let mut stage = Stage::new();
    stage.ours(20, 2, 22);
    stage.close(20);
    assert_eq!(stage.hello(10, 1, None), [plain_welcome(10, 0)]);
    assert_eq!(
        stage.hello(21, 2, Some(rejoin(22))),
        [
            connect(10, 2, 21, of(22)),
            welcome(21, 0, 2),
            node(21, 1, 10, STOCK, true),
        ]
    );
}

#[test]
fn another_life_takes_the_id_of_a_lost_connection_at_once() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.ours(20, 2, 22);
    stage.close(20);
    assert_eq!(
        stage.hello(21, 2, Some(life(23))),
        [
            down(10, 2, 22, "another life has its id"),
            connect(10, 2, 21, of(23)),
            welcome(21, 1, 2),
            node(21, 1, 10, of(11), true),
        ]
    );
}

#[test]
fn an_id_that_unmodified_nodes_know_cannot_come_back() {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.ours(20, 2, 22);
    stage.packet(20, ToMaster::Goodbye);
    let got = stage.hello(21, 2, Some(life(23)));
    let text =
        "id 2 was used before, and unmodified node 1 never dials an id twice: choose another one";
    assert_eq!(got, [refused(21, text), end(21)]);
    // An unmodified one is not told anything.
    assert_eq!(stage.hello(22, 2, None), [end(22)]);
    assert!(stage.has_log("id 2 was used before"));
    // Nor does it come back after its grace: the unmodified node has been told that it is gone.
    stage.ours(30, 3, 33);
    stage.close(30);
    stage.pass(ms(1000));
    stage.take();
    let got = stage.hello(31, 3, Some(rejoin(33)));
    assert_eq!(got.last(), Some(&end(31)));
    // When nobody is left who knows it, it is free.
    stage.close(10);
    stage.ours(23, 2, 24);
}

#[test]
fn ids_are_leased() {
    let auto = |epoch| Extension {
        auto: true,
        ..life(epoch)
    };
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.ours(20, 2, 22);
    stage.packet(20, ToMaster::Goodbye);
    stage.take();
    // The lowest that is free: 2 is known by an unmodified node.
    let got = stage.hello(30, 0, Some(auto(33)));
    assert!(got.contains(&welcome(30, 1, 3)), "{got:?}");
    // The wanted one if it is free, else the lowest.
    let got = stage.hello(40, 200, Some(auto(44)));
    assert!(got.contains(&welcome(40, 2, 200)), "{got:?}");
    let got = stage.hello(41, 200, Some(auto(45)));
    assert!(got.contains(&welcome(41, 3, 4)), "{got:?}");
    // The same life keeps its id.
    stage.close(40);
    let mut again = auto(44);
    again.rejoin = true;
    let got = stage.hello(42, 200, Some(again));
    assert!(got.contains(&welcome(42, 0, 200)), "{got:?}");
    // 0 is an id for nobody else.
    assert_eq!(
        stage.hello(50, 0, Some(life(55))),
        [refused(50, "its id is 0, wanted 1 to 255"), end(50)]
    );
}

#[test]
fn ids_run_out() {
    let mut stage = Stage::new();
    for id in 1..=255 {
        stage.ours(1000 + Link::from(id), id, 7);
    }
    let mut auto = life(8);
    auto.auto = true;
    let got = stage.hello(1, 0, Some(auto));
    assert_eq!(got, [refused(1, "no harbor id is free"), end(1)]);
}

#[test]
fn a_fresh_master_does_not_lease_ids_of_those_who_come_back() {
    let mut stage = Stage::fresh(None);
    let mut auto = life(9);
    auto.auto = true;
    assert_eq!(stage.hello(10, 1, Some(auto)), []);
    // The holder of the id from before the master's restart.
    auto = rejoin(11);
    auto.auto = true;
    stage.pass(ms(500));
    assert!(has_welcome(&stage.hello(20, 1, Some(auto)), 20));
    assert_eq!(
        stage.later(ms(1500)),
        [
            connect(20, 2, 10, of(9)),
            welcome(10, 1, 2),
            node(10, 1, 20, of(11), true)
        ]
    );
}

#[test]
fn those_who_say_nothing_are_closed() {
    let mut stage = Stage::new();
    stage.network.opened(10, stage.now);
    assert_eq!(stage.later(ms(2999)), []);
    assert_eq!(stage.later(ms(1)), [end(10)]);
    assert!(stage.has_log("it has not said who it is within 3 s"));
}

#[test]
fn those_who_say_something_else_are_closed() {
    let mut stage = Stage::new();
    stage.network.opened(10, stage.now);
    let query = ToMaster::Query {
        name: "ECHO".to_owned(),
    };
    assert_eq!(stage.packet(10, query), [end(10)]);
    stage.network.opened(11, stage.now);
    stage.network.garbage(11, "rubbish", stage.now);
    assert_eq!(stage.take(), [end(11)]);
    // A long address would not fit into what others are told.
    stage.network.opened(12, stage.now);
    let hello = ToMaster::Hello {
        id: 1,
        address: "a".repeat(241),
        extension: None,
    };
    assert_eq!(stage.packet(12, hello), [end(12)]);
}

#[test]
fn strangers_do_not_fill_the_log() {
    let mut stage = Stage::new();
    for link in 0..100 {
        stage.network.opened(link, stage.now);
        stage.network.garbage(link, "rubbish", stage.now);
        assert_eq!(stage.take(), [end(link)]);
    }
    assert_eq!(stage.logs.len(), 16);
    stage.pass(ms(1000));
    stage.network.opened(200, stage.now);
    stage.network.garbage(200, "rubbish", stage.now);
    stage.take();
    assert_eq!(stage.logs.len(), 18);
    assert!(stage.has_log("84 more connections were refused before"));
}

#[test]
fn there_are_not_too_many_who_have_not_joined() {
    let mut stage = Stage::new();
    stage.stock(1, 1);
    for link in 10..14 {
        stage.network.opened(link, stage.now);
        assert_eq!(stage.take(), []);
    }
    stage.network.opened(14, stage.now);
    stage.network.opened(15, stage.now);
    assert_eq!(stage.take(), [end(14), end(15)]);
    let warnings = stage
        .logs
        .iter()
        .filter(|(_, text)| text.contains("turned away"));
    assert_eq!(warnings.count(), 1);
    stage.close(10);
    stage.stock(16, 2);
}

#[test]
fn garbage_of_a_node_ends_it() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.stock(20, 2);
    stage.network.garbage(20, "rubbish", stage.now);
    let text = "its connection to the master has ended: rubbish";
    assert_eq!(stage.take(), [end(20), down(10, 2, 0, text)]);
}

#[test]
fn strange_packets_are_told_of_and_not_for_ever() {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.logs.clear();
    for _ in 0..1000 {
        let unknown = ToMaster::Unknown {
            packet: "X".to_owned(),
        };
        assert_eq!(stage.packet(10, unknown), []);
    }
    assert_eq!(stage.logs.len(), 8);
}

#[test]
fn nobody_waits_for_a_silent_node_and_in_the_end_it_is_dead() {
    let beat = |number| ToMaster::Beat { number };
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.ours(20, 2, 22);
    assert_eq!(
        stage.packet(20, beat(2)),
        [packet(20, FromMaster::Beat { number: 2 })]
    );
    stage.pass(ms(2500));
    stage.packet(20, beat(4));
    stage.pass(ms(1000));
    stage.take();
    assert_eq!(
        stage.hello(30, 3, Some(life(33))),
        [
            connect(10, 3, 30, of(33)),
            connect(20, 3, 30, of(33)),
            welcome(30, 1, 3),
            node(30, 1, 10, of(11), false),
            node(30, 2, 20, of(22), true),
        ]
    );
    for number in 0..10 {
        stage.pass(ms(2500));
        stage.packet(20, beat(2 * number));
        stage.packet(30, beat(2 * number));
    }
    let text = "it has been silent for 30 s";
    assert_eq!(
        stage.later(ms(1500)),
        [
            refused(10, "node 1 is no longer one: it has been silent for 30 s"),
            end(10),
            down(20, 1, 11, text),
            down(30, 1, 11, text),
        ]
    );
    // When it wakes up it joins again, as the same life.
    stage.ours(11, 1, 11);
}
