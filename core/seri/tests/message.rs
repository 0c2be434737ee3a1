//! Messages that are written as strings of another message.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_seri::{Limits, PackArgs, SinkFull, SliceSink, WriteError, Writer, pack, packed_len};

/// A message of so many bytes.
fn message(len: usize) -> Vec<u8> {
    pack(&vec![true; len]).unwrap()
}

#[test]
fn a_message_in_a_string_is_the_string_of_its_bytes() {
    for len in [0, 1, 31, 32, 33, 65_535, 65_536] {
        let values = vec![true; len];
        let mut writer = Writer::new();
        writer.integer(7).unwrap();
        writer
            .message(packed_len(&values).unwrap(), |inner| {
                values.pack_args(inner)
            })
            .unwrap();
        writer.boolean(false).unwrap();
        let expected = pack(&(7, &message(len)[..], false)).unwrap();
        assert_eq!(writer.written(), expected.len());
        assert_eq!(writer.finish().unwrap(), expected, "{len} bytes");
    }
    // Inside a table it is one value, and the tables in it are counted by themselves.
    let mut writer = Writer::new();
    writer.begin_table(1).unwrap();
    writer
        .message(2, |inner| ([0_i64; 0],).pack_args(inner))
        .unwrap();
    writer.end_table().unwrap();
    let table = pack(&([0_i64; 0],)).unwrap();
    assert_eq!(writer.finish().unwrap(), pack(&([&table[..]],)).unwrap());
}

#[test]
fn another_length_than_was_said_is_refused() {
    for (said, expected) in [
        (
            3,
            WriteError::Custom("a message in a string came to 2 bytes, 3 were said".to_owned()),
        ),
        (1, WriteError::TooLong { limit: 1 }),
    ] {
        let mut writer = Writer::new();
        let written = writer.message(said, |inner| (true, true).pack_args(inner));
        assert_eq!(written, Err(expected));
    }
    let open = Writer::new().message(1, |inner| inner.begin_table(0));
    assert!(
        matches!(open, Err(WriteError::Unbalanced { .. })),
        "{open:?}"
    );
}

#[test]
fn limits_and_sinks_count_what_is_in_the_string() {
    let values = (true, true, true);
    let write = |limit, room: usize| {
        let mut room = vec![0; room];
        let limits = Limits::default().with_bytes(limit);
        let mut writer = Writer::with_limits(SliceSink::new(&mut room), limits);
        writer.message(3, |inner| values.pack_args(inner))
    };
    assert_eq!(write(4, 4), Ok(()));
    assert_eq!(write(3, 4), Err(WriteError::TooLong { limit: 3 }));
    let full = SinkFull {
        wanted: 1,
        found: 0,
    };
    assert_eq!(write(4, 3), Err(full.into()));
}
