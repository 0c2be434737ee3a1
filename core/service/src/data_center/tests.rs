//! What `DATACENTER` is asked, and what its answers become.

use std::time::Duration;

use skynet_seri::{Value, pack};

use crate::testing::{Node, Received};
use crate::{
    Context, Error, KIND_LUA, KIND_TEXT, Message, RawMessage, RawService, RequestError, Result,
    Service,
};

const SECOND: Duration = Duration::from_secs(1);

struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let outcome = match ask(cx, message.text()?).await {
            Ok(text) => text,
            Err(error) if error.is_timeout() => "time-out".to_owned(),
            Err(error) => format!("error: {}", Error::from(error)),
        };
        Ok(cx.reply(&message, &outcome)?)
    }
}

async fn ask(cx: &Context, order: &str) -> Result<String, RequestError> {
    let (order, tree) = match order.strip_suffix(" soon") {
        Some(order) => (order, cx.data_center().timeout(SECOND)),
        None => (order, cx.data_center()),
    };
    Ok(match order {
        "get" => format!("{:?}", tree.get::<Value>(&("a", 1, true)).await?),
        "get slice" => format!("{:?}", tree.get::<i64>(&["a", "b"][..]).await?),
        "set" => format!("{:?}", tree.set(&("a",), "red").await?),
        "remove" => format!("{:?}", tree.set(&("a",), &None::<i64>).await?),
        "update" => format!("{:?}", tree.update::<String>(&("a",), &5).await?),
        _ => format!("{:?}", tree.wait::<i64>(&("a", "b")).await?),
    })
}

/// Hands what is for the global name to its watcher.
struct Names(crate::Handle);

impl RawService for Names {
    fn start(cx: &Context, watcher: &str) -> Result<Self> {
        cx.become_harbor(0)?;
        Ok(Self(watcher.parse()?))
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        assert_eq!(message.name(), Some("DATACENTER"));
        Ok(cx.redirect(message.keep(), self.0)?)
    }
}

fn check(order: &str, expected: &[u8], answer: impl FnOnce(&mut Node, &Received)) -> String {
    let mut node = Node::new();
    let tree = node.peer();
    node.launch_raw::<Names>(&tree.to_string())
        .expect("it starts");
    let asker = node.launch::<Asker>("").expect("it starts");
    let asked = node
        .begin_call(asker, KIND_TEXT, order)
        .expect("it is there");
    node.run();
    let request = node.received(tree).remove(0);
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
fn requests_and_answers_are_the_data_centers() {
    for (order, request, answer, expected) in [
        (
            "get",
            pack!("QUERY", "a", 1, true),
            pack!(5),
            "Some(Integer(5))",
        ),
        ("get", pack!("QUERY", "a", 1, true), pack!(), "None"),
        (
            "get slice",
            pack!("QUERY", "a", "b"),
            pack!(Option::<i64>::None),
            "None",
        ),
        ("set", pack!("UPDATE", "a", "red"), pack!("blue"), "()"),
        (
            "remove",
            pack!("UPDATE", "a", Option::<i64>::None),
            pack!(),
            "()",
        ),
        (
            "update",
            pack!("UPDATE", "a", 5),
            pack!("blue"),
            "Some(\"blue\")",
        ),
        ("wait", pack!("WAIT", "a", "b"), pack!(7), "7"),
    ] {
        let (request, answer) = (request.expect("short"), answer.expect("short"));
        for order in [order.to_owned(), format!("{order} soon")] {
            let outcome = check(&order, &request, |node, asked| node.answer(asked, &answer));
            assert_eq!(outcome, expected, "{order}");
        }
        let outcome = check(&format!("{order} soon"), &request, |node, _| {
            node.advance(SECOND)
        });
        assert_eq!(outcome, "time-out", "{order}");
    }
}

#[test]
fn what_is_something_else_is_an_error() {
    let request = pack!("WAIT", "a", "b").expect("short");
    for answer in [pack!("text"), pack!()] {
        let answer = answer.expect("short");
        let outcome = check("wait", &request, |node, asked| node.answer(asked, &answer));
        assert!(
            outcome.starts_with("error: the answer is not what was asked for"),
            "{outcome}"
        );
    }
}
