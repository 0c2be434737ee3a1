//! The proxy in a fake node, between people whom the test plays.

use skynet_seri::{Value, decode, pack};
use skynet_service::testing::{Node, Received};
use skynet_service::{Handle, KIND_LUA, KIND_SNAX, KIND_TEXT, Reason};

use super::{ClusterProxy, Remote};

struct World {
    node: Node,
    sender: Handle,
    clusterd: Handle,
    proxy: Handle,
}

fn world(service: &str) -> World {
    let mut node = Node::new();
    let (sender, clusterd) = (node.peer(), node.peer());
    let proxy = node
        .launch_raw::<ClusterProxy>(&format!("{sender} {clusterd} db {service}"))
        .unwrap();
    World {
        node,
        sender,
        clusterd,
        proxy,
    }
}

impl World {
    fn send(&mut self, number: u8) {
        let sent = self.node.send(self.proxy, KIND_LUA, &[number]);
        sent.unwrap();
        self.node.run();
    }

    fn at(&mut self, who: Handle) -> Vec<Vec<Value>> {
        let received = self.node.received(who);
        received
            .iter()
            .map(|one| decode(&one.payload).unwrap())
            .collect()
    }

    /// The numbers of what came to clusterd, and its last question.
    fn around(&mut self) -> (Vec<u8>, Option<Received>) {
        let mut numbers = Vec::new();
        let mut question = None;
        for one in self.node.received(self.clusterd) {
            let values = decode(&one.payload).unwrap();
            match values[0].as_str().unwrap() {
                "sender" => {
                    assert_eq!(values[1..], [Value::from("db")]);
                    assert!(question.replace(one).is_none(), "two questions");
                }
                command => {
                    let expected = [Value::from("db"), Value::from("@svc")];
                    assert_eq!((command, &values[1..3]), ("push", &expected[..]));
                    numbers.push(values[3].as_bytes().unwrap()[0]);
                }
            }
        }
        (numbers, question)
    }
}

#[test]
fn messages_go_on_as_they_are_and_answers_go_to_the_caller() {
    let check = |service: &str, expected: Value| {
        let mut world = world(service);
        let call = world.node.begin_call(world.proxy, KIND_LUA, b"hi").unwrap();
        world.node.run();
        let request = world.node.received(world.sender).remove(0);
        assert!(request.is_call() && request.kind == KIND_LUA);
        assert_eq!(request.source, world.node.tester());
        let values = decode(&request.payload).unwrap();
        assert_eq!(
            values,
            [Value::from("req"), expected.clone(), Value::string("hi")]
        );
        world.node.answer(&request, "there");
        let answer = world.node.finish_call(&call).unwrap().unwrap();
        assert_eq!(answer.bytes(), b"there");

        let from = world.node.peer();
        let sent = world.node.send_from(from, world.proxy, KIND_SNAX, 7, b"");
        sent.unwrap();
        world.node.run();
        let push = world.node.received(world.sender).remove(0);
        assert!(!push.is_call() && push.kind == KIND_LUA);
        assert_eq!((push.source, push.session), (from, 7));
        let values = decode(&push.payload).unwrap();
        assert_eq!(values, [Value::from("push"), expected, Value::string("")]);
    };
    check("@svc", Value::from("@svc"));
    check(".svc", Value::from(".svc"));
    check(":0000000a", Value::Integer(10));
}

#[test]
fn a_service_is_a_handle_or_a_name() {
    assert_eq!(Remote::parse(":0000000a"), Remote::Handle(Handle(10)));
    for name in ["@a", ".a", "A", ":x", ":123456789"] {
        assert_eq!(Remote::parse(name), Remote::Name(name.to_owned()));
    }
}

#[test]
fn an_ended_sender_is_gone_round_in_order() {
    let mut world = world("@svc");
    world.send(1);
    assert_eq!(world.at(world.sender).len(), 1);
    world.node.end_peer(world.sender, Reason::PANICKED);
    world.send(2);
    world.send(3);
    let (numbers, question) = world.around();
    assert_eq!(numbers, [2, 3]);

    // Number 3 went to clusterd after the question: a direct message could overtake it.
    let new = world.node.peer();
    let answer = pack!(i64::from(new.0)).unwrap();
    world.node.answer(&question.unwrap(), &answer);
    world.send(4);
    let (numbers, question) = world.around();
    assert_eq!(numbers, [4]);
    world.node.answer(&question.unwrap(), &answer);
    let (numbers, question) = world.around();
    assert_eq!(numbers, [0; 0]);
    world.node.answer(&question.unwrap(), &answer);
    world.send(5);
    assert_eq!(world.around().0, [0; 0]);
    assert_eq!(world.at(new).len(), 1);
}

#[test]
fn a_question_that_fails_is_asked_again_by_the_next_message() {
    let mut world = world("@svc");
    world.node.end_peer(world.sender, Reason::KILLED);
    world.send(1);
    let (_, question) = world.around();
    world
        .node
        .fail(&question.unwrap(), Reason::NODE_LOST, "down");
    assert!(world.around().1.is_none());
    world.send(2);
    let (numbers, question) = world.around();
    assert_eq!(numbers, [2]);
    assert!(question.is_some());
}

#[test]
fn it_ends_with_clusterd() {
    let mut world = world("@svc");
    world.node.end_peer(world.clusterd, Reason::KILLED);
    assert!(!world.node.is_alive(world.proxy));
}

#[test]
fn what_it_cannot_pass_on_is_refused() {
    let mut world = world("@svc");
    let error = world.node.call(world.proxy, KIND_TEXT, b"").unwrap_err();
    assert_eq!(error.reason(), Reason::UNSUPPORTED);
    for args in ["", ":1 :2 db", ":1 :2 db @a more", "1 :2 db @a"] {
        assert!(
            world.node.launch_raw::<ClusterProxy>(args).is_err(),
            "{args}"
        );
    }
}
