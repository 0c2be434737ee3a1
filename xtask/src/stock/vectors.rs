//! Bytes that were captured between unmodified nodes, or between one and a hand-written peer. A stroke separates the
//! parts for the reader.

/// The bytes of a vector.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|sign| sign.to_digit(16)).collect();
    let pairs = digits.chunks(2);
    pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// Slave to master: `H, 7, "127.0.0.1:2607"`.
pub(crate) const H: &str = "13 | 0c 48  0a 07  74 31 32 37 2e 30 2e 30 2e 31 3a 32 36 30 37";
/// Master to slave: `W, 1`.
pub(crate) const W: &str = "04 | 0c 57  0a 01";
/// Master to slave: `C, 12, "127.0.0.1:2622"`.
pub(crate) const C: &str = "13 | 0c 43  0a 0c  74 31 32 37 2e 30 2e 30 2e 31 3a 32 36 32 32";
/// Slave to master: `R, "PYNAME", 0x07000020`.
pub(crate) const R: &str = "0e | 0c 52  34 50 59 4e 41 4d 45  22 20 00 00 07";
/// Master to all: `N, "PYNAME", 0x07000020`.
pub(crate) const N: &str = "0e | 0c 4e  34 50 59 4e 41 4d 45  22 20 00 00 07";
/// Slave to master: `Q, "ECHO"`.
pub(crate) const Q: &str = "07 | 0c 51  24 45 43 48 4f";
/// Master to slave: `N, "ECHO", 0x01000009`.
pub(crate) const N_ECHO: &str = "0c | 0c 4e  24 45 43 48 4f  22 09 00 00 01";
/// Master to slave: `D, 8`.
pub(crate) const D: &str = "04 | 0c 44  0a 08";

/// A call from 7 to 1: `"ECHO", 1, "two", true`.
pub(crate) const CALL: &str = "00 00 00 18 | 24 45 43 48 4f  0a 01  1c 74 77 6f  09 | 07 00 00 10 | 0a 00 00 09 | 00 00 00 05";
/// Its answer.
pub(crate) const REPLY: &str =
    "00 00 00 13 | 0a 01 1c 74 77 6f 09 | 01 00 00 09 | 01 00 00 10 | 00 00 00 05";
/// A message from 7 to 1 that wants no answer: `"ECHO", 1`.
pub(crate) const SEND: &str =
    "00 00 00 13 | 24 45 43 48 4f 0a 01 | 07 00 00 10 | 0a 00 00 09 | 00 00 00 00";
/// An error from 1 to 7.
pub(crate) const ERROR: &str = "00 00 00 0c | 01 00 00 09 | 07 00 00 10 | 00 00 00 06";
/// A header that is too long, for which an unmodified node closes.
pub(crate) const TOO_LONG: &str = "01 00 00 00";

/// 2 calls `SERVICE`: `"REPORT", 0x02000006`.
pub(crate) const REPORT: &str =
    "00000018 | 34 5245504f5254 22 06000002 | 02000006 0a000008 00000002";
/// The answer `nil`.
pub(crate) const REPORTED: &str = "0000000d | 00 | 01000008 01000006 00000002";
/// 2 calls `DATACENTER`: `"UPDATE", "multicast", 2, 0x02000008`.
pub(crate) const UPDATE: &str = "00000024 | 34 555044415445 4c 6d756c746963617374 0a02 22 08000002 | \
                                 02000008 0a000007 00000002";
/// The answer without a value.
pub(crate) const UPDATED: &str = "0000000c | 01000007 01000008 00000002";
/// 2 calls `DATACENTER`: `"QUERY", "MCCHANNEL"`.
pub(crate) const QUERY: &str =
    "0000001c | 2c 5155455259 4c 4d434348414e4e454c | 02000007 0a000007 00000004";
/// The answer `1`.
pub(crate) const QUERIED: &str = "0000000e | 0a01 | 01000007 01000007 00000004";
/// 2 calls the multicast service of 1: `"SUBR", 1`.
pub(crate) const SUBSCRIBE: &str = "00000013 | 24 53554252 0a01 | 02000008 0a00000a 00000004";
/// A multicast from 2 to 1.
pub(crate) const MULTICAST: &str =
    "0000001b | 74 52656d6f7465206d657373616765 | 02000007 0200000a 00000001";
/// The same back to 2, from the source that published it.
pub(crate) const MULTICAST_BACK: &str =
    "0000001b | 74 52656d6f7465206d657373616765 | 02000007 02000008 00000001";
/// A message from 2 to 1: `"DEL", 1`.
pub(crate) const DELETE: &str = "00000012 | 1c 44454c 0a01 | 02000008 0a00000a 00000000";
/// A message from 1 to 2: `"DELR", 1`.
pub(crate) const DELETED: &str = "00000013 | 24 44454c52 0a01 | 0100000a 0a000008 00000000";
