//! What clusterd and senders are asked, and what their answers become.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::{Table, Value, pack};

use crate::testing::{Node, Pending, Received};
use crate::{
    ClusterError, ClusterExpose, Context, Error, Handle, KIND_LUA, KIND_TEXT, ListenOptions,
    Message, Reason, Result, Service,
};

const SECOND: Duration = Duration::from_secs(1);
const FAR: Handle = Handle(0x0100_000a);

/// Does what it is told to, and tells what became of it.
struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let outcome = match ask(cx, message.text()?).await {
            Ok(text) => text,
            Err(error) => told(error),
        };
        Ok(cx.reply(&message, &outcome)?)
    }
}

/// The variant of an error, and its text.
fn told(error: ClusterError) -> String {
    let (is_timeout, debug) = (error.is_timeout(), format!("{error:?}"));
    let variant = debug.split([' ', '(']).next().unwrap_or_default();
    let timeout = if is_timeout { " (time-out)" } else { "" };
    format!("{variant}{timeout}: {}", Error::from(error))
}

async fn ask(cx: &Context, order: &str) -> Result<String, ClusterError> {
    let cluster = cx.cluster();
    let (order, argument) = order.split_once(' ').unwrap_or((order, ""));
    let reply = match order {
        "call" => cluster.call("db", "@store", &("GET", argument)).await?,
        "far" => cluster.call("db", FAR, &("GET", argument)).await?,
        "soon" => {
            let values = ("GET", argument);
            let call = cluster.call_timeout("db", ".store", &values, SECOND);
            call.await?
        }
        "bytes" => cluster.call_bytes("db", "STORE", b"\x0a\x07").await?,
        "traced" => cluster.traced(77).call("db", ".store", &()).await?,
        "send" => {
            cluster.send("db", ".store", &("SET", argument)).await?;
            return Ok("sent".to_owned());
        }
        "ack" => {
            cluster
                .send_acked("db", ".store", &("SET", argument))
                .await?;
            return Ok("acked".to_owned());
        }
        "query" => return Ok(cluster.query("db", argument).await?.to_string()),
        "sender" => return Ok(cluster.sender("db").await?.to_string()),
        "proxy" => return Ok(cluster.proxy("db", "@store").await?.to_string()),
        "nodes" => return Ok(format!("{:?}", cluster.nodes().await?)),
        "open" => return Ok(format!("{:?}", cluster.open(2528).await?)),
        "open_with" => {
            let options = ListenOptions::new()
                .max_clients(5)
                .expose(ClusterExpose::All)
                .without_secret()
                .tls(true);
            return Ok(format!("{:?}", cluster.open_with("db", &options).await?));
        }
        _ => {
            tell(cx, order).await?;
            return Ok("done".to_owned());
        }
    };
    Ok(format!("{:?}", reply.bytes()))
}

/// The orders that are answered with nothing.
async fn tell(cx: &Context, order: &str) -> Result<(), ClusterError> {
    let cluster = cx.cluster();
    match order {
        "close" => cluster.close("db").await,
        "register" => cluster.register("store", FAR).await,
        "unregister" => cluster.unregister("store").await,
        "export" => cluster.export(".store").await,
        "unexport" => cluster.unexport(FAR).await,
        "reload" => cluster.reload().await,
        "reload_file" => cluster.reload_file("nodes.toml").await,
        _ => cluster.update(&BTreeMap::from([("db", "h:1")])).await,
    }
}

/// A node where the test plays clusterd and the sender of the node `db`.
struct Lab {
    node: Node,
    clusterd: Handle,
    sender: Handle,
    asker: Handle,
}

impl Lab {
    fn new() -> Self {
        let mut node = Node::new();
        let (clusterd, sender) = (node.peer(), node.peer());
        node.register(clusterd, ".clusterd");
        let asker = node.launch::<Asker>("").expect("it starts");
        Self {
            node,
            clusterd,
            sender,
            asker,
        }
    }

    /// One in which the sender is known already.
    fn connected() -> Self {
        let mut lab = Self::new();
        let first = lab.order("sender");
        lab.answer_sender();
        assert_eq!(lab.outcome(&first), Some(lab.sender.to_string()));
        lab
    }

