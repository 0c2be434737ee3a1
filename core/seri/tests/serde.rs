//! serde values as messages.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use skynet_seri::{
    Table, Value, WriteError, args_from_bytes, args_to_bytes, from_bytes, pack, to_bytes,
};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Player {
    name: String,
    level: Option<u8>,
    items: Vec<Item>,
    place: (f64, f64),
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Item {
    Coin,
    Sword(u32),
    Pair(i8, bool),
    Scroll { text: String, used: Option<bool> },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Unit;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Wrapped(i64);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Args(String, Option<i64>);

fn check<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: T, bytes: &[u8]) {
    assert_eq!(to_bytes(&value).unwrap(), bytes, "{value:?}");
    assert_eq!(from_bytes::<T>(bytes).unwrap(), value, "{bytes:02x?}");
}

#[test]
fn values() {
    check((), b"\x00");
    check(Unit, b"\x00");
    check(true, b"\x09");
    check(-1_i8, b"\x22\xff\xff\xff\xff");
    check(7_u64, b"\x0a\x07");
    check(7_i128, b"\x0a\x07");
    check(1.0, b"\x42\0\0\0\0\0\0\xf0\x3f");
    check('a', b"\x0ca");
    check("abc".to_owned(), b"\x1cabc");
    check(Wrapped(1), b"\x0a\x01");
    check(None::<i64>, b"\x00");
    check(Some(1), b"\x0a\x01");
    check(vec![1, 2], b"\x16\x0a\x01\x0a\x02\x00");
    check((1, "a".to_owned()), b"\x16\x0a\x01\x0ca\x00");
    check(
        BTreeMap::from([(1, true), (2, false)]),
        b"\x06\x0a\x01\x09\x0a\x02\x01\x00",
    );
    check(Item::Coin, b"\x24Coin");
    check(Item::Sword(3), b"\x06\x2cSword\x0a\x03\x00");
    check(Item::Pair(1, true), b"\x06\x24Pair\x16\x0a\x01\x09\x00\x00");
    check(
        Item::Scroll {
            text: "x".to_owned(),
            used: None,
        },
        b"\x06\x34Scroll\x06\x24text\x0cx\x00\x00",
    );
}

#[test]
fn structs() {
    let player = Player {
        name: "ann".to_owned(),
        level: None,
        items: vec![
            Item::Coin,
            Item::Scroll {
                text: String::new(),
                used: Some(true),
            },
        ],
        place: (0.5, -0.5),
    };
    let bytes = to_bytes(&player).unwrap();
    assert_eq!(from_bytes::<Player>(&bytes).unwrap(), player);
    // Fields in another order, an array part and keys that nobody asked for.
    let pair = |key: &str, value: Value| (Value::from(key), value);
    let table = Table {
        array: vec![1.into(), Table::default().into()],
        pairs: vec![
            (Value::from(Table::default()), 1.into()),
            pair("unknown", vec![Value::Nil].into()),
            pair("place", vec![Value::from(1.0), 2.into()].into()),
            (7.into(), "seven".into()),
            pair("items", Table::default().into()),
            pair("name", "bob".into()),
        ],
    };
    let expected = Player {
        name: "bob".to_owned(),
        level: None,
        items: Vec::new(),
        place: (1.0, 2.0),
    };
    assert_eq!(
        from_bytes::<Player>(&pack(&(table,)).unwrap()).unwrap(),
        expected
    );
}

#[test]
fn borrowed() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct View<'a> {
        text: &'a str,
        #[serde(borrow)]
        list: Vec<&'a str>,
    }
    let view: View<'_> = from_bytes(b"\x06\x24text\x0ca\x24list\x0e\x0cb\x00\x00").unwrap();
    assert_eq!(
        view,
        View {
            text: "a",
            list: vec!["b"]
        }
    );
    assert_eq!(from_bytes::<&[u8]>(b"\x0c\xff").unwrap(), b"\xff");
}

#[test]
fn argument_lists() {
    assert_eq!(args_to_bytes(&()).unwrap(), b"");
    assert_eq!(
        args_to_bytes(&("GET", "a", (1, 2))).unwrap(),
        b"\x1cGET\x0ca\x16\x0a\x01\x0a\x02\x00"
    );
    assert_eq!(args_to_bytes(&vec![1, 2]).unwrap(), b"\x0a\x01\x0a\x02");
    assert_eq!(
        args_to_bytes(&Args("a".to_owned(), None)).unwrap(),
        b"\x0ca\x00"
    );
    assert_eq!(
        args_to_bytes(&Item::Sword(1)).unwrap(),
        b"\x06\x2cSword\x0a\x01\x00"
    );
    assert_eq!(args_from_bytes::<()>(b"").unwrap(), ());
    assert_eq!(
        args_from_bytes::<Args>(b"\x0ca").unwrap(),
        Args("a".to_owned(), None)
    );
    assert_eq!(
        args_from_bytes::<(i64, bool)>(b"\x02\x09\x1cabc").unwrap(),
        (0, true)
    );
    assert_eq!(
        args_from_bytes::<Vec<i64>>(b"\x02\x0a\x01").unwrap(),
        [0, 1]
    );
    assert_eq!(args_from_bytes::<Item>(b"\x24Coin").unwrap(), Item::Coin);
    let error = args_from_bytes::<(i64, bool)>(b"\x02\x02")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "invalid type: integer `0`, expected a boolean");
    let error = args_from_bytes::<(i64, String)>(b"\x02\x02")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "value 2: wanted a string, found an integer");
}

