//! Texts to and from gates: commands, notices, launch lines, settings, packets for clients.

use skynet_gate_wire::{
    Address, Command, CommandError, Framing, Launch, Notice, append_client_id, split_client_write,
};
use skynet_seri::ValueRef;

use super::sources::gate_settings::{Given, Settings};
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "gate",
    about: "gate/wire and gate: commands, notices, launch lines, settings, packets for clients",
    run,
    seeds,
    tokens: &[
        b"kick ",
        b"start ",
        b"close",
        b"forward ",
        b"broker ",
        b" :",
        b".",
        b" data ",
        b" open ",
        b":0",
        b"S ",
        b"L ",
        b"line ",
        b"raw ",
        b"! ",
        b" 8888",
        b"[::1]:",
        b" nodelay=",
        b" max_packet=",
        b" idle_timeout=",
        b" output_limit=",
        b" backlog=",
        b"4294967295",
        b"4294967296",
        b"65536",
        b"+1",
        b"-0",
        b"1e308",
        b"nan",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 14,
        per_byte: 400,
    },
};

/// Bytes of an error that do not depend on the text; what is quoted of it is cut or at most four times as long.
const ERROR: usize = 600;

fn run(bytes: &[u8]) {
    check_command(bytes);
    check_notice(bytes);
    check_client_write(bytes);
    let text = String::from_utf8_lossy(bytes);
    check_launch(&text);
    check_settings(&text);
    if let Ok(address) = text.parse::<Address>() {
        assert_ne!(address, Address::Handle(0));
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(framing) = text.parse::<Framing>() {
        assert_eq!(framing.to_string().parse(), Ok(framing));
    }
}

fn check_command(bytes: &[u8]) {
    match Command::parse(bytes) {
        Ok(command) => {
            let text = command.to_string();
            assert_eq!(Command::parse(text.as_bytes()), Ok(command));
        }
        Err(error) => {
            let found = error.to_string();
            assert!(found.len() <= ERROR, "{found}");
            assert!(!found.chars().any(char::is_control), "{found:?}");
            assert!(matches!(
                error,
                CommandError::Unknown { .. }
                    | CommandError::Arguments { .. }
                    | CommandError::Broker(_)
            ));
        }
    }
}

fn check_notice(bytes: &[u8]) {
    match Notice::parse(bytes) {
        Ok(notice) => {
            let text = notice.to_bytes();
            assert_eq!(Notice::parse(&text), Ok(notice));
            if let Notice::Data { payload, .. } = notice {
                assert!(bytes.ends_with(payload));
            }
        }
        Err(error) => {
            let found = error.to_string();
            assert!(
                found.len() <= ERROR && !found.chars().any(char::is_control),
                "{found:?}"
            );
        }
    }
}

fn check_client_write(bytes: &[u8]) {
    match split_client_write(bytes) {
        Ok((id, payload)) => {
            assert!(!payload.is_empty());
            let mut again = payload.to_vec();
            append_client_id(&mut again, id);
            assert_eq!(again, bytes);
        }
        Err(error) => assert!(bytes.len() <= 4 && error.found == bytes.len()),
    }
}

fn check_launch(text: &str) {
    match text.parse::<Launch>() {
        Ok(launch) => {
            assert!(launch.client_tag != 0 && launch.max != 0 && launch.listen.port != 0);
            let again = launch.to_string().parse::<Launch>();
            assert_eq!(again.as_ref(), Ok(&launch), "{launch}");
            if let Ok(settings) = Settings::from_launch(&launch) {
                check_bounds(&settings);
            }
        }
        Err(error) => {
            let found = error.to_string();
            assert!(found.len() <= ERROR + 10 * text.len(), "{}", found.len());
        }
    }
}

/// One option, `key=value`, in both forms that it may have.
fn check_settings(text: &str) {
    let (key, value) = text.trim().split_once('=').unwrap_or((text, ""));
    let number = value.parse().unwrap_or(f64::NAN);
    for given in [
        Given::Word(value),
        Given::Value(ValueRef::String(value.as_bytes())),
        Given::Value(ValueRef::Number(number)),
        Given::Value(ValueRef::Integer(number as i64)),
        Given::Value(ValueRef::Boolean(value.len() % 2 == 0)),
        Given::Value(ValueRef::Nil),
    ] {
        let mut settings = Settings::default();
        if let Err(error) = settings.set(key, given) {
            assert!(error.to_string().len() <= ERROR + 10 * text.len());
            assert_eq!(settings, Settings::default(), "an error changes nothing");
        }
        check_bounds(&settings);
    }
}

/// What is promised of settings, whoever gave them.
fn check_bounds(settings: &Settings) {
    assert!(settings.max_clients > 0);
    assert!((1..=16 << 20).contains(&settings.max_packet));
    let year = 365 * 24 * 60 * 60;
    let idle = settings.idle_timeout.map_or(0, |idle| idle.as_secs());
    assert!(idle <= year);
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "kick 3",
        "start 4294967295\n",
        "close",
        "forward 3 :0100000a :00001234",
        "broker .login",
        "broker :0100000a",
        "3 open 3 127.0.0.1:47924:0",
        "3 data  a b\n",
        "3 close",
        "hello\u{3}\0\0\0",
        "S :01000008 127.0.0.1:8888 0 64",
        "line .watchdog [::1]:1 13 7 nodelay=false max_packet=100 idle_timeout=1.5 output_limit=0 backlog=9",
        "L ! 8888 255 4294967295 a=b=c x=",
        "length2  !none\tlocalhost:65535 3 1",
        "max_packet=16777216",
        "max_packet=0",
        "idle_timeout=31536000",
        "idle_timeout=nan",
        "maxclient=4294967295",
        "framing=raw",
        "output_limit=18446744073709551615",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
