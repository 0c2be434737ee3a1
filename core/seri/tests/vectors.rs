//! Bytes that the original implementation produced, and how it reads them.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_seri::{
    Limits, MAX_READ_DEPTH, ReadError, Reader, Table, Value, WriteError, decode, decode_with,
    encode,
};

/// Bytes from hexadecimal digits; spaces are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pair = |index| u8::from_str_radix(&digits[index..index + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

fn table(array: impl Into<Vec<Value>>, pairs: impl Into<Vec<(Value, Value)>>) -> Value {
    Value::from(Table {
        array: array.into(),
        pairs: pairs.into(),
    })
}

fn int(value: i64) -> Value {
    Value::Integer(value)
}

/// `values` are written as `bytes`, and read back from them both ways.
fn check(values: &[Value], bytes: &[u8]) {
    assert_eq!(encode(values).unwrap(), bytes, "{values:?}");
    assert_eq!(decode(bytes).unwrap(), values, "{bytes:02x?}");
    let views: Vec<Value> = Reader::new(bytes)
        .map(|view| view.unwrap().to_value())
        .collect();
    assert_eq!(views, values, "views of {bytes:02x?}");
}

#[test]
fn scalars() {
    let check = |value: Value, bytes: &str| check(&[value], &hex(bytes));
    check(Value::Nil, "00");
    check(Value::Boolean(false), "01");
    check(Value::Boolean(true), "09");
    check(int(0), "02");
    check(int(1), "0a 01");
    check(int(255), "0a ff");
    check(int(256), "12 00 01");
    check(int(65535), "12 ff ff");
    check(int(65536), "22 00 00 01 00");
    check(int(0x7fff_ffff), "22 ff ff ff 7f");
    check(int(0x8000_0000), "32 00 00 00 80 00 00 00 00");
    check(int(0xffff_ffff), "32 ff ff ff ff 00 00 00 00");
    check(int(-1), "22 ff ff ff ff");
    check(int(-0x8000_0000), "22 00 00 00 80");
    check(int(-0x8000_0001), "32 ff ff ff 7f ff ff ff ff");
    check(int(i64::MAX), "32 ff ff ff ff ff ff ff 7f");
    check(int(i64::MIN), "32 00 00 00 00 00 00 00 80");
    check(Value::Number(1.5), "42 00 00 00 00 00 00 f8 3f");
    check(Value::Number(0.0), "42 00 00 00 00 00 00 00 00");
    check(Value::Number(-0.0), "42 00 00 00 00 00 00 00 80");
    check(Value::Number(1.0), "42 00 00 00 00 00 00 f0 3f");
    check(Value::Number(f64::INFINITY), "42 00 00 00 00 00 00 f0 7f");
    check(
        Value::Pointer(0x1122_3344_5566_7788),
        "03 88 77 66 55 44 33 22 11",
    );
}

#[test]
fn nan_keeps_its_bits() {
    let bytes = hex("42 00 00 00 00 00 00 f8 ff");
    assert_eq!(
        encode(&[Value::Number(f64::from_bits(0xfff8 << 48))]).unwrap(),
        bytes
    );
    let values = decode(&bytes).unwrap();
    assert!(matches!(values[..], [Value::Number(number)] if number.to_bits() == 0xfff8 << 48));
}

#[test]
fn strings() {
    let check = |len: usize, head: &str| {
        let text = vec![b'x'; len];
        check(&[Value::String(text.clone())], &[hex(head), text].concat());
    };
    check(0, "04");
    check(1, "0c");
    check(31, "fc");
    check(32, "15 20 00");
    check(65535, "15 ff ff");
    check(65536, "25 00 00 01 00");
}

#[test]
fn tables() {
    let check = |value: Value, bytes: &str| check(&[value], &hex(bytes));
    check(table([], []), "06 00");
    check(
        table([int(1), int(2), int(3)], []),
        "1e 0a 01 0a 02 0a 03 00",
    );
    check(table([], [("a".into(), int(1))]), "06 0c 61 0a 01 00");
    check(
        table([int(1)], [("a".into(), "b".into())]),
        "0e 0a 01 0c 61 0c 62 00",
    );
    check(
        table(vec![int(0); 30], []),
        &format!("f6 {} 00", "02".repeat(30)),
    );
    check(
        table(vec![int(0); 31], []),
        &format!("fe 0a 1f {} 00", "02".repeat(31)),
    );
    check(
        table(vec![int(0); 300], []),
        &format!("fe 12 2c 01 {} 00", "02".repeat(300)),
    );
    check(
        table([], [(Value::Number(1.5), Value::Boolean(true))]),
        "06 42 00 00 00 00 00 00 f8 3f 09 00",
    );
    check(table([], [(int(2), int(7))]), "06 0a 02 0a 07 00");
    check(table([table([], [])], []), "0e 06 00 00");
    check(
        table([], [(int(1), "v1".into()), (int(2), "v2".into())]),
        "06 0a 01 14 76 31 0a 02 14 76 32 00",
    );
}

