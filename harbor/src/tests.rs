//! The harbor on a fake node, with the slave, and other nodes byte by byte, played by the test.

mod acceptor;
mod outbox;
mod routing;
mod unlucky;

use std::time::Duration;

use skynet_harbor_wire::{
    self as wire, Control, Cookie, Flags, Format, Frame, Go, Hello, Link, LinkRole, Parser, Secret,
};
use skynet_seri::{PackArgs, Value, pack};
use skynet_service::testing::{Client, Node, Received};
use skynet_service::{Buffer, Context, Handle, KIND_LUA, RawMessage, RawService, Result};

use crate::harbor::Harbor;

/// The node under test, and another one.
const ME: u8 = 1;
const MY_EPOCH: u64 = 0x1111_2222_3333_4444;
const PEER: u8 = 7;
const PEER_EPOCH: u64 = 0x7777;
const ADDRESS: &str = "127.0.0.1:2526";
const PEER_ADDRESS: &str = "127.0.0.1:2607";
const HEARTBEAT: Duration = Duration::from_secs(3);

/// The process of the other node: somebody listens at its address.
struct Alive;

impl RawService for Alive {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        let socket = cx.socket_listen(PEER_ADDRESS, 0)?;
        cx.socket_start(socket)?;
        Ok(Self)
    }

    fn on_message(&mut self, _cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        Ok(())
    }
}

/// A node with a harbor, whose slave is the test.
struct World {
    node: Node,
    harbor: Handle,
    /// A service of the node.
    echo: Handle,
    /// The other node's process.
    alive: Handle,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With settings of the configuration.
    fn with(settings: &[(&str, &str)]) -> Self {
        let mut node = Node::new();
        for (key, value) in settings {
            node.set_env(key, value);
        }
        let slave = node.tester();
        let harbor = node.launch_raw::<Harbor>(&slave.to_string()).unwrap();
        let alive = node.launch_raw::<Alive>("").unwrap();
        let echo = node.peer();
        let mut world = Self {
            node,
            harbor,
            echo,
            alive,
        };
        let listens = pack(&("listen", ADDRESS)).unwrap();
        let bound = world.node.call(harbor, KIND_LUA, listens).unwrap();
        let (bound,) = skynet_seri::unpack::<(&str,)>(bound.bytes()).unwrap();
        assert_eq!(bound, ADDRESS);
        let identity = pack(&("identity", ME, MY_EPOCH.cast_signed())).unwrap();
        world.node.call(harbor, KIND_LUA, identity).unwrap();
        world
    }

    /// The slave says something.
    fn tell(&mut self, news: &impl PackArgs) {
        let news = pack(news).unwrap();
        self.node.send(self.harbor, KIND_LUA, news).unwrap();
        self.node.run();
    }

    /// The master has told of the other node, which will dial.
    fn expect(&mut self, epoch: u64, kind: u8) {
        self.tell(&("expect", PEER, epoch.cast_signed(), kind, PEER_ADDRESS));
    }

    /// What the slave was told, as texts.
    fn news(&mut self) -> Vec<String> {
        let tester = self.node.tester();
        let received = self.node.received(tester);
        received.iter().map(read_news).collect()
    }

    /// The echo's full handle.
    fn echo_remote(&self) -> Handle {
        Handle(u32::from(ME) << 24 | self.echo.0)
    }

    /// What came to the echo.
    fn heard(&mut self) -> Vec<Received> {
        self.node.received(self.echo)
    }

    /// Another node connects and says its id.
    fn dial(&mut self) -> Dialer {
        let client = self.node.connect(ADDRESS).unwrap();
        assert!(self.node.client_write(client, &[PEER]));
        Dialer {
            client,
            parser: Parser::new(Format::Stock, wire::MAX_FRAME),
            nonce: [9; 16],
            gives_up: false,
            was_given_up: false,
        }
    }

    /// A linked node of our own kind, with nothing sent or received yet.
    fn linked(&mut self) -> Dialer {
        self.expect(PEER_EPOCH, 2);
        let mut dialer = self.dial();
        dialer.greet(self, PEER_EPOCH, 0, 0);
        assert_eq!(self.news(), [format!("up,{PEER},{PEER_EPOCH},2")]);
        dialer
    }

    fn nodes(&mut self) -> String {
        let nodes = self
            .node
            .call(self.harbor, KIND_LUA, pack(&("nodes",)).unwrap());
        format!("{:?}", skynet_seri::decode(nodes.unwrap().bytes()).unwrap())
    }
}

fn read_news(received: &Received) -> String {
    let values = skynet_seri::decode(&received.payload).unwrap();
    let texts: Vec<_> = values.iter().map(text).collect();
    texts.join(",")
}

fn text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        value => value.as_str().unwrap_or("?").to_owned(),
    }
}

/// Another node, played by the test.
struct Dialer {
    client: Client,
    parser: Parser,
    nonce: [u8; 16],
    /// What its HELLO will say, and what that of the node under test said: that the other one was taken for lost.
    gives_up: bool,
    was_given_up: bool,
}

