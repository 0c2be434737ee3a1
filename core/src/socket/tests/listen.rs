//! Listening and taking connections.

use super::*;
use skynet_abi::{SOCKET_ERROR, STATUS_FULL};
use std::fs::File;
use std::process::Command;

#[test]
fn a_listener_tells_its_address_before_it_returns_and_waits_for_its_start() {
    let node = Node::new();
    let id = node.sockets.listen(OWNER, "127.0.0.1:0", 0).unwrap();
    let open = node.take(id, SOCKET_OPEN).unwrap();
    let address: SocketAddr = open.text().parse().unwrap();
    assert_eq!(open.value, address.port().into());
    let _client = TcpStream::connect(address).unwrap();
    node.poll_now();
    assert_eq!(node.all(), []);
    node.sockets.start(OTHER, id).unwrap();
    assert_eq!(node.next(id, SOCKET_OPEN).text(), address.to_string());
    assert_eq!(node.next(id, SOCKET_ACCEPT).owner, OTHER);
    node.sockets.pause(id).unwrap();
    let _client = TcpStream::connect(address).unwrap();
    node.poll_now();
    assert_eq!(node.all(), []);
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.next(id, SOCKET_CLOSE);
    // The address is free at once.
    let again = node.sockets.listen(OWNER, &address.to_string(), 0).unwrap();
    assert!(node.take(again, SOCKET_OPEN).is_some());
}

#[test]
fn all_forms_of_addresses() {
    let node = Node::new();
    let mut forms = vec![":0", "0", "localhost:0"];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        forms.extend(["[::1]:0", "[::]:0"]);
    }
    for form in forms {
        let id = node.sockets.listen(OWNER, form, 5).unwrap();
        assert_ne!(node.next(id, SOCKET_OPEN).value, 0, "{form}");
    }
    assert!(node.sockets.listen(OWNER, "x", 0).is_err());
}

#[test]
fn an_address_in_use_is_told() {
    let node = Node::new();
    let (first, address) = node.listener();
    let second = node.sockets.listen(OWNER, &address.to_string(), 0).unwrap();
    let text = node.take(second, SOCKET_ERROR).unwrap();
    let expected = format!("cannot listen on {address}: Address already in use");
    assert!(text.text().starts_with(&expected), "{}", text.text());
    let _client = TcpStream::connect(address).unwrap();
    node.next(first, SOCKET_ACCEPT);
}

#[test]
fn too_many_sockets_are_refused_until_one_closes() {
    let node = Node::with(SocketSettings {
        max_sockets: 3,
        ..SocketSettings::default()
    });
    let (listener, address) = node.listener();
    let _clients: Vec<_> = (0..2)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let first = node.next(listener, SOCKET_ACCEPT).value as i32;
    node.next(listener, SOCKET_ACCEPT);
    let mut refused = TcpStream::connect(address).unwrap();
    let text = node.next(listener, SOCKET_ERROR);
    assert_eq!(text.text(), "3 sockets are open, more are not allowed");
    assert!(ends_properly(&mut refused));
    let error = node.sockets.udp(OWNER, "").unwrap_err();
    assert_eq!(error.status(), STATUS_FULL);
    node.sockets.close(first, Duration::ZERO).unwrap();
    let _client = TcpStream::connect(address).unwrap();
    node.next(listener, SOCKET_ACCEPT);
}

#[test]
fn a_listener_whose_owner_died_is_closed() {
    let node = Node::new();
    let (_, address) = node.listener();
    node.kill(OWNER);
    let mut client = TcpStream::connect(address).unwrap();
    node.poll_until(|| node.sockets.is_idle());
    ends_properly(&mut client);
    assert!(TcpStream::connect(address).is_err());
}

/// Runs in a process of its own, which has few files.
#[test]
fn a_listener_survives_the_lack_of_files() {
    const MARK: &str = "SKYNET_TEST_FEW_FILES";
    if std::env::var_os(MARK).is_none() {
        let name = std::thread::current().name().unwrap().to_owned();
        let output = Command::new("sh")
            .args([
                "-c",
                "ulimit -n 64 && exec \"$0\" --exact \"$1\" --nocapture --test-threads 1",
            ])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(MARK, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{output:?}"
        );
        return;
    }
    let node = Node::new();
    let (listener, address) = node.listener();
    let mut clients: Vec<_> = (0..3)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // The first is refused with the spare file; the others wait.
    let text = node.next(listener, SOCKET_ERROR);
    assert!(
        text.text()
            .starts_with("cannot take a connection: Too many open files")
    );
    assert!(ends_properly(&mut clients[0]));
    let polls = std::cell::Cell::new(0);
    let end = Instant::now() + Duration::from_millis(80);
    while Instant::now() < end {
        node.sockets
            .poll(Some(end.saturating_duration_since(Instant::now())))
            .map(drop)
            .unwrap();
        polls.set(polls.get() + 1);
    }
    assert!(polls.get() < 5, "{} wake-ups in 80 ms", polls.get());
    files.truncate(10);
    let taken = node.next(listener, SOCKET_ACCEPT).value as i32;
    node.write(taken, b"hello").unwrap();
    let client = clients.last_mut().unwrap();
    let second = node.next(listener, SOCKET_ACCEPT);
    node.write(second.value as i32, b"hello").unwrap();
    assert_eq!(read_exactly(client, 5), b"hello");
}
