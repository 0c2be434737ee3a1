//! Tuples to messages and back, the writer's own rules, and sinks.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;

use skynet_seri::{
    Pack, Reader, SinkFull, SliceSink, Table, TableRef, UnpackError, Value, ValueRef, WriteError,
    Writer, pack, pack_into, packed_len, unpack, unpack_prefix,
};

#[test]
fn packing() {
    let check = |message: Result<Vec<u8>, WriteError>, expected: &[u8]| {
        assert_eq!(message.unwrap(), expected);
    };
    check(pack(&()), b"");
    check(pack(&("GET", "a", 1, true)), b"\x1cGET\x0ca\x0a\x01\x09");
    check(pack!("GET", "a", 1, true), b"\x1cGET\x0ca\x0a\x01\x09");
    check(pack(&[1, 2][..]), b"\x0a\x01\x0a\x02");
    check(pack(&(None::<i64>, Some(1))), b"\x00\x0a\x01");
    check(
        pack(&(b"\xff\x00", vec![1_u8], [2_u8].as_slice())),
        b"\x14\xff\x00\x0c\x01\x0c\x02",
    );
    check(pack(&(vec![1_u16, 2],)), b"\x16\x0a\x01\x0a\x02\x00");
    check(
        pack(&(BTreeMap::from([("a", 1)]),)),
        b"\x06\x0ca\x0a\x01\x00",
    );
    check(pack(&(1.0_f32,)), b"\x42\0\0\0\0\0\0\xf0\x3f");
    let out_of_range = WriteError::OutOfRange {
        found: u64::MAX.to_string(),
    };
    assert_eq!(pack(&(u64::MAX,)), Err(out_of_range));
}

#[test]
fn a_view_is_packed_as_it_was() {
    let message = pack(&(
        1,
        Table {
            array: vec![Value::Nil, 2.into()],
            pairs: vec![],
        },
        "x",
    ))
    .unwrap();
    let views: Vec<ValueRef<'_>> = Reader::new(&message).map(Result::unwrap).collect();
    assert_eq!(pack(&views).unwrap(), message);
}

#[test]
fn unpacking() {
    assert_eq!(unpack::<()>(b"").unwrap(), ());
    assert_eq!(
        unpack::<(String, i64)>(b"\x0ca\x0a\x07").unwrap(),
        ("a".to_owned(), 7)
    );
    assert_eq!(
        unpack::<(i64, f64)>(b"\x42\0\0\0\0\0\0\xf0\x3f\x0a\x02").unwrap(),
        (1, 2.0)
    );
    assert_eq!(unpack::<(&str,)>(b"\x0ca\x0a\x07").unwrap(), ("a",));
    assert_eq!(
        unpack::<(Vec<u8>, Vec<u16>)>(b"\x0ca\x0e\x0a\x07\x00").unwrap(),
        (vec![b'a'], vec![7])
    );
    assert_eq!(unpack::<Vec<i64>>(b"\x0a\x01\x0a\x02").unwrap(), [1, 2]);
    assert_eq!(
        unpack::<(Option<i64>, Option<bool>)>(b"\x02").unwrap(),
        (Some(0), None)
    );
    let (map,) = unpack::<(BTreeMap<i64, bool>,)>(b"\x16\x00\x09\x0a\x09\x01\x00").unwrap();
    assert_eq!(map, BTreeMap::from([(2, true), (9, false)]));
    let (table, rest) = unpack_prefix::<(TableRef<'_>,)>(b"\x06\x00\x0ca").unwrap();
    assert_eq!((table.0.array_len(), rest.rest()), (0, &b"\x0ca"[..]));
}

#[test]
fn unpacking_the_wrong_thing() {
    fn check<'a, A: skynet_seri::UnpackArgs<'a> + std::fmt::Debug>(bytes: &'a [u8], text: &str) {
        assert_eq!(unpack::<A>(bytes).unwrap_err().to_string(), text);
    }
    check::<(i64, i64)>(
        b"\x02\x0ca",
        "value 2: wanted an integer for i64, found a string",
    );
    check::<(u8,)>(
        b"\x12\x00\x01",
        "value 1: wanted an integer for u8, found 256",
    );
    check::<(u32,)>(
        b"\x22\xff\xff\xff\xff",
        "value 1: wanted an integer for u32, found -1",
    );
    check::<(bool,)>(b"", "value 1: wanted a boolean, found nil");
    check::<(Table,)>(b"\x09", "value 1: wanted a table, found a boolean");
    check::<(&str,)>(
        b"\x0c\xff",
        "value 1: wanted a string in UTF-8, found invalid utf-8 sequence of 1 bytes from index 0",
    );
    check::<()>(b"\x07", "byte 0x07 at offset 0 begins no value");
    assert!(matches!(
        unpack::<(i64,)>(b"\x02\x0a"),
        Err(UnpackError::Read(_))
    ));
}

#[test]
fn the_writer_watches_the_order() {
    fn check(write: impl FnOnce(&mut Writer) -> Result<(), WriteError>, expected: &'static str) {
        let mut writer = Writer::new();
        let outcome = write(&mut writer).and_then(|()| writer.finish());
        assert_eq!(outcome, Err(WriteError::Unbalanced { reason: expected }));
    }
    check(|writer| writer.end_table(), "none was begun");
    check(|writer| writer.begin_table(0), "it was begun and not ended");
    check(
        |writer| {
            writer.begin_table(2)?;
            writer.nil()?;
            writer.end_table()
        },
        "its array has fewer values than was said",
    );
    check(
        |writer| {
            writer.begin_table(0)?;
            writer.string("key")?;
            writer.end_table()
        },
        "its last key has no value",
    );
}

#[test]
fn sinks() {
    let args = ("GET", "a", 1, true);
    assert_eq!(packed_len(&args).unwrap(), 9);
    let mut room = [0xee; 10];
    let written = pack_into(SliceSink::new(&mut room), &args)
        .unwrap()
        .into_written();
    assert_eq!(written, b"\x1cGET\x0ca\x0a\x01\x09");
    assert_eq!(room[9], 0xee);
    let full = pack_into(SliceSink::new(&mut room[..8]), &args).unwrap_err();
    assert_eq!(
        full,
        WriteError::Full(SinkFull {
            wanted: 1,
            found: 0
        })
    );
    assert_eq!(pack_into(b"head".to_vec(), &(0,)).unwrap(), b"head\x02");
    let limits = skynet_seri::Limits::default().with_bytes(3);
    let mut writer = Writer::with_limits(Vec::new(), limits);
    assert!("ab".pack(&mut writer).is_ok());
    assert_eq!(writer.nil(), Err(WriteError::TooLong { limit: 3 }));
}
