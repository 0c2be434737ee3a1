//! Closing: the last bytes, lingering, dead owners.

use super::super::stat::SocketKind;
use super::*;
use skynet_abi::SOCKET_ERROR;

#[test]
fn what_is_queued_is_sent_before_the_end() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let written = node.stuff(id);
    node.sockets.close(id, Duration::ZERO).unwrap();
    assert!(node.take(id, SOCKET_CLOSE).is_some(), "told at once");
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Dead { .. })
    ));
    assert!(matches!(
        node.sockets.close(id, Duration::ZERO),
        Err(SocketError::Dead { .. })
    ));
    assert!(matches!(
        node.sockets.start(OWNER, id),
        Err(SocketError::Dead { .. })
    ));
    assert_eq!(node.sockets.stat()[0].kind, SocketKind::Closing);
    assert!(node.drain_into(&mut client, written.len()) == written);
    node.poll_until(|| node.sockets.is_idle());
    assert!(ends_properly(&mut client));
    assert_eq!(node.all(), []);
}

#[test]
fn a_stuck_peer_holds_a_closed_socket_no_longer_than_the_linger() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.stuff(id);
    let linger = Duration::from_millis(60);
    let start = Instant::now();
    node.sockets.close(id, linger).unwrap();
    node.poll_until(|| node.sockets.is_idle());
    assert!(start.elapsed() >= linger);
    assert!(!ends_properly(&mut client));
}

#[test]
fn unread_data_do_not_destroy_the_last_bytes() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets.pause(id).unwrap();
    send(&mut client, b"unread");
    let socket = node.sockets.table.get(id).unwrap();
    let fd = socket.input().fd.clone().unwrap();
    node.poll_until(|| {
        fd.peek(&mut [std::mem::MaybeUninit::uninit(); 6])
            .is_ok_and(|n| n == 6)
    });
    drop(fd);
    node.write(id, b"you are kicked").unwrap();
    node.sockets.close(id, Duration::ZERO).unwrap();
    send(&mut client, b"more");
    node.poll_now();
    assert_eq!(read_exactly(&mut client, 14), b"you are kicked");
    assert!(ends_properly(&mut client));
    drop(client);
    node.poll_until(|| node.sockets.is_idle());
}

#[test]
fn a_peer_that_sends_for_ever_is_cut_off() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets.pause(id).unwrap();
    client.set_nonblocking(true).unwrap();
    while client.write(&[0; 1 << 16]).is_ok() {}
    node.sockets.close(id, Duration::from_millis(50)).unwrap();
    node.poll_until(|| {
        let _ = client.write(&[0; 1 << 16]);
        node.sockets.is_idle()
    });
}

#[test]
fn a_dead_owner_is_noticed_by_any_event() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.kill(OWNER);
    send(&mut client, b"anybody there?");
    node.poll_until(|| node.sockets.is_idle());
    assert!(ends_properly(&mut client));
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Dead { .. })
    ));
}

#[test]
fn all_sockets_of_a_service_end_with_it() {
    let node = Node::new();
    let (_, address) = node.listener();
    let (connected, mut client) = node.connection();
    node.sockets.udp(OWNER, "127.0.0.1:0").unwrap();
    let other = node.sockets.udp(OTHER, "127.0.0.1:0").unwrap();
    let written = node.stuff(connected);
    node.kill(OWNER);
    node.sockets.close_owned(OWNER);
    assert!(TcpStream::connect(address).is_err());
    assert!(node.drain_into(&mut client, written.len()) == written);
    node.poll_until(|| node.sockets.stat().len() == 1);
    assert_eq!(node.sockets.stat()[0].socket, other);
}

#[test]
fn a_whole_node_ends() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let written = node.stuff(id);
    let (stuck, _other) = node.connection();
    node.stuff(stuck);
    node.sockets.close_all(Duration::from_secs(10));
    node.next(id, SOCKET_CLOSE);
    assert!(node.drain_into(&mut client, written.len()) == written);
    assert!(!node.sockets.is_idle(), "one is stuck");
    node.sockets.close_all(Duration::ZERO);
    assert!(node.sockets.is_idle());
    assert!(node.take(id, SOCKET_ERROR).is_none());
}

#[test]
fn dropping_the_node_closes_everything() {
    let node = Node::new();
    let (_, mut client) = node.connection();
    let (_, address) = node.listener();
    drop(node);
    assert!(ends_properly(&mut client));
    assert!(TcpStream::connect(address).is_err());
}
