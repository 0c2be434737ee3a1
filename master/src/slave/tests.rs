//! The slave in a fake node, with a master in the same one and a harbor that the test plays.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::path::PathBuf;
use std::time::Duration;

use skynet_master_wire::{Decoder, Extension, FromMaster, Life, NodeKind, ToMaster};
use skynet_seri::pack;
use skynet_service::testing::{Client, Node};
use skynet_service::{Context, Handle, KIND_LUA, Outgoing, RawMessage, RawService, Result, abi};

use super::{Slave, advertised};
use crate::master::Master;
use crate::testing::{FakeHarbor, say, told};

const MASTER: &str = "127.0.0.1:2013";
const SECOND: Duration = Duration::from_secs(1);

/// A node whose configuration says how to join.
fn prepared(harbor: &str) -> Node {
    let mut node = Node::new();
    node.raw_module::<FakeHarbor>("harbor");
    node.set_env("harbor", harbor);
    node.set_env("master", MASTER);
    node.set_env("standalone", MASTER);
    node
}

/// A node that has joined, alone.
fn joined() -> (Node, Handle, Handle) {
    let mut node = prepared("7");
    node.launch_raw::<Master>("").unwrap();
    let slave = node.launch_raw::<Slave>("").unwrap();
    let harbor = *node.services().last().unwrap();
    (node, slave, harbor)
}

fn ask(node: &mut Node, slave: Handle, request: Vec<u8>) -> Result<Vec<u8>, String> {
    match node.call(slave, KIND_LUA, request) {
        Ok(reply) => Ok(reply.bytes().to_vec()),
        Err(error) => Err(error.to_string()),
    }
}

/// Another node, at the master.
fn another(node: &mut Node, id: u8) -> Client {
    let client = node.connect(MASTER).unwrap();
    let extension = Some(Extension {
        rejoin: false,
        auto: false,
        secret: false,
        epoch: u64::from(id) + 100,
        nonce: [0; 8],
    });
    let hello = ToMaster::Hello {
        id,
        address: format!("127.0.0.1:{id}"),
        extension,
    };
    assert!(node.client_write(client, &hello.encode().unwrap()));
    client
}

fn packets(node: &mut Node, client: Client) -> Vec<FromMaster> {
    let bytes = node.client_read(client);
    let mut chunk = &bytes[..];
    let mut decoder = Decoder::default();
    let mut packets = Vec::new();
    while let Some(packet) = decoder.next(&mut chunk) {
        packets.push(FromMaster::parse(packet).unwrap());
    }
    packets
}

fn has_log(node: &Node, level: u32, part: &str) -> bool {
    let logs = node.logs();
    logs.iter()
        .any(|record| record.level == level && record.text.contains(part))
}

#[test]
fn a_node_joins() {
    let (mut node, slave, harbor) = joined();
    assert_eq!(node.query(".cslave"), Some(slave));
    let text = "harbor 7 joined the network of 127.0.0.1:2013 with no other node";
    assert!(has_log(&node, abi::LEVEL_INFO, text));
    let told = told(&mut node, harbor);
    let (word, id, epoch) = skynet_seri::unpack::<(&str, u8, i64)>(&told[0]).unwrap();
    assert_eq!((word, id), ("identity", 7));
    assert_ne!(epoch, 0);
    assert_eq!(told[1..], [pack!("joined").unwrap()]);
}

#[test]
fn a_newcomer_is_dialled_and_its_end_is_told() {
    let (mut node, slave, harbor) = joined();
    told(&mut node, harbor);
    let client = another(&mut node, 8);
    let dial = pack!("dial", 8, 108, 2, "127.0.0.1:8").unwrap();
    assert_eq!(told(&mut node, harbor), [dial]);
    let got = packets(&mut node, client);
    assert!(
        matches!(got[0], FromMaster::Welcome { dialers: 1, .. }),
        "{got:?}"
    );
    let address = "127.0.0.1:4711".to_owned();
    let is_ours = |life: &Life| life.kind == NodeKind::Ours && life.epoch != 0;
    assert!(
        matches!(&got[1], FromMaster::Node { id: 7, address: at, life, dials: true } if *at == address && is_ours(life)),
        "{got:?}"
    );
    say(&mut node, harbor, pack!("up", 8, 108, 2).unwrap());
    let link = pack!("LINK", 8).unwrap();
    let waiting = node.begin_call(slave, KIND_LUA, link).unwrap();
    node.run();
    assert!(node.finish_call(&waiting).is_none());
    node.client_write(client, &ToMaster::Goodbye.encode().unwrap());
    assert!(node.finish_call(&waiting).is_none(), "it is linked");
    say(
        &mut node,
        harbor,
        pack!("down", 8, 108, "it has left").unwrap(),
    );
    assert_eq!(node.finish_call(&waiting).unwrap().unwrap().bytes(), b"");
    let gone = pack!("gone", 8, 108, "it has left").unwrap();
    assert_eq!(told(&mut node, harbor), [gone]);
}

