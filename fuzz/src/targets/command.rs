//! Text commands of a service: any name, any parameter.

use skynet_abi::{
    STATUS_DEAD, STATUS_EXISTS, STATUS_FAILED, STATUS_FULL, STATUS_INVALID, STATUS_NOT_FOUND,
    STATUS_OK, STATUS_UNSUPPORTED, STATUS_WRONG_TURN,
};
use skynet_core::fuzz;

use super::node::{self, Plugin};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "command",
    about: "the node: text commands and their parameters",
    run,
    seeds,
    tokens: &[
        b"@",
        b".name ",
        b".name @",
        b":0100000",
        b":+1",
        b":",
        b"-1",
        b"0",
        b"9223372036854775807",
        b"mqlen",
        b"all ",
        b"\n",
        b"\0",
        b" ",
        b"\xe3\x80\x80",
        b"TIMEOUT",
        b"NAME",
        b"key value",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 20,
        per_byte: 200,
    },
};

/// ABORT is not among them: it stops the node, and a process has one. `LOGON` needs a folder that this node has not.
const NAMES: [&str; 24] = [
    "TIMEOUT",
    "REG",
    "QUERY",
    "NAME",
    "EXIT",
    "KILL",
    "LAUNCH",
    "GETENV",
    "SETENV",
    "STARTTIME",
    "MONITOR",
    "STAT",
    "LOGON",
    "LOGOFF",
    "SIGNAL",
    "LIST",
    "LOGLEVEL",
    "LOGSERVICE",
    "SOCKETS",
    "NODE",
    "READY",
    "NOW",
    "FLY",
    "HARBOR",
];

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let commands = |plugin: Plugin| {
        let own = format!(":{:08x}", plugin.context.handle);
        for _ in 0..8 {
            if input.is_empty() {
                break;
            }
            let name = match input.below(NAMES.len() + 1) {
                known if known < NAMES.len() => NAMES[known].to_owned(),
                _ => input.text(20).replace("ABORT", "abort"),
            };
            let parameter = input.text(400).replace('@', &own);
            check(plugin, &name, &parameter);
        }
    };
    node::in_turn(commands, |message| {
        let (payload, _) = node::contents(message);
        assert!(payload.len() <= 1 << 16);
    });
}

fn check(plugin: Plugin, name: &str, parameter: &str) {
    let (status, answer) = plugin.command(name, parameter);
    let known = [
        STATUS_OK,
        STATUS_UNSUPPORTED,
        STATUS_INVALID,
        STATUS_NOT_FOUND,
        STATUS_EXISTS,
        STATUS_FAILED,
        STATUS_FULL,
        STATUS_DEAD,
        STATUS_WRONG_TURN,
    ];
    assert!(known.contains(&status), "{name} {parameter:?}: {status}");
    assert_eq!(
        status == STATUS_UNSUPPORTED,
        name == "FLY" || !NAMES.contains(&name),
        "{name}"
    );
    let text = answer.as_deref().unwrap_or_default();
    if status != STATUS_OK {
        assert!(
            !text.is_empty(),
            "{name} {parameter:?} failed without a word"
        );
        return;
    }
    let handle = fuzz::handle(text);
    match name {
        "TIMEOUT" => assert!(
            text.parse::<i32>().is_ok_and(|session| session > 0),
            "{text}"
        ),
        "REG" if parameter.is_empty() => assert_eq!(handle, Some(plugin.context.handle)),
        "REG" => {
            let (status, found) = plugin.command("QUERY", parameter);
            let found = found.as_deref().and_then(fuzz::handle);
            assert_eq!((status, found), (STATUS_OK, Some(plugin.context.handle)));
            assert!(is_name(parameter), "{parameter:?}");
        }
        "NAME" => {
            let name = parameter
                .split(char::is_whitespace)
                .next()
                .unwrap_or_default();
            assert!(is_name(name), "{name:?}");
        }
        "QUERY" | "MONITOR" | "LAUNCH" => {
            assert!(
                text.is_empty() || handle.is_some_and(|handle| handle != 0),
                "{text}"
            );
        }
        "SETENV" => {
            let (key, value) = parameter.split_once(' ').unwrap_or_default();
            assert!(!key.is_empty() && !key.contains(['\0', '\n']) && !value.contains('\0'));
            let (_, found) = plugin.command("GETENV", key);
            assert_eq!(found.as_deref(), Some(value));
        }
        "STARTTIME" | "NOW" => assert!(text.parse::<u64>().is_ok(), "{text}"),
        "HARBOR" => assert_eq!(text, fuzz::HARBOR.to_string()),
        "STAT" if parameter == "mqlen" => assert!(text.parse::<u32>().is_ok(), "{text}"),
        "LOGLEVEL" => {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            assert!(levels.contains(&text), "{text}");
        }
        _ => {}
    }
}

fn is_name(name: &str) -> bool {
    name.len() > 1 && name.starts_with('.') && !name.contains(char::is_whitespace)
}

fn seeds() -> Vec<Vec<u8>> {
    let series: [&[(&str, &str)]; 7] = [
        &[
            ("TIMEOUT", "10"),
            ("TIMEOUT", " 0 "),
            ("TIMEOUT", "9223372036854775807"),
            ("TIMEOUT", "-1"),
        ],
        &[
            ("REG", ""),
            ("REG", ".name"),
            ("QUERY", ".name"),
            ("REG", ".name"),
            ("REG", "global"),
            ("REG", ".a b"),
        ],
        &[
            ("NAME", ".db @"),
            ("NAME", ".db :1"),
            ("QUERY", ".db"),
            ("KILL", ".db"),
            ("QUERY", ".db"),
        ],
        &[
            ("SETENV", "key some value"),
            ("GETENV", "key"),
            ("SETENV", "key"),
            ("GETENV", "thread"),
        ],
        &[
            ("STAT", "mqlen"),
            ("STAT", "all @"),
            ("STAT", "cpu .x"),
            ("MONITOR", "@"),
            ("MONITOR", ""),
            ("SIGNAL", "@ 1"),
        ],
        &[
            ("LAUNCH", "echo a b"),
            ("LAUNCH", "\n"),
            ("LAUNCH", "a/b"),
            ("LOGON", "@"),
            ("LOGOFF", "@"),
            ("EXIT", ""),
        ],
        &[
            ("LIST", ""),
            ("SOCKETS", ""),
            ("NODE", ""),
            ("HARBOR", ""),
            ("KILL", ":02000001"),
            ("LOGLEVEL", "trace"),
            ("LOGLEVEL", ""),
            ("LOGSERVICE", ""),
            ("NOW", ""),
        ],
    ];
    series
        .map(|commands| {
            commands
                .iter()
                .flat_map(|(name, parameter)| seed(name, parameter))
                .collect()
        })
        .into()
}

/// A command as [`run`] takes it out of its input.
fn seed(name: &str, parameter: &str) -> Vec<u8> {
    let known = NAMES.iter().position(|known| *known == name);
    let mut seed = vec![known.unwrap_or(NAMES.len()) as u8];
    seed.extend_from_slice(&(parameter.len() as u16).to_le_bytes());
    seed.extend_from_slice(parameter.as_bytes());
    seed
}
