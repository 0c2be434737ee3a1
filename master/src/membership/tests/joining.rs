//! Until all have connected.

use super::*;

#[test]
fn alone_with_an_unmodified_master() {
    let stage = Stage::joined_stock();
    assert!(stage.has_log("harbor 7 joined the network of master:2013 with no other node"));
}

#[test]
fn our_master_says_who_connects() {
    let mut stage = Stage::greeted();
    assert_eq!(stage.packet(welcome(2)).len(), 1);
    assert_eq!(stage.packet(node(1, 11, true)), [expect(1, 11)]);
    // One that does not dial is not waited for.
    assert_eq!(stage.packet(node(3, 33, false)), [expect(3, 33)]);
    // One may be there before the master has told of it.
    assert_eq!(stage.up(2, 22), []);
    assert_eq!(stage.packet(node(2, 22, true)), []);
    let joined = Action::ToHarbor(ToHarbor::Joined);
    assert_eq!(stage.up(1, 11), [joined, Action::Joined]);
    assert!(stage.has_log("with nodes 1, 2"));
}

#[test]
fn an_unmodified_master_says_how_many_connect() {
    let mut stage = Stage::greeted();
    assert_eq!(stage.packet(plain_welcome(3)).len(), 1);
    assert_eq!(stage.up(1, 0), []);
    assert_eq!(stage.up(1, 0), [], "it counts once");
    assert_eq!(stage.up(2, 0), []);
    // One that has ended counts, too.
    let ended = FromMaster::Down { id: 3, ended: None };
    assert!(stage.packet(ended).contains(&Action::Joined));
}

#[test]
fn one_that_ends_is_not_waited_for() {
    let mut stage = Stage::greeted();
    stage.packet(welcome(1));
    stage.packet(node(1, 11, true));
    let got = stage.packet(ended(1, 11));
    let joined = Action::ToHarbor(ToHarbor::Joined);
    assert_eq!(got, [gone(1, 11, "it has left"), joined, Action::Joined]);
}

#[test]
fn newcomers_are_dialled_when_the_node_has_joined() {
    let mut stage = Stage::greeted();
    stage.packet(welcome(1));
    stage.packet(node(1, 11, true));
    assert_eq!(stage.packet(connect(8, Some(ours(88)))), []);
    assert_eq!(stage.packet(connect(9, Some(ours(99)))), []);
    assert_eq!(stage.packet(ended(9, 99)), [], "it has gone again");
    let joined = Action::ToHarbor(ToHarbor::Joined);
    assert_eq!(stage.up(1, 11), [joined, Action::Joined, dial(8, ours(88))]);
}

#[test]
fn the_missing_ones_are_named() {
    let mut stage = Stage::greeted();
    stage.packet(welcome(3));
    for id in 1..=3 {
        stage.packet(node(id, 11, true));
    }
    stage.up(2, 11);
    let kept_awake = stage.keep_master_awake(ms(29_999));
    assert_eq!(kept_awake, []);
    let got = stage.pass(ms(1));
    let text = "within 30 s; missing: node 1 (127.0.0.1:1), node 3 (127.0.0.1:3)";
    assert!(fails_with(&got, text), "{got:?}");
    assert_eq!(stage.pass(ms(1000)).len(), 0, "once is enough");

    let mut stage = Stage::greeted();
    stage.packet(plain_welcome(3));
    stage.up(2, 0);
    let got = stage.pass(ms(30_000));
    assert!(
        fails_with(
            &got,
            "of 3 nodes that were to connect here within 30 s, 1 have (2)"
        ),
        "{got:?}"
    );
}

#[test]
fn a_master_that_is_not_there_is_tried_until_the_deadline() {
    let mut stage = Stage::with(rules());
    let mut attempts = 1;
    let mut got = Vec::new();
    while got.is_empty() {
        let now = stage.now;
        stage.node.disconnected("connection refused", now);
        got = stage.take();
        while got.is_empty() {
            got = stage.pass(ms(10));
        }
        if got == [Action::Connect] {
            attempts += 1;
            got.clear();
        }
    }
    assert!(
        fails_with(
            &got,
            "no master at master:2013 within 30 s: connection refused"
        ),
        "{got:?}"
    );
    assert!((30..45).contains(&attempts), "{attempts} attempts");
}

