//! Where the manager launches everything itself.

use skynet_service::Reason;
use skynet_service::abi::LEVEL_WARN;

use super::*;

#[test]
fn requests_at_the_same_time_launch_once() {
    let mut fixture = Fixture::own(&[]);
    let calls: Vec<_> = ["LAUNCH", "QUERY", "LAUNCH", "LAUNCH"]
        .map(|command| fixture.begin_call(pack!(command, "db", 1, "x").unwrap()))
        .into();
    let request = fixture.asked_launcher();
    assert_eq!(request.payload, pack!("LAUNCH", "db", 1, "x").unwrap());
    assert_eq!(
        fixture.list(),
        [("db".to_owned(), "launching, 4 waiting".to_owned())]
    );

    let db = fixture.launch(&request);
    for call in &calls {
        assert_eq!(fixture.finish(call).unwrap().unwrap(), [number(db)]);
    }
    for command in ["LAUNCH", "QUERY"] {
        assert_eq!(fixture.call(pack!(command, "db").unwrap()), [number(db)]);
    }
    assert!(
        fixture.node.received(fixture.launcher).is_empty(),
        "it runs already"
    );
    assert_eq!(fixture.list(), [("db".to_owned(), db.to_string())]);
}

#[test]
fn a_node_without_the_master_can_have_the_manager_of_the_network() {
    let mut fixture = Fixture::begin_with(&[("harbor", "2")], "network");
    let request = fixture.asked_cslave();
    let expected = pack!("REGISTER", "SERVICE", i64::from(fixture.manager.0)).unwrap();
    assert_eq!(request.payload, expected);
    let error = Node::new().launch::<ServiceMgr>("nonsense").unwrap_err();
    assert!(error.to_string().contains("\"nonsense\""), "{error}");
}

#[test]
fn a_launch_that_fails_reaches_all_and_is_tried_again() {
    let mut fixture = Fixture::own(&[]);
    let calls: Vec<_> = ["LAUNCH", "QUERY", "LAUNCH"]
        .map(|command| fixture.begin_call(pack!(command, "db").unwrap()))
        .into();
    let request = fixture.asked_launcher();
    fixture
        .node
        .fail(&request, Reason::FAILED, "the moon is full");
    for call in &calls {
        let answer = fixture.finish(call).unwrap().unwrap();
        assert_eq!(answer, refused("the moon is full"));
    }
    assert!(fixture.list().is_empty());

    let again = fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let db = fixture.launch(&request);
    assert_eq!(fixture.finish(&again).unwrap().unwrap(), [number(db)]);
}

#[test]
fn a_query_waits_until_the_service_is_there() {
    let mut fixture = Fixture::own(&[]);
    let query = fixture.begin_call(pack!("QUERY", "db").unwrap());
    assert!(
        fixture.node.received(fixture.launcher).is_empty(),
        "it launches nothing"
    );
    assert_eq!(fixture.list(), [("db".to_owned(), "1 waiting".to_owned())]);
    let other = fixture.begin_call(pack!("LAUNCH", "other").unwrap());
    let request = fixture.asked_launcher();
    fixture.launch(&request);
    assert!(fixture.finish(&other).is_some());
    assert!(fixture.finish(&query).is_none());

    fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let db = fixture.launch(&request);
    assert_eq!(fixture.finish(&query).unwrap().unwrap(), [number(db)]);
}

#[test]
fn a_service_that_ends_is_forgotten() {
    let mut fixture = Fixture::own(&[]);
    fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let first = fixture.launch(&request);
    fixture.node.kill(first);
    assert!(fixture.list().is_empty());
    let query = fixture.begin_call(pack!("QUERY", "db").unwrap());
    assert!(fixture.finish(&query).is_none());

    let launch = fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let second = fixture.launch(&request);
    assert_ne!(first, second);
    for call in [query, launch] {
        assert_eq!(fixture.finish(&call).unwrap().unwrap(), [number(second)]);
    }
}

