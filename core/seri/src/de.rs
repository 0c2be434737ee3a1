//! serde: from messages to Rust values.

mod args;
mod table;
mod variant;

use serde::de::{self, Visitor};
use serde::forward_to_deserialize_any;

use self::args::Args;
use self::table::{Elements, Entries};
use self::variant::{ContentVariant, UnitVariant};
use crate::cursor::{Cursor, Token};
use crate::{Limits, UnpackError};

/// Reads one serde value from the first value of a message (nil if it has none). Further values are
/// checked and ignored.
///
/// The counterpart of [`to_bytes`](crate::to_bytes). Sequences and tuples read the array part of a table and
/// ignore its pairs, as in `table.pack`; a tuple that is longer than the array gets nils. Maps read all
/// entries, the array part with the keys 1, 2, …; structs read the entries whose keys are strings.
/// Strings that are wanted as text must be UTF-8; `&str` and `&[u8]` stay in the message. Where the
/// type does not say what it wants, a table with an array part must have nothing else.
///
/// ```
/// #[derive(serde::Deserialize, Debug, PartialEq)]
/// struct Pair<'a> { a: i64, b: Option<&'a str> }
/// let pair: Pair = skynet_seri::from_bytes(b"\x06\x0ca\x0a\x01\x00")?;
/// assert_eq!(pair, Pair { a: 1, b: None });
/// # Ok::<(), skynet_seri::UnpackError>(())
/// ```
///
/// # Errors
/// When the bytes are no valid message, exceed the default limits, or do not fit the type.
pub fn from_bytes<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, UnpackError> {
    let mut cursor = Cursor::new(bytes, Limits::default())?;
    let token = if cursor.is_at_end() {
        Token::Nil
    } else {
        cursor.token()?
    };
    let value = T::deserialize(Deserializer {
        cursor: &mut cursor,
        token,
        depth: 0,
    })?;
    finish(cursor)?;
    Ok(value)
}

/// Reads the values of a message as the elements of a tuple, tuple struct or sequence: the counterpart of
/// [`args_to_bytes`](crate::args_to_bytes). A tuple that is longer than the message gets nils;
/// further values are checked and ignored. Any other type reads the first value, as [`from_bytes`]
/// does.
///
/// ```
/// let args: (String, Option<i64>) = skynet_seri::args_from_bytes(b"\x0cH")?;
/// assert_eq!(args, ("H".to_owned(), None));
/// # Ok::<(), skynet_seri::UnpackError>(())
/// ```
///
/// # Errors
/// As for [`from_bytes`].
pub fn args_from_bytes<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, UnpackError> {
    let mut cursor = Cursor::new(bytes, Limits::default())?;
    let value = T::deserialize(Args {
        cursor: &mut cursor,
    })?;
    finish(cursor)?;
    Ok(value)
}

fn finish(mut cursor: Cursor<'_>) -> Result<(), UnpackError> {
    while !cursor.is_at_end() {
        let token = cursor.token()?;
        cursor.skip(&token, 0)?;
    }
    Ok(())
}

/// One value, inside `depth` tables, of which the token was read.
struct Deserializer<'c, 'de> {
    cursor: &'c mut Cursor<'de>,
    token: Token<'de>,
    depth: usize,
}

impl<'c, 'de> Deserializer<'c, 'de> {
    fn mismatch(&self, wanted: &str) -> UnpackError {
        UnpackError::mismatch(wanted, self.token.name())
    }

    /// The array part of the table that this is.
    fn array(self, wanted: &str) -> Result<Elements<'c, 'de>, UnpackError> {
        let Token::Table(left) = self.token else {
            return Err(self.mismatch(wanted));
        };
        self.cursor.enter(self.depth)?;
        Ok(Elements::new(self.cursor, left, self.depth + 1))
    }

