//! Everything at once, from many threads: nothing gets stuck, and nothing is left.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers what arrives by turns: echoes, resets, pauses, closes.
fn serve(sockets: &Sockets, event: &Event) {
    let id = event.socket;
    // Others may have closed it at any time, so each of these may fail.
    let _ = match (event.event, id % 4) {
        (SOCKET_ACCEPT, _) => sockets.start(OWNER, event.value as i32),
        (SOCKET_DATA, 0) => sockets.shutdown(id, skynet_abi::SOCKET_ABORT),
        (SOCKET_DATA, 1) => sockets.pause(id).and_then(|()| sockets.start(OTHER, id)),
        (SOCKET_DATA, _) => sockets.write(id, &mut smallvec![Part::Borrowed(&event.payload)], 0),
        (SOCKET_CLOSE, _) => sockets.close(id, Duration::from_millis(20)),
        _ => Ok(()),
    };
}

#[test]
fn nothing_gets_stuck_or_is_left() {
    const THREADS: u32 = 4;
    const ROUNDS: usize = 150;
    let node = Node::new();
    let (_, address) = node.listener();
    let address = &address.to_string();
    let done = &AtomicBool::new(false);
    let node = &node;
    std::thread::scope(|scope| {
        let mut helpers = Vec::new();
        for _ in 0..2 {
            let work = || {
                while !done.load(Ordering::Acquire) {
                    if node.sockets.poll(Some(Duration::from_millis(1))).unwrap() == Polled::Busy {
                        std::thread::yield_now();
                    }
                    let events = std::mem::take(&mut *node.sink.events.lock().unwrap());
                    for event in &events {
                        serve(&node.sockets, event);
                    }
                }
            };
            helpers.push(scope.spawn(work));
        }
        let mut clients = Vec::new();
        for number in 0..THREADS {
            let owner = Context {
                handle: 100 + number,
                generation: 1,
            };
            let work = move || {
                for round in 0..ROUNDS {
                    let id = node
                        .sockets
                        .connect(owner, address, Duration::ZERO)
                        .unwrap();
                    let bytes = vec![number as u8; 100 << (round % 12)];
                    let _ = node.write(id, &bytes);
                    match round % 5 {
                        0 => drop(node.sockets.close(id, Duration::from_millis(20))),
                        1 => drop(node.sockets.shutdown(id, skynet_abi::SOCKET_ABORT)),
                        2 => drop(node.sockets.shutdown(id, skynet_abi::SOCKET_WRITE)),
                        3 => drop(node.sockets.stat()),
                        _ => node.sockets.close_owned(owner),
                    }
                }
                node.sockets.close_owned(owner);
            };
            clients.push(scope.spawn(work));
        }
        for client in clients {
            client.join().unwrap();
        }
        done.store(true, Ordering::Release);
        for helper in helpers {
            helper.join().unwrap();
        }
    });
    node.sockets.close_all(Duration::from_millis(50));
    node.poll_until(|| node.sockets.is_idle());
    assert!(node.sockets.table.owned(OWNER).is_empty());
    assert!(node.sockets.table.owned(OTHER).is_empty());
    assert_eq!(
        node.sockets.poll(Some(Duration::from_millis(30))).unwrap(),
        Polled::Done(0)
    );
}
