//! The form of the C gate.

use std::time::Duration;

use skynet_service::testing::Node;
use skynet_service::{Handle, KIND_LUA, KIND_TEXT};

use super::{ADDRESS, Stage, text_gate};
use crate::gate::Gate;

#[test]
fn launches_are_refused_with_a_reason() {
    let check = |words: &str, expected: &str| {
        let mut node = Node::new();
        let peer = node.peer();
        node.register(peer, ".dog");
        let error = node.launch_raw::<Gate>(words).unwrap_err().to_string();
        assert!(error.contains(expected), "{words}: {error}");
    };
    check("S .dog 9000 0", "need max connection");
    check("X .dog 9000 0 1", "framing \"X\"");
    check("S .cat 9000 0 1", "no service is named .cat");
    check("S .dog 0 0 1", "listen address \"0\"");
    check("S .dog 9000 256 1", "client tag \"256\"");
    check("S .dog 9000 0 0", "max connection \"0\"");
    check(
        "S .dog 9000 0 1 nodelay=perhaps",
        "nodelay: found \"perhaps\"",
    );
}

#[test]
fn an_address_is_taken_once() {
    let mut stage = text_gate("S", "");
    let error = stage.node.launch_raw::<Gate>("S ! 9000 0 1").unwrap_err();
    assert!(error.text.contains("the address is taken"), "{error}");
    assert!(stage.logged("the address is taken"));
    assert!(stage.is_listening());
}

#[test]
fn a_client_is_told_of_then_read_then_forwarded() {
    let mut stage = text_gate("S", "");
    let agent = stage.node.peer();
    let client = stage.node.connect(ADDRESS).unwrap();
    let news = stage.news();
    let open = news[0].split(' ').collect::<Vec<_>>();
    assert_eq!((open.len(), open[0]), (3, "open"));
    assert!(open[2].starts_with("127.0.0.1:"), "{news:?}");
    let id: i32 = open[1].parse().unwrap();

    // It is not read before it is started.
    stage.node.client_write(client, b"\0\x02hi");
    assert_eq!(stage.news(), [""; 0]);
    stage.command(&format!("start {id}"));
    assert_eq!(stage.news(), [format!("data {id} {id} hi")]);

    stage.command(&format!("forward {id} {agent} :00001234"));
    stage.node.client_write(client, b"\0\x02ho\0\x03hoo");
    let expected = [
        (Handle(0x1234), id, "ho".to_owned()),
        (Handle(0x1234), id, "hoo".to_owned()),
    ];
    assert_eq!(stage.packets(agent), expected);
    assert_eq!(stage.news(), [""; 0]);

    // In the name of nobody is in the gate's own; to nobody is to the watchdog.
    stage.command(&format!("forward {id} {agent} :0"));
    stage.node.client_write(client, b"\0\x01x");
    assert_eq!(stage.packets(agent), [(stage.gate, id, "x".to_owned())]);
    stage.command(&format!("forward {id} :0 :0"));
    stage.node.client_write(client, b"\0\x01y");
    assert_eq!(stage.news(), [format!("data {id} {id} y")]);

    stage.node.client_close(client);
    assert_eq!(stage.news(), [format!("close {id}")]);
}

#[test]
fn a_broker_gets_everything() {
    let mut stage = text_gate("line", "");
    let (agent, broker) = (stage.node.peer(), stage.node.peer());
    stage.node.register(broker, ".broker");
    let (one, id) = stage.enter();
    let (two, other) = stage.enter();
    stage.command(&format!("forward {id} {agent} {agent}"));
    stage.command("broker .broker");
    stage.node.client_write(one, b"1\n");
    stage.node.client_write(two, b"2\n");
    let packet = |id: u32, text: &str| (stage.gate, id.cast_signed(), text.to_owned());
    let expected = [packet(id, "1"), packet(other, "2")];
    assert_eq!(stage.packets(broker), expected);
    assert_eq!(stage.packets(agent), []);

    // It ends, and its clients with it.
    stage.end(broker);
    let mut news = stage.news();
    news.sort_unstable();
    assert_eq!(news, [format!("close {id}"), format!("close {other}")]);
    assert!(stage.node.client_is_closed(one) && stage.node.client_is_closed(two));
    stage.enter();
}

