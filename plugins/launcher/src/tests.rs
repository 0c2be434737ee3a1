//! The launcher in a fake node.

use skynet_seri::{Value, decode, pack};
use skynet_service::testing::Node;
use skynet_service::{
    Context, Error, Handle, KIND_LUA, KIND_TEXT, Message, RawMessage, RawService, Result, Service,
    abi,
};

use super::Launcher;

/// Ends with an error when it gets a text.
struct Idle;

impl RawService for Idle {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        cx.exit_with(skynet_service::Reason::FAILED, message.text()?);
        Ok(())
    }
}

/// Is not to be had.
struct Broken;

impl Service for Broken {
    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.yield_now().await;
        Err(Error::msg("the moon is full"))
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }
}

/// What a single node starts by itself.
const OWN: [&str; 4] = ["control", "dummy", "datacenter", "service_mgr"];

/// A node with modules and this to start, without the launcher.
fn prepared(start: &str) -> Node {
    let mut node = Node::new();
    for module in ["idle"].into_iter().chain(OWN) {
        node.raw_module::<Idle>(module);
    }
    node.module::<Broken>("broken");
    node.set_env("name", "test");
    node.set_env("start", start);
    node
}

/// A node whose launcher has started this.
fn node(start: &str) -> (Node, Handle) {
    let mut node = prepared(start);
    let launcher = node.launch::<Launcher>("").unwrap();
    (node, launcher)
}

fn ask(node: &mut Node, launcher: Handle, request: Vec<u8>) -> Result<Value> {
    let reply = node.call(launcher, KIND_LUA, request)?;
    let mut values = decode(&reply)?;
    values.pop().ok_or_else(|| Error::msg("an empty answer"))
}

/// What the launcher says that it has launched, in the order of the handles.
fn list(node: &mut Node, launcher: Handle) -> Vec<String> {
    let list = ask(node, launcher, pack!("LIST").unwrap()).unwrap();
    let pairs = list.as_table().unwrap().pairs.clone();
    let line = |value: &Value| value.as_str().unwrap().to_owned();
    pairs.iter().map(|(_, value)| line(value)).collect()
}

fn has_log(node: &Node, level: u32, part: &str) -> bool {
    let logs = node.logs();
    logs.iter()
        .any(|record| record.level == level && record.text.contains(part))
}

#[test]
fn services_are_started_in_order() {
    let check = |start: &str, expected: &[&str]| {
        let (mut node, launcher) = node(start);
        let own = OWN.iter().filter(|own| !start.contains(*own));
        let expected: Vec<&str> = own.chain(expected).copied().collect();
        assert_eq!(list(&mut node, launcher), expected, "{start:?}");
        assert!(has_log(&node, abi::LEVEL_INFO, "node test is ready"));
    };
    check("", &[]);
    check("idle 1\nidle 2\n", &["idle 1", "idle 2"]);
    check("idle 1\n\n  control x\n", &["idle 1", "control x"]);
}

#[test]
fn a_start_service_that_fails_ends_the_node() {
    for (line, reason) in [("broken", "the moon is full"), ("nothing", "nothing")] {
        let mut node = prepared(&format!("idle\n{line}\nidle"));
        assert!(
            node.launch::<Launcher>("").is_err(),
            "it ends with the node"
        );
        assert!(has_log(&node, abi::LEVEL_ERROR, reason), "{line}");
        assert!(!has_log(&node, abi::LEVEL_INFO, "is ready"), "{line}");
        assert!(node.services().is_empty(), "{line}");
    }
}

#[test]
fn a_network_that_cannot_be_joined_ends_the_node() {
    let mut node = prepared("idle");
    node.set_env("harbor", "2");
    node.module::<Broken>("slave");
    assert!(node.launch::<Launcher>("").is_err());
    let reason = "launch of \"slave\" failed: the moon is full";
    assert!(has_log(&node, abi::LEVEL_ERROR, reason));
    assert!(node.services().is_empty());
}

#[test]
fn the_end_of_a_start_service_is_told() {
    let (mut node, launcher) = node("idle start");
    let started = *node.services().last().unwrap();
    let number = ask(
        &mut node,
        launcher,
        pack!("LAUNCH", "idle", "later").unwrap(),
    );
    let later = Handle(u32::try_from(number.unwrap().as_integer().unwrap()).unwrap());
    let both = ["idle start", "idle later"];
    assert_eq!(list(&mut node, launcher), [&OWN[..], &both].concat());
    node.send(later, KIND_TEXT, "bored").unwrap();
    node.send(started, KIND_TEXT, "tired").unwrap();
    node.run();
    assert_eq!(list(&mut node, launcher), OWN);
    assert!(has_log(&node, abi::LEVEL_WARN, "(idle start) has ended"));
    assert!(has_log(&node, abi::LEVEL_WARN, "tired"));
    assert!(
        !has_log(&node, abi::LEVEL_WARN, "bored"),
        "nobody counts on it"
    );
}

#[test]
fn what_was_killed_is_answered_and_not_warned_of() {
    let (mut node, launcher) = node("idle start");
    let started = *node.services().last().unwrap();
    let request = pack!("KILL", i64::from(started.0)).unwrap();
    let answer = ask(&mut node, launcher, request.clone()).unwrap();
    let line = answer.as_table().unwrap().get(started.to_string()).cloned();
    assert_eq!(line, Some(Value::from("idle start")));
    assert!(!node.is_alive(started));
    assert!(!has_log(&node, abi::LEVEL_WARN, "has ended"));
    assert!(ask(&mut node, launcher, request).is_err(), "it is gone");
}

#[test]
fn launches_that_fail_say_why() {
    let (mut node, launcher) = node("");
    for (module, reason) in [("broken", "the moon is full"), ("nothing", "nothing")] {
        let request = pack!("LAUNCH", module).unwrap();
        let error = ask(&mut node, launcher, request).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(list(&mut node, launcher), OWN);
    assert!(
        node.call(launcher, KIND_TEXT, "LIST").is_err(),
        "a text is no request"
    );
}
