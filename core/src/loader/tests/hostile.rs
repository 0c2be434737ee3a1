//! Bytes of any kind: a result or an error, never a panic and never much memory.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use object::read::ReadCache;

use super::support::{Lab, SOURCE};
use crate::loader::PluginFile;

fn bytes() -> Vec<u8> {
    let lab = Lab::new();
    let path = lab.compile("x.so", SOURCE, &["-Wl,--strip-all"]);
    fs::read(path).unwrap()
}

fn read(bytes: &[u8]) -> Result<PluginFile, String> {
    let path = Path::new("x.so");
    let whole = PluginFile::from_data(path, bytes).map_err(|reason| reason.to_string());
    let piecewise = PluginFile::from_data(path, &ReadCache::new(Cursor::new(bytes)));
    assert_eq!(whole, piecewise.map_err(|reason| reason.to_string()));
    whole
}

#[test]
fn every_prefix_is_refused() {
    let bytes = bytes();
    assert!(read(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "{len} of {}", bytes.len());
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    let good = bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    for round in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=next(4) {
            // The headers at both ends say where everything lies.
            let at = match round % 3 {
                0 => next(bytes.len()),
                1 => next(0x300),
                _ => bytes.len() - 1 - next(0x800.min(bytes.len() - 1)),
            };
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
        }
        // Only that it returns matters here.
        let _ = read(&bytes);
    }
}
