//! Packets of the link between master and slave: a length byte and some values.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};

/// A value, of the kinds that packets have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Nil,
    Boolean(bool),
    Integer(i64),
    Text(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl Value {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// As the original packs it.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nil => out.push(0x00),
            Self::Boolean(value) => out.push(if *value { 0x09 } else { 0x01 }),
            Self::Integer(0) => out.push(0x02),
            Self::Integer(number) => match (u8::try_from(*number), u16::try_from(*number)) {
                (Ok(byte), _) => out.extend([0x0a, byte]),
                (_, Ok(word)) => {
                    out.push(0x12);
                    out.extend(word.to_le_bytes());
                }
                _ => match i32::try_from(*number) {
                    Ok(dword) => {
                        out.push(0x22);
                        out.extend(dword.to_le_bytes());
                    }
                    Err(_) => {
                        out.push(0x32);
                        out.extend(number.to_le_bytes());
                    }
                },
            },
            Self::Text(bytes) => {
                match bytes.len() {
                    length @ 0..32 => out.push((length as u8) << 3 | 4),
                    length => {
                        out.push(0x15);
                        out.extend((length as u16).to_le_bytes());
                    }
                }
                out.extend(bytes);
            }
        }
    }

    fn read(bytes: &mut &[u8]) -> Result<Self> {
        let [head] = take(bytes)?;
        Ok(match head {
            0x00 => Self::Nil,
            0x01 => Self::Boolean(false),
            0x09 => Self::Boolean(true),
            0x02 => Self::Integer(0),
            0x0a => Self::Integer(u8::from_le_bytes(take(bytes)?).into()),
            0x12 => Self::Integer(u16::from_le_bytes(take(bytes)?).into()),
            0x22 => Self::Integer(i32::from_le_bytes(take(bytes)?).into()),
            0x32 => Self::Integer(i64::from_le_bytes(take(bytes)?)),
            0x15 => {
                let length = u16::from_le_bytes(take(bytes)?);
                Self::Text(split(bytes, length.into())?.to_vec())
            }
            head if head & 7 == 4 => Self::Text(split(bytes, (head >> 3).into())?.to_vec()),
            head => bail!("a value begins with {head:#04x}"),
        })
    }
}

fn split<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (taken, rest) = bytes
        .split_at_checked(count)
        .context("a value lacks bytes")?;
    *bytes = rest;
    Ok(taken)
}

fn take<const COUNT: usize>(bytes: &mut &[u8]) -> Result<[u8; COUNT]> {
    Ok(split(bytes, COUNT)?.try_into()?)
}

/// A packet.
///
/// # Panics
/// It is longer than any may be.
pub(crate) fn packet(values: &[Value]) -> Vec<u8> {
    let mut out = vec![0];
    for value in values {
        value.write(&mut out);
    }
    out[0] = u8::try_from(out.len() - 1).expect("packets have at most 255 bytes");
    out
}

/// The values of a packet. An error also when they are not packed as the original does it.
pub(super) fn parse(payload: &[u8]) -> Result<Vec<Value>> {
    let mut rest = payload;
    let mut values = Vec::new();
    while !rest.is_empty() {
        values.push(Value::read(&mut rest)?);
    }
    ensure!(
        packet(&values)[1..] == *payload,
        "{payload:02x?} is not how {values:?} is packed"
    );
    Ok(values)
}

/// Reads the payload of one packet. `None`: the connection has ended between two.
pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0];
    if stream.read(&mut length)? == 0 {
        return Ok(None);
    }
    let mut payload = vec![0; length[0].into()];
    stream.read_exact(&mut payload)?;
    Ok(Some(payload))
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{self, bytes};
    use super::*;

    fn check(vector: &str, values: &[Value]) {
        assert_eq!(packet(values), bytes(vector), "{values:?}");
        let payload = read(&mut bytes(vector).as_slice()).unwrap().unwrap();
        assert_eq!(parse(&payload).unwrap(), values);
    }

    #[test]
    fn captured_packets_are_read_and_written() {
        check(
            vectors::H,
            &["H".into(), 7_u8.into(), "127.0.0.1:2607".into()],
        );
        check(vectors::W, &["W".into(), 1_u8.into()]);
        check(
            vectors::C,
            &["C".into(), 12_u8.into(), "127.0.0.1:2622".into()],
        );
        let name = || Value::from("PYNAME");
        check(vectors::R, &["R".into(), name(), 0x0700_0020_u32.into()]);
        check(vectors::N, &["N".into(), name(), 0x0700_0020_u32.into()]);
        check(vectors::Q, &["Q".into(), "ECHO".into()]);
        check(
            vectors::N_ECHO,
            &["N".into(), "ECHO".into(), 0x0100_0009_u32.into()],
        );
        check(vectors::D, &["D".into(), 8_u8.into()]);
    }

    #[test]
    fn high_handles_and_long_texts() {
        check(
            "0c | 0c 4e  02  32 09 00 00 ff 00 00 00 00",
            &["N".into(), 0_u8.into(), 0xff00_0009_u32.into()],
        );
        let long = "x".repeat(32);
        let found = packet(&[long.as_str().into(), Value::Nil, Value::Boolean(true)]);
        assert_eq!(found[..4], [37, 0x15, 32, 0]);
        assert_eq!(parse(&found[1..]).unwrap().len(), 3);
    }

    #[test]
    fn other_packings_are_refused() {
        for payload in [
            "0c",
            "12 01 00",
            "22 01 00 00 00",
            "15 01 00 41",
            "07",
            "42",
        ] {
            assert!(parse(&bytes(payload)).is_err(), "{payload}");
        }
    }
}
