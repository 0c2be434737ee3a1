//! What callers from outside reach, and that agents know it.

use skynet_seri::{Value, pack};
use skynet_service::{KIND_LUA, KIND_TEXT, Reason};

use super::listening::connected;
use super::*;

#[test]
fn names_are_registered_found_and_given_up() {
    let mut world = world("");
    let (one, two) = (world.node.peer(), world.node.peer());
    let tester = world.node.tester();
    let find = |world: &mut World, name: &str| {
        let found = world.ask(pack!("queryname", name).unwrap()).unwrap();
        found[0]
            .as_integer()
            .map(|handle| Handle(u32::try_from(handle).unwrap()))
    };
    let register = |name: &str, handle: Handle| pack!("register", name, handle.0).unwrap();
    world.tell(register("a", one));
    world.tell(register("@a", one));
    world.tell(pack!("register", "mine").unwrap());
    assert_eq!(find(&mut world, "@a"), Some(one));
    assert_eq!(find(&mut world, "mine"), Some(tester), "of whoever asks");
    assert_eq!(find(&mut world, "b"), None);

    let (reason, text) = world.error(register("a", two));
    assert_eq!(reason, Reason::REFUSED);
    assert!(
        text.ends_with(&format!("the cluster name \"a\" is taken by {one}")),
        "{text}"
    );

    world.tell(register("b", one));
    assert_eq!(
        (find(&mut world, "a"), find(&mut world, "b")),
        (None, Some(one))
    );
    world.tell(pack!("unregister", "mine").unwrap());
    world.tell(pack!("unregister", "mine").unwrap());
    assert_eq!(find(&mut world, "mine"), None);
    world.node.end_peer(one, Reason::KILLED);
    assert_eq!(find(&mut world, "b"), None, "the service has ended");
}

#[test]
fn a_service_that_has_ended_gets_no_name() {
    let mut world = world("");
    let gone = world.node.peer();
    world.node.end_peer(gone, Reason::KILLED);
    world.tell(pack!("register", "a", gone.0).unwrap());
    assert_eq!(
        world.ask(pack!("queryname", "a").unwrap()).unwrap(),
        [Value::Nil]
    );
}

#[test]
fn agents_learn_of_changes_before_whoever_made_them_is_answered() {
    let mut world = connected(&[("cluster_nodes", "")], 2);
    let service = world.node.peer();
    // Delivered one by one, and the answer is the last: what agents passed on is there before.
    let check = |world: &mut World, request: Vec<u8>, expected: &[Vec<Value>]| {
        let call = world
            .node
            .begin_call(world.clusterd, KIND_LUA, request)
            .unwrap();
        world.node.run();
        assert!(world.node.finish_call(&call).unwrap().is_ok());
        let received = world.received(world.agent);
        let twice: Vec<_> = expected
            .iter()
            .flat_map(|one| [one.clone(), one.clone()])
            .collect();
        assert_eq!(received, twice);
    };
    let handle = Value::from(i64::from(service.0));
    let name = |name: &str, handle: Value| list([Value::from("name"), Value::from(name), handle]);
    let export =
        |what: Value, is_open: bool| list([Value::from("export"), what, Value::from(is_open)]);
    let register = |name: &str| pack!("register", name, service.0).unwrap();
    check(&mut world, register("@a"), &[name("a", handle.clone())]);
    check(&mut world, register("a"), &[]);
    let moved = [name("a", Value::Nil), name("b", handle.clone())];
    check(&mut world, register("b"), &moved);
    check(
        &mut world,
        pack!("unregister", "b").unwrap(),
        &[name("b", Value::Nil)],
    );
    check(&mut world, pack!("unregister", "b").unwrap(), &[]);

    let db = Value::from(".db");
    check(
        &mut world,
        pack!("export", ".db").unwrap(),
        &[export(db.clone(), true)],
    );
    check(&mut world, pack!("export", ".db").unwrap(), &[]);
    check(
        &mut world,
        pack!("unexport", ".db").unwrap(),
        &[export(db, false)],
    );
    check(&mut world, pack!("unexport", ".db").unwrap(), &[]);
    check(
        &mut world,
        pack!("export", service.0).unwrap(),
        &[export(handle.clone(), true)],
    );
    check(&mut world, register("c"), &[name("c", handle.clone())]);

    world.node.end_peer(service, Reason::KILLED);
    let received = world.received(world.agent);
    let both = [name("c", Value::Nil), export(handle, false)];
    assert_eq!(
        received,
        [&both[0], &both[0], &both[1], &both[1]].map(Clone::clone)
    );
}

#[test]
fn a_change_is_in_the_mailboxes_of_agents_before_the_answer_is_sent() {
    for (request, expected) in [
        (pack!("register", "a").unwrap(), "name"),
        (pack!("unregister", "former").unwrap(), "name"),
        (pack!("export", ".new").unwrap(), "export"),
        (pack!("unexport", ".former").unwrap(), "export"),
    ] {
        let mut world = connected(&[("cluster_export", ".former")], 1);
        world.tell(pack!("register", "former").unwrap());
        world.node.received(world.agent);
        // The agent asks itself, so that both come to one mailbox.
        let agent = world.agents()[0];
        let order = [b"ask ", &request[..]].concat();
        world.node.send(agent, KIND_TEXT, &order).unwrap();
        world.node.run();
        let received = world.received(world.agent);
        let words: Vec<_> = received.iter().map(|one| one[0].clone()).collect();
        assert_eq!(words, [expected, "answered"].map(Value::from));
    }
}

#[test]
fn new_agents_know_all_names_and_exports() {
    let env = [("cluster_export", ".log, .db"), ("cluster_nodes", "")];
    let mut world = connected(&env, 0);
    let service = world.node.peer();
    world.tell(pack!("register", "a", service.0).unwrap());
    world.tell(pack!("export", service.0).unwrap());
    world.tell(pack!("unexport", ".log").unwrap());
    world.connect();
    let accept = world.received(world.agent).remove(0);
    let handle = Value::from(i64::from(service.0));
    let names = accept[4].as_table().unwrap();
    assert_eq!(names.pairs, [(Value::from("a"), handle.clone())]);
    let exports = accept[5].as_table().unwrap();
    assert_eq!(exports.array, [Value::from(".db"), handle]);
}

#[test]
fn an_export_that_is_none_is_refused() {
    let mut world = world("");
    let (reason, text) = world.error(pack!("export", "@db").unwrap());
    assert_eq!(reason, Reason::REFUSED);
    assert!(
        text.contains("wanted \".name\", a global name or a handle"),
        "{text}"
    );
    let mut node = prepared(&[("cluster_export", "@db")]);
    let error = node.launch::<Clusterd>("").unwrap_err();
    assert!(
        error.to_string().contains("cluster_export: \"@db\""),
        "{error}"
    );
}
