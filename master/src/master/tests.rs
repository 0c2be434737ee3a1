//! The master in a fake node, byte by byte.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::time::Duration;

use skynet_service::testing::{Client, Node};
use skynet_service::{KIND_LUA, abi};

use super::Master;

const ADDRESS: &str = "127.0.0.1:2013";

fn node() -> Node {
    let mut node = Node::new();
    node.set_env("standalone", ADDRESS);
    node.launch_raw::<Master>("").unwrap();
    node
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn write(node: &mut Node, client: Client, hex: &str) {
    assert!(node.client_write(client, &bytes(hex)));
}

fn has_log(node: &Node, level: u32, part: &str) -> bool {
    let logs = node.logs();
    logs.iter()
        .any(|record| record.level == level && record.text.contains(part))
}

/// `H id "127.0.0.1:2607"` of an unmodified node.
fn hello(id: u8) -> String {
    format!("13 0c48 0a{id:02x} 74 3132372e302e302e313a32363037")
}

#[test]
fn unmodified_nodes_get_what_they_know_and_what_they_ignore() {
    let mut node = node();
    let first = node.connect(ADDRESS).unwrap();
    write(&mut node, first, &hello(12));
    assert_eq!(node.client_read(first), bytes("03 0c57 02"));
    let second = node.connect(ADDRESS).unwrap();
    write(&mut node, second, &hello(7));
    assert_eq!(node.client_read(second), bytes("04 0c57 0a01"));
    let known = "0c43 0a07 74 3132372e302e302e313a32363037";
    let ignored = "1c736b31 02 0a01";
    assert_eq!(
        node.client_read(first),
        bytes(&format!("1a {known} {ignored}"))
    );
    // R, and Q of another; the answers carry our flag.
    write(&mut node, second, "0e 0c52 34 50594e414d45 2220000007");
    let binding = bytes("13 0c4e 34 50594e414d45 2220000007 1c736b31 02");
    assert_eq!(node.client_read(first), binding);
    assert_eq!(node.client_read(second), binding);
    write(&mut node, first, "09 0c51 34 50594e414d45");
    assert_eq!(node.client_read(first), binding);
    write(&mut node, first, "07 0c51 24 4543484f");
    assert_eq!(node.client_read(first), b"", "nobody has it");
    node.client_close(second);
    let down = node.client_read(first);
    assert_eq!(down[1..9], bytes("0c44 0a07 1c736b31"));
}

#[test]
fn garbage_silence_and_strangers_are_closed() {
    let mut node = node();
    for hex in [
        "00",
        "01 ff",
        "02 0c48",
        "03 0c48 02",
        "07 0c51 24 4543484f",
        "ff 0c48",
    ] {
        let client = node.connect(ADDRESS).unwrap();
        write(&mut node, client, hex);
        if hex == "ff 0c48" {
            // Slow: it never says the rest.
            node.advance(Duration::from_millis(2999));
            assert!(!node.client_is_closed(client));
            node.advance(Duration::from_millis(1));
        }
        assert!(node.client_is_closed(client), "{hex}");
    }
    // And what works goes on.
    let client = node.connect(ADDRESS).unwrap();
    let whole = bytes(&hello(7));
    for byte in whole {
        assert!(node.client_write(client, &[byte]));
    }
    assert_eq!(node.client_read(client), bytes("03 0c57 02"));
}

#[test]
fn nodes_that_do_not_read_are_dropped() {
    let mut node = node();
    let deaf = node.connect(ADDRESS).unwrap();
    write(&mut node, deaf, &hello(7));
    node.client_stall(deaf, true);
    let other = node.connect(ADDRESS).unwrap();
    write(&mut node, other, &hello(8));
    // What is registered again and again is told to who registers; new names are told to all.
    let mut count = 0_u32;
    while !node.client_is_closed(deaf) {
        let mut batch = Vec::new();
        for _ in 0..5000 {
            count += 1;
            let name = format!("N{}", count % 60_000);
            let handle = 0x0800_0000 | count;
            let packet = skynet_master_wire::ToMaster::Register {
                name,
                handle,
                moves: true,
            };
            batch.extend(packet.encode().unwrap());
        }
        assert!(node.client_write(other, &batch));
        assert!(count < 1_000_000, "its queue grows for ever");
    }
    node.client_read(other);
    assert!(!node.client_is_closed(other));
}

#[test]
fn there_are_not_too_many_strangers() {
    let mut node = Node::new();
    node.set_env("standalone", ADDRESS);
    node.set_env("harbor_unproven", "2");
    node.launch_raw::<Master>("").unwrap();
    let first = node.connect(ADDRESS).unwrap();
    assert!(node.connect(ADDRESS).is_some());
    assert!(node.connect(ADDRESS).is_none());
    write(&mut node, first, &hello(7));
    assert!(node.connect(ADDRESS).is_some());
}

#[test]
fn it_says_where_it_listens_and_warns_of_open_doors() {
    let check = |address: &str, secret: bool, expected: bool| {
        let mut node = Node::new();
        if secret {
            node.set_env("harbor_secret", "correct horse battery staple");
        }
        node.launch_raw::<Master>(address).unwrap();
        assert!(has_log(&node, abi::LEVEL_INFO, address));
        assert_eq!(
            has_log(&node, abi::LEVEL_WARN, "without a secret"),
            expected,
            "{address}"
        );
    };
    check("127.0.0.1:1", false, false);
    check("[::1]:1", false, false);
    check("10.0.0.1:1", false, true);
    check("0.0.0.0:1", false, true);
    check("10.0.0.1:1", true, false);
}

#[test]
fn it_fails_with_a_reason() {
    let mut node = node();
    let error = node.launch_raw::<Master>("").unwrap_err().to_string();
    assert!(error.contains("the address is taken"), "{error}");
    let mut other = Node::new();
    let error = other.launch_raw::<Master>("").unwrap_err().to_string();
    assert!(error.contains("no address"), "{error}");
    let master = node.services()[0];
    assert!(node.call(master, KIND_LUA, b"").is_err());
}

#[test]
fn an_idle_master_has_no_timer() {
    let mut node = node();
    assert_eq!(node.timers(), 0);
    let client = node.connect(ADDRESS).unwrap();
    write(&mut node, client, &hello(7));
    node.advance(Duration::from_secs(4));
    assert_eq!(node.timers(), 0);
}
