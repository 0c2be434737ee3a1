//! Global names.

use super::*;

fn register(name: &str, handle: u32) -> ToMaster {
    let name = name.to_owned();
    ToMaster::Register {
        name,
        handle,
        moves: false,
    }
}

fn query(name: &str) -> ToMaster {
    let name = name.to_owned();
    ToMaster::Query { name }
}

fn unbound(to: Link, name: &str) -> (Link, Got) {
    let name = name.to_owned();
    packet(to, FromMaster::Unbound { name })
}

/// An unmodified node 1 on 10, ours are 2 on 20 and 3 on 30.
fn three() -> Stage {
    let mut stage = Stage::new();
    stage.stock(10, 1);
    stage.ours(20, 2, 22);
    stage.ours(30, 3, 33);
    stage
}

#[test]
fn the_first_who_registers_a_name_has_it() {
    let mut stage = three();
    let bound = |to| name(to, "ECHO", 0x0200_0009, NameFlag::Bound);
    let refused = |to| name(to, "ECHO", 0x0200_0009, NameFlag::Refused);
    assert_eq!(stage.packet(10, query("ECHO")), []);
    let all = [bound(10), bound(20), bound(30)];
    assert_eq!(stage.packet(20, register("ECHO", 0x0200_0009)), all);
    assert_eq!(stage.packet(10, query("ECHO")), [bound(10)]);
    // Once more is fine; somebody else is told who has it, the others nothing.
    assert_eq!(stage.packet(20, register("ECHO", 0x0200_0009)), [bound(20)]);
    assert_eq!(
        stage.packet(30, register("ECHO", 0x0300_0001)),
        [refused(30)]
    );
    assert_eq!(
        stage.packet(10, register("ECHO", 0x0100_0001)),
        [refused(10)]
    );
    assert_eq!(stage.packet(30, query("ECHO")), [bound(30)]);
    // A newcomer of ours is told all names.
    let got = stage.hello(40, 4, Some(life(44)));
    assert_eq!(got.last(), Some(&bound(40)));
}

#[test]
fn a_name_is_moved_and_given_up() {
    let mut stage = three();
    stage.packet(20, register("ECHO", 0x0200_0009));
    let moves = ToMaster::Register {
        name: "ECHO".to_owned(),
        handle: 0x0300_0001,
        moves: true,
    };
    let moved = |to| name(to, "ECHO", 0x0300_0001, NameFlag::Moved);
    assert_eq!(stage.packet(30, moves), [moved(10), moved(20), moved(30)]);
    let unregister = ToMaster::Unregister {
        name: "ECHO".to_owned(),
    };
    // An unmodified node cannot be told.
    assert_eq!(
        stage.packet(20, unregister.clone()),
        [unbound(20, "ECHO"), unbound(30, "ECHO")]
    );
    assert_eq!(stage.packet(20, unregister.clone()), [unbound(20, "ECHO")]);
    assert_eq!(stage.packet(10, query("ECHO")), []);
    assert_eq!(stage.packet(10, unregister), [], "it does not know how");
}

#[test]
fn the_names_of_a_dead_node_go() {
    let mut stage = three();
    stage.packet(20, register("TWO", 0x0200_0009));
    stage.packet(20, register("THREE", 0x0300_0009));
    stage.close(20);
    assert_eq!(stage.packet(10, query("TWO")).len(), 1, "it may come back");
    stage.pass(ms(1000));
    stage.take();
    assert_eq!(stage.packet(10, query("TWO")), []);
    assert_eq!(stage.packet(10, query("THREE")).len(), 1);
    // Somebody else may have it now.
    assert_eq!(stage.packet(30, register("TWO", 0x0300_0002)).len(), 2);
}

#[test]
fn names_and_handles_that_are_none_are_refused() {
    let mut stage = three();
    for wrong in ["", ".local", ":0000000a", "12", "sixteen bytes !!"] {
        let answer = stage.packet(20, register(wrong, 0x0200_0009));
        assert_eq!(answer, [unbound(20, wrong)]);
        assert_eq!(stage.packet(10, register(wrong, 0x0100_0009)), []);
    }
    // Of no service, and of a node that is not there.
    assert_eq!(
        stage.packet(20, register("A", 0x0200_0000)),
        [unbound(20, "A")]
    );
    assert_eq!(
        stage.packet(20, register("A", 0x0900_0001)),
        [unbound(20, "A")]
    );
    assert_eq!(stage.packet(20, register("A", 9)), [unbound(20, "A")]);
    // An unmodified node may register the service of another one.
    assert_eq!(stage.packet(10, register("A", 0x0300_0001)).len(), 3);
}
