//! Two nodes that want one id.

use super::*;

/// The number of every probe here.
const PROBE: i64 = i64::from_le_bytes([7; 8]);

const UNANSWERED: &str = "it did not answer within 1 s, and another node wants its id";

fn probe(to: Link) -> (Link, Got) {
    packet(to, FromMaster::Beat { number: PROBE })
}

fn held(to: Link) -> [(Link, Got); 2] {
    let text = "id 1 is held by node 1 (127.0.0.1:10), which is alive";
    [refused(to, text), end(to)]
}

#[test]
fn a_holder_that_answers_keeps_its_id() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    assert_eq!(stage.hello(20, 1, Some(life(22))), [probe(10)]);
    assert_eq!(stage.later(ms(999)), []);
    let other = ToMaster::Beat { number: 5 };
    assert_eq!(stage.packet(10, other), [], "another number is no answer");
    let answer = ToMaster::Beat { number: PROBE };
    assert_eq!(stage.packet(10, answer.clone()), held(20));
    assert_eq!(stage.packet(10, answer), [], "nobody asked");
    assert_eq!(stage.later(ms(5000)), []);
    // An unmodified newcomer is not told why.
    assert_eq!(stage.hello(30, 1, None), [probe(10)]);
    assert_eq!(
        stage.packet(10, ToMaster::Beat { number: PROBE }),
        [end(30)]
    );
}

#[test]
fn a_holder_that_does_not_answer_is_replaced() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.ours(30, 3, 33);
    stage.hello(20, 1, Some(life(22)));
    assert_eq!(
        stage.later(ms(1000)),
        [
            refused(10, &format!("node 1 is no longer one: {UNANSWERED}")),
            end(10),
            down(30, 1, 11, UNANSWERED),
            connect(30, 1, 20, of(22)),
            welcome(20, 1, 1),
            node(20, 3, 30, of(33), true),
        ]
    );
    // The former holder wakes up: now it is the one who asks.
    assert_eq!(stage.hello(11, 1, Some(rejoin(11))), [probe(20)]);
}

#[test]
fn a_holder_that_leaves_is_replaced_at_once() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.hello(20, 1, Some(life(22)));
    assert_eq!(stage.close(10), [welcome(20, 0, 1)]);
}

#[test]
fn a_holder_that_comes_back_keeps_its_id() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.hello(20, 1, Some(life(22)));
    let got = stage.hello(12, 1, Some(rejoin(11)));
    let text = "id 1 is held by node 1 (127.0.0.1:12), which is alive";
    assert_eq!(
        got,
        [end(10), welcome(12, 0, 1), refused(20, text), end(20)]
    );
}

#[test]
fn two_at_once_are_decided_one_after_the_other() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    assert_eq!(stage.hello(20, 1, Some(life(22))), [probe(10)]);
    assert_eq!(stage.hello(30, 1, Some(life(33))), []);
    // The first gets the id; the second then asks the first.
    let got = stage.later(ms(1000));
    assert_eq!(got[2..], [welcome(20, 0, 1), probe(20)]);
    let got = stage.packet(20, ToMaster::Beat { number: PROBE });
    let text = "id 1 is held by node 1 (127.0.0.1:20), which is alive";
    assert_eq!(got, [refused(30, text), end(30)]);
}

#[test]
fn who_asks_and_goes_gets_nothing() {
    let mut stage = Stage::new();
    stage.ours(10, 1, 11);
    stage.hello(20, 1, Some(life(22)));
    stage.hello(30, 1, Some(life(33)));
    stage.close(20);
    let got = stage.later(ms(1000));
    assert_eq!(got[2..], [welcome(30, 0, 1)]);
    stage.hello(40, 1, Some(life(44)));
    stage.close(40);
    assert_eq!(stage.later(ms(5000)), [], "the holder stays");
}

#[test]
fn an_unmodified_holder_cannot_be_asked() {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    let text = "id 1 is held by node 1 (127.0.0.1:10, unmodified)";
    assert_eq!(
        stage.hello(20, 1, Some(life(22))),
        [refused(20, text), end(20)]
    );
    assert_eq!(stage.hello(21, 1, None), [end(21)]);
}