/// A sequence that does not say how long it is, or lies.
struct Sequence<'a, T>(&'a [T], Option<usize>);

impl<T: Serialize> Serialize for Sequence<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(self.1)?;
        self.0
            .iter()
            .try_for_each(|element| sequence.serialize_element(element))?;
        sequence.end()
    }
}

#[test]
fn sequences_of_unknown_length() {
    let inner = [Sequence(&[1, 2], None), Sequence(&[], None)];
    assert_eq!(
        to_bytes(&Sequence(&inner, None)).unwrap(),
        b"\x16\x16\x0a\x01\x0a\x02\x00\x06\x00\x00"
    );
    let long = vec![0; 31];
    let expected = [&[0xfe, 0x0a, 0x1f][..], &[2; 31], &[0]].concat();
    assert_eq!(to_bytes(&Sequence(&long, None)).unwrap(), expected);
    for lie in [0, 1, 3] {
        let outcome = to_bytes(&Sequence(&[1, 2], Some(lie)));
        assert!(
            matches!(outcome, Err(WriteError::Unbalanced { .. })),
            "{lie}: {outcome:?}"
        );
    }
    let pair = BTreeMap::from([("k", Sequence(&[1], None))]);
    assert_eq!(to_bytes(&pair).unwrap(), b"\x06\x0ck\x0e\x0a\x01\x00\x00");
}

/// So many sequences in each other.
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_seq(None)?.end(),
            more => Sequence(&[Nested(more - 1)], None).serialize(serializer),
        }
    }
}

#[test]
fn depth() {
    assert_eq!(to_bytes(&Nested(32)).unwrap().len(), 66);
    assert_eq!(
        to_bytes(&Nested(33)),
        Err(WriteError::TooDeep { limit: 32 })
    );
    #[derive(Deserialize, Debug)]
    struct Deep(#[allow(dead_code)] Vec<Deep>);
    let deep = |tables: usize| [vec![0x0e; tables - 1], vec![0x06], vec![0x00; tables]].concat();
    assert!(from_bytes::<Deep>(&deep(150)).is_ok());
    let error = from_bytes::<Deep>(&deep(100_000)).unwrap_err().to_string();
    assert!(error.contains("more than 200 tables"), "{error}");
    let error = from_bytes::<IgnoredAny>(&deep(100_000))
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 200 tables"), "{error}");
}

#[test]
fn keys() {
    assert_eq!(
        to_bytes(&BTreeMap::from([((1, 2), 3)])),
        Err(WriteError::BadKey { found: "a table" })
    );
    assert_eq!(
        to_bytes(&BTreeMap::from([(None::<i64>, 3)])),
        Err(WriteError::BadKey { found: "nil" })
    );
    // An entry without a value is left out.
    assert_eq!(
        to_bytes(&BTreeMap::from([(1, None), (2, Some(3))])).unwrap(),
        b"\x06\x0a\x02\x0a\x03\x00"
    );
    // The array part has keys too.
    let map: BTreeMap<i64, i64> = from_bytes(b"\x16\x0a\x05\x00\x0a\x09\x0a\x06\x00").unwrap();
    assert_eq!(map, BTreeMap::from([(1, 5), (9, 6)]));
}

#[test]
fn what_does_not_fit() {
    fn check<T: DeserializeOwned + Debug>(bytes: &[u8], text: &str) {
        assert_eq!(from_bytes::<T>(bytes).unwrap_err().to_string(), text);
    }
    check::<u8>(b"\x12\x00\x01", "invalid value: integer `256`, expected u8");
    check::<u8>(b"\x0ca", "wanted an integer, found a string");
    check::<String>(b"\x02", "wanted a string, found an integer");
    check::<Vec<i64>>(
        b"\x02",
        "wanted a table with an array part, found an integer",
    );
    check::<Player>(b"\x02", "wanted Player, found an integer");
    check::<Player>(b"\x06\x00", "missing field `name`");
    check::<Item>(
        b"\x2cSword",
        "wanted a table of the variant's name and content, found its name alone",
    );
    check::<Item>(b"\x06\x00", "wanted a table of one pair, found another");
    check::<Vec<i64>>(
        b"\x0e\x02",
        "message ends at offset 2: wanted 1 more bytes, found 0",
    );
    check::<(i64, i64)>(
        b"\x02\x07",
        "wanted a table with an array part, found an integer",
    );
    assert_eq!(
        to_bytes(&u64::MAX),
        Err(WriteError::OutOfRange {
            found: u64::MAX.to_string()
        })
    );
}

#[test]
fn untyped() {
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(untagged)]
    enum Any {
        Flag(bool),
        Number(f64),
        Text(String),
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
    }
    let list = from_bytes::<Any>(b"\x16\x09\x06\x0ca\x0cb\x00\x00").unwrap();
    let map = BTreeMap::from([("a".to_owned(), Any::Text("b".to_owned()))]);
    assert_eq!(list, Any::List(vec![Any::Flag(true), Any::Map(map)]));
    let both = from_bytes::<Any>(b"\x0e\x02\x0ca\x02\x00")
        .unwrap_err()
        .to_string();
    assert_eq!(
        both,
        "wanted a table with an array part or with keys, found one with both"
    );
}
