//! The data center in a fake node, whose `.cslave` the tests play.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use skynet_seri::{Table, Value, decode, encode, pack};
use skynet_service::testing::{Node, Pending};
use skynet_service::{
    CallError, Context, Handle, KIND_LUA, KIND_TEXT, Message, RawMessage, RawService, Reason,
    Result, Service,
};

use super::DataCenter;
use super::store::tests::{COMMITS, DISK_IS_FULL};

/// Waits for the key `slow` for at most a second.
struct Impatient;

impl Service for Impatient {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, _message: Message) -> Result<()> {
        let request = pack!("WAIT", "slow")?;
        let answer = cx.call_timeout(".center", KIND_LUA, request, Duration::from_secs(1));
        drop(answer.await);
        Ok(())
    }
}

/// Kills `.center`.
struct Killer;

impl Service for Killer {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, _message: Message) -> Result<()> {
        let center = cx.query(".center").expect("a data center");
        Ok(cx.kill(center)?)
    }
}

/// Carries messages for the global name, in a node without a network.
struct Names;

impl RawService for Names {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.become_harbor(0)?;
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        assert_eq!(message.name(), Some("DATACENTER"));
        Ok(cx.redirect(message.keep(), ".center")?)
    }
}

/// Uses the data center as the SDK has it.
struct Client;

impl Service for Client {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let center = cx.data_center();
        if message.bytes() == b"wait" {
            let found: String = center.wait(&("late", 1)).await?;
            return Ok(cx.reply(&message, &found)?);
        }
        assert_eq!(center.get::<i64>(&("a", "b")).await?, None);
        center.set(&("a", "b"), &5).await?;
        assert_eq!(center.get::<i64>(&("a", "b")).await?, Some(5));
        assert_eq!(center.update::<i64>(&("a", "b"), &6).await?, Some(5));
        assert_eq!(center.update::<i64>(&("a", "c"), &7).await?, None);
        let table: Value = center.get(&("a",)).await?.unwrap_or_default();
        let table = table.as_table().cloned().unwrap_or_default();
        assert_eq!(table.get("c"), Some(&Value::Integer(7)));
        center.set(&("a", "b"), &None::<i64>).await?;
        assert_eq!(center.get::<i64>(&("a", "b")).await?, None);
        assert_eq!(center.update::<i64>(&("a", "b"), &None::<i64>).await?, None);
        let limit = Duration::from_secs(1);
        let late = center.timeout(limit).wait::<i64>(&("never",)).await;
        assert!(late.is_err_and(|error| error.is_timeout()));
        assert!(center.wait::<i64>(&("a", "c", "d")).await.is_err());
        center.set(&("late", 1), "there").await?;
        Ok(cx.reply(&message, "done")?)
    }
}

struct Fixture {
    node: Node,
    center: Handle,
    cslave: Handle,
}

impl Fixture {
    fn new(args: &str, env: &[(&str, &str)]) -> Self {
        let mut node = Node::new();
        for (key, value) in env {
            node.set_env(key, value);
        }
        let cslave = node.peer();
        node.register(cslave, ".cslave");
        let center = node.launch::<DataCenter>(args).unwrap();
        let request = node.received(cslave).remove(0);
        let expected = pack!("REGISTER", "DATACENTER", i64::from(center.0)).unwrap();
        assert_eq!(request.payload, expected);
        node.answer(&request, pack!(true).unwrap());
        node.register(center, ".center");
        Self {
            node,
            center,
            cslave,
        }
    }

    fn begin(&mut self, request: Vec<u8>) -> Pending {
        let pending = self.node.begin_call(self.center, KIND_LUA, request);
        self.node.run();
        pending.unwrap()
    }

    fn finish(&mut self, pending: &Pending) -> Option<Result<Vec<u8>, CallError>> {
        let outcome = self.node.finish_call(pending)?;
        Some(outcome.map(|reply| reply.bytes().to_vec()))
    }

    fn ask(&mut self, request: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let pending = self.begin(request);
        self.finish(&pending).expect("an answer")
    }

    fn check(&mut self, request: Vec<u8>, expected: &[u8]) {
        assert_eq!(self.ask(request).unwrap(), expected);
    }

