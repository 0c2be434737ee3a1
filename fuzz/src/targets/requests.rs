//! Requests of values between services: chat rooms and agents, the launcher, the database.

use std::collections::BTreeMap;

use skynet_seri::{Value, decode, pack};
use skynet_service::Handle;

use super::sources::chat_protocol::{
    AgentNews, Pool, RoomRequest, decode_names, decode_rooms, encode_names, encode_rooms,
};
use super::sources::database;
use super::sources::launcher::{self, Request};
use super::sources::store::{Limits, Store};
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "requests",
    about: "plugins: requests to chat rooms, agents, the launcher, the database",
    run,
    seeds,
    tokens: &[
        b"\x24join",
        b"\x2cleave",
        b"\x1csay",
        b"\x24quit",
        b"\x2crooms",
        b"\x24gone",
        b"\x24pool",
        b"\x34LAUNCH",
        b"\x24KILL",
        b"\x24LIST",
        b"\x1cGET",
        b"\x1cSET",
        b"\x1cDEL",
        b"\x24KEYS",
        b"\x0ca",
        b"\x0cb",
        b"\x00",
        b"\x0a\x01",
        b"\x06\x00",
        b":0000000a",
        b",",
        b"cpu:0.5 ",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 21,
        per_byte: 2000,
    },
};

/// What the database may hold.
const LIMITS: Limits = Limits { keys: 4, bytes: 64 };

