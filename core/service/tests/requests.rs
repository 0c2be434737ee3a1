//! Requests, answers and what becomes of those that are not answered.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use std::time::Duration;

use skynet_service::testing::Node;
use skynet_service::{
    CallError, Context, Error, Handle, KIND_LUA, KIND_TEXT, Local, Message, OnPanic, Reason,
    Responder, Result, Service, bail,
};

/// Does what the text of a message says.
#[derive(Default)]
struct Puppet {
    kept: Local<Vec<Message>>,
    responder: Local<Option<Responder>>,
}

impl Service for Puppet {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        if args == "fail" {
            bail!("told to fail");
        }
        Ok(Self::default())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let text = message.text()?.to_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "echo" => cx.reply(&message, rest)?,
            "twice" => {
                cx.reply(&message, "first")?;
                cx.reply(&message, "second")?;
            }
            "fail" => bail!("told to fail: {rest}"),
            "refuse" => return Err(Error::refused("not today")),
            "drop" => {}
            "error" => cx.reply_error(&message, Reason::UNSUPPORTED, rest)?,
            "panic" => panic!("told to panic"),
            "exit" => cx.exit_with(Reason::REFUSED, rest),
            "exit-and-fail" => {
                cx.exit_with(Reason::REFUSED, rest);
                bail!("told to fail");
            }
            "exit-and-answer" => {
                cx.exit_with(Reason::REFUSED, rest);
                cx.reply(&message, "goodbye")?;
            }
            "kill" => cx.kill(cx.handle())?,
            "keep" => self.kept.with(|kept| kept.push(message)),
            "release" => {
                for kept in self.kept.take() {
                    cx.reply(&kept, "late")?;
                }
            }
            "forget" => {
                self.kept.set(Vec::new());
                bail!("forgot");
            }
            "later" => self.responder.set(message.take_responder()),
            "now" => {
                if let Some(responder) = self.responder.take() {
                    responder.reply("by the responder")?;
                }
            }
            "call" => {
                let reply = cx.call(rest, KIND_TEXT, "question").await?;
                cx.reply(&message, reply)?;
            }
            "patient" => {
                let limit = Duration::from_secs(2);
                let reply = cx.call_timeout(rest, KIND_TEXT, "q", limit).await?;
                cx.reply(&message, reply)?;
            }
            "redirect" => cx.redirect(message, rest)?,
            "forward" => cx.forward(message, rest).await?,
            "both" => {
                let first = cx.call(rest, KIND_TEXT, "1");
                let second = cx.call(rest, KIND_TEXT, "2");
                let second = second.await?;
                let first = first.await?;
                cx.reply(&message, [first.bytes(), second.bytes()].concat())?;
            }
            "cancel" => {
                drop(cx.call(rest, KIND_TEXT, "never mind"));
                cx.reply(&message, "cancelled")?;
            }
            other => bail!("unknown verb {other}"),
        }
        Ok(())
    }
}

fn puppet(node: &mut Node) -> Handle {
    node.launch::<Puppet>("").unwrap()
}

