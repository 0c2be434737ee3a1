//! What the tests of connections share: frames to and from the hand.

use skynet_cluster_wire::{
    self as wire, Address, ClientHello, Framer, Handshake, Request, Response, SESSION_PROBE,
    ServerHello,
};
use skynet_seri::{Table, Value};
use skynet_service::abi::SOCKET_DATA;
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::testing::Received;
use skynet_service::{Context, KIND_SOCKET, KIND_TEXT, RawMessage, RawService, Result};

pub(crate) const ADDRESS: &str = "127.0.0.1:2528";
pub(crate) const SECRET: &str = "a secret of the cluster";

/// Listens, and leaves everything to the test: it tells it of connections and of what comes, and writes what it is told.
pub(crate) struct Server {
    test: skynet_service::Handle,
    connection: Option<SocketId>,
    starts: bool,
}

impl RawService for Server {
    /// `TEST` or `TEST keep`: with the second word connections are left to somebody else.
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (test, rest) = args.split_once(' ').unwrap_or((args, ""));
        let socket = cx.socket_listen(ADDRESS, 0)?;
        cx.socket_start(socket)?;
        Ok(Self {
            test: test.parse()?,
            connection: None,
            starts: rest != "keep",
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_TEXT {
            if let Some(connection) = self.connection {
                if message.bytes().is_empty() {
                    cx.socket_close(connection, std::time::Duration::ZERO)?;
                } else {
                    cx.socket_write(connection, message.bytes())?;
                }
            }
            return Ok(());
        }
        assert_eq!(message.kind(), KIND_SOCKET);
        if message.reason().0 == SOCKET_DATA {
            cx.send(self.test, KIND_TEXT, message.bytes())?;
        } else if let Some(SocketEvent::Accept { connection, .. }) = message.socket_event() {
            self.connection = Some(connection);
            if self.starts {
                cx.socket_start(connection)?;
            }
            cx.send(
                self.test,
                KIND_TEXT,
                format!("accepted {connection}").as_bytes(),
            )?;
        } else if let Some(SocketEvent::Close { .. } | SocketEvent::Error { .. }) =
            message.socket_event()
        {
            cx.send(self.test, KIND_TEXT, "closed")?;
        }
        Ok(())
    }
}

/// A table of `skynet.pack`.
pub(crate) fn table(pairs: &[(&str, Value)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (Value::string(*key), value.clone()));
    Value::Table(Box::new(Table {
        array: Vec::new(),
        pairs: pairs.collect(),
    }))
}

/// A list of `skynet.pack`.
pub(crate) fn list(array: Vec<Value>) -> Value {
    Value::Table(Box::new(Table {
        array,
        pairs: Vec::new(),
    }))
}

/// The frames in these bytes, as texts that say all of them but long bodies.
pub(crate) fn requests(bytes: &[u8]) -> Vec<String> {
    frames(bytes, |frame| match Request::parse(frame).unwrap() {
        Request::Small {
            session: SESSION_PROBE,
            ..
        } => "probe".to_owned(),
        Request::Small {
            address,
            session,
            ack,
            body,
        } => {
            let what = if ack { "ack" } else { "small" };
            format!("{what} {address} {session} {}", text(body))
        }
        Request::Begin {
            address,
            session,
            kind,
            total,
        } => {
            format!("begin {kind:?} {address} {session} {total}")
        }
        Request::Part {
            session,
            bytes,
            last,
        } => {
            format!(
                "{} {session} {}",
                if last { "last" } else { "part" },
                text(bytes)
            )
        }
        Request::Trace(tag) => format!("trace {}", text(tag)),
        Request::Deadline(ms) => format!("deadline {ms}"),
    })
}

pub(crate) fn responses(bytes: &[u8]) -> Vec<String> {
    frames(bytes, |frame| match Response::parse(frame).unwrap() {
        Response::Ok {
            session: SESSION_PROBE,
            ..
        } => "probe".to_owned(),
        Response::Ok { session, body } => format!("ok {session} {}", text(body)),
        Response::Error {
            session,
            text: what,
        } => format!("error {session} {}", text(what)),
        Response::Begin { session, total } => format!("begin {session} {total}"),
        Response::Part {
            session,
            bytes,
            last,
        } => {
            format!(
                "{} {session} {}",
                if last { "last" } else { "part" },
                text(bytes)
            )
        }
        Response::Reason {
            session,
            reason,
            text: what,
        } => {
            format!("reason {session} {reason} {}", text(what))
        }
    })
}

fn text(bytes: &[u8]) -> String {
    if bytes.len() > 200 {
        return format!("({} bytes)", bytes.len());
    }
    bytes.escape_ascii().to_string()
}

fn frames(mut bytes: &[u8], tell: impl Fn(&[u8]) -> String) -> Vec<String> {
    let mut framer = Framer::new();
    let mut told = Vec::new();
    while let Some(frame) = framer.next(&mut bytes).unwrap() {
        told.push(tell(frame));
    }
    assert_eq!(framer.pending(), 0, "the last frame is torn");
    told
}

/// A query about the other end itself.
pub(crate) fn probe(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::small_request(&mut bytes, Address::Handle(0), SESSION_PROBE, false, body).unwrap();
    bytes
}

/// A call in one frame.
pub(crate) fn call(name: &[u8], session: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::small_request(&mut bytes, Address::Name(name), session, false, body).unwrap();
    bytes
}

pub(crate) const HELLO: ClientHello = ClientHello {
    nonce: [7; 16],
    heartbeat_ms: 3000,
    flags: 0,
};

/// What a server has answered to [`HELLO`], and what a proof is about then.
pub(crate) fn server_hello(bytes: &[u8]) -> (ServerHello, Handshake) {
    let mut framer = Framer::new();
    let mut chunk = bytes;
    let frame = framer.next(&mut chunk).unwrap().unwrap();
    let Response::Ok { body, .. } = Response::parse(frame).unwrap() else {
        panic!("not a hello: {:?}", bytes.escape_ascii().to_string());
    };
    let hello = ServerHello::parse(body).unwrap();
    let handshake = Handshake {
        client_nonce: HELLO.nonce,
        server_nonce: hello.nonce,
        binding: None,
    };
    (hello, handshake)
}

/// What came to the test as bytes.
pub(crate) fn bytes_of(received: &[Received]) -> Vec<u8> {
    received
        .iter()
        .flat_map(|one| one.payload.clone())
        .collect()
}
