//! Sockets of handlers, against the fake node's network.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use skynet_service::abi::{
    SOCKET_OPTION_KEEPALIVE, SOCKET_OPTION_NODELAY, SOCKET_OPTION_OUTPUT_POLICY,
    SOCKET_POLICY_PAUSE,
};
use skynet_service::socket::{OutputPolicy, SocketEvent};
use skynet_service::testing::Node;
use skynet_service::{
    Buffer, Context, KIND_TEXT, Local, Message, Result, Service, TcpListener, TcpStream, UdpSocket,
};

const ADDRESS: &str = "127.0.0.1:8888";

/// Serves lines; each does what it says.
struct Server {
    /// A connection that a request of another service is about.
    held: Local<Vec<TcpStream>>,
    events: Local<Vec<String>>,
}

impl Server {
    async fn serve(&self, cx: &Context, mut stream: TcpStream) -> Result<()> {
        while let Some(line) = stream.read_line(32).await? {
            let text = String::from_utf8(line)?;
            match text.as_str() {
                "exact" => {
                    let mut five = [0; 5];
                    stream.read_exact(&mut five).await?;
                    stream.write_all(&five).await?;
                }
                "chunk" => {
                    if let Some(chunk) = stream.read_chunk().await? {
                        stream.write_buffer(chunk).await?;
                    }
                }
                "some" => {
                    let mut some = [0; 3];
                    let count = stream.read(&mut some).await?;
                    stream.write_all(&some[..count]).await?;
                }
                "options" => {
                    stream.set_nodelay(true)?;
                    stream.set_keepalive(true)?;
                    stream.set_output_limit(100_000, OutputPolicy::Pause)?;
                }
                "flood" => {
                    let mut block = Buffer::new();
                    block.extend(std::iter::repeat_n(b'x', 30_000));
                    for _ in 0..10 {
                        stream.write_buffer(block.share()).await?;
                    }
                    stream.write_all(b"done").await?;
                }
                "hold" => {
                    self.held.with(|held| held.push(stream));
                    return Ok(());
                }
                "detach" => {
                    let (id, rest) = stream.detach()?;
                    let mut adopted = TcpStream::adopt(cx, id)?;
                    adopted.write_all(&rest).await?;
                    let next = adopted.read_line(32).await?.unwrap_or_default();
                    adopted.write_all(&next).await?;
                    return Ok(());
                }
                "shutdown" => {
                    stream.write_all(b"bye").await?;
                    stream.shutdown()?;
                }
                "split" => {
                    let (mut read, write) = stream.into_split();
                    let line = read.read_line(32).await?.unwrap_or_default();
                    write.write_all(&line).await?;
                    write.close();
                    drop(read.read_line(32).await.unwrap_err());
                    return Ok(());
                }
                "close" => {
                    stream.close();
                    return Ok(());
                }
                _ => {
                    stream.write_all(text.as_bytes()).await?;
                    stream.write_all(b"!").await?;
                }
            }
        }
        stream.write_all(b"<end>").await?;
        Ok(())
    }
}

impl Service for Server {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self {
            held: Local::default(),
            events: Local::default(),
        })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let listener = TcpListener::bind(cx, ADDRESS).await?;
        assert_eq!(listener.local_addr().to_string(), ADDRESS);
        loop {
            let (stream, peer) = listener.accept().await?;
            assert!(peer.ip().is_loopback());
            let (this, me) = (cx.this::<Self>(), cx.clone());
            cx.spawn(async move {
                match this {
                    Some(this) => this.serve(&me, stream).await,
                    None => Ok(()),
                }
            });
        }
    }

    fn on_socket(&self, _cx: &Context, event: SocketEvent<'_>) {
        self.events.with(|events| events.push(format!("{event:?}")));
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let text = message.text()?;
        match text {
            "drop" => drop(self.held.take()),
            "taken" => {
                let error = TcpListener::bind(cx, ADDRESS).await.unwrap_err();
                cx.reply(&message, error.to_string())?;
            }
            "nobody" => {
                let error = TcpStream::connect(cx, "127.0.0.1:1").await.unwrap_err();
                cx.reply(&message, error.to_string())?;
            }
            "connect" => {
                let mut stream = TcpStream::connect(cx, ADDRESS).await?;
                stream.write_all(b"over the wire\n").await?;
                let mut answer = [0; 14];
                stream.read_exact(&mut answer).await?;
                cx.reply(&message, &answer)?;
            }
            "udp" => {
                let one = UdpSocket::bind(cx, "127.0.0.1:0").await?;
                let two = UdpSocket::bind(cx, "127.0.0.1:0").await?;
                let (Some(to), Some(from)) = (two.local_addr(), one.local_addr()) else {
                    skynet_service::bail!("no address");
                };
                one.send_to(b"hello", to)?;
                let (data, sender) = two.recv_from().await?;
                assert_eq!((data.as_slice(), sender), (&b"hello"[..], from));
                two.connect(&from.to_string())?;
                two.send(b"back")?;
                let (data, _) = one.recv_from().await?;
                cx.reply(&message, data)?;
            }
            "raw" => {
                let id = cx.socket_listen("127.0.0.1:7777", 0)?;
                cx.socket_start(id)?;
            }
            "events" => {
                let events = self.events.take().join("\n");
                cx.reply(&message, &events)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a client that writes `parts` one after the other gets.
fn check(parts: &[&str], expected: &str) {
    let mut node = Node::new();
    node.launch::<Server>("").unwrap();
    let client = node.connect(ADDRESS).unwrap();
    for part in parts {
        node.client_write(client, part.as_bytes());
    }
    let found = String::from_utf8(node.client_read(client)).unwrap();
    assert_eq!(found, expected, "{parts:?}");
}

#[test]
fn streams_are_read_as_wanted() {
    check(&["hello\n"], "hello!");
    check(&["one\r\ntwo\nthr", "ee\n"], "one!two!three!");
    check(&["h", "e", "y", "\n"], "hey!");
    check(&["exact\n12", "3", "45", "next\n"], "12345next!");
    check(&["exact\n12345"], "12345");
    check(&["chunk\n", "whole\n", "x\n"], "whole\nx!");
    check(&["chunk\nrest"], "rest");
    check(&["some\nab", "cd\n"], "abcd!");
    check(&["some\nabcd\n"], "abcd!");
    check(&["\n"], "!");
    check(&["shutdown\n"], "bye");
    check(&["split\n", "last\n"], "last");
    check(&["detach\nrest", "more\n"], "restmore");
}

#[test]
fn lines_are_bounded() {
    let mut node = Node::new();
    node.launch::<Server>("").unwrap();
    for attack in [
        "x".repeat(100),
        format!("{}\n", "x".repeat(33)),
        format!("{}\r\n", "x".repeat(33)),
        "x".repeat(34),
    ] {
        let client = node.connect(ADDRESS).unwrap();
        node.client_write(client, attack.as_bytes());
        assert!(node.client_is_closed(client), "{attack:?}");
    }
    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, format!("{}\r\n", "x".repeat(32)).as_bytes());
    assert_eq!(node.client_read(client).len(), 33);
    let logs = node.logs();
    assert_eq!(logs.len(), 4);
    assert_eq!(logs[0].text, "a line is too long: found more than 32 bytes");
}

#[test]
fn a_dropped_stream_is_closed() {
    let mut node = Node::new();
    let server = node.launch::<Server>("").unwrap();
    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, b"hold\n");
    assert!(!node.client_is_closed(client));
    node.send(server, KIND_TEXT, "drop").unwrap();
    node.run();
    assert!(node.client_is_closed(client));
    assert!(node.call(server, KIND_TEXT, "events").unwrap().is_empty());

    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, b"close\n");
    assert!(node.client_is_closed(client));

    let client = node.connect(ADDRESS).unwrap();
    node.kill(server);
    assert!(node.client_is_closed(client), "closed with its service");
    assert!(node.connect(ADDRESS).is_none());
}

