//! Waiting in a fake node.

use std::time::Duration;

use super::Waiters;
use crate::testing::Node;
use crate::{
    Context, Handle, KIND_LUA, KIND_TEXT, Message, Outgoing, RawMessage, RawService, Reason,
    Result, Service,
};

/// Requests wait for their text; a text that is sent is brought.
struct Board {
    waiting: Waiters<String>,
}

impl Service for Board {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        let waiting = Waiters::new(args.parse()?);
        Ok(Self { waiting })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        match message.text()? {
            "count" => {
                let count = self.waiting.len().to_string();
                Ok(cx.reply(&message, &count)?)
            }
            text if message.is_call() => self.waiting.add(cx, text.to_owned(), &message),
            text => {
                for waiter in self.waiting.take(&text.to_owned()) {
                    waiter.reply("brought")?;
                }
                Ok(())
            }
        }
    }
}

/// Asks `.board` for what it is sent, for at most a second.
struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let limit = Duration::from_secs(1);
        let answer = cx.call_timeout(".board", KIND_TEXT, message.bytes(), limit);
        drop(answer.await);
        Ok(())
    }
}

/// The harbor of node 1: passes on what services of node 2 ask.
struct Harbor;

impl RawService for Harbor {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.become_harbor(1)?;
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_TEXT {
            let request = Outgoing::new(".board", KIND_TEXT, message.bytes());
            let request = request.source(Handle(0x0200_0001)).session(7);
            cx.send_message(request.call_flag())?;
        }
        Ok(())
    }
}

fn board(limit: &str) -> (Node, Handle) {
    let mut node = Node::new();
    let board = node.launch::<Board>(limit).unwrap();
    node.register(board, ".board");
    (node, board)
}

fn check_count(node: &mut Node, board: Handle, expected: &str) {
    let count = node.call(board, KIND_TEXT, "count").unwrap();
    assert_eq!(count.text().unwrap(), expected);
}

#[test]
fn those_who_wait_are_answered_once() {
    let (mut node, board) = board("10");
    let calls = ["a", "a", "b"].map(|key| node.begin_call(board, KIND_TEXT, key).unwrap());
    check_count(&mut node, board, "3");
    for _ in 0..2 {
        node.send(board, KIND_TEXT, "a").unwrap();
        node.run();
    }
    let [one, two, other] = calls.map(|call| node.finish_call(&call));
    assert_eq!(one.unwrap().unwrap().text().unwrap(), "brought");
    assert_eq!(two.unwrap().unwrap().text().unwrap(), "brought");
    assert!(other.is_none());
    check_count(&mut node, board, "1");
}

#[test]
fn no_more_wait_than_are_allowed() {
    let (mut node, board) = board("1");
    let first = node.begin_call(board, KIND_TEXT, "a").unwrap();
    let error = node.call(board, KIND_TEXT, "b").unwrap_err();
    assert_eq!(error.reason(), Reason::REFUSED);
    assert!(error.to_string().contains("1 requests wait"), "{error}");
    node.send(board, KIND_TEXT, "a").unwrap();
    node.run();
    assert!(node.finish_call(&first).unwrap().is_ok());
}

#[test]
fn a_request_is_dropped_when_its_deadline_has_passed() {
    let (mut node, board) = board("10");
    let asker = node.launch::<Asker>("").unwrap();
    for key in ["a", "b"] {
        node.send(asker, KIND_TEXT, key).unwrap();
        node.advance(Duration::from_millis(400));
    }
    check_count(&mut node, board, "2");
    node.advance(Duration::from_millis(300));
    check_count(&mut node, board, "1");
    node.advance(Duration::from_millis(400));
    check_count(&mut node, board, "0");
    assert_eq!(node.timers(), 0, "no alarm is left");
}

#[test]
fn a_request_is_dropped_when_its_caller_has_ended() {
    let (mut node, board) = board("10");
    let asker = node.launch::<Asker>("").unwrap();
    for key in ["a", "b"] {
        node.send(asker, KIND_TEXT, key).unwrap();
    }
    node.run();
    let other = node.begin_call(board, KIND_TEXT, "a").unwrap();
    check_count(&mut node, board, "3");
    node.kill(asker);
    check_count(&mut node, board, "1");
    node.send(board, KIND_TEXT, "a").unwrap();
    node.run();
    assert!(node.finish_call(&other).unwrap().is_ok());
}

#[test]
fn a_caller_that_was_answered_is_watched_no_more() {
    let (mut node, board) = board("10");
    let asker = node.launch::<Asker>("").unwrap();
    for _ in 0..3 {
        node.send(asker, KIND_TEXT, "a").unwrap();
        node.run();
        assert_eq!(node.watches(), 1);
        node.send(board, KIND_TEXT, "a").unwrap();
        node.run();
        assert_eq!(node.watches(), 0);
    }
}

#[test]
fn the_requests_of_a_lost_node_are_dropped() {
    let (mut node, board) = board("10");
    let slave = node.peer();
    node.register(slave, ".cslave");
    let harbor = node.launch_raw::<Harbor>("").unwrap();
    for key in ["a", "b"] {
        node.send(harbor, KIND_TEXT, key).unwrap();
    }
    node.run();
    let local = node.begin_call(board, KIND_TEXT, "a").unwrap();
    check_count(&mut node, board, "3");
    let mut asked = node.received(slave);
    assert_eq!(asked.len(), 1, "one question for all: {asked:?}");
    let link = asked.remove(0);
    assert_eq!(link.kind, KIND_LUA);
    assert_eq!(link.payload, skynet_seri::pack!("LINK", 2).unwrap());
    node.answer(&link, "");
    check_count(&mut node, board, "1");
    assert!(node.finish_call(&local).is_none());

    // It is followed anew when it is back.
    node.send(harbor, KIND_TEXT, "c").unwrap();
    node.run();
    check_count(&mut node, board, "2");
    assert_eq!(node.received(slave).len(), 1);
}
