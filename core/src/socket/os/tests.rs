//! Both ways of waiting do the same.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::{Interest, Occurrence};

macro_rules! selector_tests {
    ($system:ident) => {
        mod $system {
            use super::super::$system::{Ready, Selector, set_dead_after};
            use super::*;

            fn wait(selector: &Selector, timeout: Option<Duration>) -> Vec<Occurrence> {
                let mut ready = Ready::new();
                selector.wait(&mut ready, timeout).unwrap();
                ready.iter().collect()
            }

            #[test]
            fn registrations_last_until_they_are_changed() {
                let selector = Selector::new().unwrap();
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                let key = 5 | 3 << 32;
                let event = |readable, writable| Occurrence {
                    key,
                    readable,
                    writable,
                };
                selector.add(&socket, key, Interest::READ).unwrap();
                assert_eq!(wait(&selector, Some(Duration::ZERO)), []);
                socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
                // Reported as long as it holds.
                assert_eq!(wait(&selector, None), [event(true, false)]);
                assert_eq!(wait(&selector, None), [event(true, false)]);
                selector.modify(&socket, key, Interest::WRITE).unwrap();
                assert_eq!(wait(&selector, None), [event(false, true)]);
                let both = Interest {
                    read: true,
                    write: true,
                };
                selector.modify(&socket, key, both).unwrap();
                assert_eq!(wait(&selector, None), [event(true, true)]);
                selector.delete(&socket).unwrap();
                assert_eq!(wait(&selector, Some(Duration::ZERO)), []);
            }

            #[test]
            fn a_connection_can_be_watched() {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let connection = socket2::Socket::from(connection);
                set_dead_after(&connection, 3000).unwrap();
                assert!(connection.keepalive().unwrap());
                set_dead_after(&connection, 0).unwrap();
            }

            #[test]
            fn notifications_end_one_wait() {
                let selector = Selector::new().unwrap();
                for _ in 0..3 {
                    selector.notify();
                    selector.notify();
                    assert_eq!(wait(&selector, None), []);
                }
            }

            #[test]
            fn time_outs_are_not_early() {
                let selector = Selector::new().unwrap();
                for micros in [0, 1, 300, 1_500, 20_000] {
                    let timeout = Duration::from_micros(micros);
                    let start = Instant::now();
                    assert_eq!(wait(&selector, Some(timeout)), []);
                    assert!(start.elapsed() >= timeout);
                }
            }
        }
    };
}

#[cfg(target_os = "linux")]
selector_tests!(linux);
selector_tests!(other);
