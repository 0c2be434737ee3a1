//! Messages of values: owned, borrowed, skipped and unpacked, all of the same mind.

use serde::de::IgnoredAny;
use skynet_seri::{
    Limits, MAX_WRITE_DEPTH, ReadError, Reader, Table, Value, ValueRef, WriteError,
    args_from_bytes, decode, decode_with, encode, from_bytes, pack, packed_len, unpack,
};

use super::sample;
use crate::input::Input;
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "seri",
    about: "skynet-seri: any bytes as values, owned and borrowed",
    run,
    seeds,
    tokens: &[
        b"\x00",
        b"\x06\x00",
        b"\x0e",
        b"\x1e",
        b"\xfe",
        b"\x0a\x01",
        b"\x02",
        b"\x0ca",
        b"\x15\x20\x00",
        b"\x25\xff\xff\xff\xff",
        b"\xfe\x22\xff\xff\xff\x7f",
        b"\x42\0\0\0\0\0\0\xf8\xff",
        b"\x42\0\0\0\0\0\0\xf0\x3f",
        b"\x03\x01\0\0\0\0\0\0\0",
        b"\x09",
        b"\x32",
        b"\x22",
        b"\x12",
    ],
    max_len: 1 << 17,
    memory: Bound {
        base: 6 << 20,
        per_byte: 1000,
    },
};

/// What an owned value may take for each byte of its message, at most; and for tables that are open meanwhile.
const PER_BYTE: usize = 160;
const OPEN_TABLES: usize = 201 * 256 * 24;

fn run(bytes: &[u8]) {
    let len = bytes.len();
    let owned = within(PER_BYTE * len + OPEN_TABLES, "decode", || decode(bytes));
    let walked = within(0, "the reader", || Reader::new(bytes).find_map(Result::err));
    assert_eq!(owned.as_ref().err(), walked.as_ref(), "owned and borrowed");
    let ok = owned.is_ok();
    assert_eq!(ok, unpack::<()>(bytes).is_ok(), "unpack");
    assert_eq!(ok, from_bytes::<IgnoredAny>(bytes).is_ok(), "serde");
    let skipped = args_from_bytes::<Vec<IgnoredAny>>(bytes);
    assert_eq!(ok, skipped.is_ok(), "serde, as arguments");
    check_rest(bytes);
    let Ok(owned) = owned else { return };
    let views: Vec<_> = Reader::new(bytes).map_while(Result::ok).collect();
    assert_eq!(views.len(), skipped.map_or(0, |values| values.len()));
    assert_eq!(views.len(), owned.len());
    for (view, value) in views.iter().zip(&owned) {
        assert!(same(&view.to_value(), value), "{value:?}");
        check_lookups(view, value);
    }
    check_limits(bytes, &owned);
    check_canonical(bytes, &owned, &views);
}

/// Whatever was read was in front of the rest.
fn check_rest(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut left = bytes.len();
    while let Some(item) = reader.next() {
        let rest = reader.rest();
        assert!(rest.len() < left && bytes.ends_with(rest));
        assert!(item.is_ok() || rest.is_empty());
        left = rest.len();
    }
    assert!(reader.next().is_none());
}

fn check_lookups(view: &ValueRef<'_>, value: &Value) {
    assert_eq!(view.as_integer(), value.as_integer());
    assert_eq!(view.as_str(), value.as_str());
    let (Some(view), Some(table)) = (view.as_table(), value.as_table()) else {
        return;
    };
    assert_eq!(view.array_len(), table.array.len());
    // Each look-up walks the table.
    for (key, _) in table.pairs.iter().take(8) {
        if let Some(key) = key.as_bytes() {
            check_same(view.get(key), table.get(key));
        } else if let Value::Integer(key) = key {
            check_same(view.get_index(*key), table.get_index(*key));
        }
    }
    for key in [i64::MIN, 0, 1, 2, table.array.len() as i64, i64::MAX] {
        check_same(view.get_index(key), table.get_index(key));
    }
}

fn check_same(view: Option<ValueRef<'_>>, value: Option<&Value>) {
    match (view, value) {
        (None, None) => {}
        (Some(view), Some(value)) => assert!(same(&view.to_value(), value)),
        (view, value) => panic!("{view:?} is not {value:?}"),
    }
}