fn run(bytes: &[u8]) {
    check_chat(bytes);
    check_launcher(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(pool) = text.parse::<Pool>() {
        assert_eq!(pool.to_string().parse::<Pool>().ok(), Some(pool.clone()));
        assert!(pool.services().contains(&pool.service(&text)));
    }
    assert!(matches!(launcher::figures(&text), Value::Table(_)));
    check_database(Input::new(bytes));
}

fn check_chat(bytes: &[u8]) {
    if let Ok(request) = RoomRequest::decode(bytes) {
        let again = request.encode().expect("it came in a message");
        assert_eq!(RoomRequest::decode(&again).ok(), Some(request));
    }
    if let Ok(news) = AgentNews::decode(bytes) {
        let again = news.encode().expect("news is short");
        assert_eq!(AgentNews::decode(&again).ok(), Some(news));
    }
    if let Ok(names) = decode_names(bytes) {
        let texts: Vec<_> = names.iter().map(String::as_str).collect();
        let again = encode_names(&texts).expect("they came in a message");
        assert_eq!(decode_names(&again), Ok(names));
    }
    if let Ok(rooms) = decode_rooms(bytes) {
        let texts = rooms.iter().map(|(name, count)| (name.as_str(), *count));
        let again = encode_rooms(&texts.collect()).expect("they came in a message");
        assert_eq!(decode_rooms(&again), Ok(rooms));
    }
}

fn check_launcher(bytes: &[u8]) {
    let Ok(request) = Request::parse(bytes) else {
        return;
    };
    let written = match &request {
        Request::List => pack!("LIST"),
        Request::Stat => pack!("STAT"),
        Request::Kill(launcher::Address::Handle(Handle(handle))) => pack!("KILL", *handle),
        Request::Kill(launcher::Address::Name(name)) => pack!("KILL", name),
        Request::Launch(line) => pack!("LAUNCH", line),
    };
    let again = Request::parse(&written.expect("it came in a message"));
    assert_eq!(again.ok(), Some(request));
}

/// A series of requests, next to a map that is asked the same.
fn check_database(mut input: Input<'_>) {
    let mut store = Store::new(LIMITS);
    let mut model = BTreeMap::new();
    while !input.is_empty() {
        let request = input.bytes(400);
        let Ok(answer) = database::answer(&mut store, request) else {
            // What was refused has changed nothing.
            check_store(&store, &model);
            continue;
        };
        let answer = decode(&answer).expect("answers are messages");
        let [answer] = answer.as_slice() else {
            panic!("an answer is one value, not {answer:?}")
        };
        let request = skynet_seri::unpack_prefix::<(String, Value)>(request);
        let ((word, key), mut rest) = request.expect("an answered request is valid");
        let key = key.as_bytes().unwrap_or_default().to_vec();
        let mut value = || match rest.next() {
            Some(Ok(value)) => value.to_value(),
            _ => Value::Nil,
        };
        let expected = match word.to_ascii_uppercase().as_str() {
            "GET" => model.get(&key).cloned(),
            "DEL" => model.remove(&key),
            "SET" => match value() {
                Value::Nil => model.remove(&key),
                value => model.insert(key, value),
            },
            "KEYS" => {
                let keys = model.keys().filter(|found| found.starts_with(&key));
                let keys: Vec<_> = keys.map(|key| Value::String(key.clone())).collect();
                Some(Value::from(keys))
            }
            word => panic!("{word} was answered"),
        };
        let expected = expected.unwrap_or_default();
        // By their texts, because NaN is not itself.
        assert_eq!(format!("{answer:?}"), format!("{expected:?}"));
        check_store(&store, &model);
    }
}

fn check_store(store: &Store, model: &BTreeMap<Vec<u8>, Value>) {
    let keys: Vec<_> = store.keys(b"").collect();
    assert!(keys.iter().eq(model.keys()), "{keys:?}");
    let values = keys.iter().filter_map(|key| store.get(key));
    let bytes: usize = values.map(<[u8]>::len).sum();
    let names: usize = keys.iter().map(|key| key.len()).sum();
    assert!(
        keys.len() <= LIMITS.keys && bytes + names <= LIMITS.bytes,
        "beyond its limits"
    );
}

fn seeds() -> Vec<Vec<u8>> {
    let requests = [
        pack!("join", "lobby", "bob"),
        pack!("say", "lobby", "hello"),
        pack!("quit"),
        pack!("gone"),
        pack!("pool", 3, 10),
        pack!(["bob", "zoë"].as_slice()),
        pack!(BTreeMap::from([("lobby", 2), ("bar", 1)])),
        pack!("LIST"),
        pack!("KILL", ":1000000a"),
        pack!("KILL", ".db"),
        pack!("KILL", 4_294_967_295_u32),
        pack!("LAUNCH", "gate", "L ! 127.0.0.1:1", 100, 1.5),
    ];
    let mut seeds: Vec<Vec<u8>> = requests.into_iter().flatten().collect();
    seeds.push(b":0000000a,:0100000b".to_vec());
    seeds.push(b"cpu:0.5 message:3 odd:x".to_vec());
    let nothing: Option<i64> = None;
    let series = [
        pack!("SET", "a", 1, 2),
        pack!("set", "b", ["x", "y"]),
        pack!("GET", "a"),
        pack!("KEYS", ""),
        pack!("SET", "abc", "0123456789"),
        pack!("SET", "abd", true),
        pack!("SET", "abe", true),
        pack!("KEYS", "ab"),
        pack!("SET", "a", nothing),
        pack!("DEL", "b"),
        pack!("GET", "b"),
        pack!("SET", "big", "x".repeat(70)),
    ];
    seeds.push(series_of(series));
    // Something lies there while another key comes and goes; then there is room for what is left, and no more.
    let again = (0..40).flat_map(|_| [pack!("SET", "b", 1), pack!("DEL", "b")]);
    let begin = [pack!("SET", "a", "x".repeat(20))].into_iter();
    let end = [40, 30].map(|len| pack!("SET", "c", "x".repeat(len)));
    seeds.push(series_of(begin.chain(again).chain(end)));
    seeds
}

/// Requests to the database as [`check_database`] takes them out of its input.
fn series_of<E>(requests: impl IntoIterator<Item = Result<Vec<u8>, E>>) -> Vec<u8> {
    let requests = requests.into_iter().flatten();
    requests
        .flat_map(|request| [&(request.len() as u16).to_le_bytes()[..], &request].concat())
        .collect()
}
