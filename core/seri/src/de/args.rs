//! A whole message as one sequence.

use serde::de::{self, DeserializeSeed, Visitor};

use super::Deserializer;
use crate::UnpackError;
use crate::cursor::{Cursor, Token};

/// A whole message.
pub(super) struct Args<'c, 'de> {
    pub(super) cursor: &'c mut Cursor<'de>,
}

impl<'c, 'de> Args<'c, 'de> {
    fn first(self) -> Result<Deserializer<'c, 'de>, UnpackError> {
        let token = if self.cursor.is_at_end() {
            Token::Nil
        } else {
            self.cursor.token()?
        };
        Ok(Deserializer {
            cursor: self.cursor,
            token,
            depth: 0,
        })
    }

    fn visit<V: Visitor<'de>>(self, visitor: V, arity: usize) -> Result<V::Value, UnpackError> {
        visitor.visit_seq(ArgValues {
            cursor: self.cursor,
            arity,
            index: 0,
        })
    }
}

macro_rules! deserialize_first {
    ($($method:ident($($arg:ident: $type:ty),*)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, UnpackError> {
            self.first()?.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Args<'_, 'de> {
    type Error = UnpackError;

    deserialize_first!(
        deserialize_any(), deserialize_bool(), deserialize_char(), deserialize_str(),
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(), deserialize_i128(),
        deserialize_u8(), deserialize_u16(), deserialize_u32(), deserialize_u64(), deserialize_u128(),
        deserialize_f32(), deserialize_f64(), deserialize_string(), deserialize_bytes(),
        deserialize_byte_buf(), deserialize_option(), deserialize_unit(), deserialize_map(),
        deserialize_identifier(), deserialize_ignored_any(),
        deserialize_unit_struct(name: &'static str),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]),
    );

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UnpackError> {
        self.visit(visitor, 0)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.visit(visitor, len)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        self.visit(visitor, len)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The values of a message, then nils up to the arity of a tuple.
struct ArgValues<'c, 'de> {
    cursor: &'c mut Cursor<'de>,
    arity: usize,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for ArgValues<'_, 'de> {
    type Error = UnpackError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, UnpackError> {
        let token = match self.cursor.is_at_end() {
            true if self.index >= self.arity => return Ok(None),
            true => Token::Nil,
            false => self.cursor.token()?,
        };
        self.index += 1;
        let value = seed.deserialize(Deserializer {
            cursor: self.cursor,
            token,
            depth: 0,
        });
        value.map(Some).map_err(|error| error.at(self.index))
    }
}