fn check_limits(bytes: &[u8], owned: &[Value]) {
    let defaults = Limits::default();
    let len = bytes.len();
    assert!(decode_with(bytes, defaults.with_bytes(len).with_values(len)).is_ok());
    if len > 0 {
        let limit = len - 1;
        let error = ReadError::TooLong { found: len, limit };
        assert_eq!(decode_with(bytes, defaults.with_bytes(limit)), Err(error));
    }
    let count: usize = owned.iter().map(values).sum();
    if count > 0 {
        let limit = count - 1;
        let few = defaults.with_values(limit);
        let error = Err(ReadError::TooManyValues { limit });
        let held = PER_BYTE * len + OPEN_TABLES;
        assert_eq!(within(held, "decode", || decode_with(bytes, few)), error);
        let views: Result<Vec<_>, _> = Reader::with_limits(bytes, few).collect();
        assert!(views.is_err(), "more values than allowed");
    }
    let depth = owned.iter().map(depth).max().unwrap_or(0);
    if let Some(shallow) = depth.checked_sub(2) {
        let found = decode_with(bytes, defaults.with_depth(shallow));
        assert!(
            matches!(found, Err(ReadError::TooDeep { limit, .. }) if limit == shallow),
            "{found:?}"
        );
    }
}

/// What is written is the shortest form, is read back as it was, and is no message when it is cut.
fn check_canonical(bytes: &[u8], owned: &[Value], views: &[ValueRef<'_>]) {
    let written = match encode(owned) {
        Ok(written) => written,
        Err(error) => {
            // Deeper than Skynet writes, but not than is read.
            assert!(matches!(error, WriteError::TooDeep { .. }), "{error}");
            assert!(owned.iter().map(depth).max().unwrap_or(0) > MAX_WRITE_DEPTH);
            return;
        }
    };
    assert!(written.len() <= bytes.len(), "longer than what was read");
    assert_eq!(packed_len(owned), Ok(written.len()));
    assert_eq!(pack(views).as_ref(), Ok(&written), "views, packed");
    let again = decode(&written).expect("what was written is read");
    assert!(owned.len() == again.len() && owned.iter().zip(&again).all(|(a, b)| same(a, b)));
    assert_eq!(encode(&again).as_ref(), Ok(&written));
    let Some(first) = owned.first() else { return };
    let one = encode(std::slice::from_ref(first)).expect("a part of what was written");
    let step = one.len() / 16 + 1;
    for cut in (1..one.len()).step_by(step).chain(one.len().checked_sub(1)) {
        assert!(cut == 0 || decode(&one[..cut]).is_err(), "cut at {cut}");
        assert!(
            cut == 0 || unpack::<()>(&one[..cut]).is_err(),
            "cut at {cut}"
        );
    }
}

/// Equal to the bit: NaN is itself.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.to_bits() == other.to_bits(),
        (Value::Table(one), Value::Table(other)) => {
            one.array.len() == other.array.len()
                && one.pairs.len() == other.pairs.len()
                && one.array.iter().zip(&other.array).all(|(a, b)| same(a, b))
                && one
                    .pairs
                    .iter()
                    .zip(&other.pairs)
                    .all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
        }
        (one, other) => one == other,
    }
}

/// How many values a value is made of, at least: pairs without a value have gone.
fn values(value: &Value) -> usize {
    1 + value.as_table().map_or(0, |Table { array, pairs }| {
        let pairs = pairs.iter().map(|(key, value)| values(key) + values(value));
        array.iter().map(values).sum::<usize>() + pairs.sum::<usize>() + 1
    })
}

/// How many tables lie in each other.
fn depth(value: &Value) -> usize {
    value.as_table().map_or(0, |Table { array, pairs }| {
        let pairs = pairs.iter().flat_map(|(key, value)| [key, value]);
        1 + array.iter().chain(pairs).map(depth).max().unwrap_or(0)
    })
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = sample::random(24, 300)
        .map(|bytes| {
            let mut input = Input::new(&bytes);
            let values: Vec<_> = (0..3).map(|_| sample::value(&mut input, 4)).collect();
            encode(&values).unwrap_or_default()
        })
        .collect();
    let nested = |tables: usize| [vec![0x0e; tables - 1], vec![0x06], vec![0; tables]].concat();
    seeds.extend([1, 2, 32, 33, 34, 150, 201, 202].map(nested));
    seeds.push(b"\xfe\x22\xff\xff\xff\x7f\x00".to_vec());
    seeds.push(b"\x25\xff\xff\xff\xff".to_vec());
    // A key that is a table, an integral float as a key, a pair without a value.
    seeds.push(b"\x06\x06\x00\x0a\x01\x42\0\0\0\0\0\0\xf0\x3f\x09\x0ca\x00\x00".to_vec());
    seeds.push([6, 0].repeat(1000));
    // Captured: a reply to LIST of a launcher, and a request.
    seeds.push(b"\x1cGET\x0ca\x0a\x01\x09".to_vec());
    seeds.push(b"\x06\x4c:0000001\x2cecho \x4c:0000002\x34launch\x00".to_vec());
    seeds.retain(|seed| seed.len() <= TARGET.max_len);
    seeds
}
