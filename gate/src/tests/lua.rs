//! The form of the Lua gate.

use skynet_seri::{Table, Value, pack, unpack};
use skynet_service::testing::Node;
use skynet_service::{Handle, KIND_LUA, KIND_TEXT};

use super::{ADDRESS, Stage};
use crate::gate::Gate;

/// A gate that was not opened yet.
fn closed_gate() -> Stage {
    let mut node = Node::new();
    let watchdog = node.peer();
    let gate = node.launch_raw::<Gate>("").unwrap();
    Stage {
        node,
        watchdog,
        gate,
    }
}

/// A request to `open` with these pairs.
fn open_request(pairs: &[(&str, Value)]) -> Vec<u8> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (Value::from(*key), value.clone()));
    let table = Table {
        pairs: pairs.collect(),
        ..Table::default()
    };
    skynet_seri::encode(&[Value::from("open"), Value::from(table)]).unwrap()
}

/// An open gate for at most two clients.
fn lua_gate(more: &[(&str, Value)]) -> Stage {
    let mut stage = closed_gate();
    let watchdog = Value::from(i64::from(stage.watchdog.0));
    let mut pairs = vec![
        ("port", Value::from(9000)),
        ("watchdog", watchdog),
        ("maxclient", Value::from(2)),
    ];
    pairs.extend_from_slice(more);
    let answer = stage
        .node
        .call(stage.gate, KIND_LUA, open_request(&pairs))
        .unwrap();
    assert_eq!(unpack(answer.bytes()), Ok(("127.0.0.1", 9000_u16)));
    stage
}

fn call(stage: &mut Stage, request: Vec<u8>) -> Result<Vec<u8>, String> {
    let answer = stage.node.call(stage.gate, KIND_LUA, request);
    answer
        .map(|answer| answer.bytes().to_vec())
        .map_err(|error| error.to_string())
}

#[test]
fn a_gate_is_opened_and_closed_and_opened() {
    let mut stage = lua_gate(&[]);
    assert!(stage.is_listening());
    let error = call(&mut stage, open_request(&[("port", Value::from(9001))])).unwrap_err();
    assert!(error.contains("listens already"), "{error}");
    assert_eq!(call(&mut stage, pack(&("close",)).unwrap()), Ok(vec![]));
    assert!(!stage.is_listening());
    let error = call(&mut stage, pack(&("close",)).unwrap()).unwrap_err();
    assert!(error.contains("does not listen"), "{error}");
    let address = [
        ("address", Value::from(ADDRESS)),
        ("framing", Value::from("raw")),
    ];
    let answer = call(&mut stage, open_request(&address)).unwrap();
    assert_eq!(unpack(&answer), Ok(("127.0.0.1", 9000_u16)));
    assert!(stage.node.connect(ADDRESS).is_some());
    // The one who opened it is its watchdog.
    let tester = stage.node.tester();
    assert_eq!(stage.node.received(tester).len(), 1);
}

#[test]
fn a_port_is_picked() {
    let mut stage = closed_gate();
    let answer = call(&mut stage, open_request(&[("port", Value::from(0))])).unwrap();
    let (host, port) = unpack::<(&str, u16)>(&answer).unwrap();
    assert_eq!(host, "127.0.0.1");
    assert!(stage.node.connect(&format!("127.0.0.1:{port}")).is_some());
}