#[test]
fn a_peer_that_closes_ends_the_reading() {
    let mut node = Node::new();
    node.launch::<Server>("").unwrap();
    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, b"exact\n12");
    node.client_close(client);
    let logs = node.logs();
    assert_eq!(
        logs[0].text,
        "the peer closed the connection after 2 bytes, wanted 5"
    );
}

#[test]
fn unread_bytes_pause_the_reading() {
    let mut node = Node::new();
    let server = node.launch::<Server>("").unwrap();
    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, b"hold\n");
    for _ in 0..5 {
        node.client_write(client, &[b'x'; 30_000]);
    }
    assert!(node.client_is_paused(client));
    node.send(server, KIND_TEXT, "drop").unwrap();
    node.run();

    let client = node.connect(ADDRESS).unwrap();
    let mut lines = "some line\n".repeat(20_000);
    lines.truncate(200_000);
    node.client_write(client, lines.as_bytes());
    assert!(!node.client_is_paused(client), "resumed");
    assert_eq!(
        node.client_read(client),
        "some line!".repeat(20_000).as_bytes()
    );
    node.client_write(client, b"more\n");
    assert_eq!(node.client_read(client), b"more!");
}

#[test]
fn a_reader_that_does_not_read_holds_the_writer_up() {
    let mut node = Node::new();
    node.launch::<Server>("").unwrap();
    let client = node.connect(ADDRESS).unwrap();
    node.client_write(client, b"options\n");
    let option = |option| node.client_option(client, option);
    assert_eq!(option(SOCKET_OPTION_NODELAY), Some(1));
    assert_eq!(option(SOCKET_OPTION_KEEPALIVE), Some(1));
    assert_eq!(
        option(SOCKET_OPTION_OUTPUT_POLICY),
        Some(SOCKET_POLICY_PAUSE)
    );
    node.client_stall(client, true);
    node.client_write(client, b"flood\n");
    let mut received = 0;
    for round in 0..100 {
        node.client_stall(client, false);
        node.client_stall(client, true);
        node.advance(std::time::Duration::from_millis(10));
        let bytes = node.client_read(client);
        assert!(bytes.len() <= 200_000, "at most twice the limit at once");
        received += bytes.len();
        if bytes.ends_with(b"done") {
            assert!(round > 0, "it was held up");
            break;
        }
    }
    assert_eq!(received, 300_004);
}

#[test]
fn services_connect_bind_and_send_datagrams() {
    let mut node = Node::new();
    let server = node.launch::<Server>("").unwrap();
    let mut ask = |text| {
        let reply = node.call(server, KIND_TEXT, text).unwrap();
        reply.text().unwrap().to_owned()
    };
    assert_eq!(ask("taken"), "the address is taken");
    assert_eq!(ask("nobody"), "connect to 127.0.0.1:1: connection refused");
    assert_eq!(ask("connect"), "over the wire!");
    assert_eq!(ask("udp"), "back");
}

#[test]
fn raw_sockets_reach_the_hook() {
    let mut node = Node::new();
    let server = node.launch::<Server>("").unwrap();
    node.send(server, KIND_TEXT, "raw").unwrap();
    node.run();
    assert!(node.connect("127.0.0.1:7777").is_some());
    let events = node.call(server, KIND_TEXT, "events").unwrap();
    let events = events.text().unwrap();
    assert!(events.starts_with("Open"), "{events}");
    assert!(events.contains("Accept { "), "{events}");
}
