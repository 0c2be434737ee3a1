//! How requests get to nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::{Value, pack};
use skynet_service::{KIND_LUA, KIND_TEXT, Message, Reason, Service};

use super::*;

const DB: &str = "db = \"h:1\"\nold = false";

#[test]
fn a_sender_is_launched_once_and_learns_where_its_node_is() {
    let mut world = world(DB);
    let db = world.play("db");
    let sender = world.handle(pack!("sender", "db").unwrap());
    assert_eq!(world.handle(pack!("sender", "db").unwrap()), sender);
    let expected = list([Value::from("changenode"), Value::from("h:1")]);
    assert_eq!(world.received(db), [expected]);
    let senders = world.ask(pack!("senders").unwrap()).unwrap();
    let table = senders[0].as_table().unwrap();
    assert_eq!(table.get("db"), Some(&Value::from(i64::from(sender.0))));
    assert_eq!(table.pairs.len(), 1);

    world.tell(pack!("reload", toml("db = \"h:2\"")).unwrap());
    world.tell(pack!("reload", toml("db = \"h:2\"\nother = \"h:3\"")).unwrap());
    world.tell(pack!("reload", toml("db = false")).unwrap());
    let moves = [Value::from("h:2"), Value::from(false)];
    let expected = moves.map(|to| list([Value::from("changenode"), to]));
    assert_eq!(world.received(db), expected);
}

#[test]
fn a_node_that_is_down_is_not_asked() {
    let mut world = world(DB);
    for request in [
        pack!("sender", "old").unwrap(),
        pack!("proxy", "old@x").unwrap(),
        pack!("req", "old", "@x", "").unwrap(),
    ] {
        let (reason, text) = world.error(request);
        assert_eq!(reason, Reason::NODE_LOST);
        assert!(
            text.contains("cluster node old is down: its address is false"),
            "{text}"
        );
    }
    assert_eq!(world.node.services().len(), 2, "clusterd and clusterfile");
}

#[test]
fn requests_are_passed_on_with_all_that_belongs_to_them() {
    let mut world = world(DB);
    let db = world.play("db");
    let call = world.node.begin_call(
        world.clusterd,
        KIND_LUA,
        pack!("req", "db", "@svc", "body").unwrap(),
    );
    world.node.run();
    let received = world.node.received(db);
    let request = &received[1];
    assert!(request.is_call());
    assert_eq!(request.source, world.node.tester());
    let expected = [Value::from("req"), Value::from("@svc"), Value::from("body")];
    assert_eq!(decode(&request.payload).unwrap(), expected);
    world.node.answer(request, "done");
    let answer = world.node.finish_call(&call.unwrap()).unwrap();
    assert_eq!(answer.unwrap().bytes(), b"done");

    let from = world.node.peer();
    let push = pack!("push", "db", 10, "body").unwrap();
    world
        .node
        .send_from(from, world.clusterd, KIND_LUA, 77, push)
        .unwrap();
    world.node.run();
    let push = world.node.received(db).remove(0);
    assert!(!push.is_call());
    assert_eq!((push.source, push.session), (from, 77));
    let expected = [Value::from("push"), Value::from(10), Value::from("body")];
    assert_eq!(decode(&push.payload).unwrap(), expected);
}

#[test]
fn an_ended_sender_has_a_successor() {
    let mut world = world(DB);
    let db = world.play("db");
    let sender = world.handle(pack!("sender", "db").unwrap());
    world.node.send(sender, KIND_TEXT, "tired").unwrap();
    world.node.run();
    assert_eq!(world.count_logs("sender of cluster node db has ended: "), 1);
    let new = world.handle(pack!("sender", "db").unwrap());
    assert_ne!(new, sender);

    // It ends, and clusterd is asked before it hears of that.
    world.node.received(db);
    world.node.send(new, KIND_TEXT, "tired").unwrap();
    let push = pack!("push", "db", "@svc", "body").unwrap();
    world.node.send(world.clusterd, KIND_LUA, push).unwrap();
    world.node.run();
    let words: Vec<_> = world
        .received(db)
        .into_iter()
        .map(|values| values[0].clone())
        .collect();
    assert_eq!(words, ["changenode", "push"].map(Value::from));
}

#[test]
fn proxies_are_made_once_for_each_service() {
    let mut world = world(DB);
    let db = world.play("db");
    let proxy = world.handle(pack!("proxy", "db", "@svc").unwrap());
    assert_eq!(world.handle(pack!("proxy", "db@svc").unwrap()), proxy);
    assert_ne!(world.handle(pack!("proxy", "db.svc").unwrap()), proxy);
    world.node.received(db);
    world.node.send(proxy, KIND_LUA, b"hi").unwrap();
    world.node.run();
    let expected = list([Value::from("push"), Value::from("@svc"), Value::from("hi")]);
    assert_eq!(world.received(db), [expected]);

    world.node.kill(proxy);
    assert_ne!(world.handle(pack!("proxy", "db@svc").unwrap()), proxy);
}

