//! Where the standalone node's manager launches what is one per network.

use std::time::Duration;

use skynet_service::Reason;

use super::*;

/// A manager that has started in node 2 of a network, and whom the test plays as `SERVICE`.
fn joined() -> (Fixture, Handle) {
    let mut fixture = Fixture::begin(&[("harbor", "2")]);
    let service = fixture.node.peer();
    join(&mut fixture, service);
    let link = fixture.asked_cslave();
    assert_eq!(
        link.payload,
        pack!("LINK", i64::from(service.harbor())).unwrap()
    );
    (fixture, service)
}

/// The manager finds `service`, and reports to it.
fn join(fixture: &mut Fixture, service: Handle) {
    let request = fixture.asked_cslave();
    assert_eq!(request.payload, pack!("QUERYNAME", "SERVICE").unwrap());
    fixture
        .node
        .answer(&request, pack!(i64::from(service.0)).unwrap());
    let report = fixture.asked(service);
    let expected = pack!("REPORT", i64::from(fixture.manager.0)).unwrap();
    assert_eq!(report.payload, expected);
    fixture.node.answer(&report, vec![0]);
}

#[test]
fn what_is_one_per_network_is_asked_for_once() {
    let (mut fixture, service) = joined();
    let launches = [5, 5].map(|_| fixture.begin_call(pack!("GLAUNCH", "db", 5).unwrap()));
    let request = fixture.asked(service);
    assert_eq!(request.payload, pack!("LAUNCH", "@db", 5).unwrap());
    let queries = [0, 0].map(|_| fixture.begin_call(pack!("GQUERY", "other").unwrap()));
    let question = fixture.asked(service);
    assert_eq!(question.payload, pack!("QUERY", "@other").unwrap());

    fixture.node.answer(&request, pack!(0x0100_0009).unwrap());
    for call in &launches {
        let answer = fixture.finish(call).unwrap().unwrap();
        assert_eq!(answer, [Value::Integer(0x0100_0009)]);
    }
    fixture.node.answer(&question, pack!(0x0100_000a).unwrap());
    for call in &queries {
        let answer = fixture.finish(call).unwrap().unwrap();
        assert_eq!(answer, [Value::Integer(0x0100_000a)]);
    }
    // It may have ended meanwhile: only the standalone node knows.
    fixture.begin_call(pack!("GQUERY", "db").unwrap());
    assert_eq!(
        fixture.asked(service).payload,
        pack!("QUERY", "@db").unwrap()
    );
    let snax = fixture.begin_call(pack!("GQUERY", "snaxd", "ping").unwrap());
    let question = fixture.asked(service);
    assert_eq!(question.payload, pack!("QUERY", "@snaxd", "ping").unwrap());
    assert!(fixture.finish(&snax).is_none());
}

#[test]
fn what_is_one_per_node_stays_here() {
    let (mut fixture, service) = joined();
    let launch = fixture.begin_call(pack!("LAUNCH", "db").unwrap());
    let request = fixture.asked_launcher();
    let db = fixture.launch(&request);
    assert_eq!(fixture.finish(&launch).unwrap().unwrap(), [number(db)]);
    assert_eq!(fixture.list(), [("db".to_owned(), db.to_string())]);
    assert!(fixture.node.received(service).is_empty());
}

#[test]
fn what_the_standalone_node_refuses_is_passed_on() {
    let (mut fixture, service) = joined();
    let call = fixture.begin_call(pack!("GLAUNCH", "db").unwrap());
    let request = fixture.asked(service);
    let none: Option<i64> = None;
    fixture
        .node
        .answer(&request, pack!(none, "no such module").unwrap());
    assert_eq!(
        fixture.finish(&call).unwrap().unwrap(),
        refused("no such module")
    );
    // An unmodified one may answer with a plain error.
    let call = fixture.begin_call(pack!("GLAUNCH", "db").unwrap());
    let request = fixture.asked(service);
    fixture.node.fail(&request, Reason::FAILED, "");
    let error = fixture.finish(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::FAILED);
}

#[test]
fn the_start_fails_when_the_standalone_node_does_not_answer() {
    let mut fixture = Fixture::begin(&[("harbor", "2"), ("harbor_join", "2.5")]);
    let request = fixture.asked_cslave();
    assert_eq!(request.payload, pack!("QUERYNAME", "SERVICE").unwrap());
    fixture.node.advance(Duration::from_millis(2400));
    assert!(fixture.node.is_alive(fixture.manager));
    fixture.node.advance(Duration::from_millis(200));
    assert!(!fixture.node.is_alive(fixture.manager));
}

#[test]
fn the_manager_of_the_network_is_found_again() {
    let (mut fixture, service) = joined();
    let call = fixture.begin_call(pack!("GQUERY", "db").unwrap());
    fixture.asked(service);
    fixture.node.end_peer(service, Reason::NODE_LOST);
    let error = fixture.finish(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::NODE_LOST);

    // Until it is found, requests fail at once.
    let request = fixture.asked_cslave();
    let call = fixture.begin_call(pack!("GQUERY", "db").unwrap());
    let error = fixture.finish(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::NODE_LOST);

    // The first answer is out of date: it is asked again.
    fixture
        .node
        .answer(&request, pack!(i64::from(service.0)).unwrap());
    assert!(fixture.node.received(fixture.cslave).is_empty());
    fixture.node.advance(Duration::from_millis(100));
    let new = fixture.node.peer();
    join(&mut fixture, new);
    fixture.begin_call(pack!("GQUERY", "db").unwrap());
    assert_eq!(fixture.asked(new).payload, pack!("QUERY", "@db").unwrap());
}

#[test]
fn the_loss_of_the_standalone_node_is_noticed_by_itself() {
    let mut fixture = Fixture::begin(&[("harbor", "2")]);
    let service = fixture.node.peer();
    join(&mut fixture, service);
    let link = fixture.asked_cslave();
    fixture.node.answer(&link, "");
    // It is the same one, back again: the others may list this node.
    join(&mut fixture, service);
    let link = fixture.asked_cslave();
    assert_eq!(link.payload, pack!("LINK", 0).unwrap());
}

#[test]
fn a_slave_takes_no_reports() {
    let (mut fixture, _service) = joined();
    let call = fixture.begin_call(pack!("REPORT", 5).unwrap());
    let error = fixture.finish(&call).unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::REFUSED);
}
