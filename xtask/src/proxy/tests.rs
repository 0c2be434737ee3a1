use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use super::*;

const LONG: Duration = Duration::from_secs(30);
/// Long enough for something that must not happen to be seen if it did.
const MOMENT: Duration = Duration::from_millis(40);

/// A proxy with both ends of one connection through it.
fn connected() -> (Proxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let (client, server) = join(&proxy, &listener);
    (proxy, client, server)
}

fn join(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(LONG)).unwrap();
    }
    (client, server)
}

fn hears(stream: &mut TcpStream, text: &[u8]) {
    let mut found = vec![0; text.len()];
    stream.read_exact(&mut found).unwrap();
    assert_eq!(found, text);
}

fn hears_nothing(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    stream.set_read_timeout(Some(LONG)).unwrap();
}

#[test]
fn bytes_and_ends_pass_both_ways_and_are_counted() {
    let (proxy, mut client, mut server) = connected();
    client.write_all(b"question").unwrap();
    hears(&mut server, b"question");
    server.write_all(b"answer").unwrap();
    hears(&mut client, b"answer");
    let traffic = Traffic {
        open: 1,
        accepted: 1,
        forth: 8,
        back: 6,
    };
    assert_eq!(proxy.traffic().unwrap(), traffic);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    server.write_all(b"late").unwrap();
    hears(&mut client, b"late");
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    proxy.wait_open(0, LONG).unwrap();
}

#[test]
fn cuts_end_both_sides() {
    let (proxy, mut client, mut server) = connected();
    proxy.cut(Cut::Fin).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);

    let (proxy, mut client, mut server) = connected();
    assert_eq!(proxy.cut(Cut::Reset).unwrap().open, 0);
    for stream in [&mut client, &mut server] {
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_cut_comes_behind_the_byte_that_was_named() {
    let (proxy, mut client, mut server) = connected();
    proxy.cut_after(Way::Forth, 5, Cut::Fin).unwrap();
    client.write_all(b"0123").unwrap();
    hears(&mut server, b"0123");
    client.write_all(b"456789").unwrap();
    hears(&mut server, b"4");
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    assert_eq!(proxy.traffic().unwrap().forth, 5);
}

#[test]
fn of_several_connections_one_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let (mut quiet, mut quiet_end) = join(&proxy, &listener);
    let (mut busy, mut busy_end) = join(&proxy, &listener);
    proxy.wait_open(2, LONG).unwrap();
    proxy.cut_after(Way::Back, 3, Cut::Reset).unwrap();
    busy_end.write_all(b"123").unwrap();
    let mut found = Vec::new();
    let error = busy.read_to_end(&mut found).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    quiet_end.write_all(b"12345").unwrap();
    hears(&mut quiet, b"12345");
    assert_eq!(proxy.traffic().unwrap().open, 1);
}

#[test]
fn silence_is_not_an_end_and_loses_nothing() {
    let (proxy, mut client, mut server) = connected();
    proxy.silence().unwrap();
    client.write_all(b"lost?").unwrap();
    drop(client);
    hears_nothing(&mut server);
    assert_eq!(proxy.traffic().unwrap().open, 1);
    proxy.resume().unwrap();
    hears(&mut server, b"lost?");
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_silent_proxy_answers_no_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    proxy.silence().unwrap();
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    hears_nothing(&mut client);
    assert!(listener.accept().is_err());
    proxy.resume().unwrap();
    proxy.wait_open(1, LONG).unwrap();
    assert!(listener.accept().is_ok());
}

#[test]
fn refused_connections_are_refused_and_the_others_stay() {
    let (proxy, mut client, mut server) = connected();
    proxy.refuse().unwrap();
    let error = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    client.write_all(b"still").unwrap();
    hears(&mut server, b"still");
    proxy.admit().unwrap();
    TcpStream::connect(proxy.address()).unwrap();
}

#[test]
fn a_target_that_is_not_there_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(nobody).unwrap();
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.retarget(listener.local_addr().unwrap()).unwrap();
    let (mut client, mut server) = join(&proxy, &listener);
    client.write_all(b"hello").unwrap();
    hears(&mut server, b"hello");
}

#[test]
fn a_torn_stream_has_the_same_bytes_in_more_pieces() {
    let (proxy, mut client, mut server) = connected();
    proxy.chop(Some(7)).unwrap();
    let sent: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let copy = sent.clone();
    let writer = thread::Builder::new().spawn(move || client.write_all(&copy).map(|()| client));
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    let mut pieces = 0;
    while found.len() < sent.len() {
        let count = server.read(&mut buffer).unwrap();
        assert_ne!(count, 0);
        found.extend_from_slice(&buffer[..count]);
        pieces += 1;
    }
    assert!(found == sent);
    assert!(pieces > 10, "{pieces} pieces");
    writer.unwrap().join().unwrap().unwrap();
}

#[test]
fn delays_garbage_and_replacements() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    proxy.replace("here:1", "ther:2").unwrap();
    assert!(proxy.replace("short", "longer").is_err());
    let (mut client, mut server) = join(&proxy, &listener);
    client.write_all(b"I am here:1 and here:1").unwrap();
    hears(&mut server, b"I am ther:2 and ther:2");
    proxy.inject(Way::Back, b"garbage").unwrap();
    hears(&mut client, b"garbage");

    proxy.delay(MOMENT).unwrap();
    let begin = std::time::Instant::now();
    client.write_all(b"slow").unwrap();
    hears(&mut server, b"slow");
    assert!(begin.elapsed() >= MOMENT);
}

#[test]
fn a_proxy_ends_with_its_connections() {
    let (proxy, mut client, _server) = connected();
    drop(proxy);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}
