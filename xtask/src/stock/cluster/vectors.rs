//! Bytes that were captured between unmodified nodes of a cluster. A stroke separates the parts for the reader.

use crate::stock::vectors::bytes;

/// Calls `@svc` with `"HELLO", 1`, session 1.
pub(crate) const HELLO: &str =
    "00 12 | 80 | 04 40 73 76 63 | 01 00 00 00 | 2c 48 45 4c 4c 4f 0a 01";
/// Calls `.svc` with `"HELLO2"`, session 2.
pub(crate) const HELLO2: &str = "00 11 | 80 | 04 2e 73 76 63 | 02 00 00 00 | 34 48 45 4c 4c 4f 32";
/// Calls 0x11 with `"HELLO3"`, session 3.
pub(crate) const HELLO3: &str = "00 10 | 00 | 11 00 00 00 | 03 00 00 00 | 34 48 45 4c 4c 4f 33";
/// Asks who is `svc`, session 4.
pub(crate) const QUERY: &str = "00 0d | 00 | 00 00 00 00 | 04 00 00 00 | 1c 73 76 63";
/// Sends `"PUSHED"` to `@svc`.
pub(crate) const PUSH: &str = "00 11 | 80 | 04 40 73 76 63 | 00 00 00 00 | 34 50 55 53 48 45 44";
/// A trace tag, before the request with session 11.
pub(crate) const TRACE: &str =
    "00 1b | 04 | 28 76 6d 31 32 31 37 31 2d 70 79 2d 31 32 29 3a 30 30 30 30 30 30 30 38 2d 31";
/// The text of that tag.
pub(crate) const TAG: &str = "(vm12171-py-12):00000008-1";
/// Answers session 1 with `"re", 1`.
pub(crate) const OK: &str = "00 0a | 01 00 00 00 | 01 | 14 72 65 0a 01";
/// Answers session 5 with `name not found`.
pub(crate) const ERROR: &str =
    "00 13 | 05 00 00 00 | 00 | 6e 61 6d 65 20 6e 6f 74 20 66 6f 75 6e 64";

/// The body of [`call_in_parts`].
pub(crate) fn call_in_parts_body() -> Vec<u8> {
    vec![0x61; 32769]
}

/// Calls `@svc` with 32769 bytes, session 8.
pub(crate) fn call_in_parts() -> Vec<u8> {
    let mut out = bytes("00 0e | 81 | 04 40 73 76 63 | 08 00 00 00 | 01 80 00 00");
    out.extend(bytes("80 05 | 02 | 08 00 00 00"));
    out.extend([0x61; 32768]);
    out.extend(bytes("00 06 | 03 | 08 00 00 00 | 61"));
    out
}

/// Sends 40003 bytes to 0x11, session 9: one text of 40000 letters.
pub(crate) fn push_in_parts() -> Vec<u8> {
    let body = [&bytes("15 40 9c")[..], &[0x61; 40000]].concat();
    let mut out = bytes("00 0d | 41 | 11 00 00 00 | 09 00 00 00 | 43 9c 00 00");
    out.extend(bytes("80 05 | 02 | 09 00 00 00"));
    out.extend(&body[..32768]);
    out.extend(bytes("1c 48 | 03 | 09 00 00 00"));
    out.extend(&body[32768..]);
    out
}

/// Answers session 22 with 32769 bytes.
pub(crate) fn answer_in_parts() -> Vec<u8> {
    let mut out = bytes("00 09 | 16 00 00 00 | 02 | 01 80 00 00");
    out.extend(bytes("80 05 | 16 00 00 00 | 03"));
    out.extend([0x78; 32768]);
    out.extend(bytes("00 06 | 16 00 00 00 | 04 | 78"));
    out
}
