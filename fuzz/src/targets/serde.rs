//! Messages as types, through serde: what types accept is valid, and comes back as it was.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use skynet_seri::{
    Value, WriteError, args_from_bytes, args_to_bytes, decode, encode, from_bytes, to_bytes,
};

use super::sample;
use crate::input::Input;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "serde",
    about: "skynet-seri: any bytes as structs, enums, maps, tuples",
    run,
    seeds,
    tokens: &[
        b"\x24text",
        b"\x24list",
        b"\x1cmap",
        b"\x24pair",
        b"\x34choice",
        b"\x24wide",
        b"\x34nested",
        b"\x34amount",
        b"\x24Unit",
        b"\x1cNew",
        b"\x2cTuple",
        b"\x34Struct",
        b"\x00",
        b"\x06",
        b"\x0e",
        b"\x16",
        b"\x0a\x01",
        b"\x0ca",
        b"\x09",
        b"\x42\0\0\0\0\0\0\xf8\x3f",
        b"\x14\xc3\xa9",
    ],
    max_len: 1 << 14,
    memory: Bound {
        base: 4 << 20,
        per_byte: 2000,
    },
};

#[derive(Serialize, Deserialize, Debug, Default)]
struct Everything {
    amount: Option<i64>,
    text: String,
    list: Vec<u16>,
    map: BTreeMap<String, f64>,
    numbered: BTreeMap<i64, Newtype>,
    pair: (bool, char),
    choice: Choice,
    wide: i128,
    nested: Option<Box<Everything>>,
}

#[derive(Serialize, Deserialize, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Newtype(i32);

#[derive(Serialize, Deserialize, Debug, Default)]
enum Choice {
    #[default]
    Unit,
    New(u8),
    Tuple(i16, String),
    Struct {
        x: f64,
        y: Option<bool>,
    },
}

fn run(bytes: &[u8]) {
    let valid = decode(bytes).is_ok();
    check::<Everything>(bytes, valid);
    check::<Choice>(bytes, valid);
    check::<BTreeMap<i64, Vec<Option<bool>>>>(bytes, valid);
    check::<(u8, Option<String>, [i8; 2])>(bytes, valid);
    check::<Vec<BTreeMap<String, Vec<u8>>>>(bytes, valid);
    check::<Option<f32>>(bytes, valid);
    check_borrowed(bytes);
    check_any(bytes);
}

/// As one value and as the arguments of a message.
fn check<T: DeserializeOwned + Serialize + fmt::Debug>(bytes: &[u8], valid: bool) {
    if let Ok(value) = from_bytes::<T>(bytes) {
        assert!(valid, "{value:?} of an invalid message");
        check_written(&value, to_bytes(&value), |bytes| from_bytes::<T>(bytes));
    }
    if let Ok(value) = args_from_bytes::<T>(bytes) {
        assert!(valid, "arguments {value:?} of an invalid message");
        check_written(&value, args_to_bytes(&value), |bytes| {
            args_from_bytes::<T>(bytes)
        });
    }
}

fn check_written<T: fmt::Debug, E: fmt::Debug>(
    value: &T,
    written: Result<Vec<u8>, WriteError>,
    read: impl Fn(&[u8]) -> Result<T, E>,
) {
    let written = match written {
        Ok(written) => written,
        Err(error) => {
            assert!(matches!(error, WriteError::TooDeep { .. }), "{error}");
            return;
        }
    };
    // By their texts, because NaN is not itself.
    let again = read(&written).expect("what was written is read");
    assert_eq!(format!("{value:?}"), format!("{again:?}"));
}

/// Borrowed text and bytes are what owned ones are.
fn check_borrowed(bytes: &[u8]) {
    let borrowed = args_from_bytes::<(&str, Option<&[u8]>)>(bytes);
    let owned = skynet_seri::unpack::<(String, Option<Vec<u8>>)>(bytes);
    if let (Ok(borrowed), Ok(owned)) = (&borrowed, &owned) {
        assert_eq!(borrowed.0, owned.0);
        assert_eq!(borrowed.1, owned.1.as_deref());
    }
    // serde reads further forms as bytes, never fewer.
    assert!(owned.is_err() || borrowed.is_ok(), "{borrowed:?}");
}

/// A type that takes anything gets what an owned value has.
fn check_any(bytes: &[u8]) {
    let Ok(any) = from_bytes::<Any>(bytes) else {
        return;
    };
    let values = decode(bytes).expect("what a type accepts is valid");
    let expected = values.first().map_or(Any::Nil, any_of);
    assert_eq!(any, expected);
}

/// Anything. Numbers are their bits, because NaN is not itself.
#[derive(Debug, PartialEq)]
enum Any {
    Nil,
    Boolean(bool),
    Integer(i64),
    Number(u64),
    Pointer(u64),
    Text(Vec<u8>),
    Array(Vec<Any>),
    Pairs(Vec<(Any, Any)>),
}

fn any_of(value: &Value) -> Any {
    match value {
        Value::Nil => Any::Nil,
        Value::Boolean(value) => Any::Boolean(*value),
        Value::Integer(value) => Any::Integer(*value),
        Value::Number(value) => Any::Number(value.to_bits()),
        Value::Pointer(value) => Any::Pointer(*value),
        Value::String(bytes) => Any::Text(bytes.clone()),
        Value::Table(table) if table.array.is_empty() => {
            let pairs = table.pairs.iter();
            Any::Pairs(
                pairs
                    .map(|(key, value)| (any_of(key), any_of(value)))
                    .collect(),
            )
        }
        Value::Table(table) => Any::Array(table.array.iter().map(any_of).collect()),
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
        Ok(Any::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Any, E> {
        Ok(Any::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Any, E> {
        Ok(Any::Pointer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Any, E> {
        Ok(Any::Number(value.to_bits()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Any, E> {
        Ok(Any::Text(text.into()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Any, E> {
        Ok(Any::Text(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Any, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element()? {
            array.push(value);
        }
        Ok(Any::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Any, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Any::Pairs(pairs))
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let inner = Everything {
        choice: Choice::Tuple(-3, "two".to_owned()),
        wide: i128::from(i64::MIN),
        pair: (true, 'é'),
        ..Everything::default()
    };
    let all = Everything {
        amount: Some(7),
        text: "text".to_owned(),
        list: vec![1, 300, 65_535],
        map: BTreeMap::from([("a".to_owned(), 1.5), ("b".to_owned(), 2.0)]),
        numbered: BTreeMap::from([(1, Newtype(-1)), (70_000, Newtype(0))]),
        pair: (false, 'x'),
        choice: Choice::Struct {
            x: 0.5,
            y: Some(true),
        },
        wide: 1 << 40,
        nested: Some(Box::new(inner)),
    };
    let mut seeds: Vec<Vec<u8>> = [
        to_bytes(&all),
        to_bytes(&Everything::default()),
        to_bytes(&Choice::New(3)),
        to_bytes(&Choice::Unit),
        to_bytes(&BTreeMap::from([(1, vec![Some(true), None])])),
        args_to_bytes(&(200_u8, Some("x"), [1_i8, -1])),
        args_to_bytes(&[BTreeMap::from([("k", vec![1_u8, 2])])]),
        args_to_bytes(&("text", Some(1.5_f32))),
    ]
    .into_iter()
    .flatten()
    .collect();
    seeds.extend(sample::random(8, 200).map(|bytes| {
        let value = sample::value(&mut Input::new(&bytes), 3);
        encode(&[value]).unwrap_or_default()
    }));
    seeds.retain(|seed| seed.len() <= TARGET.max_len);
    seeds
}
