//! Our nodes with unmodified ones, which are played by hand: see `stock.rs`. Every byte that was captured between
//! unmodified nodes is sent or expected here, with the handles that ours have.

mod our_master;
mod their_master;

use anyhow::{Context, Result};

use super::Stage;
use crate::stock::{Frame, frame, vectors};

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    our_master::run(stage)?;
    their_master::run(stage)
}

/// A captured frame, from a node to a service of ours: the handles in it are those of others.
fn aimed(vector: &str, node: u8, handle: &str, session: Option<i32>) -> Result<Vec<u8>> {
    let mut found = captured(vector)?;
    found.source = u32::from(node) << 24 | found.source & 0x00ff_ffff;
    found.word = found.word & 0xff00_0000 | number(handle)? & 0x00ff_ffff;
    found.session = session.unwrap_or(found.session);
    Ok(found.bytes())
}

/// A captured frame, from a service of ours.
fn from(vector: &str, handle: &str, word: Option<u32>) -> Result<Vec<u8>> {
    let mut found = captured(vector)?;
    found.source = number(handle)?;
    found.word = word.unwrap_or(found.word);
    Ok(found.bytes())
}

fn captured(vector: &str) -> Result<Frame> {
    Frame::parse(&vectors::bytes(vector))
}

/// The number of `:0100000a`.
fn number(handle: &str) -> Result<u32> {
    let digits = handle.strip_prefix(':').context("a handle")?;
    Ok(u32::from_str_radix(digits, 16)?)
}

/// A call with values to a service of ours.
fn call(body: &[u8], source: u32, handle: &str, session: i32) -> Result<Vec<u8>> {
    let word = 0x0a00_0000 | number(handle)? & 0x00ff_ffff;
    Ok(frame(body, source, word, session))
}
