//! What a harbor service and its node tell each other, as the node of tests does it.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use skynet_service::abi::{
    REMOTE_PAYLOAD, STATUS_EXISTS, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_TOO_LARGE,
};
use skynet_service::testing::{Node, Pending};
use skynet_service::{
    Buffer, CallError, Context, Error, FLAG_BY_NAME, FLAG_CALL, FLAG_REPLY, Handle, KIND_ERROR,
    KIND_RESPONSE, KIND_SYSTEM, KIND_TEXT, Outgoing, PeerState, RawMessage, RawService, Reason,
    Result,
};

/// A service of node 7, and one of node 8.
const FAR: Handle = Handle(0x0700_0001);
const OTHER: Handle = Handle(0x0800_0001);

/// Does what texts tell it; notes what it should carry.
struct Harbor(Handle);

impl RawService for Harbor {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (id, watcher) = args.split_once(' ').unwrap();
        cx.become_harbor(id.parse()?)?;
        Ok(Self(watcher.parse()?))
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.destination() == cx.handle() {
            let text = message.text()?.to_owned();
            let done = obey(cx, &text)?;
            return Ok(cx.reply(message, &done)?);
        }
        let note = format!(
            "{} {}>{} {} {}{}",
            message.kind(),
            message.source(),
            message.destination(),
            message.session(),
            u8::from(message.flags() & FLAG_CALL != 0),
            u8::from(message.flags() & FLAG_REPLY != 0),
        );
        let name = message.name().unwrap_or_default().to_owned();
        assert_eq!(message.flags() & FLAG_BY_NAME != 0, !name.is_empty());
        message.set_answered();
        Ok(cx.send(self.0, KIND_TEXT, format!("{note} {name}").trim_end())?)
    }
}

fn obey(cx: &Context, text: &str) -> Result<String> {
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words[..] {
        ["state", id, state] => {
            let state = match state {
                "open" => PeerState::Open,
                "full" => PeerState::Full,
                "block" => PeerState::FullBlock,
                "lost" => PeerState::Lost,
                _ => PeerState::Absent,
            };
            cx.set_peer_state(id.parse()?, state)?;
            String::new()
        }
        ["moved", caller, session, callee] => {
            let (caller, callee) = (caller.parse()?, callee.parse()?);
            cx.call_moved(caller, session.parse()?, callee)?.to_string()
        }
        ["lost", id] => cx.node_lost(id.parse()?, Reason::NODE_LOST)?.to_string(),
        [
            answer @ ("answer" | "foreign" | "fail"),
            to,
            session,
            source,
        ] => {
            let kind = if answer == "fail" {
                KIND_ERROR
            } else {
                KIND_RESPONSE
            };
            let reply = Outgoing::new(to.parse::<Handle>()?, kind, "hello")
                .session(session.parse()?)
                .source(source.parse()?)
                .reason(Reason::FAILED);
            let reply = if answer == "foreign" {
                reply.foreign()
            } else {
                reply
            };
            cx.send_message(reply)?;
            String::new()
        }
        _ => return Err(Error::refused(format_args!("{text:?} means nothing"))),
    })
}

/// A node with a harbor service, and who hears of what it should carry.
struct Lab {
    node: Node,
    harbor: Handle,
    watcher: Handle,
}

impl Lab {
    fn new(id: u8) -> Self {
        let mut node = Node::new();
        let watcher = node.peer();
        let harbor = node
            .launch_raw::<Harbor>(&format!("{id} {watcher}"))
            .unwrap();
        Self {
            node,
            harbor,
            watcher,
        }
    }

    fn tell(&mut self, order: &str) -> String {
        let reply = self.node.call(self.harbor, KIND_TEXT, order).unwrap();
        String::from_utf8(reply.bytes().to_vec()).unwrap()
    }

    fn carried(&mut self) -> Vec<String> {
        self.node.run();
        let received = self.node.received(self.watcher);
        received.iter().map(|note| note.text()).collect()
    }

    /// A call of the tester, and its session.
    fn begin_call(&mut self, to: Handle) -> (Pending, i32) {
        let call = self.node.begin_call(to, KIND_TEXT, "hello").unwrap();
        let note = self.carried().pop().unwrap();
        let session = note.split(' ').nth(2).unwrap();
        (call, session.parse().unwrap())
    }

    /// Has the harbor service answer the tester's call with this number.
    fn answer(&mut self, how: &str, session: i32, source: Handle) {
        let tester = self.node.tester();
        self.tell(&format!("{how} {tester} {session} {source}"));
        self.node.run();
    }

    fn outcome(&mut self, call: &Pending) -> Option<Result<Handle, Reason>> {
        let outcome = self.node.finish_call(call)?;
        Some(
            outcome
                .map(|reply| reply.source())
                .map_err(|error| error.reason()),
        )
    }
}