#[test]
fn open_is_refused_with_a_reason() {
    let check = |pairs: &[(&str, Value)], expected: &str| {
        let mut stage = lua_gate(&[]);
        call(&mut stage, pack(&("close",)).unwrap()).unwrap();
        stage.node.launch_raw::<Gate>("S ! 9999 0 1").unwrap();
        let error = call(&mut stage, open_request(pairs)).unwrap_err();
        assert!(error.contains(expected), "{pairs:?}: {error}");
        // It can be opened after that.
        call(&mut stage, open_request(&[("port", Value::from(9000))])).unwrap();
    };
    check(&[], "port: found none");
    check(
        &[("port", Value::from(65536))],
        "port: found 65536, wanted from 0 to 65535",
    );
    check(&[("port", Value::from("x"))], "port: found \"x\"");
    check(&[("address", Value::from(7))], "address: found 7");
    check(
        &[
            ("port", Value::from(1)),
            ("framing", Value::from("netstring")),
        ],
        "framing: found \"netstring\"",
    );
    check(
        &[
            ("port", Value::from(1)),
            ("watchdog", Value::from(".nobody")),
        ],
        "no service is named .nobody",
    );
    check(
        &[("port", Value::from(1)), ("watchdog", Value::from(0))],
        "wanted a handle",
    );
    check(&[("port", Value::from(9999))], "the address is taken");
    check(
        &[
            ("address", Value::from("not an address")),
            ("port", Value::from(1)),
        ],
        "",
    );
    let mut stage = closed_gate();
    let error = call(&mut stage, pack(&("open", 8888)).unwrap()).unwrap_err();
    assert!(error.contains("open"), "{error}");
    assert!(
        call(&mut stage, pack(&("shut",)).unwrap())
            .unwrap_err()
            .contains("wanted open, close")
    );
}

#[test]
fn unknown_keys_are_warned_about() {
    let stage = lua_gate(&[("idle_timout", Value::from(3))]);
    assert!(stage.logged("option \"idle_timout\""));
}

#[test]
fn a_client_is_told_of_then_accepted_then_forwarded() {
    let mut stage = lua_gate(&[]);
    let agent = stage.node.peer();
    let (client, id) = stage.connect();
    let session = id.cast_signed();
    stage.node.client_write(client, b"\0\x02hi\0\0");
    assert_eq!(stage.news(), [""; 0]);
    assert_eq!(call(&mut stage, pack(&("accept", id)).unwrap()), Ok(vec![]));
    // Empty packets are packets here.
    assert_eq!(
        stage.news(),
        [format!("data {id} hi"), format!("data {id} ")]
    );

    // To another service, in the name of a third.
    call(&mut stage, pack(&("forward", id, 0x1234, agent.0)).unwrap()).unwrap();
    stage.node.client_write(client, b"\0\x01x\0\0");
    let (third, one, none) = (Handle(0x1234), "x".to_owned(), String::new());
    assert_eq!(
        stage.packets(agent),
        [(third, session, one.clone()), (third, session, none)]
    );
    // To whoever says so, in the gate's own name.
    let gate = stage.gate;
    let forward = pack(&("forward", id)).unwrap();
    stage
        .node
        .send_from(agent, gate, KIND_LUA, 0, forward)
        .unwrap();
    stage.node.client_write(client, b"\0\x01x");
    assert_eq!(stage.packets(agent), [(gate, session, one)]);
    // And back to the watchdog.
    call(&mut stage, pack(&("accept", id)).unwrap()).unwrap();
    stage.node.client_write(client, b"\0\x01y");
    assert_eq!(stage.news(), [format!("data {id} y")]);

    stage.node.client_close(client);
    assert_eq!(stage.news(), [format!("close {id}")]);
    for gone in [("forward", id), ("accept", id)] {
        let error = call(&mut stage, pack(&gone).unwrap()).unwrap_err();
        assert!(
            error.contains(&format!("there is no client {id}")),
            "{error}"
        );
    }
    assert_eq!(call(&mut stage, pack(&("kick", id)).unwrap()), Ok(vec![]));
}

#[test]
fn forward_begins_to_read() {
    let mut stage = lua_gate(&[]);
    let agent = stage.node.peer();
    stage.node.register(agent, ".agent");
    let (client, id) = stage.connect();
    stage.node.client_write(client, b"\0\x01x");
    call(
        &mut stage,
        pack(&("forward", id, None::<u32>, ".agent")).unwrap(),
    )
    .unwrap();
    assert_eq!(stage.packets(agent).len(), 1);
}

