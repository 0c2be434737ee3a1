//! Connecting.

use super::*;
use skynet_abi::{SOCKET_ERROR, STATUS_INVALID};
use std::net::TcpListener;

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn connects_and_reads_at_once() {
    let node = Node::new();
    for host in ["127.0.0.1", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let id = node
            .sockets
            .connect(OWNER, &format!("{host}:{port}"), Duration::ZERO)
            .unwrap();
        node.write(id, b"early").unwrap();
        let open = node.next(id, SOCKET_OPEN);
        assert_eq!(
            (open.text(), open.value),
            (&*format!("127.0.0.1:{port}"), port.into())
        );
        node.poll_now();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(read_exactly(&mut peer, 5), b"early");
        send(&mut peer, b"hello");
        assert_eq!(node.receive(id, 5), b"hello");
        node.sockets.close(id, Duration::ZERO).unwrap();
        node.next(id, SOCKET_CLOSE);
        assert!(ends_properly(&mut peer));
    }
    assert!(node.sockets.is_idle());
}

#[test]
fn ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let node = Node::new();
    let address = listener.local_addr().unwrap();
    let id = node
        .sockets
        .connect(OWNER, &address.to_string(), Duration::ZERO)
        .unwrap();
    assert_eq!(node.next(id, SOCKET_OPEN).text(), address.to_string());
}

/// A port on which nobody listens.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn a_refusal_is_told_and_the_id_stays_until_it_is_closed() {
    let node = Node::new();
    let address = format!("127.0.0.1:{}", dead_port());
    let id = node
        .sockets
        .connect(OWNER, &address, Duration::ZERO)
        .unwrap();
    let text = node.next(id, SOCKET_ERROR);
    let expected = format!("cannot connect to {address}: Connection refused");
    assert!(text.text().starts_with(&expected), "{}", text.text());
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    assert!(matches!(
        node.sockets.start(OWNER, id),
        Err(SocketError::Closed { .. })
    ));
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.next(id, SOCKET_CLOSE);
    assert!(node.sockets.is_idle());
}

#[test]
fn unknown_names_are_told() {
    let node = Node::new();
    let id = node
        .sockets
        .connect(OWNER, "no.such.host.invalid:80", Duration::ZERO)
        .unwrap();
    assert!(
        node.next(id, SOCKET_ERROR)
            .text()
            .contains("no.such.host.invalid")
    );
}

#[test]
fn bad_addresses_are_refused() {
    let node = Node::new();
    for address in [
        "",
        "nonsense",
        "host:",
        "host:99999",
        ":80",
        "80",
        "127.0.0.1:0",
        "::1:80",
    ] {
        let error = node
            .sockets
            .connect(OWNER, address, Duration::ZERO)
            .unwrap_err();
        assert_eq!(error.status(), STATUS_INVALID, "{address}");
    }
    assert!(node.sockets.is_idle());
}

/// A listener whose backlog is full, so that nobody answers, and what fills it.
fn silent_listener() -> (socket2::Socket, SocketAddr, Vec<socket2::Socket>) {
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = new();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut fill = Vec::new();
    loop {
        let client = new();
        match client.connect_timeout(&address, Duration::from_millis(100)) {
            Ok(()) => fill.push(client),
            Err(_) => return (listener, address.as_socket().unwrap(), fill),
        }
    }
}

#[test]
fn silence_ends_with_the_time_out() {
    let (_listener, address, _fill) = silent_listener();
    let node = Node::new();
    let start = Instant::now();
    let id = node
        .sockets
        .connect(OWNER, &address.to_string(), SHORT)
        .unwrap();
    let text = node.next(id, SOCKET_ERROR);
    assert!(start.elapsed() >= SHORT);
    assert_eq!(
        text.text(),
        format!("cannot connect to {address}: no answer within 50ms")
    );
    assert_eq!(
        node.sockets.stat()[0].kind,
        super::super::stat::SocketKind::Failed
    );
}

#[test]
fn a_connect_can_be_given_up() {
    let (_listener, address, _fill) = silent_listener();
    let node = Node::new();
    let id = node
        .sockets
        .connect(OWNER, &address.to_string(), Duration::ZERO)
        .unwrap();
    node.write(id, b"never sent").unwrap();
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.next(id, SOCKET_CLOSE);
    assert!(node.sockets.is_idle());
    node.sockets
        .connect(OWNER, &address.to_string(), Duration::ZERO)
        .unwrap();
    node.sockets.close_owned(OWNER);
    assert!(node.sockets.is_idle());
    assert_eq!(node.sockets.poll(Some(SHORT)).unwrap(), Polled::Done(0));
}

#[test]
fn the_next_address_is_tried_after_a_failure_and_after_silence() {
    let (_listener, silent, _fill) = silent_listener();
    let refused: SocketAddr = ([127, 0, 0, 1], dead_port()).into();
    let good = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = good.local_addr().unwrap();
    for addresses in [
        vec![refused, good],
        vec![silent, good],
        vec![refused, silent, refused, good],
    ] {
        let node = Node::new();
        // As if a name had these addresses; the number stands for one that is being looked up.
        let id = node
            .sockets
            .connect(OWNER, &silent.to_string(), Duration::ZERO)
            .unwrap();
        let socket = node.sockets.table.get(id).unwrap();
        {
            let (mut output, mut input) = (socket.output(), socket.input());
            input.connecting.as_mut().unwrap().add(addresses);
            node.sockets.try_next(&socket, &mut output, &mut input);
        }
        assert_eq!(node.next(id, SOCKET_OPEN).text(), good.to_string());
        assert!(socket.input().deadline.is_none());
    }
}

#[test]
fn an_owner_that_has_died_loses_its_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = Node::new();
    let address = listener.local_addr().unwrap().to_string();
    node.sockets
        .connect(OWNER, &address, Duration::ZERO)
        .unwrap();
    node.kill(OWNER);
    node.poll_until(|| node.sockets.is_idle());
    let (mut peer, _) = listener.accept().unwrap();
    assert!(ends_properly(&mut peer));
}