#[test]
fn messages() {
    check(&[], b"");
    check(
        &["GET".into(), "a".into(), int(1), true.into()],
        &hex("1c 47 45 54 0c 61 0a 01 09"),
    );
    check(
        &["H".into(), int(1), "127.0.0.1:2526".into()],
        &hex("0c 48 0a 01 74 31 32 37 2e 30 2e 30 2e 31 3a 32 35 32 36"),
    );
}

#[test]
fn the_reader_accepts_more_than_the_writer_makes() {
    let check = |bytes: &str, expected: Value| {
        let bytes = hex(bytes);
        let views: Vec<Value> = Reader::new(&bytes)
            .map(|view| view.unwrap().to_value())
            .collect();
        assert_eq!(
            decode(&bytes).unwrap(),
            std::slice::from_ref(&expected),
            "{bytes:02x?}"
        );
        assert_eq!(views, [expected], "views of {bytes:02x?}");
    };
    check("11", true.into());
    check("f9", true.into());
    check("08", Value::Nil);
    check("0b 01 00 00 00 00 00 00 00", Value::Pointer(1));
    check("15 03 00 61 62 63", "abc".into());
    check("25 03 00 00 00 61 62 63", "abc".into());
    check("22 ff ff ff ff", int(-1));
    check("12 01 00", int(1));
    check("32 01 00 00 00 00 00 00 00", int(1));
    check("06 0a 01 00 00", table([], []));
    check("06 08", table([], []));
    check("fe 02 00", table([], []));
    check("fe 32 01 00 00 00 00 00 00 00 02 00", table([int(0)], []));
    check("0e 00 00", table([Value::Nil], []));
    // An integral float as a key is an integer to Lua.
    check(
        "06 42 00 00 00 00 00 00 f0 3f 09 00",
        table([], [(int(1), true.into())]),
    );
}

#[test]
fn bad_bytes() {
    let check = |bytes: &str, expected: ReadError| {
        let bytes = hex(bytes);
        assert_eq!(decode(&bytes), Err(expected.clone()), "{bytes:02x?}");
        let view = Reader::new(&bytes).find_map(Result::err);
        assert_eq!(view, Some(expected), "views of {bytes:02x?}");
    };
    let truncated = |offset, wanted, found| ReadError::Truncated {
        offset,
        wanted,
        found,
    };
    check(
        "1a 00",
        ReadError::BadTag {
            offset: 0,
            tag: 0x1a,
        },
    );
    check(
        "2a 00",
        ReadError::BadTag {
            offset: 0,
            tag: 0x2a,
        },
    );
    check(
        "00 07",
        ReadError::BadTag {
            offset: 1,
            tag: 0x07,
        },
    );
    check(
        "0d 00",
        ReadError::BadTag {
            offset: 0,
            tag: 0x0d,
        },
    );
    // As captured, without anything behind them.
    for tag in [0x07, 0x0d, 0x1a, 0x2a] {
        let bad = ReadError::BadTag { offset: 0, tag };
        check(&format!("{tag:02x}"), bad);
    }
    check("fe 42", ReadError::BadLength { offset: 1 });
    check("24 61 62", truncated(1, 4, 2));
    check("06", truncated(1, 1, 0));
    check("06 0c 61", truncated(3, 1, 0));
    check("42 00", truncated(1, 8, 1));
    check("25 ff ff ff ff", truncated(5, 0xffff_ffff, 0));
    check(
        "fe 42 00 00 00 00 00 00 00 00",
        ReadError::BadLength { offset: 1 },
    );
    check("fe 22 ff ff ff ff", ReadError::BadLength { offset: 1 });
    check("fe 04", ReadError::BadLength { offset: 1 });
    check("fe 22 ff ff ff 7f 02 02", truncated(6, 0x8000_0000, 2));
    check(
        "06 42 00 00 00 00 00 00 f8 ff 09 00",
        ReadError::NanKey { offset: 1 },
    );
}

