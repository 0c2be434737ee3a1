//! Each command, right and wrong.

use std::collections::BTreeMap;

use skynet_seri::{PackArgs, pack};

use super::*;

fn request(values: impl PackArgs) -> Request {
    Request::parse(&pack(&values).unwrap()).unwrap()
}

fn error(values: impl PackArgs) -> String {
    let result = Request::parse(&pack(&values).unwrap());
    result.unwrap_err().to_string()
}

fn of_node(node: &str, wanted: Wanted) -> Request {
    Request::OfNode(node.to_owned(), wanted)
}

#[test]
fn words_of_nodes_are_read() {
    assert_eq!(request(("sender", "db")), of_node("db", Wanted::Sender));
    assert_eq!(request(("senders",)), Request::Senders);
    assert_eq!(request(("nodes",)), Request::Nodes);
    for command in ["req", "push", "ack", "query"] {
        let Request::OfNode(node, Wanted::Pass(found, place)) =
            request((command, "db", "@x", "body"))
        else {
            panic!("{command}");
        };
        assert_eq!((node.as_str(), found), ("db", command));
        let rest = &pack(&(command, "db", "@x", "body")).unwrap()[place..];
        assert_eq!(rest, pack(&("@x", "body")).unwrap());
    }
    for node in ["", "a b", "a\n", &"x".repeat(256)] {
        assert!(error(("sender", node)).contains("is no name of a cluster node"));
        assert!(error(("req", node, "@x", "")).contains("is no name of a cluster node"));
    }
    assert!(error(("sender",)).contains("sender of clusterd found nothing"));
    assert!(error(("push", 1)).contains("push of clusterd found 1"));
}

#[test]
fn proxies_have_three_forms() {
    let check = |request: Request, node: &str, service: &str| {
        assert_eq!(request, of_node(node, Wanted::Proxy(service.to_owned())));
    };
    check(request(("proxy", "db", "@svc")), "db", "@svc");
    check(request(("proxy", "db", "GLOBAL")), "db", "GLOBAL");
    check(request(("proxy", "db", 10)), "db", ":0000000a");
    check(request(("proxy", "db@svc.x")), "db", "@svc.x");
    check(request(("proxy", "db.svc@x")), "db", ".svc@x");
    assert!(error(("proxy", "db")).contains("node@name"));
    assert!(error(("proxy", "@svc")).contains("no name of a cluster node"));
    assert!(error(("proxy", "db", "")).contains("no service"));
    assert!(error(("proxy", "db", "a b")).contains("no service"));
    assert!(error(("proxy", "db", "x".repeat(256).as_str())).contains("no service"));
    assert!(error(("proxy", "db", 0)).contains("wanted a service"));
    assert!(error(("proxy", "db", true)).contains("wanted a service"));
}

#[test]
fn names_are_read() {
    let name = b"svc".to_vec();
    let registered = |handle| Request::Register(name.clone(), handle);
    assert_eq!(request(("register", "svc")), registered(None));
    assert_eq!(
        request(("register", "svc", 10)),
        registered(Some(Handle(10)))
    );
    assert_eq!(
        request(("register", "svc", ":a")),
        registered(Some(Handle(10)))
    );
    assert_eq!(
        request(("unregister", "svc")),
        Request::Unregister(name.clone())
    );
    assert_eq!(request(("queryname", "svc")), Request::QueryName(name));
    assert!(error(("register",)).contains("wanted a name"));
    assert!(error(("register", "svc", 0)).contains("wanted a handle"));
    assert!(error(("register", "svc", -1)).contains("wanted a handle"));
    assert!(error(("queryname", 5)).contains("found 5"));
}

