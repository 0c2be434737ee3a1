//! What `.cslave` is asked, and what its answers become.

use std::time::Duration;

use skynet_seri::{Value, decode, pack};

use crate::testing::{Node, Pending, Received};
use crate::{
    Context, Error, Handle, HarborError, KIND_LUA, KIND_TEXT, Message, NodeKind, NodeState, Reason,
    Result, Service,
};

const SECOND: Duration = Duration::from_secs(1);

/// Asks what it is told to.
struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let outcome = match ask(cx, message.text()?).await {
            Ok(text) => text,
            Err(HarborError::Taken { name, holder }) => format!("{name} is {holder}'s"),
            Err(error) if error.is_timeout() => "time-out".to_owned(),
            Err(error) => format!("error: {}", Error::from(error)),
        };
        Ok(cx.reply(&message, &outcome)?)
    }
}

async fn ask(cx: &Context, order: &str) -> Result<String, HarborError> {
    let harbor = cx.harbor();
    let handle = Handle(0x0700_000a);
    match order {
        "link" => harbor.link(7).await?,
        "link soon" => harbor.link_timeout(7, SECOND).await?,
        "connect" => harbor.connect(255).await?,
        "connect soon" => harbor.connect_timeout(255, SECOND).await?,
        "link_master" => harbor.link_master().await?,
        "link_master soon" => harbor.link_master_timeout(SECOND).await?,
        "name" => harbor.global_name("ROOM", handle).await?,
        "name soon" => harbor.global_name_timeout("ROOM", handle, SECOND).await?,
        "move" => harbor.move_name("ROOM", handle).await?,
        "move soon" => harbor.move_name_timeout("ROOM", handle, SECOND).await?,
        "unregister" => harbor.unregister_name("ROOM").await?,
        "unregister soon" => harbor.unregister_name_timeout("ROOM", SECOND).await?,
        "query" => return Ok(format!("{:?}", harbor.query_name("ROOM").await?)),
        "query soon" => {
            let found = harbor.query_name_timeout("ROOM", SECOND).await?;
            return Ok(format!("{found:?}"));
        }
        "nodes" => return Ok(format!("{:?}", harbor.nodes().await?.len())),
        "nodes soon" => return Ok(format!("{:?}", harbor.nodes_timeout(SECOND).await?.len())),
        _ => return Ok(format!("{:?}", harbor.master().await?)),
    }
    Ok("done".to_owned())
}

/// A node where the test plays `.cslave`.
struct Lab {
    node: Node,
    slave: Handle,
    asker: Handle,
}

impl Lab {
    fn new() -> Self {
        let mut node = Node::new();
        let slave = node.peer();
        node.register(slave, ".cslave");
        let asker = node.launch::<Asker>("").expect("it starts");
        Self { node, slave, asker }
    }

    /// Gives an order; returns what `.cslave` is asked then.
    fn order(&mut self, order: &str) -> (Pending, Received) {
        let asked = self.node.begin_call(self.asker, KIND_TEXT, order);
        let asked = asked.expect("it is there");
        self.node.run();
        let mut requests = self.node.received(self.slave);
        assert_eq!(requests.len(), 1, "{order}");
        (asked, requests.remove(0))
    }

    fn outcome(&mut self, asked: &Pending) -> Option<String> {
        let reply = self.node.finish_call(asked)?.expect("errors are texts");
        Some(String::from_utf8_lossy(reply.bytes()).into_owned())
    }

    /// Gives an order, and an answer; returns what became of it.
    fn answered(&mut self, order: &str, answer: &[u8]) -> String {
        let (asked, request) = self.order(order);
        self.node.answer(&request, answer);
        self.outcome(&asked).expect("it was answered")
    }
}

#[test]
fn requests_are_the_slaves() {
    let handle = 0x0700_000a;
    for (order, expected) in [
        ("link", pack!("LINK", 7)),
        ("connect", pack!("CONNECT", 255)),
        ("link_master", pack!("LINKMASTER")),
        ("name", pack!("REGISTER", "ROOM", handle)),
        ("move", pack!("MOVE", "ROOM", handle)),
        ("unregister", pack!("UNREGISTER", "ROOM")),
    ] {
        let expected = expected.expect("short");
        for order in [order.to_owned(), format!("{order} soon")] {
            let mut lab = Lab::new();
            let (asked, request) = lab.order(&order);
            assert_eq!(
                (request.kind, &request.payload),
                (KIND_LUA, &expected),
                "{order}"
            );
            assert_eq!(lab.outcome(&asked), None, "{order}");
            lab.node.answer(&request, &[9][..]);
            assert_eq!(lab.outcome(&asked).as_deref(), Some("done"), "{order}");
        }
    }
}

#[test]
fn what_waits_does_so_without_end_or_for_a_time() {
    for order in [
        "link",
        "connect",
        "link_master",
        "query",
        "name",
        "move",
        "unregister",
        "nodes",
    ] {
        let mut lab = Lab::new();
        let (for_ever, _) = lab.order(order);
        let (soon, _) = lab.order(&format!("{order} soon"));
        lab.node.advance(SECOND);
        assert_eq!(lab.outcome(&soon).as_deref(), Some("time-out"), "{order}");
        lab.node.advance(3600 * 24 * 365 * SECOND);
        assert_eq!(lab.outcome(&for_ever), None, "{order}");
    }
}

