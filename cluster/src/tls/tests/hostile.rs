//! What is no TLS, or not the TLS that it should be.

use super::*;
use crate::tls::session::HANDSHAKE;

/// Where a record has the version that nobody looks at.
const VERSION: usize = 2;

fn server(pki: &Pki) -> Tls {
    Tls::server(&pki.server()).unwrap()
}

#[test]
fn garbage_is_told_from_tls() {
    let _node = Node::new();
    let pki = Pki::new();
    // A request of the cluster protocol, a web browser, noise.
    for garbage in [
        &b"\x00\x12\x80\x04\x40svc\x01\x00\x00\x00\x2cHELLO\x0a\x01"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 100],
        &[0; 100],
    ] {
        let mut server = server(&pki);
        let error = server.read(garbage).unwrap_err();
        assert!(
            error.starts_with("the client does not speak TLS ("),
            "{error}"
        );
        // It stays so, and there is at most an alert to send.
        server.read(garbage).unwrap_err();
        assert!(server.take_output().is_none_or(|out| out.len() < 100));
        let mut client = Tls::client(&pki.client(), "db.example").unwrap();
        let error = client.read(garbage).unwrap_err();
        assert!(
            error.starts_with("db.example does not speak TLS ("),
            "{error}"
        );
    }
}

#[test]
fn every_changed_byte_of_a_handshake_ends_in_an_error_or_in_nothing() {
    let pki = Pki::new();
    let count = Pair::fitting(&pki).client.take_output().unwrap().len();
    for at in (0..count).filter(|&at| at != VERSION) {
        let mut pair = Pair::fitting(&pki);
        let mut hello = pair.client.take_output().unwrap();
        hello.as_mut_slice()[at] ^= 0x55;
        let (mut client, mut server) = (Ok(()), Ok(()));
        feed(&mut pair.server, Some(hello), usize::MAX, &mut server);
        let answer = pair.server.take_output();
        feed(&mut pair.client, answer, usize::MAX, &mut client);
        let finished = pair.client.take_output();
        feed(&mut pair.server, finished, usize::MAX, &mut server);
        assert!(
            pair.server.is_handshaking(),
            "a changed byte {at} was not seen"
        );
    }
}

#[test]
fn every_changed_byte_of_a_record_is_seen() {
    let pki = Pki::new();
    let count = {
        let mut pair = Pair::fitting(&pki).connected();
        encrypted(&mut pair.client, b"secret").len()
    };
    for at in (0..count).filter(|&at| at != VERSION) {
        let mut pair = Pair::fitting(&pki).connected();
        let mut record = encrypted(&mut pair.client, b"secret");
        record.as_mut_slice()[at] ^= 0x55;
        // A record may have become longer than what came of it.
        let result = pair.server.read(&record);
        assert!(
            result.as_ref().is_ok_and(|plain| plain.is_empty()) || result.is_err(),
            "a changed byte {at} was not seen"
        );
    }
    let mut pair = Pair::fitting(&pki).connected();
    let mut record = encrypted(&mut pair.client, b"secret");
    let last = record.len() - 1;
    record.as_mut_slice()[last] ^= 1;
    assert_eq!(
        pair.server.read(&record).unwrap_err(),
        "a TLS record of the client was changed on its way"
    );
}

#[test]
fn a_truncated_handshake_goes_on_where_it_was_cut() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki);
    let hello = pair.client.take_output().unwrap();
    let (first, rest) = hello.split_at(hello.len() / 2);
    assert_eq!(pair.server.read(first).unwrap(), b"");
    assert!(pair.server.is_handshaking());
    assert!(pair.server.take_output().is_none());
    pair.server.read(rest).unwrap();
    assert!(pair.server.take_output().is_some());
}

#[test]
fn a_handshake_without_an_end_is_given_up() {
    let _node = Node::new();
    let pki = Pki::new();
    let mut server = server(&pki);
    // A first message that says it is 60,000 bytes long, in records of 4,096.
    let mut message = vec![1, 0, 0xea, 0x60];
    message.resize(60_004, 0);
    let mut taken = 0;
    let error = message
        .chunks(4096)
        .find_map(|part| {
            let mut record = vec![0x16, 3, 1];
            record.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
            record.extend_from_slice(part);
            taken += record.len();
            server.read(&record).err()
        })
        .unwrap();
    assert!(taken <= HANDSHAKE + 4101 * 2, "{taken}");
    assert_eq!(
        error,
        format!("the client sent more than {HANDSHAKE} bytes before the TLS handshake had ended")
    );
}

#[test]
fn a_record_that_is_too_large_is_refused() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki).connected();
    let mut record = vec![0x17, 3, 3, 0xff, 0xff];
    record.resize(70_000, 0);
    let error = pair.server.read(&record).unwrap_err();
    assert!(error.contains("the client"), "{error}");
}

#[test]
fn records_of_nothing_have_an_end() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki);
    // Before the handshake: records that carry nothing, and warnings.
    for record in [&[0x16, 3, 1, 0, 0][..], &[0x15, 3, 1, 0, 2, 1, 90]] {
        let ended = (0..10_000).any(|_| pair.server.read(record).is_err());
        assert!(ended, "{record:?}");
        pair = Pair::fitting(&pki);
    }
}