#[test]
fn messages_for_other_nodes_lie_with_the_harbor_service() {
    let mut lab = Lab::new(1);
    let tester = lab.node.tester();
    lab.node.send(FAR, KIND_TEXT, "x").unwrap();
    let call = lab.node.begin_call("NAME", KIND_TEXT, "x").unwrap();
    lab.node.send_from(tester, FAR, KIND_ERROR, 5, "x").unwrap();
    assert_eq!(
        lab.carried(),
        [
            format!("0 {tester}>{FAR} 0 00"),
            format!("0 {tester}>{} 1 10 NAME", Handle::SYSTEM),
            format!("7 {tester}>{FAR} 5 01"),
        ]
    );
    assert_eq!(lab.outcome(&call), None);
    let refused = |error: skynet_service::SendError| error.status();
    let sent = lab.node.send(FAR, KIND_SYSTEM, "x").map_err(refused);
    assert_eq!(sent, Err(STATUS_INVALID));
    let large = Buffer::from(&*vec![0; REMOTE_PAYLOAD + 1]);
    let sent = lab.node.send(FAR, KIND_TEXT, large).map_err(refused);
    assert_eq!(sent, Err(STATUS_TOO_LARGE));
    let sent = lab.node.send_from(tester, "NAME", KIND_ERROR, 5, "x");
    assert_eq!(
        sent.map_err(refused),
        Err(STATUS_INVALID),
        "who asked is a handle"
    );
    // The same service by both of its handles.
    let own = Handle(0x0100_0000 | tester.0);
    lab.node.send(own, KIND_TEXT, "x").unwrap();
    assert_eq!(lab.node.received(tester).pop().unwrap().to, tester);
}

#[test]
fn what_is_said_of_a_node_decides() {
    let mut lab = Lab::new(1);
    let tester = lab.node.tester();
    let mut check = |state: &str, send: Option<Reason>, reply: Option<Reason>| {
        lab.tell(&format!("state 7 {state}"));
        let reason = |error| CallError::NotSent(error).reason();
        let sent = lab.node.send(FAR, KIND_TEXT, "x");
        assert_eq!(sent.map_err(reason).err(), send, "{state}");
        let sent = lab.node.send_from(tester, FAR, KIND_RESPONSE, 5, "x");
        assert_eq!(sent.map_err(reason).err(), reply, "{state}");
        assert!(lab.node.send(OTHER, KIND_TEXT, "x").is_ok(), "another node");
    };
    check("open", None, None);
    check("full", Some(Reason::REFUSED), None);
    check("block", Some(Reason::REFUSED), None);
    let lost = Some(Reason::NODE_LOST);
    check("lost", lost, lost);
    check("absent", lost, lost);
    check("open", None, None);
    assert_eq!(lab.node.peer_state(7), PeerState::Open);
    assert_eq!(lab.node.peer_state(9), PeerState::Open);
}

#[test]
fn answers_end_calls_to_the_node_they_come_from() {
    let mut lab = Lab::new(1);
    let (call, session) = lab.begin_call(FAR);
    lab.answer("answer", session, OTHER);
    lab.answer("fail", session, OTHER);
    assert_eq!(lab.outcome(&call), None);
    assert_eq!(lab.node.stray_replies(), 2);
    let same_node = Handle(FAR.0 + 5);
    lab.answer("answer", session, same_node);
    assert_eq!(lab.outcome(&call), Some(Ok(same_node)));

    let (redirected, session) = lab.begin_call(FAR);
    lab.answer("foreign", session, OTHER);
    assert_eq!(lab.outcome(&redirected), Some(Ok(OTHER)));
}

#[test]
fn calls_move_with_names_and_redirections() {
    let mut lab = Lab::new(1);
    let tester = lab.node.tester();
    let call = lab.node.begin_call("NAME", KIND_TEXT, "x").unwrap();
    lab.carried();
    lab.answer("answer", 1, FAR);
    assert_eq!(lab.outcome(&call), None, "nobody knows whose the name is");
    assert_eq!(lab.tell(&format!("moved {tester} 1 {FAR}")), "true");
    assert_eq!(lab.tell(&format!("moved {tester} 77 {FAR}")), "false");
    assert_eq!(lab.tell("lost 8"), "0");
    assert_eq!(lab.tell("lost 7"), "1");
    assert_eq!(lab.outcome(&call), Some(Err(Reason::NODE_LOST)));
}

#[test]
fn the_end_of_the_harbor_service_ends_what_it_carried() {
    let mut lab = Lab::new(1);
    let (far, _) = lab.begin_call(FAR);
    let named = lab.node.begin_call("NAME", KIND_TEXT, "x").unwrap();
    lab.carried();
    lab.tell("state 7 lost");
    lab.node.kill(lab.harbor);
    let lost = Some(Err(Reason::NODE_LOST));
    assert_eq!((lab.outcome(&far), lab.outcome(&named)), (lost, lost));
    assert_eq!(lab.node.peer_state(7), PeerState::Open);
    let error = lab.node.send(FAR, KIND_TEXT, "x").unwrap_err();
    assert_eq!(error.status(), STATUS_NOT_FOUND);
}

#[test]
fn there_is_one_harbor_service() {
    let mut lab = Lab::new(1);
    let again = lab.node.launch_raw::<Harbor>(&format!("1 {}", lab.watcher));
    let error = again.unwrap_err();
    assert!(
        error.text.contains("already exists"),
        "{error} {STATUS_EXISTS}"
    );
}

#[test]
fn a_single_node_has_names_but_no_others() {
    let mut lab = Lab::new(0);
    let error = lab.node.send(FAR, KIND_TEXT, "x").unwrap_err();
    assert!(error.is_node_lost(), "{error}");
    lab.node.send("NAME", KIND_TEXT, "x").unwrap();
    assert_eq!(lab.carried().len(), 1);
}
