//! Gates against a fake node.

mod lua;
mod text;

use skynet_service::testing::{Client, Node, Received};
use skynet_service::{Handle, KIND_CLIENT, KIND_LUA, KIND_TEXT, Reason};

use crate::gate::Gate;

/// Where the gates listen.
const ADDRESS: &str = "127.0.0.1:9000";

/// A node with a gate whose watchdog the test plays.
struct Stage {
    node: Node,
    watchdog: Handle,
    gate: Handle,
}

impl Stage {
    /// A client and its id, which the watchdog was told of.
    fn connect(&mut self) -> (Client, u32) {
        let client = self.node.connect(ADDRESS).expect("let in");
        let news = self.news();
        let [news] = news.as_slice() else {
            panic!("news of a new client: {news:?}");
        };
        let id = news.split(' ').nth(1).and_then(|id| id.parse().ok());
        (client, id.expect("an id"))
    }

    /// A client that is read.
    fn enter(&mut self) -> (Client, u32) {
        let (client, id) = self.connect();
        self.command(&format!("start {id}"));
        (client, id)
    }

    /// Sends a text command.
    fn command(&mut self, text: &str) {
        self.node.send(self.gate, KIND_TEXT, text).unwrap();
        self.node.run();
    }

    /// What the watchdog was told, as one text each: `open ID ADDRESS`, `data ID SESSION PACKET`, ….
    fn news(&mut self) -> Vec<String> {
        let gate = self.gate;
        let received = self.node.received(self.watchdog);
        let news = received.iter().map(|received| {
            assert_eq!(received.source, gate);
            match received.kind {
                KIND_TEXT => text_news(received),
                KIND_LUA => lua_news(received),
                kind => panic!("kind {kind}"),
            }
        });
        news.collect()
    }

    /// What somebody got of clients: source, session, packet.
    fn packets(&mut self, peer: Handle) -> Vec<(Handle, i32, String)> {
        let received = self.node.received(peer);
        let packets = received.iter().map(|received| {
            assert_eq!((received.kind, received.is_call()), (KIND_CLIENT, false));
            (received.source, received.session, received.text())
        });
        packets.collect()
    }

    fn write(&mut self, id: u32, payload: &[u8]) {
        let mut packet = payload.to_vec();
        packet.extend_from_slice(&id.to_le_bytes());
        self.node.send(self.gate, KIND_CLIENT, packet).unwrap();
        self.node.run();
    }

    fn is_listening(&mut self) -> bool {
        let client = self.node.connect(ADDRESS);
        if let Some(client) = client {
            self.node.client_close(client);
            self.news();
        }
        client.is_some()
    }

    fn end(&mut self, peer: Handle) {
        self.node.end_peer(peer, Reason::KILLED);
    }

    fn logged(&self, part: &str) -> bool {
        self.node
            .logs()
            .iter()
            .any(|record| record.text.contains(part))
    }
}

fn text_news(received: &Received) -> String {
    let text = received.text();
    let (id, rest) = text.split_once(' ').unwrap();
    let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "open" => {
            let address = rest
                .strip_prefix(id)
                .and_then(|rest| rest.strip_suffix(":0"));
            format!("open {id}{}", address.expect("the id again and a tail"))
        }
        "data" => format!("data {id} {} {rest}", received.session),
        _ => format!("{word} {id}"),
    }
}

fn lua_news(received: &Received) -> String {
    assert_eq!(received.session, 0);
    let values = skynet_seri::decode(&received.payload).unwrap();
    let words: Vec<_> = values
        .iter()
        .map(|value| match (value.as_str(), value.as_integer()) {
            (Some(text), _) => text.to_owned(),
            (_, Some(number)) => number.to_string(),
            _ => panic!("{value:?}"),
        })
        .collect();
    let [protocol, event, rest @ ..] = words.as_slice() else {
        panic!("{words:?}");
    };
    assert_eq!(protocol, "socket");
    [std::slice::from_ref(event), rest].concat().join(" ")
}

/// A gate in text form for at most two clients.
fn text_gate(framing: &str, options: &str) -> Stage {
    let mut node = Node::new();
    let watchdog = node.peer();
    let words = format!("{framing} {watchdog} 9000 0 2 {options}");
    let gate = node.launch_raw::<Gate>(&words).unwrap();
    Stage {
        node,
        watchdog,
        gate,
    }
}