#[test]
fn what_is_sent_to_an_unknown_node_goes_there_in_order_when_it_is_known() {
    let mut world = world("");
    let db = world.play("db");
    let mut calls = Vec::new();
    for number in 0..6_u8 {
        let command = ["push", "req"][usize::from(number % 2)];
        let request = pack!(command, "db", "@svc", number).unwrap();
        if number % 2 == 0 {
            world.node.send(world.clusterd, KIND_LUA, request).unwrap();
        } else {
            let call = world.node.begin_call(world.clusterd, KIND_LUA, request);
            calls.push(call.unwrap());
        }
    }
    let asked = pack!("sender", "db").unwrap();
    let asked = world
        .node
        .begin_call(world.clusterd, KIND_LUA, asked)
        .unwrap();
    world.node.run();
    assert_eq!(world.received(db), [[]; 0]);
    assert_eq!(world.count_logs("somebody waits for cluster node db"), 1);

    world.tell(pack!("update", toml("db = \"h:1\"")).unwrap());
    let numbers = world.node.received(db);
    let first = decode(&numbers[0].payload).unwrap();
    assert_eq!(first, [Value::from("changenode"), Value::from("h:1")]);
    for (number, one) in (0..).zip(&numbers[1..]) {
        assert_eq!(decode(&one.payload).unwrap()[2], Value::from(number));
        if number % 2 == 1 {
            world.node.answer(one, "");
        }
    }
    assert_eq!(numbers.len(), 7);
    for call in calls {
        assert!(world.node.finish_call(&call).unwrap().is_ok());
    }
    assert!(world.node.finish_call(&asked).unwrap().is_ok());
    world.node.advance(Duration::from_secs(5));
    assert_eq!(world.node.timers(), 0, "nobody waits any more");
}

#[test]
fn an_unknown_node_is_waited_for_as_long_as_the_tables_say() {
    let check = |toml: &str, wait: &str, expected: Option<u64>| {
        let mut world = world_with(&[("cluster_nodes", toml), ("cluster_wait", wait)]);
        let asked = pack!("sender", "db").unwrap();
        let asked = world
            .node
            .begin_call(world.clusterd, KIND_LUA, asked)
            .unwrap();
        world.node.run();
        let Some(wait) = expected else {
            world.node.advance(Duration::from_secs(3600));
            assert!(world.node.finish_call(&asked).is_none(), "{toml}");
            assert_eq!(world.node.timers(), 0);
            return;
        };
        if wait > 0 {
            world.node.advance(Duration::from_millis(wait - 1));
            assert!(world.node.finish_call(&asked).is_none(), "{toml}");
            world.node.advance(Duration::from_millis(1));
        }
        let error = world.node.finish_call(&asked).unwrap().unwrap_err();
        assert_eq!(error.reason(), Reason::UNKNOWN);
        assert!(
            error.to_string().contains("cluster node db is not known ("),
            "{error}"
        );
    };
    check("", "", Some(5000));
    check("", "0.5", Some(500));
    check("", "0", Some(0));
    check("__nowaiting = true", "5", Some(0));
    check("__nowaiting = false", "5", None);
}

#[test]
fn each_waits_its_own_time() {
    let mut world = world("");
    let db = world.play("db");
    let push = |number: i64| pack!("push", "db", "@svc", number).unwrap();
    world.node.send(world.clusterd, KIND_LUA, push(1)).unwrap();
    world.node.advance(Duration::from_secs(3));
    world.node.send(world.clusterd, KIND_LUA, push(2)).unwrap();
    let other = pack!("push", "other", "@svc", "").unwrap();
    world.node.send(world.clusterd, KIND_LUA, other).unwrap();
    world.node.advance(Duration::from_secs(3));
    assert_eq!(
        world.count_logs("to cluster node db is lost: cluster node db is not known (waited 5 s)"),
        1
    );
    world.tell(pack!("reload", toml("db = \"h:1\"")).unwrap());
    let received = world.received(db);
    assert_eq!(received.len(), 2);
    assert_eq!(received[1][2], Value::from(2));
    world.node.advance(Duration::from_secs(2));
    assert_eq!(
        world.count_logs("to cluster node other is lost: cluster node other is not known"),
        1
    );
}

#[test]
fn many_losses_do_not_fill_the_log() {
    let mut world = world("");
    for number in 0..1000 {
        let push = pack!("push", "db", "@svc", number).unwrap();
        world.node.send(world.clusterd, KIND_LUA, push).unwrap();
    }
    world.node.advance(Duration::from_secs(6));
    assert_eq!(world.count_logs("to cluster node db is lost"), 1);
    let push = pack!("push", "db", "@svc", 0).unwrap();
    world.node.send(world.clusterd, KIND_LUA, push).unwrap();
    world.node.advance(Duration::from_secs(6));
    assert_eq!(world.count_logs("(and 999 before it)"), 1);
}