#[test]
fn packets_survive_however_they_come() {
    let check = |framing: &str, chunks: &[&[u8]], expected: &[&str]| {
        let mut stage = text_gate(framing, "max_packet=9");
        let (client, id) = stage.enter();
        for chunk in chunks {
            stage.node.client_write(client, chunk);
        }
        let expected: Vec<_> = expected
            .iter()
            .map(|text| format!("data {id} {id} {text}"))
            .collect();
        assert_eq!(stage.news(), expected, "{framing} {chunks:?}");
        assert!(!stage.node.client_is_closed(client));
    };
    check(
        "S",
        &[b"\0\x01a", b"\0", b"\x02", b"b", b"c\0\x01d\0"],
        &["a", "bc", "d"],
    );
    // The C gate skips empty packets.
    check("S", &[b"\0\0", b"\0\0\0\x01a\0\0"], &["a"]);
    check(
        "L",
        &[b"\0\0\0\x09ninebytes", b"\0\0\0\x01x\0\0", b"\0\x01y"],
        &["ninebytes", "x", "y"],
    );
    check(
        "line",
        &[b"one\r\n", b"two\nth", b"ree\r", b"\n\n\n"],
        &["one", "two", "three"],
    );
    check(
        "raw",
        &[b"\0\x01", b"longer than nine bytes"],
        &["\0\x01", "longer than nine bytes"],
    );
}

#[test]
fn what_is_too_large_costs_the_connection() {
    let check = |framing: &str, bytes: &[u8], before: &[&str]| {
        let mut stage = text_gate(framing, "max_packet=9");
        let (client, id) = stage.enter();
        stage.node.client_write(client, bytes);
        let data = before.iter().map(|text| format!("data {id} {id} {text}"));
        let expected: Vec<_> = data.chain([format!("close {id}")]).collect();
        assert_eq!(stage.news(), expected, "{framing} {bytes:?}");
        assert!(stage.node.client_is_closed(client));
        // Nobody else is hurt.
        stage.enter();
    };
    check("S", b"\0\x0a", &[]);
    check("S", b"\0\x02ok\xff\xff", &["ok"]);
    check("S", b"\0\x0ajust a bit", &[]);
    check("L", b"\xff\xff\xff\xff", &[]);
    check("line", b"ok\njust a bit", &["ok"]);
    check("line", b"just a bit\n", &[]);
}

#[test]
fn services_write_to_clients() {
    let mut stage = text_gate("S", "");
    let (client, id) = stage.enter();
    stage.write(id, b"as it is");
    assert_eq!(stage.node.client_read(client), b"as it is");
    stage.write(id + 1000, b"to nobody");
    assert!(!stage.logged("wanted a payload"));
    stage.write(id, b"");
    assert!(stage.logged("message to a client has 4 bytes: wanted a payload"));
    assert_eq!(stage.node.client_read(client), b"");
}

#[test]
fn exactly_so_many_are_let_in() {
    let mut stage = text_gate("S", "");
    let (one, _) = stage.enter();
    stage.connect();
    assert!(stage.node.connect(ADDRESS).is_none());
    assert_eq!(stage.news(), [""; 0]);
    stage.node.client_close(one);
    assert_eq!(stage.news().len(), 1);
    stage.connect();
    assert!(stage.node.connect(ADDRESS).is_none());
}