fn outcome(result: Result<skynet_service::Reply, CallError>) -> String {
    match result {
        Ok(reply) => reply.text().unwrap().to_owned(),
        Err(CallError::Failed { reason, text, .. }) => format!("{reason}: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn requests_get_exactly_one_answer() {
    let check = |request: &str, expected: &str| {
        let mut node = Node::new();
        let puppet = puppet(&mut node);
        let found = outcome(node.call(puppet, KIND_TEXT, request));
        assert_eq!(found, expected, "{request}");
        node.run();
        assert!(
            node.received(node.tester()).is_empty(),
            "{request}: a second answer"
        );
        assert!(node.is_alive(puppet), "{request}");
    };
    check("echo hi", "hi");
    check("twice", "first");
    check("fail now", "the handler failed: told to fail: now");
    check("refuse", "refused: not today");
    check("drop", "the request was dropped without an answer: ");
    check(
        "error what",
        "the service does not handle messages of this kind: what",
    );
    check(
        "redirect .nobody",
        "the handler failed: message to .nobody not sent: no service has this name",
    );
    check(
        "call .nobody",
        "the handler failed: call to .nobody failed: no service has this name",
    );
    check(
        "forward .nobody",
        "no such service: call to .nobody failed: no service has this name",
    );
}

#[test]
fn a_panic_ends_the_service_and_tells_the_caller_once() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    node.begin_call(puppet, KIND_TEXT, "keep").unwrap();
    node.run();
    let found = outcome(node.call(puppet, KIND_TEXT, "panic"));
    assert!(
        found.starts_with("the handler panicked: told to panic (at "),
        "{found}"
    );
    assert!(!node.is_alive(puppet));
    let rest = node.received(node.tester());
    assert_eq!(rest.len(), 1, "the kept request, once");
    assert_eq!(rest[0].reason, Reason::PANICKED);
    let logged = node
        .logs()
        .into_iter()
        .find(|record| record.target == "panic");
    let text = logged.unwrap().text;
    assert!(
        text.starts_with(&format!("service {puppet} panicked: told to panic")),
        "{text}"
    );
}

#[test]
fn who_waits_on_a_service_that_ends_itself_is_told_why() {
    let check = |request: &str, expected: &str, others: &str| {
        let mut node = Node::new();
        let puppet = puppet(&mut node);
        let kept = node.begin_call(puppet, KIND_TEXT, "keep").unwrap();
        let found = outcome(node.call(puppet, KIND_TEXT, request));
        assert_eq!(found, expected, "{request}");
        let found = outcome(node.finish_call(&kept).unwrap());
        assert_eq!(found, others, "{request}: the kept request");
        assert!(!node.is_alive(puppet), "{request}");
        let rest = node.received(node.tester());
        assert!(rest.is_empty(), "{request}: {rest:?}");
    };
    let enough = "refused: had enough";
    check("exit had enough", enough, enough);
    let failed = "the handler failed: told to fail";
    check("exit-and-fail had enough", failed, enough);
    check("exit-and-answer had enough", "goodbye", enough);
    let killed = "the service was killed before it answered: ";
    check("kill", killed, killed);
}

#[test]
fn messages_that_are_not_requests_need_no_answer_and_their_errors_are_logged() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    node.send(puppet, KIND_TEXT, "echo nobody waits").unwrap();
    node.send(puppet, KIND_TEXT, "fail aloud").unwrap();
    node.run();
    assert!(node.received(node.tester()).is_empty());
    let logs = node.logs();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].text, "told to fail: aloud");
    assert_eq!(logs[0].handle, puppet);
}

#[test]
fn kept_requests_are_answered_later() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let kept = node.begin_call(puppet, KIND_TEXT, "keep").unwrap();
    node.run();
    assert!(node.finish_call(&kept).is_none());
    node.send(puppet, KIND_TEXT, "release").unwrap();
    node.run();
    assert_eq!(outcome(node.finish_call(&kept).unwrap()), "late");

    let kept = node.begin_call(puppet, KIND_TEXT, "keep").unwrap();
    let other = outcome(node.call(puppet, KIND_TEXT, "forget"));
    assert_eq!(other, "the handler failed: forgot");
    assert_eq!(
        outcome(node.finish_call(&kept).unwrap()),
        "the request was dropped without an answer: "
    );

    let later = node.begin_call(puppet, KIND_TEXT, "later").unwrap();
    node.send(puppet, KIND_TEXT, "now").unwrap();
    node.run();
    assert_eq!(
        outcome(node.finish_call(&later).unwrap()),
        "by the responder"
    );
}

#[test]
fn calls_wait_without_holding_up_others() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");
    let waiting = node.begin_call(puppet, KIND_TEXT, "call .db").unwrap();
    assert_eq!(
        outcome(node.call(puppet, KIND_TEXT, "echo meanwhile")),
        "meanwhile"
    );
    let questions = node.received(db);
    assert_eq!(questions[0].text(), "question");
    assert!(questions[0].is_call());
    node.answer(&questions[0], "answer");
    assert_eq!(outcome(node.finish_call(&waiting).unwrap()), "answer");
}

#[test]
fn two_calls_at_once_are_answered_in_any_order() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");
    let waiting = node.begin_call(puppet, KIND_TEXT, "both .db").unwrap();
    node.run();
    for question in node.received(db) {
        node.answer(&question, &*question.text());
    }
    assert_eq!(outcome(node.finish_call(&waiting).unwrap()), "12");
}

