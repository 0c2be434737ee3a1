//! What an unmodified node takes without a trace, and nothing else.

use anyhow::{Context, Result, bail, ensure};

use super::frame::Frame;
use super::packet::Value;

/// The first of the values that ours add.
const MARK: &[u8] = b"sk1";
/// Bytes of the value that ours add to `H`.
const ADDED_TO_H: usize = 20;
/// Longest global name.
const NAME: usize = 15;

/// A packet from a slave of ours to an unmodified master.
pub(super) fn from_slave(values: &[Value], is_first: bool) -> Result<()> {
    match (type_of(values)?, &values[1..]) {
        ("H", [id, address, rest @ ..]) if is_first => {
            number(id, 1, 255)?;
            ensure!(address.text().is_some(), "H without an address");
            match rest {
                [] => Ok(()),
                [Value::Text(added)] => {
                    ensure!(
                        added.len() == ADDED_TO_H && added.starts_with(MARK),
                        "H has {added:02x?} as its fourth value"
                    );
                    Ok(())
                }
                _ => bail!("H has more than one value more"),
            }
        }
        _ if is_first => bail!("the first packet is not H"),
        ("R", [name, handle]) => {
            check_name(name)?;
            check_handle(handle)
        }
        ("Q", [name]) => check_name(name),
        (other, _) => bail!("a master does not know this {other}"),
    }
}

/// A packet from a master of ours to an unmodified slave.
pub(super) fn from_master(values: &[Value], is_first: bool) -> Result<()> {
    let rest = match (type_of(values)?, &values[1..]) {
        ("W", [count, rest @ ..]) if is_first => {
            number(count, 0, 254)?;
            rest
        }
        _ if is_first => bail!("the first packet is not W"),
        ("C", [id, address, rest @ ..]) => {
            number(id, 1, 255)?;
            ensure!(address.text().is_some(), "C without an address");
            rest
        }
        ("N", [name, handle, rest @ ..]) => {
            check_name(name)?;
            check_handle(handle)?;
            rest
        }
        ("D", [id, rest @ ..]) => {
            number(id, 1, 255)?;
            rest
        }
        (other, _) => bail!("a slave does not know this {other}"),
    };
    match rest {
        [] => Ok(()),
        [Value::Text(mark), ..] if mark == MARK => Ok(()),
        _ => bail!("what is added does not begin with its mark"),
    }
}

/// A frame of node `from`. `hello`: whether the one for the logger may come now.
pub(super) fn frame(frame: &Frame, from: u8, hello: bool) -> Result<()> {
    if frame.kind() == 7 && !frame.body.is_empty() {
        ensure!(hello, "a greeting that nobody understands here");
        return greeting(frame, from);
    }
    ensure!(
        !matches!(frame.kind(), 4 | 5),
        "type {} is not for others",
        frame.kind()
    );
    ensure!(frame.source >> 24 != 0, "a source without a node");
    ensure!(frame.source & 0x00ff_ffff != 0, "a source that nobody is");
    ensure!(frame.destination() != 0, "a destination that nobody is");
    Ok(())
}

fn greeting(frame: &Frame, from: u8) -> Result<()> {
    ensure!(frame.source == u32::from(from) << 24, "its source");
    ensure!(frame.word == 0x0700_0001, "its destination");
    ensure!(frame.session == 0x7fff_fffe, "its session");
    ensure!(frame.body.starts_with(b"SKY1\x01"), "its magic and version");
    // Flags, heartbeat, epoch, epoch of the peer, received, nonce; length and text of the address.
    let fixed = 4 + 1 + 1 + 4 + 8 + 8 + 8 + 16;
    let length = frame.body.get(fixed).context("its length")?;
    ensure!(
        frame.body.len() == fixed + 1 + usize::from(*length),
        "its length"
    );
    Ok(())
}

fn type_of(values: &[Value]) -> Result<&str> {
    values
        .first()
        .and_then(Value::text)
        .context("a packet without a type")
}

fn number(value: &Value, least: i64, most: i64) -> Result<()> {
    let number = value.integer().context("no number")?;
    ensure!(
        (least..=most).contains(&number),
        "{number} is not from {least} to {most}"
    );
    Ok(())
}