    fn order(&mut self, order: &str) -> Pending {
        let asked = self.node.begin_call(self.asker, KIND_TEXT, order);
        self.node.run();
        asked.expect("it is there")
    }

    /// Answers the one question to clusterd, which is for the sender.
    fn answer_sender(&mut self) {
        let question = self.one(self.clusterd);
        assert_eq!(question.payload, pack!("sender", "db").expect("short"));
        let answer = pack!(self.sender.0).expect("short");
        self.node.answer(&question, &answer);
    }

    /// The one message that somebody got.
    fn one(&mut self, whom: Handle) -> Received {
        let mut received = self.node.received(whom);
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    fn outcome(&mut self, asked: &Pending) -> Option<String> {
        let reply = self.node.finish_call(asked)?.expect("errors are texts");
        Some(String::from_utf8_lossy(reply.bytes()).into_owned())
    }

    /// What becomes of an order whose request fails like this.
    fn failed(&mut self, order: &str, reason: Reason, text: &str) -> String {
        // Whether a sender lives is found out by a question.
        self.node.received(self.sender);
        let asked = self.order(order);
        let mut received = self.node.received(self.sender);
        received.extend(self.node.received(self.clusterd));
        self.node.fail(&received[0], reason, text);
        self.outcome(&asked).expect("an end")
    }
}

#[test]
fn requests_are_the_senders() {
    let get = pack!("GET", "x").expect("short");
    let set = pack!("SET", "x").expect("short");
    for (order, expected) in [
        ("call x", pack!("req", "@store", &get[..])),
        ("far x", pack!("req", FAR.0, &get[..])),
        ("soon x", pack!("req", ".store", &get[..])),
        ("bytes", pack!("req", "STORE", &b"\x0a\x07"[..])),
        ("traced", pack!("req", ".store", "")),
        ("send x", pack!("push", ".store", &set[..])),
        ("ack x", pack!("ack", ".store", &set[..])),
        ("query @store", pack!("query", "store")),
        ("query store", pack!("query", "store")),
    ] {
        let mut lab = Lab::connected();
        let asked = lab.order(order);
        let request = lab.one(lab.sender);
        let expected = expected.expect("short");
        assert_eq!(
            (request.kind, &request.payload),
            (KIND_LUA, &expected),
            "{order}"
        );
        assert!(request.is_call());
        assert_eq!(
            request.trace,
            if order == "traced" { 77 } else { 0 },
            "{order}"
        );
        let deadline = if order == "soon x" { 1_000_000_000 } else { 0 };
        assert_eq!(request.deadline, deadline, "{order}");
        assert_eq!(lab.outcome(&asked), None, "{order}");
        let (answer, outcome) = match order.split(' ').next() {
            Some("send") => (pack!(), "sent"),
            Some("ack") => (pack!(), "acked"),
            Some("query") => (pack!(FAR.0), ":0100000a"),
            _ => (pack!(7), "[10, 7]"),
        };
        lab.node.answer(&request, answer.expect("short"));
        assert_eq!(lab.outcome(&asked).as_deref(), Some(outcome), "{order}");
    }
}

#[test]
fn bodies_are_packed_whatever_their_size() {
    // Miri reads each letter.
    let most = if cfg!(miri) { 27 } else { 1 << 20 };
    let sizes = [0, 25, 26, 27, 65_529, 65_530, 65_531, 1 << 20];
    for len in sizes.into_iter().filter(|len| *len <= most) {
        let mut lab = Lab::connected();
        let text = "x".repeat(len);
        let asked = lab.order(&format!("call {text}"));
        let body = pack!("GET", &text).expect("short");
        let expected = pack!("req", "@store", &body[..]).expect("short");
        assert!(lab.one(lab.sender).payload == expected, "{len} bytes");
        assert_eq!(lab.outcome(&asked), None);
    }
}

#[test]
fn the_rest_is_asked_of_clusterd() {
    let (handle, done) = (pack!(FAR.0), pack!());
    let opened = pack!("127.0.0.1:2528", 2528);
    let opened_as = "(\"127.0.0.1:2528\", 2528)";
    let options = Table {
        array: Vec::new(),
        pairs: vec![
            (Value::string("maxclient"), 5.into()),
            (Value::string("expose"), Value::string("all")),
            (Value::string("secret"), false.into()),
            (Value::string("tls"), true.into()),
        ],
    };
    let nothing = Table::default();
    for (order, expected, answer, outcome) in [
        (
            "proxy",
            pack!("proxy", "db", "@store"),
            &handle,
            ":0100000a",
        ),
        ("open", pack!("open", 2528, nothing), &opened, opened_as),
        (
            "open_with",
            pack!("open", "db", options),
            &opened,
            opened_as,
        ),
        ("close", pack!("close", "db"), &done, "done"),
        ("register", pack!("register", "store", FAR.0), &done, "done"),
        ("unregister", pack!("unregister", "store"), &done, "done"),
        ("export", pack!("export", ".store"), &done, "done"),
        ("unexport", pack!("unexport", FAR.0), &done, "done"),
        ("reload", pack!("reload"), &done, "done"),
        ("reload_file", pack!("reload", "nodes.toml"), &done, "done"),
        (
            "update",
            pack!("reload", BTreeMap::from([("db", "h:1")])),
            &done,
            "done",
        ),
    ] {
        let mut lab = Lab::new();
        let asked = lab.order(order);
        let request = lab.one(lab.clusterd);
        assert_eq!(request.payload, expected.expect("short"), "{order}");
        lab.node.answer(&request, answer.as_ref().expect("short"));
        assert_eq!(lab.outcome(&asked).as_deref(), Some(outcome), "{order}");
    }
}

#[test]
fn nodes_are_read_out_of_a_table() {
    let pairs = |pairs: &[(&str, Value)]| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| (Value::string(*key), value.clone()));
        Value::from(Table {
            array: Vec::new(),
            pairs: pairs.collect(),
        })
    };
    let up = pairs(&[
        ("address", Value::string("h:1")),
        ("state", Value::string("up")),
        ("ours", true.into()),
        ("pending", 1.into()),
        ("waiting", 2.into()),
        ("queued", 3.into()),
        ("sent", 4.into()),
        ("answered", 5.into()),
        ("dropped", 6.into()),
        ("connects", 7.into()),
    ]);
    let down = pairs(&[("address", false.into()), ("state", Value::string("down"))]);
    let answer = |nodes| skynet_seri::encode(&[nodes]).expect("short");
    let mut lab = Lab::new();
    let mut check = |table: Value| {
        let asked = lab.order("nodes");
        let request = lab.one(lab.clusterd);
        lab.node.answer(&request, answer(table));
        lab.outcome(&asked).expect("an end")
    };
    assert_eq!(
        check(pairs(&[("db", up), ("old", down)])),
        "[ClusterNode { name: \"db\", address: Some(\"h:1\"), state: Up, is_ours: true, pending: 1, waiting: 2, \
         queued: 3, sent: 4, answered: 5, dropped: 6, connects: 7 }, ClusterNode { name: \"old\", address: None, \
         state: Down, is_ours: false, pending: 0, waiting: 0, queued: 0, sent: 0, answered: 0, dropped: 0, connects: 0 }]"
    );
    let unknown = check(pairs(&[(
        "db",
        pairs(&[("state", Value::string("unknown"))]),
    )]));
    assert!(
        unknown.contains("address: None, state: Unknown"),
        "{unknown}"
    );
    let odd = check(pairs(&[("db", pairs(&[("state", Value::string("odd"))]))]));
    assert!(odd.contains("db: no node can be \"odd\""), "{odd}");
}

