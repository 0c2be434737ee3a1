//! Values made of any bytes, for seeds.

use fastrand::Rng;
use skynet_seri::{Table, Value};

use crate::input::Input;

/// Numbers whose encoding is the longest, or the first, of its width.
const INTEGERS: &[u64] = &[
    0,
    1,
    255,
    256,
    65_535,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    u64::MAX,
    i64::MIN as u64,
    i64::MAX as u64,
];

/// `count` inputs of random bytes, always the same.
pub(super) fn random(count: usize, len: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut rng = Rng::with_seed(7);
    (0..count).map(move |_| (0..len).map(|_| rng.u8(..)).collect())
}

/// A value with at most `depth` tables around anything in it.
pub(super) fn value(input: &mut Input<'_>, depth: usize) -> Value {
    match input.below(if depth == 0 { 7 } else { 10 }) {
        0 => Value::Nil,
        1 => Value::Boolean(input.any()),
        2 => Value::Integer(input.edge(INTEGERS) as i64),
        3 => Value::Number(input.any()),
        4 => Value::Pointer(input.any()),
        5 => Value::String(input.bytes(40).to_vec()),
        6 => Value::String(vec![
            b'x';
            input.edge(&[31, 32, 255, 256, 65_535]) as usize
                % 70_000
        ]),
        _ => Value::from(table(input, depth - 1)),
    }
}

fn table(input: &mut Input<'_>, depth: usize) -> Table {
    let len = input.below(6) * input.below(8);
    let array = (0..len).map(|_| value(input, depth)).collect();
    let pairs = (0..input.below(6)).map(|_| (key(input), value(input, depth)));
    let pairs = pairs.filter(|(_, value)| *value != Value::Nil).collect();
    Table { array, pairs }
}

fn key(input: &mut Input<'_>) -> Value {
    match input.below(4) {
        0 => Value::Boolean(input.any()),
        1 => Value::Integer(input.edge(INTEGERS) as i64),
        2 => Value::Number(f64::from(input.any::<i32>()) + 0.5),
        _ => Value::String(input.bytes(12).to_vec()),
    }
}
