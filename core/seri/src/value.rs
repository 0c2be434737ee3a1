//! Values that own what they hold.

use crate::cursor::{Cursor, Token};
use crate::{Limits, ReadError, Sink, WriteError, Writer};

/// Any value that a message can carry.
///
/// Equality is that of the parts: NaN is not itself, and tables are equal when their entries come in the
/// same order.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// A truth value.
    Boolean(bool),
    /// A Lua integer.
    Integer(i64),
    /// A Lua float.
    Number(f64),
    /// A light userdata: the 64 bits of an address, meaningless outside the process that sent it.
    Pointer(u64),
    /// A Lua string: any bytes.
    String(Vec<u8>),
    /// A table. Boxed, so that a value stays as small as a string.
    Table(Box<Table>),
}

/// A table as it is transported: values with the keys 1, 2, …, then pairs in the order of the message.
///
/// A key may occur twice in a message; Lua then keeps the last, and so do the look-ups here.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The array part; it may hold nils.
    pub array: Vec<Value>,
    /// All other entries. Pairs with nil as value are not written, and never read.
    pub pairs: Vec<(Value, Value)>,
}

/// Reads all values of a message, with the default limits.
///
/// # Errors
/// When the bytes are no valid message or exceed the limits.
pub fn decode(bytes: &[u8]) -> Result<Vec<Value>, ReadError> {
    decode_with(bytes, Limits::default())
}

/// Reads all values of a message.
///
/// # Errors
/// As for [`decode`].
pub fn decode_with(bytes: &[u8], limits: Limits) -> Result<Vec<Value>, ReadError> {
    let mut cursor = Cursor::new(bytes, limits)?;
    let mut values = Vec::new();
    while !cursor.is_at_end() {
        let token = cursor.token()?;
        values.push(Value::read(token, &mut cursor, 0)?);
    }
    Ok(values)
}

/// Writes values as one message, with the default limits.
///
/// # Errors
/// When tables are nested too deeply, a key is nil or NaN, or the message gets too long.
pub fn encode(values: &[Value]) -> Result<Vec<u8>, WriteError> {
    let mut writer = Writer::new();
    for value in values {
        value.write(&mut writer)?;
    }
    writer.finish()
}

impl Value {
    /// A string of the bytes of `text`.
    pub fn string(text: impl Into<Vec<u8>>) -> Self {
        Self::String(text.into())
    }

    /// The text, if this is a string of valid UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The bytes, if this is a string.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::String(bytes) = self {
            Some(bytes)
        } else {
            None
        }
    }

    /// The integer, if this is one or an integral float.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::Integer(integer) => Some(integer),
            Self::Number(number) => crate::tag::integral(number),
            _ => None,
        }
    }

    /// The table, if this is one.
    #[must_use]
    pub fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self {
            Some(table)
        } else {
            None
        }
    }

    pub(crate) fn write<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        match self {
            Self::Nil => writer.nil(),
            Self::Boolean(value) => writer.boolean(*value),
            Self::Integer(value) => writer.integer(*value),
            Self::Number(value) => writer.number(*value),
            Self::Pointer(value) => writer.pointer(*value),
            Self::String(bytes) => writer.string(bytes),
            Self::Table(table) => table.write(writer),
        }
    }

    fn read<'a>(
        token: Token<'a>,
        cursor: &mut Cursor<'a>,
        depth: usize,
    ) -> Result<Self, ReadError> {
        Ok(match token {
            Token::Nil => Self::Nil,
            Token::Boolean(value) => Self::Boolean(value),
            Token::Integer(value) => Self::Integer(value),
            Token::Number(value) => Self::Number(value),
            Token::Pointer(value) => Self::Pointer(value),
            Token::String(bytes) => Self::String(bytes.to_vec()),
            Token::Table(array) => {
                cursor.enter(depth)?;
                Self::from(Table::read(cursor, array, depth + 1)?)
            }
        })
    }
}

impl Table {
    /// The value of a string key.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Value> {
        let key = key.as_ref();
        let mut newest_first = self.pairs.iter().rev();
        newest_first
            .find(|(found, _)| found.as_bytes() == Some(key))
            .map(|(_, value)| value)
    }

    /// The value of an integer key, from the pairs or the array part.
    #[must_use]
    pub fn get_index(&self, key: i64) -> Option<&Value> {
        let mut newest_first = self.pairs.iter().rev();
        let pair = newest_first.find(|(found, _)| found.as_integer() == Some(key));
        let value = pair.map(|(_, value)| value).or_else(|| {
            let index = usize::try_from(key.checked_sub(1)?).ok()?;
            self.array.get(index)
        });
        value.filter(|value| **value != Value::Nil)
    }

    pub(crate) fn write<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        writer.begin_table(self.array.len())?;
        for value in &self.array {
            value.write(writer)?;
        }
        for (key, value) in self.pairs.iter().filter(|(_, value)| *value != Value::Nil) {
            key.write(writer)?;
            value.write(writer)?;
        }
        writer.end_table()
    }

    /// Reads the body of a table whose values are inside `depth` tables.
    pub(crate) fn read(
        cursor: &mut Cursor<'_>,
        len: usize,
        depth: usize,
    ) -> Result<Self, ReadError> {
        let mut array = Vec::with_capacity(cursor.reasonable(len));
        for _ in 0..len {
            let token = cursor.token()?;
            array.push(Value::read(token, cursor, depth)?);
        }
        let mut pairs = Vec::new();
        while let Some(key) = cursor.key()? {
            let key = Value::read(key, cursor, depth)?;
            let token = cursor.token()?;
            let value = Value::read(token, cursor, depth)?;
            if value != Value::Nil {
                pairs.push((key, value));
            }
        }
        Ok(Self { array, pairs })
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Table(Box::new(table))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::string(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(array: Vec<Value>) -> Self {
        Self::from(Table {
            array,
            pairs: Vec::new(),
        })
    }
}