#[test]
fn clusterd_is_launched_when_it_is_wanted() {
    for is_there in [true, false] {
        let mut node = Node::new();
        let (clusterd, manager) = (node.peer(), node.peer());
        node.register(manager, ".service");
        let asker = node.launch::<Asker>("").expect("it starts");
        let asked = node.begin_call(asker, KIND_TEXT, "reload");
        let asked = asked.expect("it is there");
        node.run();
        let launch = node.received(manager).remove(0);
        assert_eq!(launch.payload, pack!("LAUNCH", "clusterd").expect("short"));
        if is_there {
            node.register(clusterd, ".clusterd");
            node.answer(&launch, pack!(clusterd.0).expect("short"));
            let request = node.received(clusterd).remove(0);
            assert_eq!(request.payload, pack!("reload").expect("short"));
            node.answer(&request, &[][..]);
        } else {
            let nobody = pack!(None::<i64>, "no plugin has it").expect("short");
            node.answer(&launch, &nobody);
        }
        let reply = node.finish_call(&asked).expect("an end").expect("a text");
        let outcome = String::from_utf8_lossy(reply.bytes()).into_owned();
        let expected = match is_there {
            true => "done",
            false => "NoCluster: this node has no cluster: no plugin has it",
        };
        assert_eq!(outcome, expected);
    }
}