    fn check_refused(&mut self, request: Vec<u8>, expected: &str) {
        let error = self.ask(request).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn nil() -> Option<i64> {
    None
}

fn table(pairs: &[(&str, Value)]) -> Vec<u8> {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(key, value)| (Value::from(*key), value.clone()));
    let table = Table {
        array: Vec::new(),
        pairs: pairs.collect(),
    };
    encode(&[Value::from(table)]).unwrap()
}

#[test]
fn values_are_read_set_and_taken_away() {
    let mut center = Fixture::new("", &[]);
    center.check(pack!("QUERY", "a", "b").unwrap(), &[0]);
    // As unmodified nodes see it: nothing was there, so there is no value in the answer.
    center.check(pack!("UPDATE", "a", "b", 1).unwrap(), &[]);
    center.check(pack!("SET", "a", "b", 2).unwrap(), &pack!(1).unwrap());
    center.check(pack!("GET", "a", "b").unwrap(), &pack!(2).unwrap());
    center.check(
        pack!("QUERY", "a").unwrap(),
        &table(&[("b", Value::Integer(2))]),
    );
    center.check(
        pack!("UPDATE", "a", "b", nil()).unwrap(),
        &pack!(2).unwrap(),
    );
    center.check(pack!("UPDATE", "a", "b", nil()).unwrap(), &[0]);
    center.check(pack!("QUERY", "a", "b").unwrap(), &[0]);
    center.check_refused(pack!("FLY").unwrap(), "no command");
    center.check_refused(b"\xff".to_vec(), "");
    let handle = center.center;
    let error = center.node.call(handle, KIND_TEXT, "QUERY").unwrap_err();
    assert_eq!(error.reason(), Reason::UNSUPPORTED);
}

#[test]
fn waits_end_when_the_value_is_set() {
    let mut center = Fixture::new("", &[]);
    let waits = [0, 0].map(|_| center.begin(pack!("WAIT", "a", "b").unwrap()));
    center.check(pack!("UPDATE", "a", "c", 5).unwrap(), &[]);
    assert!(waits.iter().all(|wait| center.finish(wait).is_none()));
    center.check(pack!("UPDATE", "a", "b", "x").unwrap(), &[]);
    for wait in &waits {
        assert_eq!(center.finish(wait).unwrap().unwrap(), pack!("x").unwrap());
    }
    center.check(pack!("WAIT", "a", "b").unwrap(), &pack!("x").unwrap());
    let both = [("b", Value::from("x")), ("c", Value::Integer(5))];
    center.check(pack!("WAIT", "a").unwrap(), &table(&both));
    // A table that is set brings all that is in it.
    let inner = center.begin(pack!("WAIT", "t", "x").unwrap());
    let other = center.begin(pack!("WAIT", "t", "y").unwrap());
    let mut update = pack!("UPDATE", "t").unwrap();
    update.extend(table(&[("x", Value::Integer(7))]));
    center.check(update, &[]);
    assert_eq!(center.finish(&inner).unwrap().unwrap(), pack!(7).unwrap());
    assert!(center.finish(&other).is_none());
}

#[test]
fn waits_that_cannot_end_fail() {
    let mut center = Fixture::new("", &[]);
    let below = center.begin(pack!("WAIT", "a", "b", "c").unwrap());
    center.check_refused(pack!("WAIT", "a", "b").unwrap(), "a.b is a branch");
    center.check_refused(
        pack!("WAIT", "a", "b", "c", "d").unwrap(),
        "waits for a.b.c",
    );
    let value = center.begin(pack!("WAIT", "v").unwrap());
    center.check(pack!("UPDATE", "v", "x", 1).unwrap(), &[]);
    let error = center.finish(&value).unwrap().unwrap_err();
    assert!(error.to_string().contains("v is a branch now"), "{error}");
    center.check(pack!("UPDATE", "a", 1).unwrap(), &[]);
    let error = center.finish(&below).unwrap().unwrap_err();
    assert!(error.to_string().contains("a is a value"), "{error}");
    center.check_refused(pack!("WAIT", "a", "b").unwrap(), "a is a value");
    center.check_refused(pack!("QUERY", "a", "b").unwrap(), "a is a value");
    center.check_refused(pack!("UPDATE", "a", "b", 1).unwrap(), "a is a value");
}

#[test]
fn waits_of_those_who_gave_up_are_dropped() {
    let mut center = Fixture::new("", &[("datacenter.max_waiters", "1")]);
    let impatient = center.node.launch::<Impatient>("").unwrap();
    center.node.send(impatient, KIND_TEXT, "").unwrap();
    center.node.run();
    center.check_refused(pack!("WAIT", "other").unwrap(), "1 requests wait");
    center.node.advance(Duration::from_secs(1));
    let wait = center.begin(pack!("WAIT", "other").unwrap());
    assert!(center.finish(&wait).is_none());
}

#[test]
fn it_holds_no_more_than_it_may() {
    let env = [
        ("datacenter.max_bytes", "1K"),
        ("datacenter.max_depth", "2"),
    ];
    let mut center = Fixture::new("", &env);
    center.check(pack!("UPDATE", "a", "x".repeat(500)).unwrap(), &[]);
    center.check_refused(pack!("UPDATE", "b", "x".repeat(500)).unwrap(), "full");
    center.check_refused(pack!("UPDATE", "b", "c", "d", 1).unwrap(), "3 keys");
    center.check(pack!("QUERY", "b").unwrap(), &[0]);
    center.check(
        pack!("UPDATE", "a", 1).unwrap(),
        &pack!("x".repeat(500)).unwrap(),
    );
    center.check(pack!("UPDATE", "b", "x".repeat(500)).unwrap(), &[]);
}

#[test]
fn the_sdk_and_the_data_center_mean_the_same() {
    let mut center = Fixture::new("", &[]);
    center.node.launch_raw::<Names>("").unwrap();
    let client = center.node.launch::<Client>("").unwrap();
    let wait = center.node.begin_call(client, KIND_TEXT, "wait").unwrap();
    let all = center.node.begin_call(client, KIND_TEXT, "all").unwrap();
    center.node.run();
    center.node.advance(Duration::from_secs(1));
    assert_eq!(center.finish(&all).unwrap().unwrap(), b"done");
    assert_eq!(center.finish(&wait).unwrap().unwrap(), b"there");
}

#[test]
fn the_name_is_given_back() {
    let mut center = Fixture::new("", &[]);
    let (handle, cslave) = (center.center, center.cslave);
    center.node.kill(handle);
    let request = center.node.received(cslave).remove(0);
    assert_eq!(request.payload, pack!("UNREGISTER", "DATACENTER").unwrap());
}

/// A file that goes when the test ends.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("datacenter-{}-{number}.redb", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self) -> Fixture {
        Fixture::new(self.0.to_str().unwrap(), &[])
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[test]
fn a_file_keeps_everything() {
    let file = File::new();
    let mut center = file.open();
    // Sent together, they are written down together, and answered in order.
    let updates: Vec<Pending> = (0..100)
        .map(|number| {
            let request = pack!("UPDATE", "n", number % 10, number).unwrap();
            center.node.begin_call(center.center, KIND_LUA, request)
        })
        .map(Result::unwrap)
        .collect();
    COMMITS.set(0);
    center.node.run();
    assert_eq!(COMMITS.get(), 1);
    for (number, update) in (0i64..).zip(&updates) {
        let expected = if number < 10 {
            Vec::new()
        } else {
            pack!(number - 10).unwrap()
        };
        assert_eq!(center.finish(update).unwrap().unwrap(), expected);
    }
    let wait = center.begin(pack!("WAIT", "late").unwrap());
    center.check(pack!("UPDATE", "late", true).unwrap(), &[]);
    assert_eq!(center.finish(&wait).unwrap().unwrap(), pack!(true).unwrap());
    // Nobody waits for this one, and it is not written down when the service ends.
    let handle = center.center;
    let killer = center.node.launch::<Killer>("").unwrap();
    let update = pack!("UPDATE", "gone", 1).unwrap();
    center.node.send(handle, KIND_LUA, update).unwrap();
    center.node.send(killer, KIND_TEXT, "").unwrap();
    center.node.run();
    assert!(!center.node.is_alive(handle));
    drop(center);

    let mut center = file.open();
    for number in 0..10 {
        let expected = pack!(number + 90).unwrap();
        center.check(pack!("QUERY", "n", number).unwrap(), &expected);
    }
    center.check(pack!("QUERY", "late").unwrap(), &pack!(true).unwrap());
    center.check(pack!("QUERY", "gone").unwrap(), &pack!(1).unwrap());
}

#[test]
fn large_updates_do_not_pile_up() {
    let file = File::new();
    let mut center = file.open();
    COMMITS.set(0);
    for _ in 0..4 {
        let update = pack!("UPDATE", "a", "x".repeat(3 << 20)).unwrap();
        center.node.send(center.center, KIND_LUA, update).unwrap();
    }
    center.node.run();
    assert_eq!(COMMITS.get(), 2);
}

#[test]
fn what_cannot_be_saved_is_taken_back() {
    let file = File::new();
    let mut center = file.open();
    center.check(pack!("UPDATE", "a", "b", 1).unwrap(), &[]);
    let wait = center.begin(pack!("WAIT", "x", "y").unwrap());
    DISK_IS_FULL.set(true);
    let handle = center.center;
    let updates = [
        pack!("UPDATE", "x", "y", 1),
        pack!("UPDATE", "a", "b", 2),
        pack!("UPDATE", "a", 3),
        pack!("UPDATE", "a", nil()),
    ]
    .map(|request| {
        let call = center.node.begin_call(handle, KIND_LUA, request.unwrap());
        call.unwrap()
    });
    center.node.run();
    for update in &updates {
        let error = center.finish(update).unwrap().unwrap_err().to_string();
        assert!(error.contains("no space left"), "{error}");
    }
    DISK_IS_FULL.set(false);
    center.check(pack!("QUERY", "x").unwrap(), &[0]);
    center.check(pack!("QUERY", "a", "b").unwrap(), &pack!(1).unwrap());
    assert!(center.finish(&wait).is_none());
    // There is room again.
    center.check(pack!("UPDATE", "x", "y", 5).unwrap(), &[]);
    assert_eq!(center.finish(&wait).unwrap().unwrap(), pack!(5).unwrap());
}

#[test]
fn an_acknowledged_update_survives_a_crash() {
    let (file, copy) = (File::new(), File::new());
    let mut center = file.open();
    center.check(pack!("UPDATE", "a", "safe").unwrap(), &[]);
    // What a process that is killed here leaves behind.
    fs::copy(file.path(), copy.path()).unwrap();
    let mut center = copy.open();
    center.check(pack!("QUERY", "a").unwrap(), &pack!("safe").unwrap());
}

#[test]
fn a_file_that_cannot_be_used_ends_the_start() {
    let file = File::new();
    let _center = file.open();
    let mut node = Node::new();
    let error = node.launch::<DataCenter>(file.path().to_str().unwrap());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("another process has it open"), "{error}");
    let error = node
        .launch::<DataCenter>("/nowhere/at/all/x.redb")
        .unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/at/all/x.redb"),
        "{error}"
    );
}

#[test]
fn values_of_every_kind_go_there_and_back() {
    let file = File::new();
    let values = [
        pack!(true).unwrap(),
        pack!(-1).unwrap(),
        pack!(1.5).unwrap(),
        pack!("x".repeat(70_000)).unwrap(),
        pack!([1, 2, 3]).unwrap(),
        vec![0x06, 0x00],
        vec![0x0e, 0x09, 0x0c, b'k', 0x0a, 0x05, 0x00],
    ];
    let mut center = file.open();
    for (key, value) in (0i64..).zip(&values) {
        let mut request = pack!("UPDATE", "v", key).unwrap();
        request.extend(value);
        center.check(request, &[]);
    }
    drop(center);
    let mut center = file.open();
    for (key, value) in (0i64..).zip(&values) {
        let found = center.ask(pack!("QUERY", "v", key).unwrap()).unwrap();
        assert_eq!(decode(&found).unwrap(), decode(value).unwrap());
    }
}
