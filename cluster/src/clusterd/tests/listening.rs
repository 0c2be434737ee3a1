//! Letting others in.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_seri::{Value, pack};
use skynet_service::testing::Client;
use skynet_service::{KIND_LUA, KIND_TEXT, Reason, abi};

use super::*;

/// Where the tests listen.
const PLACE: &str = "127.0.0.1:2528";

/// A node that listens, and to which so many have connected.
pub(super) fn connected(env: &[(&str, &str)], clients: usize) -> World {
    let mut world = world_with(env);
    world.open(pack!("open", 2528).unwrap());
    for _ in 0..clients {
        world.connect().unwrap();
    }
    world.node.received(world.agent);
    world
}

impl World {
    fn open(&mut self, request: Vec<u8>) -> (String, i64) {
        let answer = self.ask(request).unwrap();
        let address = answer[0].as_str().unwrap().to_owned();
        (address, answer[1].as_integer().unwrap())
    }

    pub(super) fn connect(&mut self) -> Option<Client> {
        self.node.connect(PLACE)
    }

    /// The agents that live.
    pub(super) fn agents(&self) -> Vec<Handle> {
        let own = |handle: &Handle| *handle != self.clusterd;
        let mut services: Vec<_> = self.node.services().into_iter().filter(own).collect();
        // The first is clusterfile.
        services.remove(0);
        services
    }
}