impl Dialer {
    fn send(&self, world: &mut World, bytes: &[u8]) {
        assert!(world.node.client_write(self.client, bytes), "it is closed");
    }

    fn is_closed(&self, world: &World) -> bool {
        world.node.client_is_closed(self.client)
    }

    /// Says HELLO and GO, after those of the node under test have come.
    fn greet(&mut self, world: &mut World, epoch: u64, known: u64, received: u64) -> (u64, u64) {
        let said = self.say_hello(world, epoch, known, received, None);
        let go = Go {
            id: PEER,
            proof: None,
        };
        self.send(world, &go.write());
        self.parser.switch(Format::Extended);
        said
    }

    /// Reads its HELLO, answers it, and reads its GO. Returns the life and the number of frames that its HELLO tells.
    fn say_hello(
        &mut self,
        world: &mut World,
        epoch: u64,
        known_epoch: u64,
        last_received: u64,
        secret: Option<&Secret>,
    ) -> (u64, u64) {
        let bytes = world.node.client_read(self.client);
        let (id, mut chunk) = bytes.split_first().expect("an id byte");
        assert_eq!(*id, ME);
        let Some(Frame::Hello(hello)) = self.parser.next(&mut chunk).unwrap() else {
            panic!("no HELLO in {bytes:02x?}");
        };
        assert_eq!((hello.id, hello.epoch), (ME, MY_EPOCH));
        assert_eq!(hello.address, ADDRESS);
        assert_eq!(hello.has_secret, secret.is_some());
        let said = (hello.known_epoch, hello.last_received);
        self.was_given_up = hello.gave_up;
        let acceptor_nonce = hello.nonce;
        assert!(chunk.is_empty(), "more than a HELLO: {chunk:02x?}");
        let mine = self.hello(epoch, known_epoch, last_received, secret.is_some());
        self.send(world, &mine);
        let bytes = world.node.client_read(self.client);
        let mut chunk = &bytes[..];
        let Some(Frame::Go(go)) = self.parser.next(&mut chunk).unwrap() else {
            panic!("no GO in {bytes:02x?}");
        };
        assert!(chunk.is_empty(), "more than a GO: {chunk:02x?}");
        let link = Link {
            dialer_nonce: self.nonce,
            acceptor_nonce,
            dialer_id: PEER,
            acceptor_id: ME,
            dialer_epoch: epoch,
            acceptor_epoch: MY_EPOCH,
        };
        if let Some(secret) = secret {
            assert!(link.verify(secret, LinkRole::Acceptor, &go.proof.unwrap()));
        } else {
            assert_eq!(go.proof, None);
        }
        said
    }

    /// Says HELLO, whatever comes of it.
    fn say_hello_only(&mut self, world: &mut World, epoch: u64) {
        let _ = world.node.client_read(self.client);
        self.send(world, &self.hello(epoch, 0, 0, false));
    }

    fn hello(&self, epoch: u64, known_epoch: u64, last_received: u64, has_secret: bool) -> Vec<u8> {
        let hello = Hello {
            id: PEER,
            keeps_listening: true,
            has_secret,
            gave_up: self.gives_up,
            heartbeat_ms: 100,
            epoch,
            known_epoch,
            last_received,
            nonce: self.nonce,
            address: PEER_ADDRESS,
        };
        hello.write().unwrap()
    }

    /// The frames that came, in short.
    fn frames(&mut self, world: &mut World) -> Vec<String> {
        let bytes = world.node.client_read(self.client);
        let mut chunk = &bytes[..];
        let mut frames = Vec::new();
        while let Some(frame) = self.parser.next(&mut chunk).unwrap() {
            frames.push(match frame {
                Frame::Data(data) => {
                    let Cookie {
                        source,
                        kind,
                        destination,
                        session,
                    } = data.cookie;
                    let body = data.body.as_slice();
                    let body = match body.len() {
                        0..=100 => String::from_utf8_lossy(body).into_owned(),
                        len => format!("{len} bytes"),
                    };
                    format!(
                        "{kind} {source:x}->{destination:x} #{session} {:02x} {body:?}",
                        data.flags.0
                    )
                }
                Frame::Control(Control::Ping(_)) => "ping".to_owned(),
                Frame::Control(control) => format!("{control:?}"),
                other => format!("{other:?}"),
            });
        }
        frames
    }

    /// Sends a message in the extended format.
    fn say(&self, world: &mut World, flags: Flags, cookie: Cookie, body: &[u8]) {
        let head = wire::data_head(flags, None, None, body.len()).unwrap();
        let frame = [head.as_slice(), body, &cookie.write()].concat();
        self.send(world, &frame);
    }
}

/// From the other node's service 16.
const fn cookie(kind: u8, to: Handle, session: i32) -> Cookie {
    Cookie {
        source: (PEER as u32) << 24 | 0x10,
        kind,
        destination: to.0 & 0x00ff_ffff,
        session,
    }
}
