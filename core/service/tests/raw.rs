//! Raw services: borrowed messages, kept payloads, events.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use std::time::Duration;

use skynet_service::socket::SocketEvent;
use skynet_service::testing::Node;
use skynet_service::{
    Buffer, Context, Handle, KIND_CLIENT, KIND_ERROR, KIND_EXIT, KIND_RESPONSE, KIND_SOCKET,
    KIND_TEXT, KIND_TIMER, KIND_WAKE, Message, Outgoing, RawMessage, RawService, Reason, Result,
    bail,
};

/// Frames what clients send and forwards it; obeys text messages.
struct Gate {
    agent: Option<Handle>,
    kept: Vec<Message>,
    stopped: Option<Handle>,
}

impl RawService for Gate {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        match args {
            "fail" => bail!("told to fail"),
            "panic" => panic!("in start"),
            "" => {}
            address => {
                let listener = cx.socket_listen(address, 0)?;
                cx.socket_start(listener)?;
            }
        }
        Ok(Self {
            agent: None,
            kept: Vec::new(),
            stopped: None,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => return self.socket(cx, message),
            KIND_TIMER | KIND_WAKE => {
                let (kind, value) = (message.kind(), message.value());
                return self.tell(cx, &format!("{kind} {value}"));
            }
            KIND_EXIT => {
                let text = format!("{} ended: {}", message.source(), message.reason());
                return self.tell(cx, &text);
            }
            KIND_RESPONSE | KIND_ERROR => {
                let text = format!(
                    "{} {}: {}",
                    message.session(),
                    message.reason(),
                    message.text()?
                );
                return self.tell(cx, &text);
            }
            _ => {}
        }
        let text = message.text()?.to_owned();
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "agent" => self.agent = Some(rest.parse()?),
            "echo" => {
                let whole = message.keep_buffer();
                assert!(message.bytes().is_empty() && message.keep_buffer().is_empty());
                cx.reply(message, whole)?;
            }
            "forward" => {
                let source = message.source();
                let buffer = message.keep_buffer();
                if let Some(agent) = self.agent {
                    let out = Outgoing::new(agent, KIND_CLIENT, buffer)
                        .source(source)
                        .session(77)
                        .trace(5);
                    cx.send_message(out)?;
                }
            }
            "keep" => self.kept.push(message.keep()),
            "release" => {
                for kept in self.kept.drain(..) {
                    cx.reply(&kept, kept.bytes())?;
                }
            }
            "lose" => self.kept.clear(),
            "error" => cx.reply_error(message, Reason::REFUSED, rest)?,
            "elsewhere" => message.set_answered(),
            "fail" => bail!("told to fail"),
            "fail-kept" => {
                drop(message.keep());
                bail!("told to fail")
            }
            "panic" => panic!("told to panic"),
            "panic-kept" => {
                self.kept.push(message.keep());
                panic!("told to panic")
            }
            "timer" => {
                let cancelled = cx.timer_set(Duration::from_millis(5), 1)?;
                cx.timer_set(Duration::from_millis(10), 2)?;
                assert!(cx.timer_cancel(cancelled) && !cx.timer_cancel(cancelled));
                assert!(cx.wake(3));
            }
            "call" => {
                let Ok(to) = rest.parse::<Handle>() else {
                    bail!("no handle")
                };
                let session = cx.call_raw(Outgoing::new(to, KIND_TEXT, "question"))?;
                self.tell(cx, &format!("called {session}"))?;
            }
            "watch" => {
                let handle = rest.parse()?;
                cx.watch_raw(handle)?;
                cx.unwatch_raw(handle)?;
                cx.watch_raw(handle)?;
            }
            "stop" => self.stopped = Some(rest.parse()?),
            "exit" => cx.exit_with(Reason::REFUSED, "told to"),
            _ => {}
        }
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        if let Some(whom) = self.stopped {
            let sent = cx.send(whom, KIND_TEXT, "stopped");
            drop(sent);
        }
    }
}