#[test]
fn one_per_node_and_one_per_network_are_two() {
    let mut fixture = Fixture::own(&[("harbor", "1"), ("standalone", "127.0.0.1:2013")]);
    fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let own = fixture.launch(&request);
    let global = fixture.begin_call(pack!("GLAUNCH", "db", 5).unwrap());
    let request = fixture.asked_launcher();
    assert_eq!(request.payload, pack!("LAUNCH", "db", 5).unwrap());
    let network = fixture.launch(&request);
    assert_eq!(fixture.finish(&global).unwrap().unwrap(), [number(network)]);
    assert_ne!(own, network);
    for (request, expected) in [
        (pack!("QUERY", "db"), own),
        (pack!("GQUERY", "db"), network),
        (pack!("QUERY", "@db"), network),
        (pack!("LAUNCH", "@db"), network),
    ] {
        assert_eq!(fixture.call(request.unwrap()), [number(expected)]);
    }
}

#[test]
fn a_module_that_nobody_has_is_answered_with_the_reason() {
    let mut fixture = Fixture::own(&[]);
    let call = fixture.begin_call(pack!("LAUNCH", "snlua", "main").unwrap());
    let request = fixture.asked_launcher();
    let reason = "launch of \"snlua main\" failed: no plugin has module snlua";
    fixture.node.fail(&request, Reason::FAILED, reason);
    assert_eq!(fixture.finish(&call).unwrap().unwrap(), refused(reason));
    // The launcher itself may be gone.
    let launcher = fixture.launcher;
    fixture.node.end_peer(launcher, Reason::KILLED);
    let answer = fixture.call(pack!("LAUNCH", "db").unwrap());
    assert_eq!(answer[0], Value::Nil);
    assert!(
        answer[1].as_str().unwrap().contains(".launcher"),
        "{answer:?}"
    );
}

#[test]
fn slaves_report_and_are_listed() {
    let mut fixture = Fixture::own(&[("harbor", "1"), ("standalone", "127.0.0.1:2013")]);
    let harbor = fixture.node.launch_raw::<Harbor>("").unwrap();
    let witness = fixture.node.peer();
    fixture.node.register(witness, ".witness");
    // As a slave of Skynet's sends it.
    let report = b"\x34REPORT\x22\x06\x00\x00\x02".to_vec();
    fixture
        .node
        .send(harbor, KIND_TEXT, report.clone())
        .unwrap();
    fixture.node.run();
    assert_eq!(fixture.asked(witness).payload, [0], "nil");
    fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let db = fixture.launch(&request);
    let pair = |name: &str, text: String| (name.to_owned(), text);
    let expected = [
        pair("db", db.to_string()),
        pair("db@2", ":02000007".to_owned()),
    ];
    assert_eq!(fixture.list(), expected);
    // One that is no more is left out, and forgotten.
    fixture.node.kill(harbor);
    for _ in 0..2 {
        assert_eq!(fixture.list(), expected[..1]);
    }
    let logs = fixture.node.logs();
    let warnings = logs.iter().filter(|log| log.level == LEVEL_WARN);
    assert_eq!(warnings.count(), 1, "{logs:?}");
    // Nobody reports for another node.
    let error = fixture.begin_call(report);
    let error = fixture.finish(&error).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::REFUSED);
}

#[test]
fn the_name_is_given_back_and_a_taken_one_ends_it() {
    let mut fixture = Fixture::own(&[]);
    let manager = fixture.manager;
    fixture.node.kill(manager);
    let request = fixture.asked_cslave();
    assert_eq!(request.payload, pack!("UNREGISTER", "SERVICE").unwrap());

    let mut fixture = Fixture::begin(&[]);
    let request = fixture.asked_cslave();
    fixture
        .node
        .fail(&request, Reason::REFUSED, "SERVICE is :01000009");
    assert!(!fixture.node.is_alive(fixture.manager));
}

#[test]
fn wrong_requests_are_refused() {
    let mut fixture = Fixture::own(&[]);
    for request in [
        pack!("FLY").unwrap(),
        pack!("LAUNCH").unwrap(),
        b"\xff".to_vec(),
    ] {
        let call = fixture.begin_call(request);
        assert!(fixture.finish(&call).unwrap().is_err());
    }
    let manager = fixture.manager;
    let error = fixture.node.call(manager, KIND_TEXT, "LIST").unwrap_err();
    assert_eq!(error.reason(), Reason::UNSUPPORTED);
}
