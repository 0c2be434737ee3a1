//! What holds for all values and all bytes.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use skynet_seri::{
    Limits, MAX_WRITE_DEPTH, Measure, ReadError, Reader, SliceSink, Table, Value, WriteError,
    Writer, args_from_bytes, decode, decode_with, encode, from_bytes, pack, pack_into, packed_len,
    unpack,
};

fn key() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        // Integral floats as keys become integers, so they do not come back as they were.
        any::<f64>()
            .prop_filter("fraction", |key| key.fract() != 0.0)
            .prop_map(Value::Number),
        any::<u64>().prop_map(Value::Pointer),
        vec(any::<u8>(), 0..40).prop_map(Value::String),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<i32>().prop_map(|value| Value::Integer(value.into())),
        any::<u8>().prop_map(|value| Value::Integer(value.into())),
        proptest::num::f64::ANY.prop_map(Value::Number),
        any::<u64>().prop_map(Value::Pointer),
        vec(any::<u8>(), 0..300).prop_map(Value::String),
        proptest::sample::select(vec![31, 32, 255, 256, 65_535, 65_536])
            .prop_map(|len| Value::String(vec![b'x'; len])),
    ];
    // Miri would take hours for larger ones.
    let (depth, size, width) = if cfg!(miri) { (2, 8, 4) } else { (6, 100, 40) };
    leaf.prop_recursive(depth, size, width, move |inner| {
        let pairs = vec((key(), inner.clone()), 0..8);
        (vec(inner, 0..width as usize), pairs).prop_map(|(array, mut pairs)| {
            pairs.retain(|(_, value)| *value != Value::Nil);
            Value::from(Table { array, pairs })
        })
    })
}

/// Bytes that are more often nearly right than random ones.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let tags =
        proptest::sample::select(&b"\x00\x06\x0e\x1e\xfe\x0a\x02\x42\x0c\x15\x25\x09\x03"[..]);
    vec(prop_oneof![3 => tags, 1 => any::<u8>()], 0..200)
}

/// Equal to the bit: NaN is itself.
fn same(one: &Value, other: &Value) -> bool {
    let same_pair = |a: &(Value, Value), b: &(Value, Value)| same(&a.0, &b.0) && same(&a.1, &b.1);
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
                    .all(|(a, b)| same_pair(a, b))
        }
        (one, other) => one == other,
    }
}

fn all_same(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
}

/// Values that a value is made of, as limits count them: the end of a table is one too.
fn count(value: &Value) -> usize {
    1 + value.as_table().map_or(0, |Table { array, pairs }| {
        let pairs = pairs.iter().map(|(key, value)| count(key) + count(value));
        array.iter().map(count).sum::<usize>() + pairs.sum::<usize>() + 1
    })
}

/// Tables in each other.
fn depth(value: &Value) -> usize {
    value.as_table().map_or(0, |Table { array, pairs }| {
        let pairs = pairs.iter().flat_map(|(key, value)| [key, value]);
        1 + array.iter().chain(pairs).map(depth).max().unwrap_or(0)
    })
}

/// So many tables in each other, in the array part or behind a key.
fn nested(tables: usize, in_array: bool) -> Value {
    (0..tables).fold(Value::Integer(1), |inner, _| {
        let (array, pairs) = match in_array {
            true => (vec![inner], Vec::new()),
            false => (Vec::new(), vec![("a".into(), inner)]),
        };
        Value::from(Table { array, pairs })
    })
}

