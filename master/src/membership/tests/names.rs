//! Global names.

use super::*;

fn register(name: &str, handle: u32) -> Request {
    let name = name.to_owned();
    Request::Register { name, handle }
}

fn query(name: &str) -> Request {
    Request::QueryName(name.to_owned())
}

fn unbound(name: &str) -> FromMaster {
    let name = name.to_owned();
    FromMaster::Unbound { name }
}

fn refused(ticket: Ticket, text: &str) -> Action {
    Action::Refuse(ticket, Reason::REFUSED, text.to_owned())
}

const OWN: u32 = 0x0700_0009;
const OTHER: u32 = 0x0800_0009;

#[test]
fn our_master_has_the_last_word_on_a_registration() {
    let mut stage = Stage::joined();
    let (ticket, got) = stage.ask(register("ECHO", OWN));
    assert_eq!(got, [registered("ECHO", OWN)]);
    let (waits, got) = stage.ask(query("ECHO"));
    assert_eq!(got, [queried("ECHO")]);
    assert_eq!(
        stage.packet(name("ECHO", OWN)),
        [
            named("ECHO", OWN),
            Action::Reply(waits, Answer::Handle(OWN)),
            Action::Reply(ticket, Answer::True)
        ]
    );
    // What is known is answered at once.
    let (again, got) = stage.ask(register("ECHO", OWN));
    assert_eq!(got, [Action::Reply(again, Answer::True)]);
    let (other, got) = stage.ask(register("ECHO", 0x0700_000a));
    let text = "the global name \"ECHO\" is taken by :07000009";
    assert_eq!(got, [refused(other, text)]);
    let (known, got) = stage.ask(query("ECHO"));
    assert_eq!(got, [Action::Reply(known, Answer::Handle(OWN))]);
}

#[test]
fn a_registration_that_comes_too_late_learns_the_holder() {
    let mut stage = Stage::joined();
    let (ticket, _) = stage.ask(register("ECHO", OWN));
    let (second, got) = stage.ask(register("ECHO", 0x0700_000a));
    let text = "the global name \"ECHO\" is taken by :07000009";
    assert_eq!(got, [refused(second, text)], "it is being registered");
    let text = "the global name \"ECHO\" is taken by :08000009";
    assert_eq!(
        stage.packet(name("ECHO", OTHER)),
        [named("ECHO", OTHER), refused(ticket, text)]
    );
    let (ticket, got) = stage.ask(register("OTHER", OWN));
    assert_eq!(got, [registered("OTHER", OWN)]);
    assert!(matches!(
        &stage.packet(unbound("OTHER"))[..],
        [Action::Refuse(refused, ..)] if *refused == ticket
    ));
}

#[test]
fn an_unmodified_master_has_no_word() {
    let mut stage = Stage::joined_stock();
    let (ticket, got) = stage.ask(register("ECHO", OWN));
    assert_eq!(
        got,
        [
            named("ECHO", OWN),
            registered("ECHO", OWN),
            Action::Reply(ticket, Answer::True)
        ]
    );
    // Its word on what somebody else has registered counts, as with all its nodes.
    assert_eq!(stage.packet(name("ECHO", OTHER)), [named("ECHO", OTHER)]);
    assert!(stage.has_log("the global name \"ECHO\" is :08000009's now"));
    for request in [
        Request::Unregister("ECHO".to_owned()),
        Request::Move {
            name: "ECHO".to_owned(),
            handle: OWN,
        },
    ] {
        let (_, got) = stage.ask(request);
        assert!(matches!(
            &got[..],
            [Action::Refuse(_, Reason::UNSUPPORTED, _)]
        ));
    }
}

#[test]
fn names_are_moved_and_given_up() {
    let mut stage = Stage::joined();
    stage.packet(name("ECHO", OTHER));
    let (ticket, got) = stage.ask(Request::Move {
        name: "ECHO".to_owned(),
        handle: OWN,
    });
    let moves = ToMaster::Register {
        name: "ECHO".to_owned(),
        handle: OWN,
        moves: true,
    };
    assert_eq!(got, [Action::ToMaster(moves)]);
    let yes = |ticket| Action::Reply(ticket, Answer::True);
    assert_eq!(
        stage.packet(name("ECHO", OWN)),
        [named("ECHO", OWN), yes(ticket)]
    );
    let (ticket, got) = stage.ask(Request::Unregister("ECHO".to_owned()));
    let unregister = ToMaster::Unregister {
        name: "ECHO".to_owned(),
    };
    assert_eq!(got, [Action::ToMaster(unregister)]);
    assert_eq!(
        stage.packet(unbound("ECHO")),
        [unnamed("ECHO"), yes(ticket)]
    );
    let (_, got) = stage.ask(query("ECHO"));
    assert_eq!(got, [queried("ECHO")]);
}