#[test]
fn listening_is_read() {
    let open = |text: &str, options| Request::Open(Place::Text(text.to_owned()), options);
    let usual = Options::default();
    let two = Options {
        max_clients: Some(2),
        ..usual
    };
    assert_eq!(request(("open", "db")), open("db", usual));
    assert_eq!(
        request(("open", 2528)),
        Request::Open(Place::Port(2528), usual)
    );
    assert_eq!(request(("open", "db", 2)), open("db", two));
    assert_eq!(request(("listen", "db")), open("db", usual));
    assert_eq!(
        request(("listen", 0, 2)),
        Request::Open(Place::Port(0), two)
    );
    assert_eq!(request(("listen", "h", 1)), open("h:1", usual));
    assert_eq!(request(("listen", "::1", 1, 2)), open("[::1]:1", two));
    assert_eq!(request(("listen", "db", None::<i64>, 2)), open("db", two));
    assert_eq!(
        request(("close", "db")),
        Request::Close(Place::Text("db".to_owned()))
    );

    let options = BTreeMap::from([("secret", true), ("tls", false)]);
    let expected = Options {
        secret: Some(true),
        tls: Some(false),
        ..usual
    };
    assert_eq!(request(("open", "db", &options)), open("db", expected));
    assert_eq!(request(("listen", "db", &options)), open("db", expected));
    let expose = BTreeMap::from([("expose", "all")]);
    let expected = Options {
        expose: Some(Expose::All),
        ..usual
    };
    assert_eq!(request(("open", "db", &expose)), open("db", expected));
    let max = BTreeMap::from([("maxclient", 2)]);
    assert_eq!(request(("open", "db", &max)), open("db", two));

    assert!(error(("open",)).contains("wanted the name of a node"));
    assert!(error(("open", "")).contains("wanted the name of a node"));
    assert!(error(("open", 65536)).contains("found 65536"));
    assert!(error(("open", "db", 0)).contains("the most clients"));
    assert!(error(("open", "db", "x")).contains("the most clients"));
    assert!(error(("listen", "h", 65536)).contains("wanted a port"));
    for (key, value, expected) in [
        ("expose", Value::from("some"), "\"names\" or \"all\""),
        ("maxclient", Value::from(-1), "the most clients"),
        ("tls", Value::from(1), "true or false"),
        ("max", Value::from(1), "the options"),
    ] {
        let options = BTreeMap::from([(key, value)]);
        assert!(error(("open", "db", &options)).contains(expected), "{key}");
    }
}

#[test]
fn tables_are_read() {
    let nodes = BTreeMap::from([("db", "h:1")]);
    let table = NodeTable::from_toml("db = \"h:1\"").unwrap();
    assert_eq!(request(("reload",)), Request::Reload(None));
    assert_eq!(
        request(("reload", "f")),
        Request::Reload(Some("f".to_owned()))
    );
    assert_eq!(request(("reload", &nodes)), Request::Update(table.clone()));
    assert_eq!(request(("update", &nodes)), Request::Update(table));
    assert!(error(("reload", "")).contains("a table or a file"));
    assert!(error(("update",)).contains("a table of nodes"));
    assert!(error(("update", BTreeMap::from([("db", 1)]))).contains("db is a number"));
}

#[test]
fn exports_are_read() {
    let name = Export::Name(".db".to_owned());
    assert_eq!(
        request(("export", ".db")),
        Request::Export(name.clone(), true)
    );
    assert_eq!(request(("unexport", ".db")), Request::Export(name, false));
    let handle = Export::Handle(Handle(10));
    assert_eq!(request(("export", 10)), Request::Export(handle, true));
    assert!(error(("export",)).contains("found nothing"));
    assert!(error(("export", "@db")).contains("cannot be exported"));
    assert!(error(("export", 0)).contains("found 0"));
}

#[test]
fn what_is_no_command_is_refused() {
    assert_eq!(request(("proven",)), Request::Proven);
    assert!(error(()).contains("no command"));
    assert!(error((1,)).contains("no command"));
    assert!(error(("fly",)).contains("no command \"fly\""));
    assert!(Request::parse(b"\xff").is_err());
    assert!(Request::parse(b"\x2csender\x2c").is_err());
}

#[test]
fn answers_of_the_discovery_are_tables() {
    let table = NodeTable::from_toml("db = false").unwrap();
    let answer = |value: Value| answered_table(&skynet_seri::encode(&[value]).unwrap());
    assert_eq!(answer(table.to_value()).unwrap(), table);
    assert_eq!(answer(Value::Nil).unwrap(), NodeTable::default());
    assert_eq!(answered_table(b"").unwrap(), NodeTable::default());
    assert!(answer(Value::from(1)).is_err());
}