#[test]
fn nobody_waits_any_longer_when_the_tables_say_so() {
    let mut world = world("__nowaiting = false");
    let asked: Vec<_> = ["db", "other"]
        .map(|node| pack!("sender", node).unwrap())
        .into();
    let asked = asked.into_iter().map(|one| {
        world
            .node
            .begin_call(world.clusterd, KIND_LUA, one)
            .unwrap()
    });
    let asked: Vec<_> = asked.collect();
    world.node.advance(Duration::from_secs(3600));
    world.tell(pack!("reload", toml("__nowaiting = true")).unwrap());
    for call in asked {
        let error = world.node.finish_call(&call).unwrap().unwrap_err();
        assert_eq!(error.reason(), Reason::UNKNOWN);
    }
}

/// Asks clusterd for the sender of `db`, for at most a second.
struct Impatient;

impl Service for Impatient {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let request = message.bytes();
        let second = Duration::from_secs(1);
        let answer = match message.kind() {
            KIND_LUA => cx.call(".clusterd", KIND_LUA, request).await,
            _ => {
                cx.call_timeout(".clusterd", KIND_LUA, request, second)
                    .await
            }
        };
        Ok(cx.reply(&message, answer?)?)
    }
}

#[test]
fn what_its_caller_has_given_up_is_not_kept() {
    let mut world = world("__nowaiting = false");
    let db = world.play("db");
    let impatient = world.node.launch::<Impatient>("").unwrap();
    let req = pack!("req", "db", "@svc", "").unwrap();
    world.node.send(impatient, KIND_TEXT, &req).unwrap();
    world.node.send(impatient, KIND_LUA, &req).unwrap();
    world.node.run();
    assert_eq!(waiting(&mut world), Some(2));
    world.node.advance(Duration::from_secs(1));
    assert_eq!(waiting(&mut world), Some(1), "its time is up");
    world.node.kill(impatient);
    assert_eq!(waiting(&mut world), None, "its caller has ended");
    world.tell(pack!("reload", toml("db = \"h:1\"")).unwrap());
    assert_eq!(world.received(db), [[]; 0]);
}

/// How many wait for the node `db`.
fn waiting(world: &mut World) -> Option<i64> {
    let nodes = world.ask(pack!("nodes").unwrap()).unwrap();
    let db = nodes[0].as_table().unwrap().get("db")?.as_table()?.clone();
    assert_eq!(db.get("state"), Some(&Value::from("unknown")));
    db.get("waiting")?.as_integer()
}

#[test]
fn too_much_does_not_wait() {
    let env = [("cluster_nodes", ""), ("cluster_queue_bytes", "1000")];
    let mut world = world_with(&env);
    let request = |bytes: usize| pack!("req", "db", "@svc", vec![b'x'; bytes].as_slice()).unwrap();
    world
        .node
        .send(world.clusterd, KIND_LUA, request(900))
        .unwrap();
    let (reason, text) = world.error(request(100));
    assert_eq!(reason, Reason::REFUSED);
    assert!(text.contains("too much waits"), "{text}");
    world
        .node
        .begin_call(world.clusterd, KIND_LUA, request(10))
        .unwrap();
    world.node.run();
    assert_eq!(waiting(&mut world), Some(2));
}

#[test]
fn senders_say_how_their_nodes_are() {
    let mut world = world("db = \"h:1\"\nold = false\nnew = \"h:2\"\nmute = \"h:3\"");
    let db = world.play("db");
    let mute = world.play("mute");
    let sender = world.handle(pack!("sender", "db").unwrap());
    world.handle(pack!("sender", "mute").unwrap());
    world.node.received(db);
    world.node.received(mute);
    let asked = pack!("nodes").unwrap();
    let asked = world
        .node
        .begin_call(world.clusterd, KIND_LUA, asked)
        .unwrap();
    world.node.run();
    let question = world.node.received(db).remove(0);
    assert_eq!(decode(&question.payload).unwrap(), [Value::from("state")]);
    let said = BTreeMap::from([("state", "up"), ("address", "h:9"), ("kind", "ours")]);
    world.node.answer(&question, pack!(&said).unwrap());
    world.node.advance(Duration::from_secs(1));
    let answer = world.node.finish_call(&asked).unwrap().unwrap();
    let nodes = values(&answer).remove(0);
    let get = |node: &str, key: &str| {
        let node = nodes
            .as_table()
            .unwrap()
            .get(node)
            .unwrap()
            .as_table()
            .unwrap();
        node.get(key).cloned()
    };
    assert_eq!(get("db", "state"), Some(Value::from("up")));
    assert_eq!(get("db", "address"), Some(Value::from("h:1")));
    assert_eq!(get("db", "kind"), Some(Value::from("ours")));
    assert_eq!(get("db", "sender"), Some(Value::from(i64::from(sender.0))));
    assert_eq!(get("old", "state"), Some(Value::from("down")));
    assert_eq!(get("old", "address"), Some(Value::from(false)));
    assert_eq!(get("new", "state"), Some(Value::from("idle")));
    assert_eq!(get("mute", "state"), Some(Value::from("unknown")));
    assert!(get("mute", "error").is_some());
}
