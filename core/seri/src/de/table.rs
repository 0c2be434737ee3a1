//! The two ways to walk a table: its array part, or all its entries.

use serde::de::{self, DeserializeSeed};

use super::Deserializer;
use crate::UnpackError;
use crate::cursor::{Cursor, Token};

/// The array part of a table, then nils up to the arity of a tuple.
pub(super) struct Elements<'c, 'de> {
    cursor: &'c mut Cursor<'de>,
    left: usize,
    depth: usize,
    padding: usize,
}

impl<'c, 'de> Elements<'c, 'de> {
    /// The array of `left` values, each inside `depth` tables, at which the cursor stands.
    pub(super) fn new(cursor: &'c mut Cursor<'de>, left: usize, depth: usize) -> Self {
        Self {
            cursor,
            left,
            depth,
            padding: 0,
        }
    }

    pub(super) fn padded_to(self, arity: usize) -> Self {
        Self {
            padding: arity.saturating_sub(self.left),
            ..self
        }
    }

    /// The cursor behind the array, if that has no values.
    pub(super) fn empty(self) -> Option<&'c mut Cursor<'de>> {
        (self.left == 0).then_some(self.cursor)
    }

    fn next(&mut self) -> Result<Option<Deserializer<'_, 'de>>, UnpackError> {
        let token = if self.left > 0 {
            self.left -= 1;
            self.cursor.token()?
        } else if self.padding > 0 {
            self.padding -= 1;
            Token::Nil
        } else {
            return Ok(None);
        };
        Ok(Some(Deserializer {
            cursor: self.cursor,
            token,
            depth: self.depth,
        }))
    }

    /// Moves behind the rest of the array.
    pub(super) fn skip_array(&mut self) -> Result<&mut Cursor<'de>, UnpackError> {
        while self.left > 0 {
            self.left -= 1;
            let token = self.cursor.token()?;
            self.cursor.skip(&token, self.depth)?;
        }
        Ok(self.cursor)
    }

    /// Moves behind the rest of the table.
    pub(super) fn skip_table(&mut self) -> Result<(), UnpackError> {
        let depth = self.depth;
        Ok(self.skip_array()?.skip_pairs(depth)?)
    }
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = UnpackError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, UnpackError> {
        self.next()?
            .map(|element| seed.deserialize(element))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.cursor.reasonable(self.left))
    }
}

/// All entries of a table: the array part without its nils, then the pairs whose value is not nil.
pub(super) struct Entries<'c, 'de> {
    array: Elements<'c, 'de>,
    index: i64,
    /// The token of the value whose key was given out.
    value: Option<Token<'de>>,
    /// Leave out keys that are not strings.
    fields_only: bool,
    ended: bool,
}

impl<'c, 'de> Entries<'c, 'de> {
    /// The entries of the table that begins with `array`; with `fields_only` those whose keys are strings.
    pub(super) fn new(
        mut array: Elements<'c, 'de>,
        fields_only: bool,
    ) -> Result<Self, UnpackError> {
        if fields_only {
            array.skip_array()?;
        }
        Ok(Self {
            array,
            index: 0,
            value: None,
            fields_only,
            ended: false,
        })
    }

    /// Moves behind the rest of the table.
    pub(super) fn skip_table(&mut self) -> Result<(), UnpackError> {
        if let Some(token) = self.value.take() {
            self.array.cursor.skip(&token, self.array.depth)?;
        }
        if self.ended {
            Ok(())
        } else {
            self.array.skip_table()
        }
    }

    /// The token of the next key to give out; the token of its value is put aside.
    ///
    /// The value's token lies behind the whole key, so a key that is a table cannot be given out: it is an error.
    fn next_key_token(&mut self) -> Result<Option<Token<'de>>, UnpackError> {
        while self.array.left > 0 {
            self.array.left -= 1;
            self.index += 1;
            let value = self.array.cursor.token()?;
            if value != Token::Nil {
                self.value = Some(value);
                return Ok(Some(Token::Integer(self.index)));
            }
        }
        while !self.ended {
            let cursor = &mut *self.array.cursor;
            let Some(key) = cursor.key()? else {
                self.ended = true;
                break;
            };
            if self.fields_only && !matches!(key, Token::String(_)) {
                cursor.skip(&key, self.array.depth)?;
                let value = cursor.token()?;
                cursor.skip(&value, self.array.depth)?;
                continue;
            }
            if let Token::Table(_) = key {
                return Err(UnpackError::mismatch("a key that is no table", key.name()));
            }
            let value = cursor.token()?;
            if value != Token::Nil {
                self.value = Some(value);
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

impl<'de> de::MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = UnpackError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, UnpackError> {
        let Some(token) = self.next_key_token()? else {
            return Ok(None);
        };
        let depth = self.array.depth;
        seed.deserialize(Deserializer {
            cursor: self.array.cursor,
            token,
            depth,
        })
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, UnpackError> {
        let reason = || UnpackError::Custom("a value was asked for before its key".to_owned());
        let token = self.value.take().ok_or_else(reason)?;
        let depth = self.array.depth;
        seed.deserialize(Deserializer {
            cursor: self.array.cursor,
            token,
            depth,
        })
    }
}