fn check_name(value: &Value) -> Result<()> {
    let name = value.text().context("a name is no text")?;
    ensure!(
        (1..=NAME).contains(&name.len()) && !name.starts_with(['.', ':']),
        "{name:?} is no global name"
    );
    Ok(())
}

fn check_handle(value: &Value) -> Result<()> {
    number(value, 1, u32::MAX.into())?;
    let handle = value.integer().unwrap_or_default();
    ensure!(
        handle >> 24 != 0 && handle & 0x00ff_ffff != 0,
        "handle {handle:08x} is nobody"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::vectors;
    use super::*;

    fn values(parts: &[&str]) -> Vec<Value> {
        let value = |part: &&str| part.parse::<i64>().map_or((*part).into(), Value::Integer);
        parts.iter().map(value).collect()
    }

    #[test]
    fn a_master_takes_only_what_it_knows() {
        let check = |parts: &[&str], is_first, expected| {
            assert_eq!(
                from_slave(&values(parts), is_first).is_ok(),
                expected,
                "{parts:?}"
            );
        };
        let added = "sk1_________________";
        check(&["H", "7", "a:1"], true, true);
        check(&["H", "7", "a:1", added], true, true);
        check(&["H", "7", "a:1", added, "1"], true, false);
        check(&["H", "7", "a:1", "sk1"], true, false);
        check(&["H", "0", "a:1"], true, false);
        check(&["H", "7", "a:1"], false, false);
        check(&["Q", "NAME"], true, false);
        check(&["Q", "NAME"], false, true);
        check(&["Q", ".name"], false, false);
        check(&["R", "NAME", "117440544"], false, true);
        check(&["R", "NAME", "32"], false, false);
        check(&["R", "NAME", "117440544", "1"], false, false);
        check(&["B", "1"], false, false);
        check(&[], false, false);
    }

    #[test]
    fn a_slave_takes_more_values_but_no_more_types() {
        let check = |parts: &[&str], is_first, expected| {
            assert_eq!(
                from_master(&values(parts), is_first).is_ok(),
                expected,
                "{parts:?}"
            );
        };
        check(&["W", "0"], true, true);
        check(&["W", "0", "sk1", "7"], true, true);
        check(&["W", "0", "7"], true, false);
        check(&["C", "8", "a:1"], true, false);
        check(&["C", "8", "a:1", "sk1", "5", "2"], false, true);
        check(&["N", "NAME", "117440544"], false, true);
        check(&["N", "NAME", "0"], false, false);
        check(&["D", "8", "sk1"], false, true);
        check(&["L", "8"], false, false);
        check(&["E", "text"], false, false);
    }

    #[test]
    fn frames_for_unmodified_nodes() {
        let check = |bytes: Vec<u8>, hello, expected| {
            let found = Frame::parse(&bytes).unwrap();
            assert_eq!(frame(&found, 1, hello).is_ok(), expected, "{found:?}");
        };
        let make = super::super::frame::frame;
        check(vectors::bytes(vectors::CALL), false, true);
        check(vectors::bytes(vectors::ERROR), false, true);
        let body = [&b"SKY1\x01\x01"[..], &[0; 44], &[3], b"a:1"].concat();
        check(
            make(&body, 0x0100_0000, 0x0700_0001, 0x7fff_fffe),
            true,
            true,
        );
        check(
            make(&body, 0x0100_0000, 0x0700_0001, 0x7fff_fffe),
            false,
            false,
        );
        check(
            make(&body, 0x0200_0000, 0x0700_0001, 0x7fff_fffe),
            true,
            false,
        );
        check(
            make(&body, 0x0100_0000, 0x0700_0002, 0x7fff_fffe),
            true,
            false,
        );
        check(make(&body, 0x0100_0000, 0x0700_0001, 1), true, false);
        check(
            make(&body[1..], 0x0100_0000, 0x0700_0001, 0x7fff_fffe),
            true,
            false,
        );
        check(make(b"why", 0x0100_0009, 0x0700_0009, 5), false, false);
        check(make(b"", 0x0100_0009, 0x0400_0009, 0), false, false);
        check(make(b"", 9, 0x0a00_0009, 0), false, false);
        check(make(b"", 0x0100_0009, 0x0a00_0000, 0), false, false);
    }
}
