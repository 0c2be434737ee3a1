//! The output queue: priorities, warnings, limits.

use super::*;
use skynet_abi::{
    SOCKET_ERROR, SOCKET_LOW_PRIORITY, SOCKET_OPTION_OUTPUT_LIMIT, SOCKET_OPTION_OUTPUT_POLICY,
    SOCKET_POLICY_CLOSE, SOCKET_POLICY_PAUSE, SOCKET_WARNING, STATUS_FULL,
};

const MIB: usize = 1 << 20;

#[test]
fn high_writes_overtake_low_ones_and_none_is_torn() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let mut expected = node.stuff(id);
    let write = |byte: u8, priority| {
        let bytes = vec![byte; 10_000];
        let (head, tail) = bytes.split_at(5_000);
        node.sockets
            .write(
                id,
                &mut smallvec![Part::Borrowed(head), owned(tail, 1)],
                priority,
            )
            .unwrap();
        bytes
    };
    let low = [
        write(b'l', SOCKET_LOW_PRIORITY),
        write(b'm', SOCKET_LOW_PRIORITY),
    ];
    let high = [write(b'h', 0), write(b'i', 0)];
    expected.extend(high.concat());
    expected.extend(low.concat());
    assert!(node.drain_into(&mut client, expected.len()) == expected);
}

#[test]
fn a_low_write_that_has_begun_is_not_torn() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    // Sent in part at once.
    let low = pattern(16 * MIB, 0);
    node.sockets
        .write(id, &mut smallvec![owned(&low, 0)], SOCKET_LOW_PRIORITY)
        .unwrap();
    assert!(node.queued(id) > 0);
    node.write(id, b"high").unwrap();
    let expected = [&low, &b"high"[..]].concat();
    assert!(node.drain_into(&mut client, expected.len()) == expected);
}

#[test]
fn warnings_come_at_doubling_marks_and_when_drained() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let mut total = node.stuff(id).len();
    let mut warned = Vec::new();
    while node.queued(id) < 9 * MIB {
        node.write(id, &[0; 1000]).unwrap();
        total += 1000;
        while let Some(event) = node.take(id, SOCKET_WARNING) {
            assert_eq!(event.value, node.queued(id).div_ceil(1024) as u64);
            warned.push(event.value);
        }
    }
    let marks: Vec<u64> = warned
        .iter()
        .map(|kib| kib.next_power_of_two() / 2)
        .collect();
    assert_eq!(marks, [1024, 2048, 4096, 8192], "{warned:?}");
    node.drain_into(&mut client, total);
    assert_eq!(node.next(id, SOCKET_WARNING).value, 0);
    // All anew.
    while node.queued(id) < MIB {
        node.write(id, &[0; 1000]).unwrap();
    }
    assert!((1024..1026).contains(&node.next(id, SOCKET_WARNING).value));
}

#[test]
fn at_the_limit_a_warning_by_default() {
    let node = Node::new();
    let (id, _client) = node.connection();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_LIMIT, 1 << 16)
        .unwrap();
    node.stuff(id);
    while node.queued(id) < 1 << 18 {
        node.write(id, &[0; 1000]).unwrap();
    }
    assert!((64..=128).contains(&node.next(id, SOCKET_WARNING).value));
    node.poll_now();
    assert_eq!(node.all(), []);
}

#[test]
fn at_the_limit_reading_pauses_until_half_is_sent() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    let limit = MIB;
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_LIMIT, limit as u64)
        .unwrap();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_POLICY, SOCKET_POLICY_PAUSE)
        .unwrap();
    let mut total = node.stuff(id).len();
    let error = loop {
        match node.write(id, &[7; 1000]) {
            Ok(()) => total += 1000,
            Err(error) => break error,
        }
    };
    assert_eq!(error.status(), STATUS_FULL);
    assert!((2 * limit - 1000..=2 * limit).contains(&node.queued(id)));
    // Owned parts come back untouched.
    let mut parts: Parts<'_> = smallvec![owned(&[1; 5000], 2)];
    assert_eq!(
        node.sockets.write(id, &mut parts, 0).unwrap_err().status(),
        STATUS_FULL
    );
    let Some(Part::Owned(part)) = parts.pop() else {
        panic!("the part is gone")
    };
    assert_eq!(part.bytes(), [1; 5000]);
    assert_eq!(part.into_buffer().capacity(), 5002);
    // A request is not read now.
    send(&mut client, b"request");
    node.poll_now();
    assert!(node.take(id, SOCKET_DATA).is_none());
    assert!(
        node.sockets
            .stat()
            .iter()
            .any(|stat| stat.socket == id && stat.paused)
    );
    node.drain_into(&mut client, total);
    assert_eq!(node.receive(id, 7), b"request");
}

#[test]
fn at_the_limit_the_connection_is_reset() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_LIMIT, MIB as u64)
        .unwrap();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_POLICY, SOCKET_POLICY_CLOSE)
        .unwrap();
    node.stuff(id);
    let error = loop {
        let mut parts: Parts<'_> = smallvec![owned(&[7; 1000], 0)];
        if let Err(error) = node.sockets.write(id, &mut parts, 0) {
            assert_eq!(parts.len(), 1);
            break error;
        }
    };
    assert_eq!(error.status(), STATUS_FULL);
    assert!(
        node.next(id, SOCKET_ERROR)
            .text()
            .contains("the limit is 1048576")
    );
    assert!(matches!(
        node.write(id, b"x"),
        Err(SocketError::Closed { .. })
    ));
    assert!(!ends_properly(&mut client));
    node.sockets.close(id, Duration::ZERO).unwrap();
    node.next(id, SOCKET_CLOSE);
    assert!(node.sockets.is_idle());
}

#[test]
fn one_write_beyond_the_limit_goes_out_as_far_as_the_policy_allows() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_LIMIT, 1000)
        .unwrap();
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_POLICY, SOCKET_POLICY_PAUSE)
        .unwrap();
    assert_eq!(
        node.write(id, &[0; 2001]).unwrap_err().status(),
        STATUS_FULL
    );
    node.write(id, &[0; 2000]).unwrap();
    read_exactly(&mut client, 2000);
    node.sockets
        .set(id, SOCKET_OPTION_OUTPUT_POLICY, SOCKET_POLICY_CLOSE)
        .unwrap();
    // The kernel takes it, so nothing waits.
    node.write(id, &[0; 5000]).unwrap();
    read_exactly(&mut client, 5000);
}

#[test]
fn writes_of_odd_shapes() {
    let node = Node::new();
    let (id, mut client) = node.connection();
    node.sockets.write(id, &mut Parts::new(), 0).unwrap();
    node.write(id, b"").unwrap();
    assert!(
        node.sockets
            .write(id, &mut smallvec![Part::Borrowed(b"x")], 2)
            .is_err()
    );
    let bytes = pattern(3000, 0);
    let mut parts: Parts<'_> = bytes.chunks(10).map(Part::Borrowed).collect();
    parts.insert(7, Part::Borrowed(b""));
    node.sockets.write(id, &mut parts, 0).unwrap();
    assert_eq!(read_exactly(&mut client, 3000), bytes);
}
