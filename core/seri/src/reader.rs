//! Values that stay in the message: nothing is copied.

use crate::cursor::{Cursor, Token};
use crate::value::Value;
use crate::{Limits, ReadError};

/// Reads the values of a message one after the other, without copying.
///
/// Each value is checked to its end when it is returned; an error ends the iteration.
///
/// ```
/// use skynet_seri::{Reader, ValueRef};
/// let mut reader = Reader::new(b"\x1cGET\x0ca");
/// assert_eq!(reader.next(), Some(Ok(ValueRef::String(b"GET"))));
/// assert_eq!(reader.next(), Some(Ok(ValueRef::String(b"a"))));
/// assert_eq!(reader.next(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
    /// The error to give out next; then the cursor is at its end.
    refused: Option<ReadError>,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` with the default limits.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::with_limits(bytes, Limits::default())
    }

    /// Reads `bytes`. A message that is too long gives its error as the first item.
    #[must_use]
    pub fn with_limits(bytes: &'a [u8], limits: Limits) -> Self {
        match Cursor::new(bytes, limits) {
            Ok(cursor) => Self {
                cursor,
                refused: None,
            },
            Err(error) => Self {
                cursor: Cursor::trusted(&[]),
                refused: Some(error),
            },
        }
    }

    /// The bytes of the values not yet read; nothing after an error.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    fn read(&mut self) -> Result<ValueRef<'a>, ReadError> {
        let token = self.cursor.token()?;
        ValueRef::complete(token, &mut self.cursor, 0)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<ValueRef<'a>, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_at_end() {
            return self.refused.take().map(Err);
        }
        let item = self.read();
        if item.is_err() {
            self.cursor = Cursor::trusted(&[]);
        }
        Some(item)
    }
}

impl std::iter::FusedIterator for Reader<'_> {}

/// A value that lies in a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// Nothing.
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
    String(&'a [u8]),
    /// A table.
    Table(TableRef<'a>),
}

impl<'a> ValueRef<'a> {
    /// What the value is, for error texts: "a string".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.token().name()
    }

    /// The text, if this is a string of valid UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        self.as_bytes()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The bytes, if this is a string.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&'a [u8]> {
        if let Self::String(bytes) = *self {
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
    pub const fn as_table(&self) -> Option<TableRef<'a>> {
        if let Self::Table(table) = *self {
            Some(table)
        } else {
            None
        }
    }

    /// A copy that does not need the message.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match *self {
            Self::Nil => Value::Nil,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Number(value) => Value::Number(value),
            Self::Pointer(value) => Value::Pointer(value),
            Self::String(bytes) => Value::String(bytes.to_vec()),
            Self::Table(table) => Value::from(table.to_table()),
        }
    }

    const fn token(&self) -> Token<'a> {
        match *self {
            Self::Nil => Token::Nil,
            Self::Boolean(value) => Token::Boolean(value),
            Self::Integer(value) => Token::Integer(value),
            Self::Number(value) => Token::Number(value),
            Self::Pointer(value) => Token::Pointer(value),
            Self::String(value) => Token::String(value),
            Self::Table(table) => Token::Table(table.array),
        }
    }

    /// The value, inside `depth` tables, that began with `token`; moves the cursor behind it.
    #[inline]
    pub(crate) fn complete(
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
            Token::String(value) => Self::String(value),
            Token::Table(array) => {
                let start = cursor.rest();
                cursor.skip(&token, depth)?;
                let body = &start[..start.len() - cursor.rest().len()];
                Self::Table(TableRef { body, array })
            }
        })
    }
}

/// A table that lies in a message. It was checked to its end, so walking it cannot fail.
///
/// Each step over an inner table measures that table, so walking all of a deep message this way costs its
/// length times its depth; [`crate::decode`] and serde read every byte once.
#[derive(Debug, Clone, Copy)]
pub struct TableRef<'a> {
    /// From behind the tag and the length up to and with the end.
    body: &'a [u8],
    array: usize,
}

impl<'a> TableRef<'a> {
    /// Values in the array part, nils included.
    #[must_use]
    pub const fn array_len(&self) -> usize {
        self.array
    }

    /// The values of the array part; their keys are 1, 2, ….
    pub fn array(&self) -> impl Iterator<Item = ValueRef<'a>> + use<'a> {
        let mut cursor = Cursor::trusted(self.body);
        (0..self.array).map_while(move |_| {
            let token = cursor.token().ok()?;
            ValueRef::complete(token, &mut cursor, 0).ok()
        })
    }

    /// The pairs behind the array part, in the order of the message; those with nil as value are left out.
    pub fn pairs(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        let mut cursor = self.pairs_cursor();
        std::iter::from_fn(move || next_pair(cursor.as_mut()?))
            .filter(|(_, value)| *value != ValueRef::Nil)
    }

    /// All entries: the array part with its keys, then the pairs.
    pub fn entries(&self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        let keys = (1..).map(ValueRef::Integer);
        keys.zip(self.array()).chain(self.pairs())
    }

    /// The value of a string key; of several the last, as in Lua. Walks the table.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<ValueRef<'a>> {
        let key = ValueRef::String(key.as_ref());
        self.pairs()
            .filter(|(found, _)| *found == key)
            .last()
            .map(|(_, value)| value)
    }

    /// The value of an integer key, from the pairs or the array part. Walks the table.
    #[must_use]
    pub fn get_index(&self, key: i64) -> Option<ValueRef<'a>> {
        let key = ValueRef::Integer(key);
        let found = self.entries().filter(|(found, _)| *found == key).last();
        found
            .map(|(_, value)| value)
            .filter(|value| *value != ValueRef::Nil)
    }

    /// A copy that does not need the message.
    #[must_use]
    pub fn to_table(&self) -> crate::Table {
        let mut cursor = Cursor::trusted(self.body);
        // The body was checked, so the alternative is never taken.
        crate::Table::read(&mut cursor, self.array, 0).unwrap_or_default()
    }

    fn pairs_cursor(&self) -> Option<Cursor<'a>> {
        let mut cursor = Cursor::trusted(self.body);
        for _ in 0..self.array {
            let token = cursor.token().ok()?;
            cursor.skip(&token, 0).ok()?;
        }
        Some(cursor)
    }
}

/// Equal when array parts and pairs are, in this order.
impl PartialEq for TableRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.array == other.array
            && self.array().eq(other.array())
            && self.pairs().eq(other.pairs())
    }
}

fn next_pair<'a>(cursor: &mut Cursor<'a>) -> Option<(ValueRef<'a>, ValueRef<'a>)> {
    let key = cursor.key().ok()??;
    let key = ValueRef::complete(key, cursor, 0).ok()?;
    let token = cursor.token().ok()?;
    let value = ValueRef::complete(token, cursor, 0).ok()?;
    Some((key, value))
}