    fn visit_array<V: Visitor<'de>>(
        self,
        visitor: V,
        wanted: &str,
        arity: usize,
    ) -> Result<V::Value, UnpackError> {
        let mut elements = self.array(wanted)?.padded_to(arity);
        let value = visitor.visit_seq(&mut elements)?;
        elements.skip_table()?;
        Ok(value)
    }

    fn visit_entries<V: Visitor<'de>>(
        self,
        visitor: V,
        wanted: &str,
        fields_only: bool,
    ) -> Result<V::Value, UnpackError> {
        let mut entries = Entries::new(self.array(wanted)?, fields_only)?;
        let value = visitor.visit_map(&mut entries)?;
        entries.skip_table()?;
        Ok(value)
    }

    /// A table of which the type does not say what it should be.
    fn visit_table<V: Visitor<'de>>(self, visitor: V, len: usize) -> Result<V::Value, UnpackError> {
        if len == 0 {
            return self.visit_entries(visitor, "a table", false);
        }
        let mut elements = self.array("a table")?;
        let value = visitor.visit_seq(&mut elements)?;
        if elements.skip_array()?.key()?.is_some() {
            let wanted = "a table with an array part or with keys";
            return Err(UnpackError::mismatch(wanted, "one with both"));
        }
        Ok(value)
    }

    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        let Token::String(bytes) = self.token else {
            return Err(self.mismatch("a string"));
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| UnpackError::mismatch("a string in UTF-8", error.to_string()))?;
        visitor.visit_borrowed_str(text)
    }

    fn visit_integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::Integer(integer) => visitor.visit_i64(integer),
            Token::Number(number) => match crate::tag::integral(number) {
                Some(integer) => visitor.visit_i64(integer),
                None => visitor.visit_f64(number),
            },
            _ => Err(self.mismatch("an integer")),
        }
    }
}

macro_rules! deserialize_integers {
    ($($method:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
            self.visit_integer(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = UnpackError;

    deserialize_integers!(
        deserialize_i8,
        deserialize_i16,
        deserialize_i32,
        deserialize_i64,
        deserialize_i128,
        deserialize_u8,
        deserialize_u16,
        deserialize_u32,
        deserialize_u64,
        deserialize_u128
    );

    forward_to_deserialize_any!(bool f32 f64 identifier);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::Nil => visitor.visit_unit(),
            Token::Boolean(value) => visitor.visit_bool(value),
            Token::Integer(value) => visitor.visit_i64(value),
            Token::Number(value) => visitor.visit_f64(value),
            Token::Pointer(value) => visitor.visit_u64(value),
            Token::String(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => visitor.visit_borrowed_bytes(bytes),
            },
            Token::Table(len) => self.visit_table(visitor, len),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit_text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit_text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::String(bytes) => visitor.visit_borrowed_bytes(bytes),
            // What serialises as a sequence of integers may be read back as bytes.
            Token::Table(_) => self.deserialize_seq(visitor),
            _ => Err(self.mismatch("a string")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::Nil => visitor.visit_unit(),
            _ => Err(self.mismatch("nil")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit_array(visitor, "a table with an array part", 0)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.visit_array(visitor, "a table with an array part", len)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.visit_array(visitor, &format!("a table for {name}"), len)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit_entries(visitor, "a table", false)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.visit_entries(visitor, name, true)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        match self.token {
            Token::String(_) => visitor.visit_enum(UnitVariant(self)),
            Token::Table(_) => {
                let one_pair = || UnpackError::mismatch("a table of one pair", "another");
                let depth = self.depth + 1;
                let cursor = self.array(name)?.empty().ok_or_else(one_pair)?;
                let token = cursor.key()?.ok_or_else(one_pair)?;
                let name = Deserializer {
                    cursor: &mut *cursor,
                    token,
                    depth,
                };
                let value = visitor.visit_enum(ContentVariant(name))?;
                if cursor.key()?.is_some() {
                    Err(one_pair())
                } else {
                    Ok(value)
                }
            }
            _ => Err(self.mismatch(name)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.cursor.skip(&self.token, self.depth)?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