/// Every way to read, all of the same mind.
fn read_all_ways(bytes: &[u8]) {
    let owned = decode(bytes);
    let views: Result<Vec<_>, _> = Reader::new(bytes).collect();
    assert_eq!(owned.as_ref().err(), views.as_ref().err());
    assert_eq!(owned.is_ok(), unpack::<()>(bytes).is_ok());
    assert_eq!(
        owned.is_ok(),
        args_from_bytes::<Vec<IgnoredAny>>(bytes).is_ok()
    );
    assert_eq!(owned.is_ok(), from_bytes::<IgnoredAny>(bytes).is_ok());
    let (Ok(owned), Ok(views)) = (owned, views) else {
        return;
    };
    let copies: Vec<Value> = views.iter().map(|view| view.to_value()).collect();
    assert!(all_same(&owned, &copies));
    match encode(&owned) {
        Ok(written) => {
            // The shortest form there is, whatever form it was read from.
            assert!(written.len() <= bytes.len());
            assert!(all_same(&decode(&written).unwrap(), &owned));
            assert_eq!(pack(&views).unwrap(), written);
        }
        Err(error) => assert!(matches!(error, WriteError::TooDeep { .. }), "{error}"),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in vec(value(), 0..5)) {
        let bytes = encode(&values).unwrap();
        prop_assert_eq!(packed_len(&values).unwrap(), bytes.len());
        prop_assert!(all_same(&decode(&bytes).unwrap(), &values));
        prop_assert!(all_same(&unpack::<Vec<Value>>(&bytes).unwrap(), &values));
        let views: Vec<Value> = Reader::new(&bytes).map(|view| view.unwrap().to_value()).collect();
        prop_assert!(all_same(&views, &values));
        read_all_ways(&bytes);
    }

    #[test]
    fn bytes_are_the_same_whoever_writes_them(values in vec(value(), 0..4)) {
        let bytes = encode(&values).unwrap();
        prop_assert_eq!(&encode(&decode(&bytes).unwrap()).unwrap(), &bytes);
        prop_assert_eq!(&pack(&values).unwrap(), &bytes);
        let views: Vec<_> = Reader::new(&bytes).map(Result::unwrap).collect();
        prop_assert_eq!(&pack(&views).unwrap(), &bytes);
        prop_assert_eq!(pack_into(Measure::default(), &values).unwrap().len(), bytes.len());
        let mut room = vec![0xee; bytes.len()];
        let written = pack_into(SliceSink::new(&mut room), &values).unwrap().into_written();
        prop_assert_eq!(&*written, &*bytes);
        if let Some((_, short)) = room.split_last_mut() {
            let full = pack_into(SliceSink::new(short), &values).unwrap_err();
            prop_assert!(matches!(full, WriteError::Full(_)), "{}", full);
        }
    }

    #[test]
    fn every_truncation_of_a_value_is_an_error(value in value()) {
        let bytes = encode(&[value]).unwrap();
        // All of them where that is quick. Nothing at all is a message too.
        let step = 1 + bytes.len() / 512;
        for len in (1..bytes.len()).step_by(step).chain([bytes.len() - 1]).filter(|len| *len > 0) {
            let cut = &bytes[..len];
            let error = decode(cut).unwrap_err();
            prop_assert!(matches!(error, ReadError::Truncated { .. }), "{} at {}", error, len);
            prop_assert_eq!(Reader::new(cut).find_map(Result::err), Some(error));
            prop_assert!(from_bytes::<IgnoredAny>(cut).is_err());
            prop_assert!(unpack::<()>(cut).is_err());
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn nearly_right_bytes_never_panic(bytes in likely_bytes()) {
        read_all_ways(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = encode(&[value]).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read_all_ways(&bytes);
    }

    #[test]
    fn limits_are_exact(values in vec(value(), 1..4)) {
        let bytes = encode(&values).unwrap();
        let (len, defaults) = (bytes.len(), Limits::default());
        let values_in_it: usize = values.iter().map(count).sum();
        let deepest = values.iter().map(depth).max().unwrap_or(0);
        let most = defaults
            .with_bytes(len)
            .with_values(values_in_it)
            .with_depth(deepest.saturating_sub(1));
        prop_assert!(decode_with(&bytes, most).is_ok());
        prop_assert!(Reader::with_limits(&bytes, most).all(|view| view.is_ok()));
        let refused = |limits: Limits, expected: ReadError| {
            let view = Reader::with_limits(&bytes, limits).find_map(Result::err);
            assert_eq!(decode_with(&bytes, limits).unwrap_err(), expected);
            assert_eq!(view, Some(expected));
        };
        refused(defaults.with_bytes(len - 1), ReadError::TooLong { found: len, limit: len - 1 });
        let limit = values_in_it - 1;
        refused(defaults.with_values(limit), ReadError::TooManyValues { limit });
        if let Some(limit) = deepest.checked_sub(2) {
            let error = decode_with(&bytes, defaults.with_depth(limit)).unwrap_err();
            let is_it = matches!(error, ReadError::TooDeep { limit: found, .. } if found == limit);
            prop_assert!(is_it, "{}", error);
            let view = Reader::with_limits(&bytes, defaults.with_depth(limit)).find_map(Result::err);
            prop_assert_eq!(view, Some(error));
        }
        // The writer has the same bound on bytes.
        let write = |limit: usize| {
            let mut writer = Writer::with_limits(Vec::new(), defaults.with_bytes(limit));
            values.iter().try_for_each(|value| skynet_seri::Pack::pack(value, &mut writer))
        };
        prop_assert!(write(len).is_ok());
        prop_assert_eq!(write(len - 1), Err(WriteError::TooLong { limit: len - 1 }));
    }

    #[test]
    fn values_are_written_as_deep_as_skynet_writes_them(tables in 1_usize..60, in_array: bool) {
        let value = nested(tables, in_array);
        let written = encode(std::slice::from_ref(&value));
        if tables <= MAX_WRITE_DEPTH {
            let bytes = written.unwrap();
            prop_assert_eq!(decode(&bytes).unwrap(), [value]);
            read_all_ways(&bytes);
        } else {
            prop_assert_eq!(written, Err(WriteError::TooDeep { limit: MAX_WRITE_DEPTH }));
        }
    }
}