/// What is asked in requests of the sender, in the order in which they came.
fn keys(received: &[Received]) -> Vec<String> {
    let key = |request: &Received| {
        let (_, _, body) =
            skynet_seri::unpack::<(&str, &str, &[u8])>(&request.payload).expect("a request");
        let (_, key) = skynet_seri::unpack::<(&str, &str)>(body).expect("values");
        key.to_owned()
    };
    received.iter().map(key).collect()
}

#[test]
fn requests_keep_their_order_while_the_sender_is_not_known() {
    let mut lab = Lab::new();
    for order in ["call 1", "send 2", "soon 3", "ack 4"] {
        lab.order(order);
    }
    let question = lab.one(lab.clusterd);
    let answer = pack!(lab.sender.0).expect("short");
    // One more comes in the moment in which the sender gets known.
    let late = lab.node.begin_call(lab.asker, KIND_TEXT, "call 5");
    late.expect("it is there");
    lab.node.answer(&question, &answer);
    let received = lab.node.received(lab.sender);
    assert_eq!(keys(&received), ["1", "2", "3", "4", "5"]);
    assert!(lab.node.received(lab.clusterd).is_empty());
    lab.order("call 6");
    assert_eq!(keys(&lab.node.received(lab.sender)), ["6"]);
}

#[test]
fn who_runs_out_of_time_lets_the_others_ask() {
    let mut lab = Lab::new();
    let first = lab.order("soon 1");
    let second = lab.order("call 2");
    let third = lab.order("soon 3");
    // It does not wait there for ever: each that gives up would be one more.
    let asked = Duration::from_nanos(lab.one(lab.clusterd).deadline);
    assert_eq!(asked.saturating_sub(lab.node.now()), 2 * SECOND);
    lab.node.advance(SECOND);
    let late = "TimedOut (time-out): request to .store of cluster node db failed: timed out after 1 s: \
                the node is not known yet";
    assert_eq!(lab.outcome(&first).as_deref(), Some(late));
    assert_eq!(lab.outcome(&third).as_deref(), Some(late));
    lab.answer_sender();
    assert_eq!(keys(&lab.node.received(lab.sender)), ["2"]);
    assert_eq!(lab.outcome(&second), None);
}

#[test]
fn a_node_that_is_not_known_is_asked_for_once() {
    for (reason, text, expected) in [
        (
            Reason::UNKNOWN,
            "5 s",
            "UnknownNode: cluster node db is not known: 5 s",
        ),
        (
            Reason::NODE_LOST,
            "its address is false",
            "NodeLost: request to .store of cluster node db failed: the node was lost: its address is false",
        ),
    ] {
        let mut lab = Lab::new();
        let asked = ["send 1", "ack 2", "soon 3"].map(|order| lab.order(order));
        let question = lab.one(lab.clusterd);
        lab.node.fail(&question, reason, text);
        for asked in &asked {
            assert_eq!(lab.outcome(asked).as_deref(), Some(expected));
        }
        // The next one asks anew.
        let again = lab.order("send 4");
        lab.answer_sender();
        assert_eq!(keys(&lab.node.received(lab.sender)), ["4"]);
        assert_eq!(lab.outcome(&again), None);
    }
}