#[test]
fn kick_and_close_are_whole_words() {
    let mut stage = text_gate("S", "");
    let (client, id) = stage.enter();
    for wrong in [
        "",
        "k 1",
        "kic 1",
        "kick",
        "kick one",
        "close 1",
        "stop",
        "broker .nobody",
    ] {
        let logs = stage.node.logs().len();
        stage.command(wrong);
        assert_eq!(stage.node.logs().len(), logs + 1, "{wrong:?}");
        let error = stage.node.call(stage.gate, KIND_TEXT, wrong).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    for unknown in ["kick 999", "start 999", "forward 999 :1 :1"] {
        stage.command(unknown);
    }
    assert_eq!(stage.news(), [""; 0]);
    assert!(!stage.node.client_is_closed(client));
    // Who calls is answered.
    let kick = format!("kick {id}\n");
    assert_eq!(
        stage
            .node
            .call(stage.gate, KIND_TEXT, &*kick)
            .unwrap()
            .bytes(),
        b""
    );
    assert_eq!(stage.news(), [format!("close {id}")]);
    assert!(stage.node.client_is_closed(client));

    let (client, id) = stage.enter();
    stage.command("close");
    assert!(!stage.is_listening());
    stage.node.client_write(client, b"\0\x01x");
    assert_eq!(stage.news(), [format!("data {id} {id} x")]);
    stage.command("close");
}

#[test]
fn silence_is_not_for_ever() {
    let mut stage = text_gate("line", "idle_timeout=2");
    assert_eq!(stage.node.timers(), 0);
    let (silent, id) = stage.enter();
    let (talking, _) = stage.enter();
    let second = Duration::from_secs(1);
    stage.node.advance(second * 3 / 2);
    stage.node.client_write(talking, b"x\n");
    stage.news();
    // Not early, and not more than a quarter late.
    stage.node.advance(second / 2 - Duration::from_millis(1));
    assert!(!stage.node.client_is_closed(silent));
    stage.node.advance(second / 2 + Duration::from_millis(2));
    assert!(stage.node.client_is_closed(silent) && !stage.node.client_is_closed(talking));
    assert_eq!(stage.news(), [format!("close {id}")]);
    stage.node.advance(second * 3);
    assert!(stage.node.client_is_closed(talking));
    assert_eq!(stage.news().len(), 1);
    // Nobody is there: no timer runs.
    stage.node.advance(second);
    assert_eq!(stage.node.timers(), 0);
    // And it runs again for the next one.
    let (client, _) = stage.enter();
    stage.node.advance(second * 3);
    assert!(stage.node.client_is_closed(client));
}

#[test]
fn who_does_not_read_is_closed() {
    let mut stage = text_gate("S", "output_limit=1000");
    let (deaf, id) = stage.enter();
    let (other, other_id) = stage.enter();
    stage.node.client_stall(deaf, true);
    for _ in 0..11 {
        stage.write(id, &[b'x'; 100]);
    }
    assert_eq!(stage.news(), [format!("close {id}")]);
    assert!(stage.node.client_is_closed(deaf));
    stage.write(other_id, b"on");
    assert_eq!(stage.node.client_read(other), b"on");
}

#[test]
fn clients_end_with_their_agent() {
    let mut stage = text_gate("line", "");
    let agent = stage.node.peer();
    let (one, id) = stage.enter();
    let (two, other) = stage.enter();
    stage.command(&format!("forward {id} {agent} {agent}"));
    stage.command(&format!("forward {other} {agent} {agent}"));
    stage.command(&format!("forward {other} :0 :0"));
    stage.end(agent);
    assert_eq!(stage.news(), [format!("close {id}")]);
    assert!(stage.node.client_is_closed(one) && !stage.node.client_is_closed(two));
    // An agent that has ended before is one that ends.
    stage.command(&format!("forward {other} {agent} {agent}"));
    assert_eq!(stage.news(), [format!("close {other}")]);
}

#[test]
fn a_gate_ends_with_its_watchdog_and_the_last_client() {
    let check = |serve: &dyn Fn(&mut Stage, u32) -> Option<Handle>| {
        let mut stage = text_gate("line", "");
        let (served, id) = stage.enter();
        let (other, _) = stage.enter();
        let server = serve(&mut stage, id);
        let watchdog = stage.watchdog;
        stage.end(watchdog);
        assert!(stage.node.connect(ADDRESS).is_none());
        assert!(stage.node.client_is_closed(other));
        assert_eq!(stage.node.client_is_closed(served), server.is_none());
        assert_eq!(stage.node.is_alive(stage.gate), server.is_some());
        let Some(server) = server else { return };
        stage.node.client_write(served, b"on\n");
        assert_eq!(stage.packets(server).len(), 1);
        stage.node.client_close(served);
        assert!(!stage.node.is_alive(stage.gate));
    };
    check(&|_, _| None);
    check(&|stage, id| {
        let agent = stage.node.peer();
        stage.command(&format!("forward {id} {agent} {agent}"));
        Some(agent)
    });
}

#[test]
fn nothing_from_outside_is_taken_for_a_command() {
    let mut stage = text_gate("S", "");
    let (client, id) = stage.enter();
    let check = |stage: &mut Stage, kind, payload: &[u8], expected: &str| {
        let error = stage
            .node
            .call(stage.gate, kind, payload)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{kind} {payload:?}: {error}");
    };
    check(&mut stage, 99, b"", "message of kind 99");
    check(&mut stage, KIND_LUA, b"\xff\xff", "");
    check(&mut stage, KIND_LUA, b"", "");
    let open = skynet_seri::pack(&("open",)).unwrap();
    check(&mut stage, KIND_LUA, &open, "launched with an address");
    stage.node.client_write(client, b"\0\x06kick 1");
    assert_eq!(stage.news(), [format!("data {id} {id} kick 1")]);
}
