//! What holds for all Rust values that go through serde, and for all bytes that are read as types.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::fmt;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use skynet_seri::{
    Table, Value, args_from_bytes, args_to_bytes, decode, encode, from_bytes, to_bytes,
};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Everything {
    amount: Option<i64>,
    small: i8,
    wide: i128,
    text: String,
    letter: char,
    list: Vec<u16>,
    optional: Vec<Option<bool>>,
    map: BTreeMap<String, f64>,
    numbered: BTreeMap<i64, Newtype>,
    pair: (bool, String),
    choice: Choice,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Newtype(u32);

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Choice {
    Unit,
    New(u8),
    Tuple(i16, String),
    Struct { x: f64, y: Option<bool> },
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Unit),
        any::<u8>().prop_map(Choice::New),
        any::<(i16, String)>().prop_map(|(number, text)| Choice::Tuple(number, text)),
        any::<(f64, Option<bool>)>().prop_map(|(x, y)| Choice::Struct { x, y }),
    ]
}

fn everything() -> impl Strategy<Value = Everything> {
    let scalars = any::<(Option<i64>, i8, i64, String, char)>();
    let lists = (vec(any::<u16>(), 0..40), vec(any::<Option<bool>>(), 0..5));
    let maps = (
        btree_map(any::<String>(), any::<f64>(), 0..5),
        btree_map(any::<i64>(), any::<u32>().prop_map(Newtype), 0..5),
    );
    let rest = (any::<(bool, String)>(), choice());
    (scalars, lists, maps, rest).prop_map(|(scalars, lists, maps, rest)| Everything {
        amount: scalars.0,
        small: scalars.1,
        wide: scalars.2.into(),
        text: scalars.3,
        letter: scalars.4,
        list: lists.0,
        optional: lists.1,
        map: maps.0,
        numbered: maps.1,
        pair: rest.0,
        choice: rest.1,
    })
}

/// Any value that has a meaning for serde: a table is an array or pairs, and a pointer is a number without a sign.
#[derive(Debug, Clone, PartialEq)]
struct Any(Value);

fn any_value() -> impl Strategy<Value = Any> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Number),
        any::<String>().prop_map(Value::from),
        // Bytes that are no text.
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::from([&b"\xff"[..], &bytes].concat())),
    ];
    let key = prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        "[a-z]{0,40}".prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(5, 60, 20, move |inner| {
        let array = vec(
            prop_oneof![4 => inner.clone(), 1 => Just(Value::Nil)],
            1..40,
        );
        prop_oneof![
            array.prop_map(Value::from),
            vec((key.clone(), inner), 0..8).prop_map(|pairs| Value::from(Table {
                array: Vec::new(),
                pairs,
            })),
        ]
    });
    value.prop_map(Any)
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Value::Nil => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Integer(value) => serializer.serialize_i64(*value),
            Value::Number(value) => serializer.serialize_f64(*value),
            Value::Pointer(value) => serializer.serialize_u64(*value),
            Value::String(bytes) => serializer.serialize_bytes(bytes),
            Value::Table(table) if table.array.is_empty() => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in &table.pairs {
                    map.serialize_entry(&Any(key.clone()), &Any(value.clone()))?;
                }
                map.end()
            }
            Value::Table(table) => {
                // Of a length that is not told before.
                let mut array = serializer.serialize_seq(None)?;
                for value in &table.array {
                    array.serialize_element(&Any(value.clone()))?;
                }
                array.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(Self)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Pointer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::from(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Any(value)) = values.next_element()? {
            array.push(value);
        }
        Ok(Value::from(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Table::default();
        while let Some((Any(key), Any(value))) = entries.next_entry()? {
            table.pairs.push((key, value));
        }
        Ok(Value::from(table))
    }
}

/// What is read as a type is valid, and comes back as it was.
fn read_as<T: DeserializeOwned + Serialize + fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = from_bytes::<T>(bytes) {
        assert!(decode(bytes).is_ok(), "{value:?} of an invalid message");
        // By their texts, because NaN is not itself.
        let again: T = from_bytes(&to_bytes(&value).unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
    if let Ok(value) = args_from_bytes::<T>(bytes) {
        assert!(decode(bytes).is_ok(), "{value:?} of an invalid message");
        let again: T = args_from_bytes(&args_to_bytes(&value).unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
}

proptest! {
    #[test]
    fn types_come_back_as_they_were(value in everything()) {
        let bytes = to_bytes(&value).unwrap();
        prop_assert_eq!(&from_bytes::<Everything>(&bytes).unwrap(), &value);
        // What serde writes, the others read.
        let [owned] = &decode(&bytes).unwrap()[..] else { panic!("one value") };
        prop_assert_eq!(encode(std::slice::from_ref(owned)).unwrap(), bytes);
        let args = (value.clone(), value.text.clone(), Some(value.small));
        let bytes = args_to_bytes(&args).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap().len(), 3);
        prop_assert_eq!(args_from_bytes::<(Everything, String, Option<i8>)>(&bytes).unwrap(), args);
    }

    #[test]
    fn a_type_that_takes_anything_gets_what_was_written(value in any_value()) {
        let bytes = to_bytes(&value).unwrap();
        // To the byte what is written without serde.
        prop_assert_eq!(&encode(std::slice::from_ref(&value.0)).unwrap(), &bytes);
        prop_assert_eq!(from_bytes::<Any>(&bytes).unwrap(), value);
    }

    #[test]
    fn a_truncated_type_is_an_error(value in everything()) {
        let bytes = to_bytes(&value).unwrap();
        for len in 1..bytes.len() {
            prop_assert!(from_bytes::<Everything>(&bytes[..len]).is_err(), "at {}", len);
            prop_assert!(from_bytes::<Any>(&bytes[..len]).is_err(), "at {}", len);
        }
    }

    #[test]
    fn any_bytes_are_read_as_types_or_refused(
        value in everything(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = to_bytes(&value).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_as::<Everything>(&bytes);
        read_as::<Choice>(&bytes);
        read_as::<BTreeMap<i64, Vec<Option<bool>>>>(&bytes);
        read_as::<(u8, Option<String>, [i8; 2])>(&bytes);
        let _ = from_bytes::<Any>(&bytes);
    }
}
