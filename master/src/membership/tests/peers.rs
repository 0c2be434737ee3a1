//! The other nodes.

use super::*;

#[test]
fn newcomers_are_dialled_once() {
    let mut stage = Stage::joined();
    assert_eq!(
        stage.packet(connect(8, Some(ours(88)))),
        [dial(8, ours(88))]
    );
    assert_eq!(stage.packet(connect(8, Some(ours(88)))), []);
    stage.up(8, 88);
    assert_eq!(stage.packet(connect(8, Some(ours(88)))), []);
    assert_eq!(stage.packet(node(8, 88, true)), []);
    // Another life is another node.
    assert_eq!(
        stage.packet(connect(8, Some(ours(89)))),
        [gone(8, 88, "another life has its id"), dial(8, ours(89))]
    );
    assert_eq!(stage.packet(connect(7, Some(ours(90)))), [], "that is us");
    assert!(stage.has_log("that is this node's id"));
}

#[test]
fn an_unmodified_master_does_not_tell_lives_apart() {
    let mut stage = Stage::joined_stock();
    let unknown = Life::default();
    assert_eq!(stage.packet(connect(8, None)), [dial(8, unknown)]);
    assert!(stage.up(8, 0).is_empty());
    assert_eq!(stage.packet(connect(8, None)), []);
    stage.down(8);
    // It tells of an id again only if somebody has it again.
    assert_eq!(
        stage.packet(connect(8, None)),
        [gone(8, 0, "another life has its id"), dial(8, unknown)]
    );
}

#[test]
fn a_node_that_neither_master_nor_harbor_has_is_gone() {
    let mut stage = Stage::joined();
    stage.packet(connect(8, Some(ours(88))));
    assert_eq!(stage.packet(ended(8, 87)), [], "that was the life before");
    assert_eq!(stage.packet(ended(8, 88)), [gone(8, 88, "it has left")]);
    assert_eq!(stage.packet(ended(8, 88)), []);
    // The same life may come back.
    assert_eq!(
        stage.packet(connect(8, Some(ours(88)))),
        [dial(8, ours(88))]
    );
    // First the one, then the other.
    stage.up(8, 88);
    let (link, _) = stage.ask(Request::Link(8));
    assert_eq!(stage.packet(ended(8, 88)), []);
    let answer = Action::Reply(link, Answer::Nothing);
    assert_eq!(stage.down(8), [gone(8, 88, "silent"), answer]);
}

#[test]
fn a_linked_node_that_only_the_master_has_lost_lives() {
    let mut stage = Stage::joined();
    stage.packet(connect(8, Some(ours(88))));
    stage.up(8, 88);
    stage.packet(name("EIGHT", 0x0800_0009));
    let (link, _) = stage.ask(Request::Link(8));
    // The master has forgotten its names; it will say them again.
    assert_eq!(stage.packet(ended(8, 88)), [unnamed("EIGHT")]);
    let (connected, got) = stage.ask(Request::Connect(8));
    assert_eq!(got, [Action::Reply(connected, Answer::Nothing)]);
    assert_eq!(stage.packet(connect(8, Some(ours(88)))), []);
    // As if nothing had been: the harbor dials on when the link is lost.
    assert_eq!(stage.down(8), [Action::Reply(link, Answer::Nothing)]);
    assert_eq!(stage.up(8, 88), []);
}

#[test]
fn the_word_of_an_unmodified_master_does_not_end_a_link() {
    let mut stage = Stage::joined_stock();
    stage.packet(connect(8, None));
    stage.up(8, 0);
    let (link, _) = stage.ask(Request::Link(8));
    let ended = FromMaster::Down { id: 8, ended: None };
    // As in Skynet: who watches the node is told, and messages still go there.
    assert_eq!(stage.packet(ended), [Action::Reply(link, Answer::Nothing)]);
    let (again, got) = stage.ask(Request::Link(8));
    assert_eq!(got, [Action::Reply(again, Answer::Nothing)]);
    // When the link ends, nothing will come back.
    assert_eq!(stage.down(8), [gone(8, 0, "silent")]);
}

#[test]
fn what_our_master_says_of_an_unmodified_node_does_not_end_a_link_either() {
    let stock = Life {
        epoch: 0,
        kind: NodeKind::Unmodified,
    };
    let mut stage = Stage::joined();
    stage.packet(connect(8, Some(stock)));
    stage.up(8, 0);
    assert_eq!(stage.packet(ended(8, 0)), []);
    assert_eq!(stage.down(8), [gone(8, 0, "silent")]);
    // Without a link it is over at once.
    stage.packet(connect(9, Some(stock)));
    assert_eq!(stage.packet(ended(9, 0)), [gone(9, 0, "it has left")]);
}

#[test]
fn what_a_master_that_is_back_does_not_know_is_given_up() {
    let mut stage = Stage::joined();
    for id in 1..=4 {
        stage.packet(connect(id, Some(ours(11))));
    }
    stage.up(1, 11);
    stage.up(2, 11);
    stage.lose_master();
    stage.rejoin();
    assert_eq!(stage.packet(node(3, 11, true)), []);
    stage.down(2);
    assert_eq!(stage.keep_master_awake(ms(2_999)), []);
    // 1 is linked, 3 is known to the master; 2 and 4 are neither.
    let text = "the master does not know it any more";
    assert_eq!(
        stage.keep_master_awake(ms(1)),
        [gone(2, 11, text), gone(4, 11, text)]
    );
}

#[test]
fn the_word_of_the_harbor_is_final() {
    let mut stage = Stage::joined();
    let text = "another life has the id".to_owned();
    let got = stage.harbor(FromHarbor::Fatal { text });
    assert!(fails_with(&got, "another life has the id"));
}
