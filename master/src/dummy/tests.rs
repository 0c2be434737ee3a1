//! The dummy in a fake node, with a harbor that the test plays.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_seri::pack;
use skynet_service::testing::{Node, Pending};
use skynet_service::{Handle, KIND_LUA, Reason};

use super::{Dummy, NO_CONNECT};
use crate::testing::{FakeHarbor, say, told};

fn node() -> (Node, Handle) {
    let mut node = Node::new();
    node.raw_module::<FakeHarbor>("harbor");
    let dummy = node.launch::<Dummy>("").unwrap();
    (node, dummy)
}

fn ask(node: &mut Node, dummy: Handle, request: Vec<u8>) -> Result<Vec<u8>, String> {
    let reply = node.call(dummy, KIND_LUA, request);
    match reply {
        Ok(reply) => Ok(reply.bytes().to_vec()),
        Err(error) => Err(error.to_string()),
    }
}

fn begin(node: &mut Node, dummy: Handle, request: Vec<u8>) -> Pending {
    let pending = node.begin_call(dummy, KIND_LUA, request).unwrap();
    node.run();
    pending
}

#[test]
fn names_work_within_the_node() {
    let (mut node, dummy) = node();
    assert_eq!(node.query(".cslave"), Some(dummy));
    let waiting = begin(&mut node, dummy, pack!("QUERYNAME", "DB").unwrap());
    assert!(node.finish_call(&waiting).is_none());
    let yes = pack!(true).unwrap();
    let register = |handle: u32| pack!("REGISTER", "DB", handle).unwrap();
    assert_eq!(ask(&mut node, dummy, register(9)).unwrap(), yes);
    let answer = node.finish_call(&waiting).unwrap().unwrap();
    assert_eq!(answer.bytes(), pack!(9).unwrap());
    // Once more is fine, somebody else is told who has it.
    assert_eq!(ask(&mut node, dummy, register(9)).unwrap(), yes);
    let error = ask(&mut node, dummy, register(10)).unwrap_err();
    assert!(error.contains("taken by :00000009"), "{error}");
    let moves = pack!("MOVE", "DB", 10).unwrap();
    assert_eq!(ask(&mut node, dummy, moves).unwrap(), yes);
    let query = || pack!("QUERYNAME", "DB").unwrap();
    assert_eq!(ask(&mut node, dummy, query()).unwrap(), pack!(10).unwrap());
    let unregister = pack!("UNREGISTER", "DB").unwrap();
    assert_eq!(ask(&mut node, dummy, unregister).unwrap(), yes);
    let waiting = begin(&mut node, dummy, query());
    assert!(node.finish_call(&waiting).is_none());
    let harbor = node.services()[1];
    assert_eq!(
        told(&mut node, harbor),
        [
            pack!("name", "DB", 9).unwrap(),
            pack!("name", "DB", 9).unwrap(),
            pack!("name", "DB", 10).unwrap(),
            pack!("unname", "DB").unwrap(),
        ]
    );
}

#[test]
fn the_harbor_is_told_of_names_that_it_asks_for() {
    let (mut node, dummy) = node();
    let harbor = node.services()[1];
    ask(&mut node, dummy, pack!("REGISTER", "DB", 9).unwrap()).unwrap();
    told(&mut node, harbor);
    for name in ["DB", "NOBODY"] {
        let question = pack!("query", name).unwrap();
        say(&mut node, harbor, question);
    }
    assert_eq!(told(&mut node, harbor), [pack!("name", "DB", 9).unwrap()]);
}

#[test]
fn local_names_are_the_nodes_own() {
    let (mut node, dummy) = node();
    let query = |name: &str| pack!("QUERYNAME", name).unwrap();
    let own = pack!(i64::from(dummy.0)).unwrap();
    assert_eq!(ask(&mut node, dummy, query(".cslave")).unwrap(), own);
    assert_eq!(
        ask(&mut node, dummy, query(".x")).unwrap(),
        pack!(()).unwrap()
    );
}

#[test]
fn there_are_no_other_nodes() {
    let (mut node, dummy) = node();
    assert_eq!(
        ask(&mut node, dummy, pack!("LINK", 7).unwrap()).unwrap(),
        b""
    );
    assert_eq!(
        ask(&mut node, dummy, pack!("NODES").unwrap()).unwrap(),
        b"\x06\x00"
    );
    let error = ask(&mut node, dummy, pack!("CONNECT", 7).unwrap()).unwrap_err();
    assert!(error.contains(NO_CONNECT), "{error}");
    for request in ["LINKMASTER", "MASTER"] {
        assert!(ask(&mut node, dummy, pack!(request).unwrap()).is_err());
    }
    for name in [":0000000a", "12", "", "sixteen bytes !!"] {
        let request = pack!("REGISTER", name, 9).unwrap();
        assert!(ask(&mut node, dummy, request).is_err(), "{name:?}");
    }
    let error = node.call(dummy, KIND_LUA, b"\xff").unwrap_err();
    assert_eq!(error.reason(), Reason::FAILED);
}
