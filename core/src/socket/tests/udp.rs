//! UDP sockets.

use super::*;
use skynet_abi::{
    SOCKET_ERROR, SOCKET_OPTION_OUTPUT_LIMIT, SOCKET_UDP, STATUS_FULL, STATUS_INVALID,
    STATUS_TOO_LARGE,
};

fn bound(node: &Node, address: &str) -> (i32, SocketAddr) {
    let id = node.sockets.udp(OWNER, address).unwrap();
    let open = node.next(id, SOCKET_OPEN);
    let local: SocketAddr = open.text().parse().unwrap();
    assert_eq!(open.value, local.port().into());
    (id, local)
}

/// The data and the address of the next datagram.
#[track_caller]
fn datagram(node: &Node, socket: i32) -> (Vec<u8>, Vec<u8>) {
    let mut event = node.next(socket, SOCKET_UDP);
    let address = event.payload.split_off(event.value as usize);
    (event.payload, address)
}

fn round_trip(host: &str) {
    let node = Node::new();
    let (server, address) = bound(&node, host);
    let client = node.sockets.udp(OWNER, "").unwrap();
    node.next(client, SOCKET_OPEN);
    node.sockets
        .udp_connect(client, &address.to_string())
        .unwrap();
    node.sockets.send_to(client, b"", b"ping").unwrap();
    let (data, from) = datagram(&node, server);
    assert_eq!(data, b"ping");
    node.sockets.send_to(server, &from, b"pong").unwrap();
    let (data, from) = datagram(&node, client);
    assert_eq!(data, b"pong");
    // And back to where that came from; also nothing, and as much as fits.
    for data in [vec![], vec![5; 65_507]] {
        node.sockets.send_to(client, &from, &data).unwrap();
        assert_eq!(datagram(&node, server).0, data);
    }
    let error = node
        .sockets
        .send_to(client, &from, &[0; 65_508])
        .unwrap_err();
    assert_eq!(error.status(), STATUS_TOO_LARGE);
    let stat = node.sockets.stat();
    assert_eq!((stat[0].written, stat[0].local), (4, Some(address)));
    assert_eq!(stat[1].peer, Some(address));
    node.sockets.close(client, Duration::ZERO).unwrap();
    node.next(client, SOCKET_CLOSE);
}

#[test]
fn ipv4() {
    round_trip("127.0.0.1:0");
}

#[test]
fn ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        round_trip("[::1]:0");
    }
}

#[test]
fn the_address_comes_in_the_documented_form() {
    let node = Node::new();
    let (id, local) = bound(&node, "127.0.0.1:0");
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"x", local).unwrap();
    let port = client.local_addr().unwrap().port().to_be_bytes();
    assert_eq!(datagram(&node, id).1, [1, port[0], port[1], 127, 0, 0, 1]);
}

#[test]
fn a_socket_on_all_of_ipv6_serves_ipv4() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let node = Node::new();
    let (id, local) = bound(&node, "[::]:0");
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"x", ("127.0.0.1", local.port())).unwrap();
    let (_, from) = datagram(&node, id);
    assert_eq!(from[0], 1);
    node.sockets.send_to(id, &from, b"y").unwrap();
    assert_eq!(client.recv(&mut [0; 10]).unwrap(), 1);
}

#[test]
fn datagrams_wait_while_a_name_is_looked_up() {
    let node = Node::new();
    let (server, local) = bound(&node, "127.0.0.1:0");
    let (client, _) = bound(&node, "127.0.0.1:0");
    node.sockets
        .udp_connect(client, &format!("localhost:{}", local.port()))
        .unwrap();
    node.sockets.send_to(client, b"", b"1").unwrap();
    node.sockets.send_to(client, b"", b"2").unwrap();
    assert_eq!(datagram(&node, server).0, b"1");
    assert_eq!(datagram(&node, server).0, b"2");

    let lost = node.sockets.udp(OWNER, "").unwrap();
    node.sockets
        .udp_connect(lost, "no.such.host.invalid:80")
        .unwrap();
    node.sockets.send_to(lost, b"", b"1").unwrap();
    assert!(
        node.next(lost, SOCKET_ERROR)
            .text()
            .contains("no.such.host.invalid")
    );
    assert_eq!(node.queued(lost), 0);
    let error = node.sockets.send_to(lost, b"", b"1").unwrap_err();
    assert_eq!(error.status(), STATUS_INVALID);
}

#[test]
fn wrong_use_is_refused() {
    let node = Node::new();
    let (id, _) = bound(&node, "127.0.0.1:0");
    let (tcp, _client) = node.connection();
    let v6 = [&[2, 0, 80][..], &[0; 16]].concat();
    let cases: [(i32, &[u8]); 7] = [
        (id, b""),
        (id, b"\x01"),
        (id, b"\x01\x00\x50\x7f\x00\x00"),
        (id, b"\x01\x00\x50\x7f\x00\x00\x01\x00"),
        (id, b"\x03\x00\x50\x7f\x00\x00\x01"),
        (id, &v6),
        (tcp, b""),
    ];
    for (socket, address) in cases {
        let error = node.sockets.send_to(socket, address, b"x").unwrap_err();
        assert_eq!(error.status(), STATUS_INVALID, "{address:?}");
    }
    assert_eq!(node.write(id, b"x").unwrap_err().status(), STATUS_INVALID);
    assert!(node.sockets.shutdown(id, 1).is_err());
    assert!(node.sockets.set(id, 1, 1).is_err());
    assert!(node.sockets.udp_connect(id, ":80").is_err());
    assert!(node.sockets.udp_connect(tcp, "127.0.0.1:80").is_err());
}

#[test]
fn the_queue_of_a_name_that_takes_long_is_bounded() {
    let node = Node::new();
    let id = node.sockets.udp(OWNER, "").unwrap();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_LIMIT, 10_000)
        .unwrap();
    let socket = node.sockets.table.get(id).unwrap();
    socket.output().datagrams.as_mut().unwrap().look_up();
    let sent = (0..1000)
        .take_while(|_| node.sockets.send_to(id, b"", &[0; 36]).is_ok())
        .count();
    assert_eq!(sent, 100);
    let error = node.sockets.send_to(id, b"", &[0; 36]).unwrap_err();
    assert_eq!(error.status(), STATUS_FULL);
}

#[test]
fn bind_errors_are_told() {
    let node = Node::new();
    let (_, local) = bound(&node, "127.0.0.1:0");
    let id = node.sockets.udp(OWNER, &local.to_string()).unwrap();
    let text = node.take(id, SOCKET_ERROR).unwrap();
    assert!(
        text.text()
            .starts_with(&format!("cannot bind {local}: Address already in use"))
    );
    assert!(node.sockets.udp(OWNER, "nonsense").is_err());
}

#[test]
fn a_dead_owner_is_noticed() {
    let node = Node::new();
    let (_, local) = bound(&node, "127.0.0.1:0");
    node.kill(OWNER);
    std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(b"x", local)
        .unwrap();
    node.poll_until(|| node.sockets.is_idle());
}
