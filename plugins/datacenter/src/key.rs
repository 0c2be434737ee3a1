//! Keys of the tree.

use skynet_seri::{ReadError, Value, WriteError};
use skynet_service::{Error, Result};

/// What Lua can tell apart as a key and the network can carry. Integral numbers are integers, as in Lua.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    Boolean(bool),
    Integer(i64),
    /// The bits of a number that is no integer.
    Number(u64),
    String(Box<[u8]>),
}

impl Key {
    /// The key that a value is.
    ///
    /// # Errors
    /// It cannot be one.
    pub(crate) fn from_value(value: Value) -> Result<Self> {
        if let Some(integer) = value.as_integer() {
            return Ok(Self::Integer(integer));
        }
        match value {
            Value::Boolean(value) => Ok(Self::Boolean(value)),
            Value::Number(value) if !value.is_nan() => Ok(Self::Number(value.to_bits())),
            Value::String(bytes) => Ok(Self::String(bytes.into())),
            other => Err(Error::refused(format_args!(
                "a key is {}; wanted a text, a number or a boolean",
                kind(&other)
            ))),
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Number(bits) => Value::Number(f64::from_bits(*bits)),
            Self::String(bytes) => Value::String(bytes.to_vec()),
        }
    }

    /// Bytes that it has beside itself.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::String(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// A path as bytes: its keys, packed. The bytes of a path are the beginning of those of every path below it, and of no
/// other.
///
/// # Errors
/// A key is too long.
pub(crate) fn pack_path(path: &[Key]) -> Result<Vec<u8>, WriteError> {
    let values: Vec<Value> = path.iter().map(Key::to_value).collect();
    skynet_seri::encode(&values)
}

/// The path that bytes are.
///
/// # Errors
/// They are none.
pub(crate) fn unpack_path(bytes: &[u8]) -> Result<Vec<Key>> {
    let values = skynet_seri::decode(bytes).map_err(|error: ReadError| Error::from(error))?;
    values.into_iter().map(Key::from_value).collect()
}

/// A path for people: `multicast.2`.
pub(crate) fn show_path(path: &[Key]) -> String {
    let words: Vec<String> = path
        .iter()
        .map(|key| match key {
            Key::Boolean(value) => value.to_string(),
            Key::Integer(value) => value.to_string(),
            Key::Number(bits) => f64::from_bits(*bits).to_string(),
            Key::String(bytes) => String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into(),
        })
        .collect();
    words.join(".")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Number(_) => "not a number",
        Value::Pointer(_) => "a light userdata",
        Value::String(_) => "a string",
        Value::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_keys_and_back() {
        for value in [
            Value::Boolean(true),
            Value::Integer(-5),
            Value::Number(1.5),
            Value::from("multicast"),
            Value::String(vec![0, 255]),
        ] {
            assert_eq!(Key::from_value(value.clone()).unwrap().to_value(), value);
        }
        let one = Key::from_value(Value::Number(1.0)).unwrap();
        assert_eq!(one, Key::Integer(1));
        let zero = Key::from_value(Value::Number(-0.0)).unwrap();
        assert_eq!(zero, Key::Integer(0));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused() {
        let table = Value::from(Vec::<Value>::new());
        for (value, expected) in [
            (Value::Nil, "nil"),
            (Value::Number(f64::NAN), "not a number"),
            (Value::Pointer(1), "light userdata"),
            (table, "a table"),
        ] {
            let error = Key::from_value(value).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_bytes_of_a_path_begin_those_of_the_paths_below() {
        let path = [Key::String((*b"a").into()), Key::Integer(300)];
        let bytes = pack_path(&path).unwrap();
        assert_eq!(unpack_path(&bytes).unwrap(), path);
        assert!(bytes.starts_with(&pack_path(&path[..1]).unwrap()));
        let longer = pack_path(&[Key::String((*b"ab").into())]).unwrap();
        assert!(!longer.starts_with(&pack_path(&path[..1]).unwrap()));
        assert!(unpack_path(b"\x07").is_err());
        assert_eq!(show_path(&path), "a.300");
    }
}