#[test]
fn a_name_is_somebodys_or_nobodys() {
    let mut lab = Lab::new();
    let found = pack!(0xff00_0001_u32).expect("short");
    assert_eq!(lab.answered("query", &found), "Some(:ff000001)");
    assert_eq!(lab.answered("query", &[0]), "None");
    assert_eq!(lab.answered("query", &[]), "None");
    let odd = lab.answered("query", &pack!("x").expect("short"));
    assert!(
        odd.starts_with("error: the answer is not what was asked for: "),
        "{odd}"
    );
}

#[test]
fn a_taken_name_tells_its_holder() {
    let mut lab = Lab::new();
    let mut fail = |reason, text: &str| {
        let (asked, request) = lab.order("name");
        lab.node.fail(&request, reason, text);
        lab.outcome(&asked).expect("it was answered")
    };
    let text = "the global name \"ROOM\" is taken by :0800000b";
    assert_eq!(fail(Reason::REFUSED, text), "ROOM is :0800000b's");
    for (reason, text) in [
        (Reason::FAILED, text),
        (Reason::REFUSED, "taken by storm"),
        (Reason::REFUSED, ""),
    ] {
        let told = fail(reason, text);
        assert!(told.starts_with("error: call to .cslave"), "{told}");
        assert!(told.ends_with(text), "{told}");
    }
}

/// The table of one node, without `leave_out`.
fn node_table(state: &str, leave_out: &str) -> Value {
    let mut table = skynet_seri::Table::default();
    for (key, value) in [
        ("id", 7.into()),
        ("state", Value::string(state)),
        ("address", Value::string("127.0.0.1:2526")),
        ("kind", 2.into()),
        ("epoch", (-2_i64).into()),
        ("rtt_us", 1500.into()),
        ("queued", 1.into()),
        ("queued_bytes", 2.into()),
        ("unacked", 3.into()),
        ("dropped", 4.into()),
        ("received", 5.into()),
        ("sent", 6.into()),
        ("reconnects", 8.into()),
    ] {
        if key != leave_out {
            table.pairs.push((Value::string(key), value));
        }
    }
    Value::from(table)
}

fn nodes(tables: Vec<Value>) -> Result<Vec<crate::NodeInfo>, skynet_seri::UnpackError> {
    let table = skynet_seri::Table {
        array: tables,
        ..Default::default()
    };
    let bytes = skynet_seri::encode(&[Value::from(table)]).expect("short");
    assert!(decode(&bytes).is_ok());
    skynet_seri::unpack::<(Vec<crate::NodeInfo>,)>(&bytes).map(|(nodes,)| nodes)
}

#[test]
fn nodes_are_read_out_of_tables() {
    let states = [
        ("joining", NodeState::Joining),
        ("up", NodeState::Up),
        ("cut", NodeState::Cut),
        ("lost", NodeState::Lost),
    ];
    for (word, state) in states {
        let [node] = &nodes(vec![node_table(word, "")]).expect("whole")[..] else {
            panic!("one node");
        };
        assert_eq!((node.id, node.state, node.kind), (7, state, NodeKind::Ours));
        assert_eq!(node.address, "127.0.0.1:2526");
        assert_eq!(node.epoch, u64::MAX - 1, "64 bits without a sign");
        assert_eq!(node.round_trip, Some(Duration::from_micros(1500)));
        assert_eq!((node.queued, node.queued_bytes, node.unacked), (1, 2, 3));
        assert_eq!((node.dropped, node.received, node.sent), (4, 5, 6));
        assert_eq!(node.reconnects, 8);
    }
    assert_eq!(nodes(Vec::new()), Ok(Vec::new()));
    // An older or a later harbor may say less.
    let less = nodes(vec![node_table("up", "rtt_us"), node_table("up", "kind")]).expect("enough");
    assert_eq!(
        (less[0].round_trip, less[1].kind),
        (None, NodeKind::Unknown)
    );
    for bad in [
        node_table("asleep", ""),
        node_table("up", "id"),
        node_table("up", "state"),
        5.into(),
    ] {
        assert!(nodes(vec![bad]).is_err());
    }
}

#[test]
fn nodes_and_the_master_are_asked_for() {
    let mut lab = Lab::new();
    let table = skynet_seri::Table {
        array: vec![node_table("up", ""), node_table("lost", "")],
        ..Default::default()
    };
    let answer = skynet_seri::encode(&[Value::from(table)]).expect("short");
    assert_eq!(lab.answered("nodes", &answer), "2");
    assert_eq!(lab.answered("nodes soon", &answer), "2");
    let pairs = [("address", "h:1"), ("state", "up"), ("kind", "unmodified")];
    let master = pack!(std::collections::BTreeMap::from(pairs)).expect("short");
    assert_eq!(
        lab.answered("master", &master),
        "MasterInfo { address: \"h:1\", state: \"up\", kind: Unmodified }"
    );
}

#[test]
fn handles_of_other_nodes_are_known_by_their_id() {
    struct Known;
    impl Service for Known {
        async fn start(_cx: &Context, _args: &str) -> Result<Self> {
            Ok(Self)
        }
        async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
            let far = Handle(0x0700_0001);
            let before = (cx.harbor_id(), cx.is_remote(far));
            cx.become_harbor(7)?;
            let after = (cx.harbor_id(), cx.is_remote(far));
            let others = [0x0800_0001, 1, 0].map(|other| cx.is_remote(Handle(other)));
            Ok(cx.reply(&message, format!("{before:?} {after:?} {others:?}"))?)
        }
    }
    let mut node = Node::new();
    let known = node.launch::<Known>("").expect("it starts");
    let reply = node.call(known, KIND_TEXT, "").expect("it answers");
    assert_eq!(
        String::from_utf8_lossy(reply.bytes()),
        "(0, true) (7, false) [true, false, false]"
    );
}
