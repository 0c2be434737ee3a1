//! Global names.

use std::fmt;

/// Bytes of the longest global name.
pub const MAX_NAME: usize = 15;

/// A text is no global name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NameError {
    /// It has no bytes.
    Empty,
    /// It has more than [`MAX_NAME`] bytes: how many.
    TooLong(usize),
    /// It begins with a dot (a local name) or a colon (a handle).
    Prefix,
    /// It is a number.
    Number,
    /// It holds a byte 0, which would end it elsewhere.
    Zero,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a global name must not be empty"),
            Self::TooLong(found) => write!(
                f,
                "a global name of {found} bytes is too long, at most {MAX_NAME} are allowed"
            ),
            Self::Prefix => f.write_str("a global name must not begin with \".\" or \":\""),
            Self::Number => f.write_str("a global name must not be a number"),
            Self::Zero => f.write_str("a global name must not hold a zero byte"),
        }
    }
}

impl std::error::Error for NameError {}

/// Checks a global name: 1 to 15 bytes, not beginning with `.` or `:`, and no number.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong(name.len()));
    }
    if name.starts_with(['.', ':']) {
        return Err(NameError::Prefix);
    }
    if name.contains('\0') {
        return Err(NameError::Zero);
    }
    if is_number(name) {
        return Err(NameError::Number);
    }
    Ok(())
}

/// What Lua takes for a number.
fn is_number(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, exponent, is_digit): (_, _, fn(&u8) -> bool) = match hexadecimal {
        Some(text) => {
            let (digits, exponent) = split(text, ['p', 'P']);
            (digits, exponent, u8::is_ascii_hexdigit)
        }
        None => {
            let (digits, exponent) = split(text, ['e', 'E']);
            (digits, exponent, u8::is_ascii_digit)
        }
    };
    let is_exponent = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    whole.len() + fraction.len() > 0
        && whole.bytes().chain(fraction.bytes()).all(|b| is_digit(&b))
        && exponent.is_none_or(is_exponent)
}

fn split(text: &str, marks: [char; 2]) -> (&str, Option<&str>) {
    match text.split_once(marks) {
        Some((digits, exponent)) => (digits, Some(exponent)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let check = |name: &str, expected: Option<NameError>| {
            assert_eq!(check_name(name).err(), expected, "{name:?}");
        };
        for name in [
            "A",
            "DATACENTER",
            "a b",
            "0x",
            "1a",
            "-",
            ".5x",
            "inf",
            "nan",
            "é",
            "1e",
            "e5",
            "1e+",
        ] {
            check(name, (name == ".5x").then_some(NameError::Prefix));
        }
        check("fifteen bytes !", None);
        check("sixteen bytes !!", Some(NameError::TooLong(16)));
        check("", Some(NameError::Empty));
        check(".local", Some(NameError::Prefix));
        check(":0000000a", Some(NameError::Prefix));
        check("a\0b", Some(NameError::Zero));
        for name in [
            "1", "-1", " 12 ", "0x1F", "1.5", "5.", "1e5", "1E-5", "0x.8p1", "+3",
        ] {
            check(name, Some(NameError::Number));
        }
    }
}
