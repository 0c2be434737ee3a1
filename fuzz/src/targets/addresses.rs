//! Addresses: of hosts as people write them, of datagrams as bytes, of services as `:hex`.

use skynet_core::fuzz;
use skynet_service::Handle;
use skynet_service::abi;
use skynet_service::socket::SocketEvent;

use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "addresses",
    about: "resolver addresses, datagram addresses, socket events, handles",
    run,
    seeds,
    tokens: &[
        b":",
        b"[",
        b"]",
        b"[::1]:80",
        b"::",
        b"%eth0",
        b"65535",
        b"65536",
        b"+1",
        b":0000000a",
        b":ffffffff",
        b"\x01\0\x50\x7f\0\0\x01",
        b"\x02\0\x50",
        b"\x06\0\0\0",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 13,
        per_byte: 100,
    },
};

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    check_host(&text);
    check_handle(&text);
    check_datagram(bytes);
    let mut input = Input::new(bytes);
    let (socket, event) = (input.any(), input.any::<u32>() % 9);
    let value = input.edge(&[0, 7, 19, 26, 65_535, u64::from(u32::MAX), u64::MAX]);
    check_event(socket, event, value, input.rest());
}

fn check_host(text: &str) {
    match fuzz::address(text) {
        Ok((host, port)) => {
            if let Some(host) = &host {
                assert!((1..=255).contains(&host.len()), "{host}");
                assert!(!host.contains(|c: char| c.is_whitespace() || c.is_control()));
            }
            let again = fuzz::address_text(host.clone(), port);
            assert_eq!(fuzz::address(&again), Ok((host, port)), "{again}");
        }
        Err(error) => {
            // The beginning of it is quoted, each character in up to ten.
            assert!(error.len() <= 80 * 10 + 200, "{}", error.len());
            assert!(!error.chars().any(char::is_control), "{error:?}");
        }
    }
}

/// The node and the SDK read the same.
fn check_handle(text: &str) {
    let handle = fuzz::handle(text);
    assert_eq!(text.parse::<Handle>().ok(), handle.map(Handle), "{text:?}");
    if let Some(handle) = handle {
        assert_eq!(fuzz::handle(&Handle(handle).to_string()), Some(handle));
    }
}

fn check_datagram(bytes: &[u8]) {
    let address = fuzz::udp_address(bytes);
    if let Some(address) = address {
        assert_eq!(fuzz::udp_blob(address), bytes);
    }
    // What the node appends to a datagram, the SDK takes off again.
    let payload = [b"data", bytes].concat();
    let event = SocketEvent::parse(7, abi::SOCKET_UDP, 4, &payload);
    match (event, address) {
        (SocketEvent::Udp { data, from, .. }, Some(address)) => {
            assert_eq!((data, from), (&b"data"[..], address));
        }
        (SocketEvent::Unknown { .. }, None) => {}
        (event, address) => panic!("{event:?}, not {address:?}"),
    }
}

fn check_event(socket: i32, event: u32, value: u64, payload: &[u8]) {
    let parsed = SocketEvent::parse(socket, event, value, payload);
    assert_eq!(parsed.socket().0, socket);
    match parsed {
        SocketEvent::Data { data, .. } => assert_eq!(data, payload),
        SocketEvent::Udp { data, .. } => {
            assert!(payload.starts_with(data) && data.len() as u64 == value);
        }
        SocketEvent::Unknown { event: found, .. } => assert_eq!(found, event),
        _ => {}
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "127.0.0.1:8888",
        "localhost:0",
        "[::1]:65535",
        "[fe80::1%eth0]:1",
        ":80",
        "80",
        ":0100000a",
        ":FFffFFff",
        ":+1",
        "a b:1",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    seeds.extend([255, 256].map(|len| format!("{}:1", "h".repeat(len)).into_bytes()));
    for text in ["127.0.0.1:80", "[::1]:65535", "[::ffff:1.2.3.4]:7"] {
        if let Ok(address) = text.parse() {
            let blob = fuzz::udp_blob(address);
            seeds.push(
                [
                    &b"\x07\0\0\0\x06\0\0\0\0"[..],
                    &4_u64.to_le_bytes(),
                    b"data",
                    &blob,
                ]
                .concat(),
            );
            seeds.push(blob);
        }
    }
    // Other events, with the same fields in front.
    seeds.extend((1..9).map(|event| [&[7, 0, 0, 0, event, 0, 0, 0, 0][..], &[9; 12]].concat()));
    seeds
}