/// So many tables in each other.
fn nested(tables: usize, innermost: &[Value]) -> Value {
    let inner = table(innermost, []);
    (1..tables).fold(inner, |inner, _| table([inner], []))
}

#[test]
fn writing_depth() {
    let too_deep = Err(WriteError::TooDeep { limit: 32 });
    assert!(encode(&[nested(32, &[int(1)])]).is_ok());
    assert!(encode(&[nested(33, &[])]).is_ok());
    assert_eq!(encode(&[nested(33, &[int(1)])]), too_deep);
    assert_eq!(encode(&[nested(34, &[])]), too_deep);
}

#[test]
fn reading_depth() {
    let deep = |tables: usize| [vec![0x0e; tables - 1], vec![0x06], vec![0x00; tables]].concat();
    assert!(decode(&deep(150)).is_ok());
    let most = MAX_READ_DEPTH + 1;
    assert!(decode(&deep(most)).is_ok());
    assert!(Reader::new(&deep(most)).all(|view| view.is_ok()));
    let limit = MAX_READ_DEPTH;
    let too_deep = ReadError::TooDeep {
        offset: most + 1,
        limit,
    };
    assert_eq!(decode(&deep(most + 1)), Err(too_deep.clone()));
    // No limit that is asked for goes beyond what the stack bears.
    let asked = Limits::default().with_depth(usize::MAX);
    assert_eq!(decode_with(&deep(1_000_000), asked), Err(too_deep.clone()));
    assert_eq!(
        Reader::with_limits(&deep(1_000_000), asked).next(),
        Some(Err(too_deep))
    );
    let shallow = Limits::default().with_depth(1);
    assert!(decode_with(&deep(2), shallow).is_ok());
    assert_eq!(
        decode_with(&deep(3), shallow),
        Err(ReadError::TooDeep {
            offset: 3,
            limit: 1
        })
    );
}

#[test]
fn limits() {
    let few = Limits::default().with_values(3);
    assert!(decode_with(&hex("02 06 00"), few).is_ok());
    assert_eq!(
        decode_with(&hex("02 06 00 02"), few),
        Err(ReadError::TooManyValues { limit: 3 })
    );
    let short = Limits::default().with_bytes(2);
    assert!(decode_with(&hex("02 02"), short).is_ok());
    let too_long = ReadError::TooLong { found: 3, limit: 2 };
    assert_eq!(decode_with(&hex("02 02 02"), short), Err(too_long.clone()));
    let items: Vec<_> = Reader::with_limits(&[2; 3], short).collect();
    assert_eq!(items, [Err(too_long)]);
}

#[test]
fn keys() {
    let write = |key: Value| encode(&[table([], [(key, int(1))])]);
    assert_eq!(write(Value::Nil), Err(WriteError::BadKey { found: "nil" }));
    assert_eq!(
        write(Value::Number(f64::NAN)),
        Err(WriteError::BadKey { found: "NaN" })
    );
    assert_eq!(write(Value::Number(2.0)).unwrap(), hex("06 0a 02 0a 01 00"));
    assert_eq!(write(Value::Number(1e300)).unwrap().len(), 13);
    // A pair without a value is no pair.
    assert_eq!(
        encode(&[table([], [("a".into(), Value::Nil)])]).unwrap(),
        hex("06 00")
    );
}

#[test]
fn lookups() {
    let bytes = hex("16 00 0a 07 0c 61 0a 01 0a 05 09 0c 61 0a 02 0c 62 00 00");
    let Some(Ok(view)) = Reader::new(&bytes).next() else {
        panic!("no value")
    };
    let view = view.as_table().unwrap();
    let owned = view.to_table();
    let check = |key: &str, expected: Option<Value>| {
        assert_eq!(view.get(key).map(|value| value.to_value()), expected);
        assert_eq!(owned.get(key).cloned(), expected);
    };
    check("a", Some(int(2)));
    check("b", None);
    check("c", None);
    let check = |key: i64, expected: Option<Value>| {
        assert_eq!(
            view.get_index(key).map(|value| value.to_value()),
            expected,
            "{key}"
        );
        assert_eq!(owned.get_index(key).cloned(), expected, "{key}");
    };
    check(1, None);
    check(2, Some(int(7)));
    check(3, None);
    check(5, Some(true.into()));
    check(i64::MIN, None);
    check(0, None);
}
