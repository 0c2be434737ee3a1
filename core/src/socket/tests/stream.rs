//! Connections: data both ways, pauses, owners, half-closed ones.

use super::*;
use skynet_abi::{SOCKET_ERROR, SOCKET_READ, SOCKET_WRITE};
use std::net::Shutdown;

#[test]
fn echo() {
    let node = Node::new();
    let (listener, address) = node.listener();
    let mut client = TcpStream::connect(address).unwrap();
    let accept = node.next(listener, SOCKET_ACCEPT);
    assert_eq!(accept.text(), client.local_addr().unwrap().to_string());
    let id = accept.value as i32;
    assert_eq!(node.all(), [], "an accepted socket is silent");
    node.sockets.start(OWNER, id).unwrap();
    let open = node.next(id, SOCKET_OPEN);
    assert_eq!(open.text(), client.local_addr().unwrap().to_string());
    assert_eq!(open.value, client.local_addr().unwrap().port().into());
    send(&mut client, b"hello");
    let data = node.next(id, SOCKET_DATA);
    assert_eq!(
        (data.owner, data.value, &*data.payload),
        (OWNER, 5, &b"hello"[..])
    );
    node.write(id, b"world").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"world");
    let stat = &node.sockets.stat()[1];
    assert_eq!(
        (stat.socket, stat.owner, stat.read, stat.written),
        (id, OWNER, 5, 5)
    );
    assert_eq!(stat.peer, client.local_addr().ok());
    assert_eq!(stat.local, Some(address));
    assert!(stat.last_read.is_some() && stat.last_write.is_some());
    assert!(!stat.paused && !stat.ended && stat.queued == 0);
    assert_eq!(node.sockets.stat()[0].accepted, 1);
}

#[test]
fn megabytes_both_ways_arrive_whole() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let sent = pattern(10 << 20, 0);
    let mut writer = client.try_clone().unwrap();
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .spawn_scoped(scope, || send(&mut writer, &sent))
            .unwrap();
        assert!(node.receive(id, sent.len()) == sent);
    });
    node.sockets
        .write(id, &mut smallvec![owned(&sent, 100)], 0)
        .unwrap();
    assert!(node.drain_into(&mut client, sent.len()) == sent);
    assert_eq!(node.queued(id), 0);
}

#[test]
fn what_nobody_handles_is_not_read_without_end() {
    const LIMIT: usize = 1 << 20;
    let node = Node::with(SocketSettings {
        read_size: 64 << 10,
        ..SocketSettings::default()
    });
    let (id, mut flooder) = node.connection();
    flooder.set_nonblocking(true).unwrap();
    // Each round sends what the kernel takes and reads what the node wants, until neither goes on.
    let mut sent = 0;
    loop {
        let before = (sent, node.all().len());
        while let Ok(count) = flooder.write(&[7; 64 << 10]) {
            sent += count;
        }
        node.poll_now();
        if before == (sent, node.all().len()) {
            break;
        }
    }
    let waiting: usize = node.all().iter().map(|event| event.payload.len()).sum();
    assert!(
        waiting > LIMIT && waiting <= LIMIT + (64 << 10),
        "{waiting} bytes wait"
    );
    assert!(
        node.sockets
            .stat()
            .iter()
            .any(|stat| stat.socket == id && stat.paused)
    );
    // Whoever handles events gets the rest.
    assert_eq!(node.receive(id, sent).len(), sent);
}

#[test]
fn a_flooding_peer_does_not_starve_others() {
    let node = Node::with(SocketSettings {
        read_size: 64 << 10,
        ..SocketSettings::default()
    });
    let (flooded, mut flooder) = node.connection();
    let (quiet, mut client) = node.connection();
    // All of it is there before the first read.
    flooder.set_nonblocking(true).unwrap();
    while flooder.write(&[0; 64 << 10]).is_ok() {}
    send(&mut client, b"me too");
    node.next(quiet, SOCKET_DATA);
    let reads = node
        .all()
        .iter()
        .filter(|event| event.socket == flooded)
        .count();
    assert!(
        reads <= 1,
        "{reads} reads of the flooder before the first of the other"
    );
}

#[test]
fn many_floods_take_turns_and_one_poll_stays_short() {
    let node = Node::with(SocketSettings {
        read_size: 64 << 10,
        ..SocketSettings::default()
    });
    let mut peers: Vec<_> = (0..40).map(|_| node.accepted()).collect();
    for (id, client) in &mut peers {
        client.set_nonblocking(true).unwrap();
        while client.write(&[0; 64 << 10]).is_ok() {}
        node.sockets.start(OWNER, *id).unwrap();
        node.next(*id, SOCKET_OPEN);
    }
    node.sink.events.lock().unwrap().clear();
    let mut reads = std::collections::HashMap::new();
    for _ in 0..4 {
        let polled = node.sockets.poll(Some(PATIENCE)).unwrap();
        let events = std::mem::take(&mut *node.sink.events.lock().unwrap());
        let bytes: u64 = events.iter().map(|event| event.value).sum();
        assert!(bytes <= (1 << 20) + (64 << 10), "{bytes} bytes in one poll");
        assert_eq!(polled, Polled::Done(events.len()));
        for event in events {
            *reads.entry(event.socket).or_insert(0) += 1;
        }
    }
    assert_eq!(reads.len(), peers.len(), "all have had their turn");
    assert!(reads.values().all(|&count| count <= 2), "{reads:?}");
}

