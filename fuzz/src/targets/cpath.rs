//! Search paths of plugins: patterns, and the names that match them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use skynet_core::fuzz;

use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "cpath",
    about: "the loader: search paths, and file names that match them",
    run,
    seeds,
    tokens: &[
        b"?",
        b";",
        b"?.so",
        b"lib?.so",
        b"/",
        b"\0",
        b"a?a?a?a?",
        b" ",
    ],
    max_len: 1 << 12,
    memory: Bound {
        base: 1 << 16,
        per_byte: 100,
    },
};

/// Bytes of the longest name that a file has.
const NAME: usize = 255;

fn run(bytes: &[u8]) {
    check_patterns(&String::from_utf8_lossy(bytes));
    let mut parts = bytes.splitn(2, |byte| *byte == b'\0');
    let pattern = parts.next().unwrap_or_default();
    let name = parts.next().unwrap_or_default();
    let (pattern, name) = (cut(pattern), cut(name));
    let found = fuzz::cpath_matches(OsStr::from_bytes(pattern), OsStr::from_bytes(name));
    assert_eq!(found, matches(pattern, name), "{pattern:?} {name:?}");
}

fn check_patterns(text: &str) {
    let Some(patterns) = fuzz::cpath(text) else {
        let mut parts = text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let first = parts.next();
        let wrong = |part: &str| !part.contains('?') || part.contains('\0');
        assert!(first.is_none_or(wrong) || parts.any(wrong), "{text:?}");
        return;
    };
    assert!(!patterns.is_empty());
    for pattern in &patterns {
        assert!(
            pattern.contains('?') && !pattern.contains(['\0', ';']),
            "{pattern:?}"
        );
        assert_eq!(pattern.trim(), pattern);
    }
    assert_eq!(fuzz::cpath(&patterns.join(";")), Some(patterns));
}

fn cut(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(NAME)]
}

/// The same by a table: which beginnings of the name the pattern so far can be.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for &byte in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 1..=name.len() {
            next[at] = match byte {
                b'?' => reached[at - 1] || next[at - 1],
                byte => reached[at - 1] && name[at - 1] == byte,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "cservice/?.so;cservice/lib?.so",
        " a/?.so ; ;b/?/?.so;",
        "a/x.so",
        ";;",
        "?.so\0echo.so",
        "lib?.so\0lib.so",
        "?-?.so\0a-b-c.so",
        "?a?b?\0xaxbx",
        "??\0ab",
        "?a?a?a?a?a?b\0aaaaaaaaaaaaaaaaaaaa",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    seeds.push([b"?a?a?a?b\0", "a".repeat(NAME).as_bytes()].concat());
    seeds
}