fn options<const N: usize>(options: [(&'static str, Value); N]) -> BTreeMap<&'static str, Value> {
    options.into()
}

#[test]
fn each_connection_gets_an_agent_that_is_told_the_rules() {
    let env = [("cluster_nodes", ""), ("cluster_secret", "hidden")];
    let check = |request: Vec<u8>, expose: &str, secret: bool| {
        let mut world = world_with(&env);
        assert_eq!(world.open(request), ("127.0.0.1".to_owned(), 2528));
        let client = world.connect().unwrap();
        assert_eq!(
            world.node.client_option(client, abi::SOCKET_OPTION_NODELAY),
            None
        );
        let accept = world.received(world.agent).remove(0);
        assert_eq!(accept[0], Value::from("accept"));
        assert!(accept[1].as_integer().unwrap() > 0, "a socket");
        assert!(
            accept[2].as_str().unwrap().starts_with("127.0.0.1:"),
            "the peer"
        );
        let rules = accept[3].as_table().unwrap();
        assert_eq!(rules.get("expose"), Some(&Value::from(expose)));
        assert_eq!(rules.get("secret"), Some(&Value::from(secret)));
        assert_eq!(rules.get("tls"), Some(&Value::from(false)));
    };
    check(pack!("open", 2528).unwrap(), "names", true);
    check(
        pack!("listen", "127.0.0.1", 2528, 5).unwrap(),
        "names",
        true,
    );
    let all = options([
        ("expose", Value::from("all")),
        ("secret", Value::from(false)),
    ]);
    check(pack!("open", PLACE, &all).unwrap(), "all", false);
    check(
        pack!("open", "skynet://127.0.0.1:2528").unwrap(),
        "names",
        false,
    );
    let proof = options([("secret", Value::from(true))]);
    check(
        pack!("open", "skynet://127.0.0.1:2528", &proof).unwrap(),
        "names",
        true,
    );
}

#[test]
fn one_listens_where_the_node_table_says() {
    let nodes = "self = \"127.0.0.1:2528\"\nodd = \"skynet://127.0.0.1:2529\"\nold = false";
    let mut world = world_with(&[("cluster_nodes", nodes), ("cluster_secret", "x")]);
    assert_eq!(
        world.open(pack!("open", "self").unwrap()),
        ("127.0.0.1".to_owned(), 2528)
    );
    world.connect().unwrap();
    assert_eq!(world.open(pack!("open", "odd").unwrap()).1, 2529);
    let port = world.open(pack!("open", 0).unwrap()).1;
    assert!(port > 2529, "any port");
    assert_ne!(world.open(pack!("open", "0").unwrap()).1, port);

    let mut check = |place: &str, reason, part: &str| {
        let (found, text) = world.error(pack!("open", place).unwrap());
        assert!(found == reason && text.contains(part), "{found}: {text}");
    };
    check("old", Reason::NODE_LOST, "node old is down");
    check(
        "new",
        Reason::UNKNOWN,
        "node new is not known, and no address",
    );
    check("99999", Reason::REFUSED, "no port");
    check("h", Reason::UNKNOWN, "no address to listen on");
}

#[test]
fn a_place_that_cannot_be_had_is_told_to_whoever_wants_it() {
    let mut world = world("");
    world.open(pack!("open", 2528).unwrap());
    let (reason, text) = world.error(pack!("open", PLACE).unwrap());
    assert_eq!(reason, Reason::FAILED);
    let expected = "cluster listener 127.0.0.1:2528: the address is taken";
    assert!(text.contains(expected), "{text}");
    let push = pack!("open", PLACE).unwrap();
    world.node.send(world.clusterd, KIND_LUA, push).unwrap();
    world.node.run();
    assert_eq!(world.count_logs(expected), 1, "nobody waits for the answer");
    assert!(world.connect().is_some(), "the first one listens on");
}

#[test]
fn what_is_not_configured_cannot_be_asked_for() {
    let mut world = world("me = \"tls://127.0.0.1:2528\"");
    let mut check = |request: Vec<u8>, part: &str| {
        let (reason, text) = world.error(request);
        assert_eq!(reason, Reason::REFUSED);
        assert!(text.contains(part), "{text}");
    };
    let secret = options([("secret", Value::from(true))]);
    check(
        pack!("open", 2528, &secret).unwrap(),
        "cluster listener 127.0.0.1:2528: it is to ask for a secret, but cluster_secret",
    );
    // Without the feature there is no TLS, whatever is configured.
    check(pack!("open", "me").unwrap(), "cluster listener me: ");
    let tls = options([("tls", Value::from(true))]);
    check(pack!("open", 2528, &tls).unwrap(), "TLS");
    let plain = options([("tls", Value::from(false))]);
    world.open(pack!("open", "me", &plain).unwrap());
}

#[cfg(feature = "tls")]
#[test]
fn certificates_are_looked_at_before_one_listens() {
    let pki = crate::tls::tests::pki::Pki::new();
    let (cert, key) = (pki.path("server"), pki.path("server-key"));
    let open = |key: &std::path::Path| {
        let keys = [
            ("cluster_nodes", "me = \"tls://127.0.0.1:2528\""),
            ("cluster_tls_cert", cert.to_str().unwrap()),
            ("cluster_tls_key", key.to_str().unwrap()),
        ];
        let mut world = world_with(&keys);
        world.ask(pack!("open", "me").unwrap()).map(|_| world)
    };
    let wrong = open(&pki.path("client-key")).map(|_| ()).unwrap_err();
    assert!(
        wrong.to_string().contains("(cluster_tls_key) is not that"),
        "{wrong}"
    );
    let mut world = open(&key).unwrap();
    world.connect().unwrap();
    let accept = world.received(world.agent).remove(0);
    let rules = accept[3].as_table().unwrap();
    assert_eq!(rules.get("tls"), Some(&Value::from(true)));
}

#[test]
fn exactly_as_many_are_let_in_as_are_allowed() {
    let check = |request: Vec<u8>, env: &[(&str, &str)], allowed: usize| {
        let mut world = world_with(env);
        world.open(request);
        let clients: Vec<_> = (0..allowed).map(|_| world.connect().unwrap()).collect();
        assert_eq!(world.connect(), None);
        assert_eq!(world.connect(), None);
        assert_eq!(world.agents().len(), allowed);
        assert_eq!(
            world.count_logs("there are as many connections as are allowed"),
            2
        );
        // One ends, one comes.
        let agent = world.agents()[0];
        world.node.send(agent, KIND_TEXT, "bye").unwrap();
        world.node.run();
        assert!(
            world.node.client_is_closed(clients[0]),
            "its agent had not taken it over"
        );
        assert!(world.connect().is_some());
        assert_eq!(world.connect(), None);
    };
    check(pack!("open", 2528, 3).unwrap(), &[("cluster_nodes", "")], 3);
    check(
        pack!("open", 2528).unwrap(),
        &[("cluster_max_clients", "2")],
        2,
    );
    let one = options([("maxclient", Value::from(1))]);
    check(pack!("open", 2528, &one).unwrap(), &[], 1);
}

#[test]
fn the_log_is_not_flooded_by_those_who_are_not_let_in() {
    let mut world = world("");
    world.open(pack!("open", 2528, 1).unwrap());
    world.connect().unwrap();
    for _ in 0..5 {
        assert_eq!(world.connect(), None);
    }
    world.node.advance(Duration::from_secs(10));
    assert_eq!(world.connect(), None);
    let logs = world.node.logs();
    let warned = logs
        .iter()
        .filter(|one| one.level == abi::LEVEL_WARN && one.text.contains("is not taken"));
    assert_eq!(warned.count(), 2);
}

#[test]
fn the_unproven_are_few() {
    let env = [("cluster_unproven", "2"), ("cluster_secret", "hidden")];
    let mut world = world_with(&env);
    world.open(pack!("open", 2528).unwrap());
    world.connect().unwrap();
    world.connect().unwrap();
    assert_eq!(world.connect(), None);
    let agent = world.agents()[0];
    let proven = pack!("proven").unwrap();
    for _ in 0..2 {
        world
            .node
            .send_from(agent, world.clusterd, KIND_LUA, 0, &proven)
            .unwrap();
        world.node.run();
    }
    assert!(world.connect().is_some());
    assert_eq!(world.connect(), None);
    let (reason, text) = world.error(proven);
    assert_eq!(reason, Reason::REFUSED);
    assert!(text.contains("is no agent"), "{text}");
    // Where nothing is to be proven all are welcome.
    let mut world = world_with(&env);
    let open = options([("secret", Value::from(false))]);
    world.open(pack!("open", 2528, &open).unwrap());
    assert_eq!((0..9).filter_map(|_| world.connect()).count(), 9);
}

#[test]
fn a_closed_place_takes_nobody_and_can_be_opened_again() {
    let mut world = world("me = \"127.0.0.1:2528\"");
    let forms = [
        (pack!("open", 2528).unwrap(), pack!("close", 2528).unwrap()),
        (
            pack!("open", "2528").unwrap(),
            pack!("close", PLACE).unwrap(),
        ),
        (pack!("open", "me").unwrap(), pack!("close", "me").unwrap()),
        (
            pack!("open", "me").unwrap(),
            pack!("close", "2528").unwrap(),
        ),
    ];
    for (open, close) in forms {
        world.open(open);
        let client = world.connect().unwrap();
        world.tell(close.clone());
        assert_eq!(world.connect(), None);
        assert!(!world.node.client_is_closed(client), "who is in stays");
        let (reason, text) = world.error(close);
        assert_eq!(reason, Reason::REFUSED);
        assert!(text.contains("does not listen there"), "{text}");
    }
    assert_eq!(world.agents().len(), 4);
}
