//! What `.service` is asked, and what its answers become.

use std::time::Duration;

use skynet_seri::pack;

use crate::testing::{Node, Received};
use crate::{
    Context, Error, Handle, KIND_LUA, KIND_TEXT, Message, Reason, Result, Service, UniqueError,
};

const SECOND: Duration = Duration::from_secs(1);

struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let outcome = match message.text()? {
            "unique" => cx.unique("room 5  big").await,
            "unique soon" => cx.unique_timeout("room 5  big", SECOND).await,
            "global" => cx.global_unique("room").await,
            "global soon" => cx.global_unique_timeout("room", SECOND).await,
            "query" => cx.query_service("room").await,
            "query soon" => cx.query_service_timeout("room", SECOND).await,
            "query global" => cx.query_global_service("room").await,
            _ => cx.query_global_service_timeout("room", SECOND).await,
        };
        let outcome = match outcome {
            Ok(handle) => handle.to_string(),
            Err(UniqueError::NotLaunched { line, reason }) => format!("{line}: {reason}"),
            Err(error) if error.is_timeout() => "time-out".to_owned(),
            Err(error) => format!("error: {}", Error::from(error)),
        };
        Ok(cx.reply(&message, &outcome)?)
    }
}

/// Has the order carried out, and `answer` the question to `.service`.
fn check(order: &str, expected: &[u8], answer: impl FnOnce(&mut Node, &Received)) -> String {
    let mut node = Node::new();
    let manager = node.peer();
    node.register(manager, ".service");
    let asker = node.launch::<Asker>("").expect("it starts");
    let asked = node
        .begin_call(asker, KIND_TEXT, order)
        .expect("it is there");
    node.run();
    let request = node.received(manager).remove(0);
    assert_eq!(
        (request.kind, &request.payload[..]),
        (KIND_LUA, expected),
        "{order}"
    );
    answer(&mut node, &request);
    let reply = node
        .finish_call(&asked)
        .expect("an end")
        .expect("errors are texts");
    String::from_utf8_lossy(reply.bytes()).into_owned()
}

#[test]
fn there_is_one_of_each() {
    let handle = Handle(0x0700_000a);
    for (order, request) in [
        ("unique", pack!("LAUNCH", "room", "5", "big")),
        ("global", pack!("GLAUNCH", "room")),
        ("query", pack!("QUERY", "room")),
        ("query global", pack!("GQUERY", "room")),
    ] {
        let request = request.expect("short");
        let found = pack!(handle.0).expect("short");
        for order in [order.to_owned(), format!("{order} soon")] {
            let outcome = check(&order, &request, |node, asked| node.answer(asked, &found));
            assert_eq!(outcome, handle.to_string(), "{order}");
        }
        let outcome = check(&format!("{order} soon"), &request, |node, _| {
            node.advance(SECOND)
        });
        assert_eq!(outcome, "time-out", "{order}");
    }
}

#[test]
fn who_is_not_launched_says_why() {
    let request = pack!("GLAUNCH", "room").expect("short");
    for (answer, expected) in [
        (
            pack!(Option::<i64>::None, "no plugin has it"),
            "room: no plugin has it",
        ),
        (pack!(), "room: no reason was given"),
        (pack!(0), "room: no reason was given"),
    ] {
        let answer = answer.expect("short");
        let outcome = check("global", &request, |node, asked| {
            node.answer(asked, &answer)
        });
        assert_eq!(outcome, expected);
    }
    let odd = pack!("room").expect("short");
    let outcome = check("global", &request, |node, asked| node.answer(asked, &odd));
    assert!(
        outcome.starts_with("error: the answer is not what was asked for"),
        "{outcome}"
    );
    let outcome = check("global", &request, |node, asked| {
        node.fail(asked, Reason::NODE_LOST, "");
    });
    assert!(outcome.ends_with("the node was lost"), "{outcome}");
}
