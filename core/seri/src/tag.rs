//! The first byte of every value: three bits of type, five bits of cookie.

pub(crate) const NIL: u8 = 0;
pub(crate) const BOOLEAN: u8 = 1;
pub(crate) const NUMBER: u8 = 2;
pub(crate) const POINTER: u8 = 3;
pub(crate) const SHORT_STRING: u8 = 4;
pub(crate) const LONG_STRING: u8 = 5;
pub(crate) const TABLE: u8 = 6;

/// Cookies of a number. One, two and four are also the width in bytes.
pub(crate) const ZERO: u8 = 0;
pub(crate) const BYTE: u8 = 1;
pub(crate) const WORD: u8 = 2;
pub(crate) const DWORD: u8 = 4;
pub(crate) const QWORD: u8 = 6;
pub(crate) const REAL: u8 = 8;

/// Strings shorter than this carry their length in the cookie.
pub(crate) const SHORT_LIMIT: usize = 32;
/// Array lengths from here on follow the tag as a number; this is also the cookie that says so.
pub(crate) const LONG_ARRAY: u8 = 31;

pub(crate) const fn tag(kind: u8, cookie: u8) -> u8 {
    kind | cookie << 3
}

pub(crate) const fn split(tag: u8) -> (u8, u8) {
    (tag & 7, tag >> 3)
}

/// The integer that a table key of this value is turned into, as Lua does with keys: `t[1.0]` is `t[1]`.
pub(crate) fn integral(number: f64) -> Option<i64> {
    const LOWEST: f64 = i64::MIN as f64;
    // -LOWEST is 2^63, the first value that no longer fits; NaN is in no range.
    let fits = (LOWEST..-LOWEST).contains(&number) && number.trunc() == number;
    fits.then_some(number as i64)
}
