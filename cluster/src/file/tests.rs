//! The module in a fake node, with real files.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use skynet_seri::{Value, decode, pack};
use skynet_service::testing::Node;
use skynet_service::{Handle, KIND_LUA, KIND_TEXT, Reason, Result};

use super::ClusterFile;
use crate::table::NodeTable;

/// A file of its own for one test.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let name = format!("clusterfile-{}-{number}.toml", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A node with clusterd, whom the test plays, and the module.
fn node(env: &[(&str, &str)]) -> (Node, Handle, Handle) {
    let mut node = Node::new();
    for (key, value) in env {
        node.set_env(key, value);
    }
    let clusterd = node.peer();
    let service = node.launch::<ClusterFile>(&clusterd.to_string()).unwrap();
    (node, clusterd, service)
}

fn ask(node: &mut Node, service: Handle, request: Vec<u8>) -> Result<NodeTable> {
    let reply = node.call(service, KIND_LUA, request)?;
    table(&decode(&reply)?[0])
}

fn table(value: &Value) -> Result<NodeTable> {
    NodeTable::from_value(value.as_table().unwrap())
}

fn toml(text: &str) -> NodeTable {
    NodeTable::from_toml(text).unwrap()
}

/// The tables that clusterd was sent.
fn updates(node: &mut Node, clusterd: Handle) -> Vec<NodeTable> {
    let received = node.received(clusterd);
    let values = received.iter().map(|one| decode(&one.payload).unwrap());
    values
        .map(|values| {
            assert_eq!(values[0].as_str(), Some("update"));
            table(&values[1]).unwrap()
        })
        .collect()
}

#[test]
fn the_configuration_says_where_the_names_are() {
    let file = File::new("db = \"127.0.0.1:1\"");
    let check = |env: &[(&str, &str)], expected: &str| {
        let (mut node, _, service) = node(env);
        let table = ask(&mut node, service, pack!("nodes").unwrap()).unwrap();
        assert_eq!(table, toml(expected), "{env:?}");
    };
    check(&[], "");
    check(
        &[("cluster_nodes", "db = false\n__nowaiting = true")],
        "db = false\n__nowaiting = true",
    );
    check(&[("cluster", file.path())], "db = \"127.0.0.1:1\"");
}

#[test]
fn a_reload_reads_anew_and_takes_another_file_only_if_it_can_be_read() {
    let file = File::new("db = false");
    let (mut node, _, service) = node(&[("cluster", file.path())]);
    file.write("db = \"h:1\"");
    let reload = || pack!("reload").unwrap();
    assert_eq!(
        ask(&mut node, service, reload()).unwrap(),
        toml("db = \"h:1\"")
    );

    let other = File::new("two = = 2");
    let error = ask(&mut node, service, pack!("reload", other.path()).unwrap()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains(other.path()) && error.contains("line 1"),
        "{error}"
    );
    assert_eq!(
        ask(&mut node, service, reload()).unwrap(),
        toml("db = \"h:1\"")
    );

    other.write("two = \"h:2\"");
    let table = ask(&mut node, service, pack!("reload", other.path()).unwrap()).unwrap();
    assert_eq!(table, toml("two = \"h:2\""));
    assert_eq!(
        ask(&mut node, service, reload()).unwrap(),
        toml("two = \"h:2\"")
    );
}

#[test]
fn a_watched_file_is_told_when_it_changes() {
    let file = File::new("db = false");
    let (mut node, clusterd, service) = node(&[("cluster", file.path()), ("cluster_watch", "0.5")]);
    ask(&mut node, service, pack!("nodes").unwrap()).unwrap();
    node.advance(Duration::from_secs(2));
    assert_eq!(updates(&mut node, clusterd), []);

    file.write("db = \"host:1\"");
    node.advance(Duration::from_secs(2));
    assert_eq!(updates(&mut node, clusterd), [toml("db = \"host:1\"")]);

    file.write("db = \"host:1");
    node.advance(Duration::from_secs(2));
    assert_eq!(updates(&mut node, clusterd), []);
    let logs = node.logs();
    let told = logs
        .iter()
        .filter(|one| one.text.contains("stay as they are"));
    assert_eq!(told.count(), 1, "once for each change");
    assert!(node.is_alive(service));

    fs::remove_file(&file.0).unwrap();
    node.advance(Duration::from_secs(2));
    file.write("db = \"host:22\"");
    node.advance(Duration::from_secs(2));
    assert_eq!(updates(&mut node, clusterd), [toml("db = \"host:22\"")]);
}

#[test]
fn a_file_that_nobody_watches_costs_no_timer() {
    let file = File::new("db = false");
    let (node, _, _) = node(&[("cluster", file.path())]);
    assert_eq!(node.timers(), 0);
}

#[test]
fn it_ends_with_clusterd() {
    let (mut node, clusterd, service) = node(&[]);
    node.end_peer(clusterd, Reason::KILLED);
    assert!(!node.is_alive(service));
}

#[test]
fn what_it_does_not_know_is_refused() {
    let (mut node, _, service) = node(&[]);
    node.send(service, KIND_LUA, pack!("wanted", "db").unwrap())
        .unwrap();
    for (kind, request) in [
        (KIND_LUA, pack!("fly").unwrap()),
        (KIND_LUA, pack!(1).unwrap()),
        (KIND_LUA, b"\xff".to_vec()),
        (KIND_TEXT, b"nodes".to_vec()),
    ] {
        assert!(node.call(service, kind, request).is_err());
    }
    assert!(node.launch::<ClusterFile>("").is_err(), "without clusterd");
    assert!(node.logs().iter().all(|one| !one.text.contains("wanted\"")));
}