#[test]
fn failed_calls_say_whom_and_why() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");

    let waiting = node.begin_call(puppet, KIND_TEXT, "patient .db").unwrap();
    node.run();
    node.advance(Duration::from_secs(3));
    assert_eq!(
        outcome(node.finish_call(&waiting).unwrap()),
        format!("the handler failed: call to .db ({db}) failed: timed out after 2 s")
    );
    let question = node.received(db).remove(0);
    node.answer(&question, "too late");

    let waiting = node.begin_call(puppet, KIND_TEXT, "call .db").unwrap();
    node.run();
    node.end_peer(db, Reason::KILLED);
    assert_eq!(
        outcome(node.finish_call(&waiting).unwrap()),
        format!(
            "the handler failed: call to .db ({db}) failed: the service was killed before it answered"
        )
    );
}

#[test]
fn late_answers_of_cancelled_calls_are_dropped() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");
    assert_eq!(
        outcome(node.call(puppet, KIND_TEXT, "cancel .db")),
        "cancelled"
    );
    let question = node.received(db).remove(0);
    node.answer(&question, "late");
    assert_eq!(outcome(node.call(puppet, KIND_TEXT, "echo fine")), "fine");
    assert!(node.logs().is_empty());
}

#[test]
fn redirected_requests_are_answered_by_the_new_owner() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");
    let waiting = node.begin_call(puppet, KIND_TEXT, "redirect .db").unwrap();
    node.run();
    let request = node.received(db).remove(0);
    assert_eq!(request.source, node.tester());
    assert_eq!(request.text(), "redirect .db");
    node.answer(&request, "from db");
    assert_eq!(outcome(node.finish_call(&waiting).unwrap()), "from db");

    let waiting = node.begin_call(puppet, KIND_TEXT, "redirect .db").unwrap();
    node.run();
    node.end_peer(db, Reason::DEAD);
    assert_eq!(
        outcome(node.finish_call(&waiting).unwrap()),
        "the service ended before it answered: "
    );
}

#[test]
fn forwarded_requests_come_from_the_forwarder() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let db = node.peer();
    node.register(db, ".db");
    let waiting = node.begin_call(puppet, KIND_LUA, "forward .db").unwrap();
    node.run();
    let request = node.received(db).remove(0);
    assert_eq!((request.source, request.kind), (puppet, KIND_LUA));
    node.fail(&request, Reason::REFUSED, "no");
    assert_eq!(outcome(node.finish_call(&waiting).unwrap()), "refused: no");
}

#[test]
fn the_end_of_a_service_fails_what_it_owes() {
    let mut node = Node::new();
    let puppet = puppet(&mut node);
    let waiting = node.begin_call(puppet, KIND_TEXT, "keep").unwrap();
    node.run();
    node.kill(puppet);
    assert_eq!(
        outcome(node.finish_call(&waiting).unwrap()),
        "the service was killed before it answered: "
    );
    assert!(node.received(node.tester()).is_empty());
    let error = node.send(puppet, KIND_TEXT, "anybody?").unwrap_err();
    assert!(error.is_gone());
    assert_eq!(error.into_buffer().unwrap().as_slice(), b"anybody?");
}

#[test]
fn a_failed_start_is_the_launchers_error() {
    let mut node = Node::new();
    let error = node.launch::<Puppet>("fail").unwrap_err();
    assert!(error.to_string().ends_with("told to fail"), "{error}");
    assert!(node.services().is_empty());
}

/// Panics end only the request.
struct Tough;

impl Service for Tough {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        match message.bytes() {
            b"panic" => panic!("ouch"),
            b"spawn" => {
                cx.spawn(async {
                    let number: i32 = "not a number".parse()?;
                    log_and_panic(number);
                    Ok(())
                });
                cx.spawn(async { log_and_panic(7) });
                Ok(cx.reply(&message, "spawned")?)
            }
            bytes => Ok(cx.reply(&message, bytes)?),
        }
    }
}

fn log_and_panic(number: i32) {
    panic!("in a task: {number}");
}

#[test]
fn a_tough_service_survives_its_requests() {
    let mut node = Node::new();
    let tough = node.launch::<Tough>("").unwrap();
    let found = outcome(node.call(tough, KIND_TEXT, b"panic"));
    assert!(found.starts_with("the handler panicked: ouch"), "{found}");
    assert_eq!(outcome(node.call(tough, KIND_TEXT, b"spawn")), "spawned");
    assert_eq!(outcome(node.call(tough, KIND_TEXT, b"alive")), "alive");
    assert_eq!(
        node.logs().len(),
        3,
        "two panics and an error are in the log"
    );
}
