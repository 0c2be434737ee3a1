//! Numbered messages, and whether they come in order.
//!
//! `"NUMBER", stream, number, payload` is one of them, whose payload can be computed; it is answered with its number.
//! `"CHECK", stream, numbers` asks how many of these have not come.

use std::collections::{HashMap, HashSet};

use skynet_service::seri::{Table, Value, unpack};
use skynet_service::{Result, bail};

/// What came, by stream.
#[derive(Default)]
pub(crate) struct Streams(HashMap<String, Seen>);

#[derive(Default)]
struct Seen {
    last: i64,
    numbers: HashSet<i64>,
    bytes: u64,
    /// Numbers that did not come before the next one.
    missed: i64,
    /// What was wrong first, and how often anything was.
    wrong: (u64, String),
}

impl Streams {
    /// A message with one of the two commands; its answer.
    pub(crate) fn take(&mut self, command: &str, bytes: &[u8]) -> Result<Value> {
        match command {
            "NUMBER" => {
                let (_, stream, number, payload) = unpack::<(&str, &str, i64, &[u8])>(bytes)?;
                let seen = self.0.entry(stream.to_owned()).or_default();
                seen.take(number, payload);
                Ok(Value::Integer(number))
            }
            "CHECK" => {
                let (_, stream, numbers) = unpack::<(&str, &str, Value)>(bytes)?;
                let Some(Table { array, .. }) = numbers.as_table() else {
                    bail!("no table of numbers");
                };
                let seen = self.0.entry(stream.to_owned()).or_default();
                let numbers = array.iter().filter_map(Value::as_integer);
                let lost = numbers.filter(|number| !seen.numbers.contains(number));
                Ok(Value::Integer(lost.count().try_into()?))
            }
            _ => bail!("{command:?} is nothing of a stream"),
        }
    }

    /// What came of one of them.
    pub(crate) fn seen(&self, stream: &str) -> String {
        let none = Seen::default();
        let seen = self.0.get(stream).unwrap_or(&none);
        let (wrong, first) = &seen.wrong;
        format!(
            "count={} last={} missed={} bytes={} wrong={wrong} first={first}",
            seen.numbers.len(),
            seen.last,
            seen.missed,
            seen.bytes
        )
    }
}

impl Seen {
    fn take(&mut self, number: i64, payload: &[u8]) {
        if number <= self.last {
            self.wrong(format!("{number} came behind {}", self.last));
        } else {
            self.missed += number - self.last - 1;
            self.last = number;
        }
        if !self.numbers.insert(number) {
            self.wrong(format!("{number} came twice"));
        }
        self.bytes += payload.len() as u64;
        if payload != made(payload.len(), number.cast_unsigned()) {
            self.wrong(format!(
                "{} bytes of {number} are not its own",
                payload.len()
            ));
        }
    }

    fn wrong(&mut self, what: String) {
        let (count, first) = &mut self.wrong;
        *count += 1;
        if *count == 1 {
            *first = what;
        }
    }
}

/// Bytes that both ends can compute.
pub(crate) fn made(len: usize, seed: u64) -> Vec<u8> {
    const BLOCK: usize = 8191;
    let mut state = mixed(seed) | 1;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    // One block again and again, of a length that nothing else has: what is cut or moved shows.
    let mut bytes: Vec<u8> = (0..len.min(BLOCK)).map(byte).collect();
    while bytes.len() < len {
        let more = (len - bytes.len()).min(BLOCK);
        bytes.extend_from_within(..more);
    }
    bytes
}

/// A number of no meaning that follows from this one.
pub(crate) fn mixed(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}