#[test]
fn names_go_by_way_of_the_master() {
    let (mut node, slave, harbor) = joined();
    told(&mut node, harbor);
    let service = node.peer();
    let full = i64::from(0x0700_0000 | service.0);
    let register = pack!("REGISTER", "ECHO", i64::from(service.0)).unwrap();
    assert_eq!(
        ask(&mut node, slave, register).unwrap(),
        pack!(true).unwrap()
    );
    let query = pack!("QUERYNAME", "ECHO").unwrap();
    assert_eq!(ask(&mut node, slave, query).unwrap(), pack!(full).unwrap());
    assert_eq!(
        told(&mut node, harbor),
        [pack!("name", "ECHO", full).unwrap()]
    );
    let local = pack!("QUERYNAME", ".cslave").unwrap();
    let own = pack!(i64::from(slave.0)).unwrap();
    assert_eq!(ask(&mut node, slave, local).unwrap(), own);
    // As Skynet's services do it: nobody waits. What is wrong goes to the log.
    let other = pack!("REGISTER", "ECHO", 77).unwrap();
    node.send(slave, KIND_LUA, other).unwrap();
    node.run();
    assert!(has_log(&node, abi::LEVEL_WARN, "\"ECHO\" is taken by :07"));
}

/// Asks the slave for as much as it keeps.
struct Greedy;

