//! Enums: a name, or a table of one pair, name and content.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Visitor};

use super::Deserializer;
use crate::UnpackError;
use crate::cursor::Token;

/// A variant that is its name alone.
pub(super) struct UnitVariant<'c, 'de>(pub(super) Deserializer<'c, 'de>);

impl<'de> de::EnumAccess<'de> for UnitVariant<'_, 'de> {
    type Error = UnpackError;
    type Variant = NoContent;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, NoContent), UnpackError> {
        Ok((seed.deserialize(self.0)?, NoContent))
    }
}

pub(super) struct NoContent;

impl NoContent {
    fn missing<T>() -> Result<T, UnpackError> {
        Err(UnpackError::mismatch(
            "a table of the variant's name and content",
            "its name alone",
        ))
    }
}

impl<'de> de::VariantAccess<'de> for NoContent {
    type Error = UnpackError;

    fn unit_variant(self) -> Result<(), UnpackError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        _seed: T,
    ) -> Result<T::Value, UnpackError> {
        Self::missing()
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        _visitor: V,
    ) -> Result<V::Value, UnpackError> {
        Self::missing()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, UnpackError> {
        Self::missing()
    }
}

/// A variant whose name was read as a key and whose content is the value behind it.
pub(super) struct ContentVariant<'c, 'de>(pub(super) Deserializer<'c, 'de>);

impl<'de> ContentVariant<'_, 'de> {
    fn content(self) -> Result<Self, UnpackError> {
        let token = self.0.cursor.token()?;
        Ok(Self(Deserializer { token, ..self.0 }))
    }
}

impl<'c, 'de> de::EnumAccess<'de> for ContentVariant<'c, 'de> {
    type Error = UnpackError;
    type Variant = ContentVariant<'c, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), UnpackError> {
        let Token::String(bytes) = self.0.token else {
            return Err(self.0.mismatch("the name of a variant"));
        };
        let name = std::str::from_utf8(bytes)
            .map_err(|error| UnpackError::mismatch("a string in UTF-8", error.to_string()))?;
        let value = seed.deserialize(BorrowedStrDeserializer::<UnpackError>::new(name))?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for ContentVariant<'_, 'de> {
    type Error = UnpackError;

    fn unit_variant(self) -> Result<(), UnpackError> {
        de::Deserialize::deserialize(self.content()?.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, UnpackError> {
        seed.deserialize(self.content()?.0)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        de::Deserializer::deserialize_tuple(self.content()?.0, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, UnpackError> {
        de::Deserializer::deserialize_struct(
            self.content()?.0,
            "a table of fields",
            fields,
            visitor,
        )
    }
}
