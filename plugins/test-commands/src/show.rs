//! Values as a person would write them in Lua.

use std::fmt;

use skynet_seri::Value;

/// A value to be shown. Pairs of tables are in the order of their texts.
pub(crate) struct Shown<'a>(pub(crate) &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Nil => f.write_str("nil"),
            Value::Boolean(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::Number(value) => write!(f, "{value:?}"),
            Value::Pointer(value) => write!(f, "0x{value:x}"),
            Value::String(bytes) => String::from_utf8_lossy(bytes).fmt(f),
            Value::Table(table) => {
                let array = table.array.iter().map(|value| Shown(value).to_string());
                let mut pairs: Vec<_> = table
                    .pairs
                    .iter()
                    .map(|(key, value)| format!("{}={}", Shown(key), Shown(value)))
                    .collect();
                pairs.sort();
                let parts: Vec<_> = array.chain(pairs).collect();
                write!(f, "{{{}}}", parts.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use skynet_seri::{decode, pack};

    use super::*;

    #[test]
    fn values_are_shown() {
        let check = |message: Vec<u8>, expected: &str| {
            let values = decode(&message).unwrap();
            let texts: Vec<_> = values
                .iter()
                .map(|value| Shown(value).to_string())
                .collect();
            assert_eq!(texts.join(" "), expected);
        };
        check(pack!(true, 1, 1.0, "a").unwrap(), "true 1 1.0 a");
        check(pack!([1, 2]).unwrap(), "{1, 2}");
        let map = std::collections::HashMap::from([("b", 1), ("a", 2)]);
        check(pack!(map).unwrap(), "{a=2, b=1}");
    }
}