#[test]
fn a_master_that_closes_without_a_word_is_not_tried_for_long() {
    let refused = |rules: Rules| {
        let mut stage = Stage::with(rules);
        for _ in 0..10 {
            stage.node.connected(stage.now);
            stage.take();
            let got = stage.lose_master();
            if !got.is_empty() {
                return got;
            }
            assert_eq!(stage.pass(ms(1000)), [Action::Connect]);
        }
        panic!("it goes on for ever");
    };
    let got = refused(rules());
    assert!(
        fails_with(&got, "harbor id 7 is taken, or was used before"),
        "{got:?}"
    );
    let got = refused(Rules {
        auto: true,
        ..rules()
    });
    assert!(
        fails_with(&got, "an unmodified master leases no ids"),
        "{got:?}"
    );
}

#[test]
fn a_refusal_is_the_end() {
    let mut stage = Stage::greeted();
    let text = "id 7 is held by node 7".to_owned();
    let got = stage.packet(FromMaster::Refused { text });
    assert!(fails_with(
        &got,
        "the master at master:2013 refuses this node: id 7 is held"
    ));
}

#[test]
fn ids_are_leased() {
    let auto = || Rules {
        auto: true,
        id: 0,
        ..rules()
    };
    let asks = Extension {
        auto: true,
        ..extension()
    };
    let greeted = || {
        let mut stage = Stage::with(auto());
        stage.node.connected(stage.now);
        assert_eq!(stage.take(), [hello(0, asks)]);
        stage
    };
    let mut stage = greeted();
    let got = stage.packet(welcome_as(0, 200, None));
    let identity = ToHarbor::Identity {
        id: 200,
        epoch: EPOCH,
    };
    assert_eq!(got[..2], [Action::ToHarbor(identity), Action::Leased(200)]);
    // From now on it asks for that one.
    stage.lose_master();
    stage.pass(ms(1000));
    stage.node.connected(stage.now);
    let rejoin = Extension {
        rejoin: true,
        ..extension()
    };
    assert_eq!(stage.take(), [hello(200, rejoin)]);
    let got = stage.packet(welcome_as(0, 3, None));
    assert!(
        fails_with(&got, "calls this node 3, which asked to be 200"),
        "{got:?}"
    );
    // An unmodified master cannot do that.
    let got = greeted().packet(plain_welcome(0));
    assert!(
        fails_with(&got, "leases no ids: set `harbor` to a number"),
        "{got:?}"
    );
}

#[test]
fn a_master_that_is_lost_meanwhile_is_asked_again() {
    let mut stage = Stage::greeted();
    stage.packet(welcome(2));
    stage.packet(node(1, 11, true));
    stage.up(1, 11);
    assert_eq!(stage.lose_master(), []);
    assert_eq!(stage.pass(ms(1000)), [Action::Connect]);
    stage.node.connected(stage.now);
    // Not as one that comes back: it still has to be dialled.
    assert_eq!(stage.take(), [hello(7, extension())]);
    assert_eq!(stage.packet(welcome(2)), []);
    assert_eq!(stage.packet(node(1, 11, true)), []);
    assert_eq!(stage.packet(node(2, 22, true)), [expect(2, 22)]);
    assert!(stage.up(2, 22).contains(&Action::Joined));
}

#[test]
fn early_requests_are_answered_when_the_node_has_joined() {
    let mut stage = Stage::greeted();
    let (link, got) = stage.ask(Request::Link(1));
    assert_eq!(got, []);
    let (register, got) = stage.ask_of(
        9,
        None,
        Request::Register {
            name: "ECHO".to_owned(),
            handle: 9,
        },
    );
    assert_eq!(got, []);
    let (dead, _) = stage.ask_of(10, None, Request::LinkMaster);
    stage.node.caller_ended(10);
    assert_eq!(stage.take(), [Action::Forget(dead)]);
    let got = stage.packet(welcome(0));
    // A service from before the node had its id is known by its whole handle.
    assert_eq!(
        got[3..],
        [
            Action::Reply(link, Answer::Nothing),
            registered("ECHO", 0x0700_0009)
        ]
    );
    let got = stage.packet(super::name("ECHO", 0x0700_0009));
    assert_eq!(got[1..], [Action::Reply(register, Answer::True)]);
}
