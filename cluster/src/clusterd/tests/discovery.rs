//! Where nodes come from.

use std::time::Duration;

use skynet_seri::{Value, pack};
use skynet_service::{Error, KIND_LUA, KIND_TEXT, Message, Reason, Service};

use super::*;

/// A discovery service that the test plays: everything goes to `.discovery`, but that `nodes` is answered with an empty
/// table. Ends when it gets a text.
struct Registry;

impl Service for Registry {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let (arguments, clusterd) = args.split_once(' ').unwrap();
        assert_eq!(
            (arguments, clusterd.parse::<Handle>().is_ok()),
            ("etcd", true)
        );
        match cx.query(".broken") {
            Some(_) => Err(Error::msg("the moon is full")),
            None => Ok(Self),
        }
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() == KIND_TEXT {
            cx.exit_with(Reason::FAILED, "tired");
            return Ok(());
        }
        let (command,) = message.unpack::<(&str,)>()?;
        if command == "nodes" {
            if cx.query(".odd").is_some() {
                return Ok(cx.reply(&message, &pack!(1)?)?);
            }
            return Ok(cx.reply(&message, &pack!(toml("first = \"h:1\""))?)?);
        }
        let to = cx.query(".discovery").expect("the test plays it");
        Ok(cx.redirect(message, to)?)
    }
}

/// A node whose nodes the test knows, and whom it plays.
fn registry() -> (World, Handle) {
    let mut node = prepared(&[("cluster_discovery", "registry etcd")]);
    node.module::<Registry>("registry");
    let agent = node.peer();
    let discovery = node.peer();
    node.register(discovery, ".discovery");
    let clusterd = node.launch::<Clusterd>("").unwrap();
    let world = World {
        node,
        clusterd,
        agent,
    };
    (world, discovery)
}

#[test]
fn another_service_can_say_where_nodes_are() {
    let (mut world, discovery) = registry();
    let first = world.play("first");
    world.handle(pack!("sender", "first").unwrap());
    let expected = list([Value::from("changenode"), Value::from("h:1")]);
    assert_eq!(world.received(first), [expected]);

    // Asked for a node that it did not name, it hears of that once.
    let second = world.play("second");
    for _ in 0..3 {
        let push = pack!("push", "second", "@svc", "").unwrap();
        world.node.send(world.clusterd, KIND_LUA, push).unwrap();
    }
    world.node.run();
    let wanted = list([Value::from("wanted"), Value::from("second")]);
    assert_eq!(world.received(discovery), [wanted]);
    let update = pack!("update", toml("second = \"h:2\"")).unwrap();
    world.node.send(world.clusterd, KIND_LUA, update).unwrap();
    world.node.run();
    assert_eq!(world.received(second).len(), 4);

    for (request, expected) in [
        (
            pack!("reload").unwrap(),
            list([Value::from("reload"), Value::Nil]),
        ),
        (
            pack!("reload", "f").unwrap(),
            list([Value::from("reload"), Value::from("f")]),
        ),
    ] {
        let call = world
            .node
            .begin_call(world.clusterd, KIND_LUA, request)
            .unwrap();
        world.node.run();
        let question = world.node.received(discovery).remove(0);
        assert_eq!(decode(&question.payload).unwrap(), expected);
        let answer = pack!(toml("second = false")).unwrap();
        world.node.answer(&question, &answer);
        assert!(world.node.finish_call(&call).unwrap().is_ok());
    }
    let changes = world.received(second);
    assert_eq!(
        changes,
        [list([Value::from("changenode"), Value::from(false)])]
    );
}

