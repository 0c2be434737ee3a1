//! The text protocol between a gate, its watchdog and the services behind it.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use skynet_gate_wire::{
    Address, Command, Framing, Launch, Listen, Notice, append_client_id, split_client_write,
};

#[test]
fn commands() {
    let check = |text: &str, expected: Command| {
        assert_eq!(
            Command::parse(text.as_bytes()).as_ref(),
            Ok(&expected),
            "{text}"
        );
        assert_eq!(expected.to_string(), text.trim_end());
    };
    check("kick 3", Command::Kick { id: 3 });
    check("kick 3\n", Command::Kick { id: 3 });
    check("start 4294967295", Command::Start { id: u32::MAX });
    check("close", Command::Close);
    let forward = Command::Forward {
        id: 3,
        agent: 0x0100_000a,
        client: 0x1234,
    };
    check("forward 3 :0100000a :00001234", forward);
    check(
        "forward 3 :00000000 :00000000",
        Command::Forward {
            id: 3,
            agent: 0,
            client: 0,
        },
    );
    check(
        "broker .login",
        Command::Broker(Address::Local("login".to_owned())),
    );
    check(
        "broker :0100000a",
        Command::Broker(Address::Handle(0x0100_000a)),
    );
    let short = Command::Forward {
        id: 3,
        agent: 10,
        client: 1,
    };
    assert_eq!(Command::parse(b"forward 3 :a :1"), Ok(short));
}

#[test]
fn no_commands() {
    let check = |text: &[u8], error: &str| {
        assert_eq!(Command::parse(text).unwrap_err().to_string(), error);
    };
    const UNKNOWN: &str = "wanted kick, start, close, forward or broker";
    check(b"", &format!("command \"\": {UNKNOWN}"));
    check(b"k 3", &format!("command \"k 3\": {UNKNOWN}"));
    check(b"kicks 3", &format!("command \"kicks 3\": {UNKNOWN}"));
    check(b"\xff\n\"", &format!("command \"\\xff\\n\\\"\": {UNKNOWN}"));
    check(b"kick", "command \"kick\": wanted kick <id>");
    check(b"kick +3", "command \"kick +3\": wanted kick <id>");
    check(
        b"kick 4294967296",
        "command \"kick 4294967296\": wanted kick <id>",
    );
    check(b"start -1", "command \"start -1\": wanted start <id>");
    check(b"close now", "command \"close now\": wanted close");
    for arguments in [
        "",
        " 3",
        " 3 :a",
        " 3 a :b",
        " x :a :b",
        " 3 :a :b :c",
        " 3 :+a :b",
        " 3 :100000000 :b",
    ] {
        let text = format!("forward{arguments}");
        check(
            text.as_bytes(),
            &format!("command \"{text}\": wanted forward <id> :<agent> :<client>"),
        );
    }
    const ADDRESS: &str = "wanted :handle in hexadecimal digits, not 0, or .name";
    check(
        b"broker",
        &format!("command broker: address \"\": {ADDRESS}"),
    );
    check(
        b"broker login",
        &format!("command broker: address \"login\": {ADDRESS}"),
    );
    check(
        b"broker :0",
        &format!("command broker: address \":0\": {ADDRESS}"),
    );
}

#[test]
fn launches() {
    let check = |text: &str, expected: Launch| {
        assert_eq!(text.parse::<Launch>().as_ref(), Ok(&expected), "{text}");
        assert_eq!(
            expected.to_string().parse::<Launch>(),
            Ok(expected),
            "{text}, again"
        );
    };
    let listen = |host: Option<&str>, port| Listen {
        host: host.map(str::to_owned),
        port,
    };
    let base = Launch {
        framing: Framing::Length2,
        watchdog: Some(Address::Handle(0x0100_0008)),
        listen: listen(None, 8888),
        client_tag: 3,
        max: 64,
        options: Vec::new(),
    };
    check("S :01000008 8888 0 64", base.clone());
    check("  length2  :1000008\t8888 3 64\n", base.clone());
    check(
        "L ! 8888 0 64",
        Launch {
            framing: Framing::Length4,
            watchdog: None,
            ..base.clone()
        },
    );
    check(
        "L !none 8888 0 64",
        Launch {
            framing: Framing::Length4,
            watchdog: None,
            ..base.clone()
        },
    );
    let local = Address::Local("watchdog".to_owned());
    check(
        "line .watchdog 127.0.0.1:1 255 1",
        Launch {
            framing: Framing::Line,
            watchdog: Some(local),
            listen: listen(Some("127.0.0.1"), 1),
            client_tag: 255,
            max: 1,
            ..base.clone()
        },
    );
    let ipv6 = Launch {
        listen: listen(Some("::1"), 8888),
        ..base.clone()
    };
    check("S :01000008 [::1]:8888 0 64", ipv6.clone());
    check("S :01000008 ::1:8888 0 64", ipv6);
    let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let options = vec![option("a", "b=c"), option("x", "")];
    check("S :01000008 8888 0 64 a=b=c x=", Launch { options, ..base });
}