impl Gate {
    fn tell(&self, cx: &Context, text: &str) -> Result<()> {
        if let Some(agent) = self.agent {
            cx.send(agent, KIND_TEXT, text)?;
        }
        Ok(())
    }

    fn socket(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.socket_event() {
            Some(SocketEvent::Accept { connection, .. }) => cx.socket_start(connection)?,
            Some(SocketEvent::Data { socket, .. }) => {
                let body = message.keep_buffer();
                let length = u16::try_from(body.len() - 1).unwrap_or(0).to_be_bytes();
                cx.socket_write_parts(socket, &length, body, 1)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn gate(args: &str) -> (Node, Handle) {
    let mut node = Node::new();
    let gate = node.launch_raw::<Gate>(args).expect("it starts");
    (node, gate)
}

#[test]
fn requests_get_exactly_one_answer() {
    let check = |request: &str, expected: &str| {
        let (mut node, gate) = gate("");
        let found = match node.call(gate, KIND_TEXT, request) {
            Ok(reply) => reply.text().unwrap().to_owned(),
            Err(error) => error.to_string(),
        };
        let expected = expected.replace("GATE", &gate.to_string());
        assert!(found.starts_with(&expected), "{request}: {found}");
        node.run();
        assert!(node.received(node.tester()).is_empty(), "{request}");
    };
    check("echo hi", "echo hi");
    check("nothing", "call to GATE failed: the request was dropped");
    check("error no", "call to GATE failed: refused: no");
    check("fail", "call to GATE failed: the handler failed: told");
    check("fail-kept", "call to GATE failed: the handler failed: told");
    check("panic", "call to GATE failed: the handler panicked: told");
    check(
        "panic-kept",
        "call to GATE failed: the handler panicked: told",
    );
    check("exit", "call to GATE failed: refused: told to");
    check(
        "elsewhere",
        "call to GATE failed: no reason given: the node is idle",
    );
}

#[test]
fn kept_messages_are_answered_later() {
    let (mut node, gate) = gate("");
    let first = node.begin_call(gate, KIND_TEXT, "keep 1").unwrap();
    node.send(gate, KIND_TEXT, "release").unwrap();
    node.run();
    assert_eq!(
        node.finish_call(&first).unwrap().unwrap().bytes(),
        b"keep 1"
    );
    let second = node.begin_call(gate, KIND_TEXT, "keep 2").unwrap();
    node.send(gate, KIND_TEXT, "lose").unwrap();
    node.run();
    let error = node.finish_call(&second).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::DROPPED);
}

#[test]
fn payloads_are_forwarded_with_what_the_sender_wants() {
    let (mut node, gate) = gate("");
    let agent = node.peer();
    let client = node.peer();
    node.send(gate, KIND_TEXT, format!("agent {agent}"))
        .unwrap();
    node.send_from(client, gate, KIND_TEXT, 9, "forward this")
        .unwrap();
    node.run();
    let got = node.received(agent).remove(0);
    assert_eq!(
        (got.kind, got.source, got.session, got.text().as_str()),
        (KIND_CLIENT, client, 77, "forward this")
    );
    assert!(!got.is_call(), "a session does not make a call");
}

#[test]
fn events_arrive_as_messages() {
    let (mut node, gate) = gate("");
    let agent = node.peer();
    let other = node.peer();
    node.send(gate, KIND_TEXT, format!("agent {agent}"))
        .unwrap();
    node.send(gate, KIND_TEXT, "timer").unwrap();
    node.advance(Duration::from_millis(20));
    node.send(gate, KIND_TEXT, format!("watch {other}"))
        .unwrap();
    node.send(gate, KIND_TEXT, format!("call {other}")).unwrap();
    node.run();
    let question = node.received(other).remove(0);
    node.answer(&question, "answer");
    node.send(gate, KIND_TEXT, format!("call {other}")).unwrap();
    node.run();
    node.end_peer(other, Reason::KILLED);
    let told: Vec<String> = node.received(agent).iter().map(|got| got.text()).collect();
    let killed = "the service was killed before it answered";
    assert_eq!(
        told,
        [
            format!("{KIND_WAKE} 3"),
            format!("{KIND_TIMER} 2"),
            "called 1".to_owned(),
            "1 no reason given: answer".to_owned(),
            "called 2".to_owned(),
            format!("2 {killed}: "),
            format!("{other} ended: {killed}"),
        ]
    );
}

#[test]
fn sockets_are_written_without_a_copy() {
    let (mut node, _gate) = gate("127.0.0.1:9999");
    let client = node.connect("127.0.0.1:9999").unwrap();
    node.client_write(client, b"xhello");
    assert_eq!(node.client_read(client), b"\x00\x05hello");
}

#[test]
fn a_start_that_fails_or_panics_is_the_launchers_error() {
    let mut node = Node::new();
    let check = |node: &mut Node, args: &str, expected: &str| {
        let error = node.launch_raw::<Gate>(args).unwrap_err();
        assert!(error.text.starts_with(expected), "{error}");
    };
    check(&mut node, "fail", "told to fail");
    check(&mut node, "panic", "in start (at ");
    assert!(node.services().is_empty());
}

/// Has started when somebody says so.
struct Sleeper;

impl RawService for Sleeper {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        cx.start_later();
        match args {
            "at once" => cx.ready(),
            "never" => cx.exit_with(Reason::REFUSED, "never"),
            listen => {
                let _told = cx.socket_listen(listen, 0)?;
            }
        }
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.socket_event() {
            Some(SocketEvent::Open { .. }) => {
                cx.ready();
                // Said once is enough.
                cx.ready();
            }
            Some(SocketEvent::Error { text, .. }) => cx.exit_with(Reason::FAILED, &text),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn a_start_may_take_its_time() {
    let mut node = Node::new();
    let check = |node: &mut Node, args: &str, expected: Result<(), &str>| {
        let found = node.launch_raw::<Sleeper>(args);
        let found = found.map(|_| ()).map_err(|error| error.text);
        assert_eq!(found, expected.map_err(str::to_owned), "{args}");
    };
    check(&mut node, "at once", Ok(()));
    check(&mut node, "127.0.0.1:7777", Ok(()));
    check(&mut node, "127.0.0.1:7777", Err("the address is taken"));
    check(&mut node, "never", Err("never"));
    assert_eq!(node.services().len(), 2);
}

#[test]
fn the_last_turn_can_say_goodbye() {
    let (mut node, gate) = gate("");
    let peer = node.peer();
    node.send(gate, KIND_TEXT, format!("stop {peer}")).unwrap();
    node.send(gate, KIND_TEXT, "exit").unwrap();
    node.run();
    assert!(!node.is_alive(gate));
    assert_eq!(node.received(peer)[0].text(), "stopped");
}

#[test]
fn buffers_are_shared_until_they_are_changed() {
    let _node = Node::new();
    let mut one = Buffer::from("hello");
    let mut two = one.share();
    assert!(one.is_shared() && two.is_shared());
    assert_eq!(one.as_ptr(), two.as_ptr());
    two.as_mut_slice()[0] = b'j';
    assert_eq!(
        (one.as_slice(), two.as_slice()),
        (&b"hello"[..], &b"jello"[..])
    );
    one.extend_from_slice(b"!");
    assert_eq!(one.as_slice(), b"hello!");
    drop(two);

    let mut big = Buffer::with_capacity(3);
    assert!(big.capacity() >= 3);
    for number in 0..1000_u32 {
        big.extend(number.to_le_bytes());
    }
    assert_eq!(big.len(), 4000);
    assert_eq!(big[3996..], 999_u32.to_le_bytes());
    big.truncate(1);
    big.clear();
    assert!(big.is_empty() && !big.is_shared());
    assert!(Buffer::try_with_capacity((1 << 40) + 1).is_none());
}