#[test]
fn a_reload_that_fails_says_why_and_changes_nothing() {
    let (mut world, discovery) = registry();
    let first = world.play("first");
    world.handle(pack!("sender", "first").unwrap());
    world.node.received(first);
    let check = |world: &mut World, answer: Option<Vec<u8>>, part: &str| {
        let reload = pack!("reload").unwrap();
        let call = world
            .node
            .begin_call(world.clusterd, KIND_LUA, reload)
            .unwrap();
        world.node.run();
        let question = world.node.received(discovery).remove(0);
        match answer {
            Some(answer) => world.node.answer(&question, &answer),
            None => world
                .node
                .fail(&question, Reason::FAILED, "the registry is away"),
        }
        let error = world.node.finish_call(&call).unwrap().unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    check(&mut world, None, "failed: the registry is away");
    let odd = Some(pack!(1).unwrap());
    check(
        &mut world,
        odd,
        "where cluster nodes are: the answer is no table",
    );
    let wrong = std::collections::BTreeMap::from([("first", "nowhere"), ("a", "h:1")]);
    check(
        &mut world,
        Some(pack!(&wrong).unwrap()),
        "cluster node first",
    );
    let (_, text) = world.error(pack!("reload", &wrong).unwrap());
    assert!(text.contains("cluster node first"), "{text}");
    assert_eq!(world.received(first), [[]; 0]);
    world.tell(pack!("reload", toml("__nowaiting = true")).unwrap());
    let (reason, _) = world.error(pack!("sender", "a").unwrap());
    assert_eq!(reason, Reason::UNKNOWN, "nothing of a wrong table holds");
}

#[test]
fn a_discovery_service_that_ends_is_launched_again() {
    let (mut world, discovery) = registry();
    let registry = world.node.services()[1];
    let broken = world.node.peer();
    world.node.register(broken, ".broken");
    world.node.send(registry, KIND_TEXT, "").unwrap();
    world.node.run();
    assert_eq!(world.count_logs("the discovery service has ended: "), 1);
    let (reason, text) = world.error(pack!("reload").unwrap());
    assert_eq!(reason, Reason::REFUSED);
    assert!(text.contains("launched again"), "{text}");

    world.node.advance(Duration::from_secs(3));
    assert_eq!(
        world.count_logs("no discovery service: "),
        2,
        "after 1 s and after 3 s"
    );
    world.node.end_peer(broken, Reason::NONE);
    world.tell(pack!("reload", toml("first = false\nsecond = \"h:2\"")).unwrap());
    world.node.advance(Duration::from_secs(30));
    world.play("second");
    let sender = world.handle(pack!("sender", "second").unwrap());
    assert!(world.node.is_alive(sender), "what was known stays");
    let call = world
        .node
        .begin_call(world.clusterd, KIND_LUA, pack!("reload").unwrap());
    world.node.run();
    let question = world.node.received(discovery).remove(0);
    world.node.answer(&question, b"");
    assert!(world.node.finish_call(&call.unwrap()).unwrap().is_ok());
    assert_eq!(world.node.timers(), 0);
}

#[test]
fn a_discovery_service_that_says_nonsense_is_not_kept() {
    let (mut world, _) = registry();
    let registry = world.node.services()[1];
    let odd = world.node.peer();
    world.node.register(odd, ".odd");
    world.node.send(registry, KIND_TEXT, "").unwrap();
    world.node.advance(Duration::from_secs(20));
    assert_eq!(
        world.count_logs("no table of nodes"),
        4,
        "after 1, 3, 7, 15 s"
    );
    assert_eq!(world.node.services(), [world.clusterd]);
}

#[test]
fn without_names_of_nodes_it_does_not_start() {
    let check = |env: &[(&str, &str)], part: &str| {
        let mut node = prepared(env);
        let error = node.launch::<Clusterd>("").unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(node.services().is_empty(), "nothing is left");
    };
    check(&[("cluster_nodes", "db = 1")], "cluster node db is integer");
    check(&[("cluster", "/does/not/exist")], "/does/not/exist");
    check(&[("cluster_discovery", "nothing")], "nothing");
    check(&[("cluster_expose", "some")], "cluster_expose is \"some\"");
}

#[test]
fn there_is_one() {
    let mut world = world("");
    assert_eq!(world.node.query(".clusterd"), Some(world.clusterd));
    assert!(world.node.launch::<Clusterd>("").is_err());
    assert!(world.node.launch::<Clusterd>("more").is_err());
    assert!(world.ask(pack!("senders").unwrap()).is_ok());
    let error = world
        .node
        .call(world.clusterd, KIND_TEXT, "nodes")
        .unwrap_err();
    assert_eq!(error.reason(), Reason::UNSUPPORTED);
}