impl RawService for Greedy {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let slave: Handle = args.parse()?;
        for _ in 0..65_536 {
            let connect = pack!("CONNECT", 8)?;
            cx.call_raw(Outgoing::new(slave, KIND_LUA, connect))?;
        }
        Ok(Self)
    }

    fn on_message(&mut self, _cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn requests_of_those_who_are_gone_are_forgotten() {
    let (mut node, slave, _) = joined();
    let greedy = node.launch_raw::<Greedy>(&slave.to_string()).unwrap();
    let connect = pack!("CONNECT", 8).unwrap();
    let error = ask(&mut node, slave, connect.clone()).unwrap_err();
    assert!(error.contains("too many requests wait already"), "{error}");
    node.kill(greedy);
    let waiting = node.begin_call(slave, KIND_LUA, connect).unwrap();
    node.run();
    assert!(node.finish_call(&waiting).is_none(), "there is room again");
}

#[test]
fn who_wants_no_answer_waits_for_nothing() {
    let (mut node, slave, _) = joined();
    for _ in 0..65_536 {
        let connect = pack!("CONNECT", 8).unwrap();
        node.send(slave, KIND_LUA, connect).unwrap();
    }
    node.run();
    let connect = pack!("CONNECT", 8).unwrap();
    let waiting = node.begin_call(slave, KIND_LUA, connect).unwrap();
    node.run();
    assert!(node.finish_call(&waiting).is_none(), "there is room");
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn a_leased_id_is_kept_in_the_run_folder() {
    let folder = Folder::new("skynet-lease");
    let file = folder.0.join("harbor.id");
    let leased = |others: &[u8]| {
        let mut node = prepared("auto");
        node.set_env("rundir", folder.0.to_str().unwrap());
        node.launch_raw::<Master>("").unwrap();
        for id in others {
            another(&mut node, *id);
        }
        let slave = node.launch_raw::<Slave>("").unwrap();
        let harbor = *node.services().last().unwrap();
        node.advance(2 * SECOND);
        for id in others {
            say(
                &mut node,
                harbor,
                pack!("up", *id, i64::from(*id) + 100, 2).unwrap(),
            );
        }
        assert!(node.is_alive(slave));
        assert!(has_log(&node, abi::LEVEL_INFO, "joined the network"));
        std::fs::read_to_string(&file).unwrap()
    };
    assert_eq!(leased(&[1, 2]), "3\n");
    assert_eq!(leased(&[]), "3\n", "it asks for the same again");
    assert_eq!(leased(&[3]), "1\n", "that is taken");
    std::fs::write(&file, "rubbish").unwrap();
    assert_eq!(leased(&[]), "1\n");
}

#[test]
fn the_nodes_are_the_harbors_answer() {
    let (mut node, slave, _) = joined();
    let nodes = pack!("NODES").unwrap();
    let answer = ask(&mut node, slave, nodes).unwrap();
    assert_eq!(answer, pack!("all of them").unwrap());
    let master = pack!("MASTER").unwrap();
    let answer = ask(&mut node, slave, master).unwrap();
    let table = skynet_seri::decode(&answer).unwrap().remove(0);
    let table = table.as_table().unwrap();
    assert_eq!(table.get("state").unwrap().as_str(), Some("up"));
    assert_eq!(table.get("kind").unwrap().as_str(), Some("ours"));
    assert!(ask(&mut node, slave, pack!("FLY").unwrap()).is_err());
}

#[test]
fn a_node_without_a_master_fails_with_the_reason() {
    let mut node = prepared("7");
    node.set_env("harbor_join", "2");
    // It goes on trying until the time is up; who has launched it is told then.
    let slave = node.launch_raw::<Slave>("").unwrap();
    node.advance(2 * SECOND - Duration::from_millis(1));
    assert!(node.is_alive(slave));
    node.advance(Duration::from_millis(1));
    assert!(!node.is_alive(slave));
}

#[test]
fn a_node_that_cannot_listen_fails_with_the_reason() {
    let mut node = prepared("7");
    node.set_env("address", "taken");
    let error = node.launch_raw::<Slave>("").unwrap_err().to_string();
    assert!(
        error.contains("cannot listen on taken: the address is taken"),
        "{error}"
    );
}

#[test]
fn wrong_configurations_are_refused() {
    let check = |harbor: &str, key: &str, value: &str, expected: &str| {
        let mut node = prepared(harbor);
        node.set_env(key, value);
        let error = node.launch_raw::<Slave>("").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        "0",
        "x",
        "y",
        "`harbor` is \"0\"; a slave wants 1 to 255 or \"auto\"",
    );
    check("300", "x", "y", "`harbor` is \"300\"");
    check("7", "harbor_secret", "short", "secret of 5 bytes");
}

#[test]
fn the_master_refuses_an_id_that_is_held() {
    let mut node = prepared("7");
    node.launch_raw::<Master>("").unwrap();
    let client = another(&mut node, 7);
    assert_eq!(packets(&mut node, client).len(), 1);
    let slave = node.launch_raw::<Slave>("").unwrap();
    let FromMaster::Beat { number } = packets(&mut node, client)[0] else {
        panic!("no probe");
    };
    node.client_write(client, &ToMaster::Beat { number }.encode().unwrap());
    assert!(!node.is_alive(slave));
}

#[test]
fn the_secret_is_proven_by_both() {
    let mut node = prepared("7");
    node.set_env("harbor_secret", "correct horse battery staple");
    node.launch_raw::<Master>("").unwrap();
    node.launch_raw::<Slave>("").unwrap();
    assert!(has_log(&node, abi::LEVEL_INFO, "harbor 7 joined"));
}

#[test]
fn the_master_comes_back() {
    let mut node = prepared("7");
    let master = node.launch_raw::<Master>("").unwrap();
    let slave = node.launch_raw::<Slave>("").unwrap();
    let register = pack!("REGISTER", "ECHO", 9).unwrap();
    ask(&mut node, slave, register).unwrap();
    let gone = pack!("LINKMASTER").unwrap();
    let gone = node.begin_call(slave, KIND_LUA, gone).unwrap();
    node.run();
    node.kill(master);
    assert_eq!(node.finish_call(&gone).unwrap().unwrap().bytes(), b"");
    node.advance(10 * SECOND);
    node.launch_raw::<Master>("").unwrap();
    node.advance(SECOND);
    assert!(has_log(
        &node,
        abi::LEVEL_INFO,
        "the master at 127.0.0.1:2013 is back"
    ));
    // It has been told the name again.
    let client = another(&mut node, 8);
    let got = packets(&mut node, client);
    let name = got.iter().any(|packet| {
        matches!(packet, FromMaster::Name { name, handle: 0x0700_0009, .. } if name == "ECHO")
    });
    assert!(name, "{got:?}");
    // Beats go on.
    node.advance(60 * SECOND);
    assert!(node.is_alive(slave));
    assert!(!has_log(&node, abi::LEVEL_WARN, "silent"));
}

#[test]
fn a_node_that_ends_says_goodbye() {
    let (mut node, slave, _) = joined();
    let client = another(&mut node, 8);
    packets(&mut node, client);
    node.kill(slave);
    let got = packets(&mut node, client);
    let ended = Some((
        match &got[0] {
            FromMaster::Down {
                ended: Some((epoch, _)),
                ..
            } => *epoch,
            other => panic!("{other:?}"),
        },
        "it has left".to_owned(),
    ));
    assert_eq!(got, [FromMaster::Down { id: 7, ended }]);
}

#[test]
fn without_the_harbor_the_node_ends() {
    let (mut node, slave, harbor) = joined();
    node.kill(harbor);
    assert!(has_log(&node, abi::LEVEL_ERROR, "the harbor has ended"));
    assert!(!node.is_alive(slave));
}

#[test]
fn others_are_told_what_the_configuration_says() {
    let check = |address: &str, bound: &str, expected: &str| {
        assert_eq!(advertised(address, bound), expected);
    };
    check("127.0.0.1:2526", "127.0.0.1:2526", "127.0.0.1:2526");
    check("127.0.0.1:0", "127.0.0.1:4711", "127.0.0.1:4711");
    check("node1.example:0", "10.0.0.1:4711", "node1.example:4711");
    check("[::1]:0", "[::1]:4711", "[::1]:4711");
    check("node1.example:2526", "10.0.0.1:2526", "node1.example:2526");
}