#[test]
fn writing_before_the_start_works() {
    let node = Node::new();
    let (id, mut client) = node.accepted();
    node.write(id, b"welcome").unwrap();
    assert_eq!(read_exactly(&mut client, 7), b"welcome");
}

#[test]
fn a_paused_socket_reads_nothing_until_it_is_started() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets.pause(id).unwrap();
    assert!(
        node.sockets
            .stat()
            .iter()
            .any(|stat| stat.socket == id && stat.paused)
    );
    send(&mut client, b"later");
    client.shutdown(Shutdown::Both).unwrap();
    node.poll_now();
    assert_eq!(node.all(), []);
    node.sockets.start(OWNER, id).unwrap();
    assert_eq!(node.receive(id, 5), b"later");
    node.next(id, SOCKET_CLOSE);
}

#[test]
fn a_paused_socket_whose_peer_hangs_up_does_not_spin() {
    let node = Node::new();
    let (id, client) = node.accepted();
    socket2::SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    node.poll_now();
    assert_eq!(
        node.sockets.poll(Some(Duration::from_millis(20))).unwrap(),
        Polled::Done(0)
    );
    node.sockets.start(OWNER, id).unwrap();
    node.next(id, SOCKET_ERROR);
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.next(id, SOCKET_CLOSE);
    assert!(node.sockets.is_idle());
}

#[test]
fn a_started_socket_changes_its_owner() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    send(&mut client, b"a");
    assert_eq!(node.next(id, SOCKET_DATA).owner, OWNER);
    node.sockets.start(OTHER, id).unwrap();
    assert_eq!(node.next(id, SOCKET_OPEN).owner, OTHER);
    send(&mut client, b"b");
    assert_eq!(node.next(id, SOCKET_DATA).owner, OTHER);
    node.sockets.close_owned(OWNER);
    node.write(id, b"still there").unwrap();
    node.sockets.close_owned(OTHER);
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Dead { .. })
    ));
    assert!(node.sockets.is_idle());
    assert_eq!(node.all(), [], "a dead owner gets no events");
}

#[test]
fn a_half_closed_socket_can_be_written_until_it_is_closed() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    send(&mut client, b"question");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(node.receive(id, 8), b"question");
    node.next(id, SOCKET_CLOSE);
    node.write(id, b"answer").unwrap();
    assert_eq!(read_exactly(&mut client, 6), b"answer");
    assert!(matches!(
        node.sockets.start(OTHER, id),
        Err(SocketError::Closed { .. })
    ));
    drop(client);
    node.poll_now();
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.poll_now();
    assert_eq!(node.all(), [], "CLOSE comes once");
    assert!(node.sockets.is_idle());
}

#[test]
fn a_write_error_is_told_once_and_what_came_before_can_be_read() {
    let node = Node::new();
    let (id, mut client) = node.accepted();
    send(&mut client, b"last words");
    // Closing with unread data resets the connection.
    node.write(id, b"unread").unwrap();
    node.poll_until(|| client.peek(&mut [0; 6]).unwrap() == 6);
    drop(client);
    node.poll_until(|| node.write(id, b"x").is_err());
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    assert!(
        node.next(id, SOCKET_ERROR)
            .text()
            .starts_with("cannot send")
    );
    node.sockets.start(OWNER, id).unwrap();
    node.next(id, SOCKET_OPEN);
    node.next(id, SOCKET_CLOSE);
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.poll_now();
    let data: Vec<u8> = node
        .all()
        .iter()
        .flat_map(|event| event.payload.clone())
        .collect();
    assert!(data.is_empty() || data == b"last words", "{data:?}");
    assert!(node.all().iter().all(|event| event.event == SOCKET_DATA));
}

#[test]
fn directions_can_be_shut_down() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets.shutdown(id, SOCKET_WRITE).unwrap();
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    assert!(ends_properly(&mut client));
    send(&mut client, b"still read");
    assert_eq!(node.receive(id, 10), b"still read");

    let (id, mut client) = node.connection();
    node.sockets.shutdown(id, SOCKET_READ).unwrap();
    node.next(id, SOCKET_CLOSE);
    send(&mut client, b"not read");
    node.poll_now();
    node.write(id, b"still written").unwrap();
    assert_eq!(read_exactly(&mut client, 13), b"still written");
    node.sockets.close(id, Duration::ZERO).unwrap();
    assert_eq!(node.all(), []);
    assert!(node.sockets.shutdown(id, SOCKET_READ).is_err());
}