#[test]
fn kick_closes_and_says_so() {
    let mut stage = lua_gate(&[]);
    let (client, id) = stage.connect();
    call(&mut stage, pack(&("kick", id)).unwrap()).unwrap();
    assert!(stage.node.client_is_closed(client));
    assert_eq!(stage.news(), [format!("close {id}")]);
}

#[test]
fn errors_and_warnings_are_told_with_words() {
    let limits = [
        ("output_limit", Value::from(1 << 20)),
        ("max_packet", Value::from(5)),
    ];
    let mut stage = lua_gate(&limits);
    let (client, id) = stage.connect();
    call(&mut stage, pack(&("accept", id)).unwrap()).unwrap();
    stage.node.client_write(client, b"\0\x06");
    let text = "packet of 6 bytes, at most 5 are allowed";
    assert_eq!(stage.news(), [format!("error {id} {text}")]);

    let (deaf, id) = stage.connect();
    stage.node.client_stall(deaf, true);
    let piece = vec![b'x'; 600 << 10];
    stage.write(id, &piece);
    stage.write(id, &piece);
    let news = stage.news();
    assert!(news[0].starts_with(&format!("warning {id} 6")), "{news:?}");
    let last = news.last().unwrap();
    assert!(last.starts_with(&format!("error {id} ")), "{news:?}");
}

#[test]
fn a_gate_outlives_its_watchdog() {
    let mut stage = lua_gate(&[]);
    let agent = stage.node.peer();
    let (served, id) = stage.connect();
    let (other, _) = stage.connect();
    call(&mut stage, pack(&("forward", id, 0, agent.0)).unwrap()).unwrap();
    let watchdog = stage.watchdog;
    stage.end(watchdog);
    assert!(!stage.is_listening());
    assert!(stage.node.client_is_closed(other) && !stage.node.client_is_closed(served));
    stage.node.client_close(served);
    assert!(stage.node.is_alive(stage.gate));
    stage.watchdog = stage.node.peer();
    let new = Value::from(i64::from(stage.watchdog.0));
    let again = open_request(&[("port", Value::from(9000)), ("watchdog", new)]);
    call(&mut stage, again).unwrap();
    stage.connect();
}

#[test]
fn start_and_broker_are_as_in_texts() {
    let mut stage = lua_gate(&[]);
    let (agent, broker) = (stage.node.peer(), stage.node.peer());
    let (client, id) = stage.connect();
    stage.command(&format!("forward {id} {agent} :0"));
    stage.node.client_write(client, b"\0\x01x");
    assert_eq!(stage.packets(agent), []);
    call(&mut stage, pack(&("start", id)).unwrap()).unwrap();
    assert_eq!(stage.packets(agent).len(), 1);
    call(&mut stage, pack(&("broker", broker.0)).unwrap()).unwrap();
    stage.node.client_write(client, b"\0\x01x");
    assert_eq!(
        (stage.packets(broker).len(), stage.packets(agent).len()),
        (1, 0)
    );
    for wrong in [
        pack(&("start", 999)),
        pack(&("broker", ".nobody")),
        pack(&("broker",)),
    ] {
        assert!(call(&mut stage, wrong.unwrap()).is_err());
    }
}

#[test]
fn texts_are_understood_too() {
    let mut stage = lua_gate(&[("framing", Value::from("line"))]);
    let (client, id) = stage.enter();
    stage.node.client_write(client, b"x\n");
    assert_eq!(stage.news(), [format!("data {id} x")]);
    let broker = stage.node.peer();
    let command = format!("broker {broker}");
    assert_eq!(
        stage
            .node
            .call(stage.gate, KIND_TEXT, &*command)
            .unwrap()
            .bytes(),
        b""
    );
    stage.node.client_write(client, b"\n");
    assert_eq!(
        stage.packets(broker),
        [(stage.gate, id.cast_signed(), String::new())]
    );
}
