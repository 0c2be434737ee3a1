//! What holds for all values and all bytes.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use skynet_seri::{
    Reader, Table, Value, args_from_bytes, decode, encode, from_bytes, pack, packed_len, unpack,
};

fn key() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        // Integral floats as keys become integers, so they do not come back as they were.
        any::<f64>()
            .prop_filter("fraction", |key| key.fract() != 0.0)
            .prop_map(Value::Number),
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
        any::<f64>().prop_map(Value::Number),
        any::<u64>().prop_map(Value::Pointer),
        vec(any::<u8>(), 0..300).prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 100, 40, |inner| {
        let pairs = vec((key(), inner.clone()), 0..8);
        (vec(inner, 0..40), pairs).prop_map(|(array, mut pairs)| {
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

/// Every way to read, all of the same mind.
fn read_all_ways(bytes: &[u8]) {
    let owned = decode(bytes);
    let views: Result<Vec<_>, _> = Reader::new(bytes).collect();
    assert_eq!(owned.is_ok(), views.is_ok());
    assert_eq!(owned.is_ok(), unpack::<()>(bytes).is_ok());
    assert_eq!(
        owned.is_ok(),
        args_from_bytes::<Vec<IgnoredAny>>(bytes).is_ok()
    );
    assert_eq!(owned.is_ok(), from_bytes::<IgnoredAny>(bytes).is_ok());
    if let (Ok(owned), Ok(views)) = (owned, views) {
        let copies: Vec<Value> = views.iter().map(|view| view.to_value()).collect();
        let (owned, copies) = (
            encode(&owned).unwrap_or_default(),
            encode(&copies).unwrap_or_default(),
        );
        assert_eq!(owned, copies);
        assert_eq!(pack(&views).unwrap_or_default(), owned);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(values in vec(value(), 0..5)) {
        let bytes = encode(&values).unwrap();
        prop_assert_eq!(packed_len(&values).unwrap(), bytes.len());
        prop_assert_eq!(&decode(&bytes).unwrap(), &values);
        prop_assert_eq!(&unpack::<Vec<Value>>(&bytes).unwrap(), &values);
        read_all_ways(&bytes);
    }

    #[test]
    fn a_truncated_value_is_an_error(value in value(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&[value]).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        // Nothing at all is a message too.
        prop_assert!(cut.is_empty() || decode(cut).is_err());
        read_all_ways(cut);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all_ways(&bytes);
    }

    #[test]
    fn nearly_right_bytes_never_panic(bytes in likely_bytes()) {
        read_all_ways(&bytes);
    }
}