#[test]
fn a_shut_down_for_writing_waits_for_the_queue() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let written = node.stuff(id);
    node.sockets.shutdown(id, SOCKET_WRITE).unwrap();
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    assert!(node.drain_into(&mut client, written.len()) == written);
    node.poll_now();
    assert!(ends_properly(&mut client));
}

#[test]
fn an_abort_resets_the_connection() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.stuff(id);
    node.sockets.shutdown(id, skynet_abi::SOCKET_ABORT).unwrap();
    node.next(id, SOCKET_CLOSE);
    assert!(node.sockets.is_idle());
    assert!(!ends_properly(&mut client));
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Dead { .. })
    ));
}

#[test]
fn options_are_set_and_checked() {
    let node = Node::new();
    let (id, _client) = node.connection();
    let check = |option, value, ok| {
        let result = node.sockets.set(id, option, value);
        assert_eq!(result.is_ok(), ok, "option {option} = {value}: {result:?}");
    };
    check(skynet_abi::SOCKET_OPTION_NODELAY, 1, true);
    check(skynet_abi::SOCKET_OPTION_NODELAY, 0, true);
    check(skynet_abi::SOCKET_OPTION_NODELAY, 2, false);
    check(skynet_abi::SOCKET_OPTION_KEEPALIVE, 0, true);
    check(skynet_abi::SOCKET_OPTION_KEEPALIVE, u64::MAX, false);
    check(skynet_abi::SOCKET_OPTION_OUTPUT_LIMIT, u64::MAX, true);
    check(skynet_abi::SOCKET_OPTION_OUTPUT_POLICY, 3, false);
    check(0, 0, false);
    check(skynet_abi::SOCKET_OPTION_DEAD_AFTER, 3000, true);
    check(skynet_abi::SOCKET_OPTION_DEAD_AFTER, 0, true);
    check(6, 0, false);
}

#[test]
fn keepalive_and_nodelay_are_inherited() {
    let node = Node::new();
    let (listener, address) = node.listener();
    node.sockets
        .set(listener, skynet_abi::SOCKET_OPTION_NODELAY, 1)
        .unwrap();
    let _client = TcpStream::connect(address).unwrap();
    let id = node.next(listener, SOCKET_ACCEPT).value as i32;
    let socket = node.sockets.table.get(id).unwrap();
    let fd = socket.input().fd.clone().unwrap();
    assert!(fd.keepalive().unwrap());
    assert!(fd.tcp_nodelay().unwrap());
    assert!(fd.nonblocking().unwrap());
}

#[test]
fn a_thousand_connections_echo() {
    const COUNT: usize = 1000;
    let node = Node::new();
    let (listener, address) = node.listener();
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        let client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        clients.push(client);
        node.poll_now();
    }
    for _ in 0..COUNT {
        let id = node.next(listener, SOCKET_ACCEPT).value as i32;
        node.sockets.start(OWNER, id).unwrap();
        node.next(id, SOCKET_OPEN);
    }
    for round in 0..3u8 {
        for (at, client) in clients.iter_mut().enumerate() {
            send(client, &[round, at as u8, (at >> 8) as u8]);
        }
        let mut echoed = 0;
        node.poll_until(|| {
            for event in std::mem::take(&mut *node.sink.events.lock().unwrap()) {
                assert_eq!((event.event, event.value), (SOCKET_DATA, 3));
                node.write(event.socket, &event.payload).unwrap();
                echoed += 1;
            }
            echoed == COUNT
        });
        for (at, client) in clients.iter_mut().enumerate() {
            assert_eq!(read_exactly(client, 3), [round, at as u8, (at >> 8) as u8]);
        }
    }
    drop(clients);
    let mut closed = 0;
    node.poll_until(|| {
        for event in std::mem::take(&mut *node.sink.events.lock().unwrap()) {
            assert_eq!(event.event, SOCKET_CLOSE);
            node.sockets.close(event.socket, Duration::ZERO).unwrap();
            closed += 1;
        }
        closed == COUNT
    });
    node.sockets.close(listener, Duration::ZERO).unwrap();
    assert!(node.sockets.is_idle());
}

#[test]
fn many_threads_write_to_their_sockets_and_to_one() {
    const THREADS: usize = 4;
    const WRITES: usize = 200;
    let node = Node::new();
    let (shared, mut client) = node.connection();
    std::thread::scope(|scope| {
        for number in 0..THREADS as u8 {
            let node = &node;
            let write = move || {
                for _ in 0..WRITES {
                    let (head, tail) = ([number; 100], owned(&[number; 2900], 3));
                    let mut parts: Parts<'_> = smallvec![Part::Borrowed(&head), tail];
                    node.sockets.write(shared, &mut parts, 0).unwrap();
                    assert!(parts.is_empty());
                }
            };
            std::thread::Builder::new()
                .spawn_scoped(scope, write)
                .unwrap();
        }
        let bytes = node.drain_into(&mut client, THREADS * WRITES * 3000);
        for write in bytes.chunks(3000) {
            assert!(
                write.iter().all(|byte| byte == &write[0]),
                "a write was torn"
            );
        }
    });
}
