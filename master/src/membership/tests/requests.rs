//! What services ask: how long it takes, and for whom.

use super::*;

const NOTHING: Answer = Answer::Nothing;

#[test]
fn link_and_connect_wait_for_a_node() {
    let mut stage = Stage::joined();
    let (link, got) = stage.ask(Request::Link(8));
    assert_eq!(got, [Action::Reply(link, NOTHING)], "it is not there");
    let (own, got) = stage.ask(Request::Connect(7));
    assert_eq!(got, [Action::Reply(own, NOTHING)]);
    let (connect, got) = stage.ask(Request::Connect(8));
    assert_eq!(got, []);
    assert_eq!(stage.up(8, 88), [Action::Reply(connect, NOTHING)]);
    let (again, got) = stage.ask(Request::Connect(8));
    assert_eq!(got, [Action::Reply(again, NOTHING)]);
    let (first, got) = stage.ask(Request::Link(8));
    assert_eq!(got, []);
    let (second, _) = stage.ask(Request::Link(8));
    assert_eq!(
        stage.down(8),
        [
            Action::Reply(first, NOTHING),
            Action::Reply(second, NOTHING)
        ]
    );
}

#[test]
fn link_master_waits_for_the_master_to_go() {
    let mut stage = Stage::joined();
    let (link, got) = stage.ask(Request::LinkMaster);
    assert_eq!(got, []);
    let master = |state| Answer::Master {
        address: "master:2013".to_owned(),
        state,
        kind: NodeKind::Ours,
    };
    let (ticket, got) = stage.ask(Request::Master);
    assert_eq!(got, [Action::Reply(ticket, master("up"))]);
    assert_eq!(stage.lose_master(), [Action::Reply(link, NOTHING)]);
    let (again, got) = stage.ask(Request::LinkMaster);
    assert_eq!(got, [Action::Reply(again, NOTHING)]);
    let (ticket, got) = stage.ask(Request::Master);
    assert_eq!(got, [Action::Reply(ticket, master("away"))]);
}

#[test]
fn whose_caller_is_gone_is_forgotten() {
    let mut stage = Stage::joined();
    stage.up(8, 88);
    let (ended, _) = stage.ask(Request::Link(8));
    let (gave_up, _) = stage.ask_of(1, Some(ms(100)), Request::Connect(9));
    let (remote, _) = stage.ask_of(0x0800_0001, None, Request::Connect(9));
    stage.node.caller_ended(CALLER);
    assert_eq!(stage.take(), [Action::Forget(ended)]);
    assert_eq!(stage.pass(ms(99)), []);
    assert_eq!(stage.pass(ms(1)), [Action::Forget(gave_up)]);
    assert_eq!(stage.down(8), [Action::Forget(remote)]);
    assert_eq!(stage.up(9, 99), [], "nobody waits");
}

#[test]
fn there_are_not_too_many_that_wait() {
    let mut stage = Stage::joined();
    for _ in 0..65_536 {
        assert_eq!(stage.ask(Request::Connect(9)).1, []);
    }
    let (ticket, got) = stage.ask(Request::Connect(9));
    assert!(matches!(&got[..], [Action::Refuse(refused, ..)] if *refused == ticket));
    // Before the node has joined there is room for fewer.
    let mut stage = Stage::greeted();
    for _ in 0..1024 {
        assert_eq!(stage.ask(Request::LinkMaster).1, []);
    }
    assert_eq!(stage.ask(Request::LinkMaster).1.len(), 1);
}
