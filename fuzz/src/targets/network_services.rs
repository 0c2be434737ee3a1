//! Requests to the two services that a network has in common: the service manager, and the data center with its tree.

use std::collections::BTreeSet;

use skynet_seri::pack;
use skynet_service::Handle;

use super::sources::datacenter_request::Request;
use super::sources::key::{Key, pack_path, show_path, unpack_path};
use super::sources::manager_request::{Request as ManagerRequest, Target as Service};
use super::sources::tree::{Limits, Node, Tree};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "network_services",
    about: "plugins: requests to the service manager and the data center, and its tree",
    run,
    seeds,
    tokens: &[
        b"\x34LAUNCH",
        b"\x3cGLAUNCH",
        b"\x2cQUERY",
        b"\x34GQUERY",
        b"\x24LIST",
        b"\x34REPORT",
        b"\x34UPDATE",
        b"\x24WAIT",
        b"\x2csnaxd",
        b"\x14@a",
        b"\x0ca",
        b"\x0cb",
        b"\x00",
        b"\x0a\x01",
        b"\x06\x00",
        b"\x0e\x09\x00",
        b"\x06\x0ca\x09\x00",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 21,
        per_byte: 2000,
    },
};

/// What the tree may hold: two tables with some entries.
const LIMITS: Limits = Limits {
    bytes: 2500,
    depth: 4,
};

fn run(bytes: &[u8]) {
    check_manager(bytes);
    check_tree(Input::new(bytes));
}

fn check_manager(bytes: &[u8]) {
    let Ok(request) = ManagerRequest::parse(bytes) else {
        return;
    };
    let written = match &request {
        ManagerRequest::List => pack!("LIST").expect("it is short"),
        ManagerRequest::Report(Handle(handle)) => pack!("REPORT", *handle).expect("it is short"),
        ManagerRequest::Query(service) => question(service),
        ManagerRequest::Launch(service, arguments) => {
            let mut written = pack!("LAUNCH", service.word()).expect("it came in a message");
            written.extend(arguments);
            written
        }
    };
    let again = ManagerRequest::parse(&written);
    assert_eq!(again.ok(), Some(request));
}

fn question(service: &Service) -> Vec<u8> {
    let key = service.key();
    assert!(key.starts_with(&service.word()) && !key.contains(char::is_whitespace));
    let written = match service.sub() {
        Some(sub) => pack!("QUERY", service.word(), sub),
        None => pack!("QUERY", service.word()),
    };
    written.expect("it came in a message")
}

/// A series of requests to one tree. Some changes are taken back at once.
fn check_tree(mut input: Input<'_>) {
    let mut tree = Tree::new(LIMITS);
    let empty = format!("{tree:?}");
    let mut tops = BTreeSet::new();
    while !input.is_empty() {
        let is_undone = input.below(4) == 1;
        let Ok(request) = Request::parse(input.bytes(400)) else {
            continue;
        };
        let path = match &request {
            Request::Query(path) | Request::Wait(path) | Request::Update(path, _) => path.clone(),
        };
        check_path(&path);
        tops.insert(path[0].clone());
        if let Request::Update(_, new) = request {
            update(&mut tree, &path, new, is_undone);
        }
    }
    for top in tops {
        tree.set(&[top], None).expect("nothing is above it");
    }
    assert_eq!(format!("{tree:?}"), empty, "what was taken away is counted");
}

fn check_path(path: &[Key]) {
    let packed = pack_path(path).expect("it came in a message");
    assert_eq!(unpack_path(&packed).expect("it was packed"), path);
    let above = pack_path(&path[..path.len() - 1]).expect("it is shorter");
    assert!(packed.starts_with(&above));
    assert!(show_path(path).len() <= path.len() * 400);
}

fn update(tree: &mut Tree, path: &[Key], new: Option<Node>, is_undone: bool) {
    let before = format!("{tree:?}");
    // By their texts, because NaN is not itself.
    let show = |node: Option<&Node>| format!("{:?}", node.map(Node::to_value));
    let wanted = show(new.as_ref());
    let old = tree.get(path).map(show);
    match tree.set(path, new) {
        Err(_) => assert_eq!(
            format!("{tree:?}"),
            before,
            "a refusal has changed something"
        ),
        Ok(change) => {
            assert_eq!(Some(show(change.old.as_ref())), old.ok());
            let found = tree.get(path).expect("nothing is in the way");
            assert_eq!(show(found), wanted);
            if is_undone {
                tree.undo(path, change);
                assert_eq!(format!("{tree:?}"), before, "something was not taken back");
            }
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let none: Option<i64> = None;
    let manager = [
        pack!("LAUNCH", "db", 1, "x"),
        pack!("GLAUNCH", "snaxd", "ping"),
        pack!("QUERY", "@db"),
        pack!("GQUERY", "snaxd", "ping"),
        pack!("LIST"),
        pack!("REPORT", 0x0200_0006),
    ];
    let series = [
        pack!("UPDATE", "multicast", 2, 0x0200_0008),
        pack!("QUERY", "multicast"),
        pack!("SET", "a", "b", 1.5, true),
        pack!("UPDATE", "a", "b", 7),
        pack!("UPDATE", "a", none),
        pack!("SET", "t", [1, 2, 3]),
        pack!("SET", "t", 2, none),
        pack!("SET", "big", "x".repeat(300)),
        pack!("SET", "a", "b", "c", "d", 1),
        pack!("WAIT", "a", "b"),
    ];
    let mut seeds: Vec<Vec<u8>> = manager.into_iter().flatten().collect();
    // Each request behind the choice whether it is taken back, and its length.
    let series = |choice: u8| {
        let requests = series.iter().flatten();
        let parts = requests.flat_map(|request| {
            [
                &[choice],
                &(request.len() as u16).to_le_bytes()[..],
                request,
            ]
            .concat()
        });
        parts.collect()
    };
    seeds.extend([series(0), series(1)]);
    seeds
}
