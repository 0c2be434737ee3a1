//! The log service in a fake node.

use std::fs;
use std::path::PathBuf;

use skynet_service::testing::Node;
use skynet_service::{KIND_LUA, KIND_SYSTEM, KIND_TEXT};

use super::{Logger, MAX_GATHERED};

/// A folder that is gone when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("logger-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the records in a file say, without their times.
fn records(path: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let without_time = |line: &str| line[24..].to_owned();
    text.lines().map(without_time).collect()
}

#[test]
fn records_are_written_when_all_that_wait_are_gathered() {
    let folder = Folder::new("service");
    let path = folder.file("a.log");
    let mut node = Node::new();
    let logger = node.launch_raw::<Logger>(&path).unwrap();
    let source = node.peer();
    for text in ["one", "two", "three"] {
        node.send_from(source, logger, KIND_TEXT, 0, text).unwrap();
    }
    assert!(records(&path).is_empty(), "nothing has had its turn");
    node.run();
    let line = |text: &str| format!("INFO  [{source}] {text}");
    let mut wanted = vec![line("one"), line("two"), line("three")];
    assert_eq!(records(&path), wanted);

    node.call(logger, KIND_TEXT, "asked").unwrap();
    wanted.push(format!("INFO  [{}] asked", node.tester()));
    assert_eq!(records(&path), wanted, "an answer means that it is written");
}

#[test]
fn many_records_are_not_gathered_without_bound() {
    let folder = Folder::new("many");
    let path = folder.file("a.log");
    let mut node = Node::new();
    let logger = node.launch_raw::<Logger>(&path).unwrap();
    let text = "x".repeat(MAX_GATHERED / 4);
    for _ in 0..10 {
        node.send(logger, KIND_TEXT, text.as_str()).unwrap();
    }
    node.run();
    assert_eq!(records(&path).len(), 10);
}

#[test]
fn the_file_is_opened_anew_when_it_was_moved() {
    let folder = Folder::new("moved");
    let (path, moved) = (folder.file("a.log"), folder.file("b.log"));
    let mut node = Node::new();
    let logger = node.launch_raw::<Logger>(&path).unwrap();
    node.send(logger, KIND_TEXT, "before").unwrap();
    node.run();
    fs::rename(&path, &moved).unwrap();
    node.send(logger, KIND_SYSTEM, "").unwrap();
    node.send(logger, KIND_TEXT, "after").unwrap();
    node.run();
    assert_eq!(records(&moved).len(), 1);
    let found = records(&path);
    assert!(found[0].ends_with("log opened anew"), "{found:?}");
    assert!(found[1].ends_with("after"), "{found:?}");
}

#[test]
fn what_is_no_record_is_refused() {
    let folder = Folder::new("other");
    let mut node = Node::new();
    let logger = node.launch_raw::<Logger>(&folder.file("a.log")).unwrap();
    let error = node.call(logger, KIND_LUA, "x").unwrap_err().to_string();
    assert!(error.contains("found kind 10"), "{error}");
    assert!(
        node.launch_raw::<Logger>(&folder.file("no/such/a.log"))
            .is_err()
    );
}