#[test]
fn a_sender_that_has_ended_is_replaced() {
    let mut lab = Lab::connected();
    lab.node.end_peer(lab.sender, Reason::KILLED);
    lab.sender = lab.node.peer();
    let asked = lab.order("call 1");
    lab.order("call 2");
    lab.answer_sender();
    let received = lab.node.received(lab.sender);
    assert_eq!(keys(&received), ["1", "2"]);
    lab.node.answer(&received[0], &[9][..]);
    assert_eq!(lab.outcome(&asked).as_deref(), Some("[9]"));
    // Under a call, it is the connection that is lost, and nobody's death.
    let asked = lab.order("send 3");
    lab.node.end_peer(lab.sender, Reason::KILLED);
    assert_eq!(
        lab.outcome(&asked).as_deref(),
        Some(
            "NodeLost: request to .store of cluster node db failed: the node was lost: the service of this node that \
             has the connection has ended"
        )
    );
    lab.sender = lab.node.peer();
    lab.order("call 4");
    lab.answer_sender();
}

#[test]
fn a_sender_that_always_ends_is_given_up() {
    let mut lab = Lab::new();
    let asked = lab.order("send 1");
    for _ in 0..3 {
        lab.sender = lab.node.peer();
        lab.node.end_peer(lab.sender, Reason::KILLED);
        assert_eq!(lab.outcome(&asked), None);
        lab.answer_sender();
    }
    let outcome = lab.outcome(&asked).expect("an end");
    assert!(outcome.starts_with("NodeLost: "), "{outcome}");
}

#[test]
fn the_end_of_clusterd_is_that_of_no_node() {
    let mut lab = Lab::new();
    let asked = lab.order("send 1");
    lab.node.end_peer(lab.clusterd, Reason::KILLED);
    let outcome = lab.outcome(&asked).expect("an end");
    assert!(
        outcome.starts_with("NodeLost: ") && outcome.contains("knows the others has ended"),
        "{outcome}"
    );
}

#[test]
fn errors_say_what_happened() {
    let to_store = "request to .store of cluster node db failed: ";
    let mut lab = Lab::connected();
    for (reason, variant) in [
        (Reason::NODE_LOST, "NodeLost"),
        (Reason::UNKNOWN, "UnknownService"),
        (Reason::DEAD, "Dead"),
        (Reason::FAILED, "Failed"),
        (Reason::PANICKED, "Failed"),
        (Reason::DROPPED, "Failed"),
        (Reason(99), "Failed"),
        (Reason::REFUSED, "Refused"),
        (Reason::TIMED_OUT, "TimedOut (time-out)"),
        (Reason::TOO_LARGE, "TooLarge"),
        (Reason::UNSUPPORTED, "Unsupported"),
    ] {
        let outcome = lab.failed("send 1", reason, "so it is");
        assert_eq!(outcome, format!("{variant}: {to_store}{reason}: so it is"));
    }
    let killed = lab.failed("send 1", Reason::KILLED, "");
    assert_eq!(killed, format!("Dead: {to_store}{}", Reason::DEAD));
    let timed_out = lab.failed("soon 1", Reason::TIMED_OUT, "");
    assert!(
        timed_out.ends_with("failed: timed out after 1 s"),
        "{timed_out}"
    );
}

#[test]
fn errors_of_clusterd_are_told_apart() {
    let mut lab = Lab::new();
    let taken = "the cluster name \"store\" is taken by :0800000b";
    assert_eq!(
        lab.failed("register", Reason::REFUSED, taken),
        format!("Taken: {taken}")
    );
    for (order, reason, text) in [
        ("register", Reason::FAILED, taken),
        ("register", Reason::REFUSED, "taken by storm"),
        ("unregister", Reason::REFUSED, taken),
        ("open", Reason::REFUSED, "in use"),
    ] {
        let outcome = lab.failed(order, reason, text);
        assert!(
            outcome.starts_with("Request: call to .clusterd"),
            "{outcome}"
        );
        assert!(outcome.ends_with(text), "{outcome}");
    }
    assert_eq!(
        lab.failed("proxy", Reason::UNKNOWN, "5 s"),
        "UnknownNode: cluster node db is not known: 5 s"
    );
    let told = "cluster node db is not known (waited 5 s)";
    assert_eq!(
        lab.failed("proxy", Reason::UNKNOWN, told),
        format!("UnknownNode: {told}")
    );
    let down = lab.failed("proxy", Reason::NODE_LOST, "down");
    assert!(
        down.starts_with("NodeLost: request to @store of cluster node db"),
        "{down}"
    );
}
