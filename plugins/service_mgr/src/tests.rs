//! The service manager in a fake node, whose launcher and `.cslave` the tests play.

mod own;
mod sdk;
mod slave;

use skynet_seri::{Table, Value, decode, encode, pack};
use skynet_service::testing::{Node, Pending, Received};
use skynet_service::{
    CallError, Context, Handle, KIND_LUA, KIND_TEXT, Outgoing, RawMessage, RawService, Result,
};

use super::ServiceMgr;

/// Can be launched, and be killed.
struct Idle;

impl RawService for Idle {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, _cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        Ok(())
    }
}

/// Carries what the test gives it to `.service`, as if the manager of node 2 had sent it. Answers `LIST` in that one's
/// place, and shows `.witness` what it is answered.
struct Harbor;

impl RawService for Harbor {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.become_harbor(1)?;
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.destination().harbor() == 0 {
            let request = Outgoing::new(".service", KIND_LUA, message.bytes());
            let request = request.source(Handle(0x0200_0006)).session(7);
            cx.send_message(request.call_flag())?;
        } else if message.is_call() {
            assert_eq!(message.bytes(), pack!("LIST")?);
            let list = Table {
                array: Vec::new(),
                pairs: vec![(Value::from("db"), Value::from(":02000007"))],
            };
            cx.reply(message, encode(&[Value::from(list)])?)?;
        } else {
            cx.send(".witness", KIND_TEXT, message.bytes())?;
        }
        Ok(())
    }
}

/// A node with whom the tests play.
struct Fixture {
    node: Node,
    manager: Handle,
    launcher: Handle,
    cslave: Handle,
}

impl Fixture {
    /// A node with this environment, in which the manager has begun to start.
    fn begin(env: &[(&str, &str)]) -> Self {
        Self::begin_with(env, "")
    }

    fn begin_with(env: &[(&str, &str)], args: &str) -> Self {
        let mut node = Node::new();
        for (key, value) in env {
            node.set_env(key, value);
        }
        let launcher = node.peer();
        node.register(launcher, ".launcher");
        let cslave = node.peer();
        node.register(cslave, ".cslave");
        let manager = node.launch::<ServiceMgr>(args).unwrap();
        Self {
            node,
            manager,
            launcher,
            cslave,
        }
    }

    /// A single node, or a standalone one, whose manager has started.
    fn own(env: &[(&str, &str)]) -> Self {
        let mut fixture = Self::begin(env);
        let request = fixture.asked_cslave();
        let expected = pack!("REGISTER", "SERVICE", i64::from(fixture.manager.0)).unwrap();
        assert_eq!(request.payload, expected);
        fixture.node.answer(&request, pack!(true).unwrap());
        fixture
    }

    fn asked(&mut self, peer: Handle) -> Received {
        let mut requests = self.node.received(peer);
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// The one request that `.cslave` got.
    fn asked_cslave(&mut self) -> Received {
        self.asked(self.cslave)
    }

    /// The one request that the launcher got.
    fn asked_launcher(&mut self) -> Received {
        self.asked(self.launcher)
    }

    /// A request to the manager that is answered later.
    fn begin_call(&mut self, request: Vec<u8>) -> Pending {
        let pending = self.node.begin_call(self.manager, KIND_LUA, request);
        self.node.run();
        pending.unwrap()
    }

    fn finish(&mut self, pending: &Pending) -> Option<Result<Vec<Value>, CallError>> {
        let outcome = self.node.finish_call(pending)?;
        Some(outcome.map(|reply| decode(reply.bytes()).unwrap()))
    }

    fn call(&mut self, request: Vec<u8>) -> Vec<Value> {
        let pending = self.begin_call(request);
        let outcome = self.finish(&pending).expect("an answer");
        outcome.unwrap()
    }

    /// Launches a service, in the launcher's place, and says so.
    fn launch(&mut self, request: &Received) -> Handle {
        let handle = self.node.launch_raw::<Idle>("").unwrap();
        let answer = pack!(i64::from(handle.0)).unwrap();
        self.node.answer(request, answer);
        handle
    }

    fn list(&mut self) -> Vec<(String, String)> {
        let list = self.call(pack!("LIST").unwrap());
        let pairs = list[0].as_table().unwrap().pairs.clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        pairs.iter().map(|(k, v)| (text(k), text(v))).collect()
    }
}

fn number(handle: Handle) -> Value {
    Value::Integer(i64::from(handle.0))
}

fn refused(reason: &str) -> Vec<Value> {
    vec![Value::Nil, Value::from(reason)]
}
