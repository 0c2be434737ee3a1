//! Connections that come about.

use super::*;

#[test]
fn both_ends_agree_and_are_bound_to_each_other() {
    let pki = Pki::new();
    let mut bindings = Vec::new();
    for name in ["db.example", "127.0.0.1", "::1", "[::1]"] {
        let pair = Pair::new(&pki.client(), name, &pki.server());
        assert!(pair.client.binding().is_none());
        let pair = pair.connected();
        let binding = pair.client.binding().unwrap();
        assert_eq!(pair.server.binding(), Some(binding));
        assert!(!bindings.contains(&binding), "each connection has its own");
        bindings.push(binding);
    }
}

#[test]
fn clients_show_their_certificate_when_asked() {
    let pki = Pki::new();
    Pair::new(&pki.with("client"), "db.example", &pki.mutual()).connected();
    Pair::new(&pki.with("client"), "db.example", &pki.server()).connected();
}

#[test]
fn bytes_may_come_one_by_one() {
    let pki = Pki::new();
    let mut pair = Pair::new(&pki.with("client"), "db.example", &pki.mutual());
    assert_eq!(pair.shake_hands(1), (Ok(()), Ok(())));
    let records = encrypted(&mut pair.client, b"hello");
    let mut plain = Vec::new();
    for byte in records.chunks(1) {
        plain.extend_from_slice(pair.server.read(byte).unwrap());
    }
    assert_eq!(plain, b"hello");
}

#[test]
fn large_bodies_go_both_ways_whole() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki).connected();
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    for to_server in [true, false] {
        let (from, to) = match to_server {
            true => (&mut pair.client, &mut pair.server),
            false => (&mut pair.server, &mut pair.client),
        };
        let records = encrypted(from, &body);
        let mut plain = Vec::new();
        for chunk in records.chunks(65_536) {
            let part = to.read(chunk).unwrap();
            assert!(part.len() <= chunk.len() + (16 << 10), "{}", part.len());
            plain.extend_from_slice(part);
        }
        assert!(plain == body);
    }
}

#[test]
fn what_follows_the_handshake_in_one_chunk_is_read() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki);
    let hello = pair.client.take_output().unwrap();
    pair.server.read(&hello).unwrap();
    let answer = pair.server.take_output().unwrap();
    pair.client.read(&answer).unwrap();
    let mut finished = pair.client.take_output().unwrap();
    pair.client.write(&[7; 60_000], &mut finished).unwrap();
    assert_eq!(pair.server.read(&finished).unwrap(), [7; 60_000]);
}

#[test]
fn nothing_is_written_before_the_handshake_has_ended() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki);
    let mut out = Buffer::new();
    let error = pair.client.write(b"early", &mut out).unwrap_err();
    assert_eq!(
        error,
        "nothing can be written before the TLS handshake has ended"
    );
    assert!(out.is_empty());
}

#[test]
fn an_end_is_told_and_what_follows_it_is_ignored() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki).connected();
    let mut last = encrypted(&mut pair.client, b"last");
    last.extend_from_slice(&pair.client.close().unwrap());
    last.extend_from_slice(b"anything");
    assert_eq!(pair.server.read(&last).unwrap(), b"last");
    assert!(pair.server.is_closed());
    assert_eq!(pair.server.read(b"more").unwrap(), b"");
    assert!(!pair.client.is_closed());
}

#[test]
fn memory_of_a_large_read_is_given_back() {
    let pki = Pki::new();
    let mut pair = Pair::fitting(&pki).connected();
    let records = encrypted(&mut pair.client, &[1; 400_000]);
    assert_eq!(pair.server.read(&records).unwrap().len(), 400_000);
    let small = encrypted(&mut pair.client, b"small");
    pair.server.read(&small).unwrap();
    assert!(pair.server.kept() <= 16 << 10, "{}", pair.server.kept());
}