#[test]
fn while_the_master_is_away_names_are_kept_and_said_later() {
    let mut stage = Stage::joined();
    stage.packet(name("OLD", OWN));
    stage.packet(name("OTHERS", OTHER));
    stage.lose_master();
    let (ticket, got) = stage.ask_of(CALLER, None, register("NEW", OWN));
    assert_eq!(got, [named("NEW", OWN)], "here it is known at once");
    let (late, got) = stage.ask(register("LATE", OWN));
    assert_eq!(got, [named("LATE", OWN)]);
    let (waits, got) = stage.ask(query("FAR"));
    assert_eq!(got, []);
    stage.harbor(FromHarbor::Query {
        name: "FARTHER".to_owned(),
    });
    assert_eq!(
        stage.rejoin(),
        [
            registered("OLD", OWN),
            registered("LATE", OWN),
            registered("NEW", OWN),
            queried("FAR"),
            queried("FARTHER"),
        ]
    );
    assert_eq!(stage.packet(name("OLD", OWN)), []);
    let yes = Action::Reply(ticket, Answer::True);
    assert_eq!(stage.packet(name("NEW", OWN)), [yes]);
    let got = stage.packet(name("LATE", OTHER));
    let text = "the global name \"LATE\" is taken by :08000009";
    assert_eq!(got, [named("LATE", OTHER), refused(late, text)]);
    let answer = Action::Reply(waits, Answer::Handle(OTHER));
    assert_eq!(
        stage.packet(name("FAR", OTHER)),
        [named("FAR", OTHER), answer]
    );
    // What nobody has registered again is given up; ours are ours.
    assert_eq!(stage.keep_master_awake(ms(3000)), [unnamed("OTHERS")]);
    let (known, got) = stage.ask(query("OLD"));
    assert_eq!(got, [Action::Reply(known, Answer::Handle(OWN))]);
}

#[test]
fn a_registration_is_not_waited_for_for_ever() {
    let mut stage = Stage::joined();
    stage.lose_master();
    let (ticket, _) = stage.ask(register("ECHO", OWN));
    let (_, got) = stage.ask(Request::Unregister("ECHO".to_owned()));
    assert!(
        matches!(&got[..], [Action::Refuse(..)]),
        "there is nobody to tell"
    );
    let mut got = stage.pass(ms(5000));
    got.retain(|action| *action != Action::Connect);
    let text = "the master has not answered; the global name \"ECHO\" is kept, and registered when it does";
    assert_eq!(
        got,
        [Action::Refuse(ticket, Reason::TIMED_OUT, text.to_owned())]
    );
}

#[test]
fn the_harbor_is_told_who_has_a_name() {
    let asks = |name: &str| FromHarbor::Query {
        name: name.to_owned(),
    };
    let mut stage = Stage::joined();
    assert_eq!(stage.harbor(asks("ECHO")), [queried("ECHO")]);
    assert_eq!(stage.packet(name("ECHO", OTHER)), [named("ECHO", OTHER)]);
    assert_eq!(stage.harbor(asks("ECHO")), [named("ECHO", OTHER)]);
}

#[test]
fn the_names_of_a_dead_node_go() {
    let mut stage = Stage::joined();
    stage.packet(connect(8, Some(ours(88))));
    stage.packet(name("EIGHT", OTHER));
    stage.packet(name("SEVEN", OWN));
    assert_eq!(
        stage.packet(ended(8, 88)),
        [unnamed("EIGHT"), gone(8, 88, "it has left")]
    );
    let (_, got) = stage.ask(query("EIGHT"));
    assert_eq!(got, [queried("EIGHT")]);
    let (known, got) = stage.ask(query("SEVEN"));
    assert_eq!(got, [Action::Reply(known, Answer::Handle(OWN))]);
}

#[test]
fn there_are_not_too_many_names() {
    let mut stage = Stage::joined();
    for number in 0..65_536 {
        assert_eq!(stage.packet(name(&format!("N{number}"), OTHER)).len(), 1);
    }
    assert_eq!(stage.packet(name("ONE MORE", OTHER)), []);
    assert_eq!(stage.packet(name("N7", OWN)).len(), 1, "it is known");
    // Nor are there that are asked for while nobody can tell.
    let mut stage = Stage::joined();
    stage.lose_master();
    for number in 0..70_000 {
        let name = format!("N{number}");
        assert_eq!(stage.harbor(FromHarbor::Query { name }), []);
    }
    assert_eq!(stage.rejoin().len(), 65_536);
}

#[test]
fn names_that_are_none_are_refused() {
    let mut stage = Stage::joined();
    for wrong in ["", ".local", ":0000000a", "12", "sixteen bytes !!"] {
        for request in [
            register(wrong, OWN),
            query(wrong),
            Request::Unregister(wrong.to_owned()),
        ] {
            let (_, got) = stage.ask(request);
            assert!(matches!(&got[..], [Action::Refuse(..)]), "{wrong:?}");
        }
    }
}