#[test]
fn no_launches() {
    let check = |text: &str, error: &str| {
        let found = text.parse::<Launch>().unwrap_err().to_string();
        assert!(found.starts_with(error), "{text}: {found}");
    };
    check("", "need header: ");
    check("S", "need watchdog: ");
    check("S !", "need listen address: ");
    check("S ! 8888", "need client tag: ");
    check("S ! 8888 0", "need max connection: ");
    check("X ! 8888 0 64", "header: framing \"X\": ");
    check("S watchdog 8888 0 64", "watchdog: address \"watchdog\": ");
    for listen in ["0", "x", "65536", "host:", ":8888", "host:0", "-1"] {
        check(
            &format!("S ! {listen} 0 64"),
            &format!("listen address {listen:?}: "),
        );
    }
    check("S ! 8888 256 64", "client tag \"256\": ");
    check("S ! 8888 0 0", "max connection \"0\": ");
    check("S ! 8888 0 -1", "max connection \"-1\": ");
    check("S ! 8888 0 64 more", "option \"more\": ");
    check("S ! 8888 0 64 =more", "option \"=more\": ");
}

#[test]
fn notices() {
    let check = |text: &[u8], expected: Notice<'_>| {
        assert_eq!(Notice::parse(text), Ok(expected));
        assert_eq!(expected.to_bytes(), text);
    };
    check(
        b"3 open 3 127.0.0.1:47924:0",
        Notice::Open {
            id: 3,
            address: "127.0.0.1:47924",
        },
    );
    check(
        b"3 data hello",
        Notice::Data {
            id: 3,
            payload: b"hello",
        },
    );
    check(
        b"3 data  a b\n\xff",
        Notice::Data {
            id: 3,
            payload: b" a b\n\xff",
        },
    );
    check(
        b"3 data ",
        Notice::Data {
            id: 3,
            payload: b"",
        },
    );
    check(b"3 close", Notice::Close { id: 3 });
    for text in [
        "",
        "3",
        "3 ",
        "x close",
        "3 closed",
        "3 close 3",
        "3 data",
        "3 open",
        "3 open 3",
        "3 open 4 a:1:0",
    ] {
        let error = Notice::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("notice \"{text}\": wanted ")),
            "{error}"
        );
    }
}

#[test]
fn client_writes() {
    let mut message = b"hello".to_vec();
    append_client_id(&mut message, 0x0102_0304);
    assert_eq!(message, b"hello\x04\x03\x02\x01");
    assert_eq!(
        split_client_write(&message),
        Ok((0x0102_0304, &b"hello"[..]))
    );
    for short in [&b""[..], b"abc", b"\x01\0\0\0"] {
        let error = split_client_write(short).unwrap_err();
        assert_eq!(error.found, short.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..80)) {
        let _ = Command::parse(&bytes);
        let _ = split_client_write(&bytes);
        if let Ok(notice) = Notice::parse(&bytes) {
            let text = notice.to_bytes();
            prop_assert_eq!(Notice::parse(&text), Ok(notice));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(
        text in "(kick|start|close|forward|broker|[SLx]|line|raw)?( ?[ :.!=0-9a-f]{0,9}){0,6}",
    ) {
        if let Ok(command) = Command::parse(text.as_bytes()) {
            prop_assert_eq!(Command::parse(command.to_string().as_bytes()), Ok(command));
        }
        if let Ok(launch) = text.parse::<Launch>() {
            prop_assert_eq!(launch.to_string().parse::<Launch>(), Ok(launch));
        }
    }

    #[test]
    fn any_packet_fits_a_notice_and_a_client_write(id: u32, payload in vec(any::<u8>(), 1..80)) {
        let notice = Notice::Data { id, payload: &payload };
        let text = notice.to_bytes();
        prop_assert_eq!(Notice::parse(&text), Ok(notice));
        let mut message = payload.clone();
        append_client_id(&mut message, id);
        prop_assert_eq!(split_client_write(&message), Ok((id, &payload[..])));
    }
}
