//! serde: from Rust values to messages.

use serde::ser::{self, Serialize};

use crate::{Sink, WriteError, Writer};

/// Writes one serde value as one value.
///
/// Structs and maps are tables with keys, sequences and tuples are tables with an array part, `None` and unit
/// are nil, and a field or entry that is nil is left out. An enum is its variant's name, or a table of one pair, name
/// and content. `Vec<u8>` is an array of integers unless serde is told that it is bytes.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Pair { a: i64, b: Option<i64> }
/// assert_eq!(skynet_seri::to_bytes(&Pair { a: 1, b: None })?, b"\x06\x0ca\x0a\x01\x00");
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
///
/// # Errors
/// When tables are nested too deeply, a key is nil, NaN or a table, an integer does not fit into 64 bits with a
/// sign, or the message gets too long.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, WriteError> {
    to_sink(Vec::new(), value)
}

/// As [`to_bytes`], into `sink`, which comes back.
///
/// # Errors
/// As for [`to_bytes`], and when the sink is full.
pub fn to_sink<S: Sink, T: Serialize + ?Sized>(sink: S, value: &T) -> Result<S, WriteError> {
    serialize(sink, value, Place::Value)
}

/// Writes the elements of a tuple, tuple struct or sequence as the values of a message, unit as the empty message,
/// and anything else as [`to_bytes`] does.
///
/// ```
/// assert_eq!(skynet_seri::args_to_bytes(&("H", 1))?, b"\x0cH\x0a\x01");
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
///
/// # Errors
/// As for [`to_bytes`].
pub fn args_to_bytes<T: Serialize + ?Sized>(args: &T) -> Result<Vec<u8>, WriteError> {
    args_to_sink(Vec::new(), args)
}

/// As [`args_to_bytes`], into `sink`, which comes back.
///
/// # Errors
/// As for [`args_to_bytes`], and when the sink is full.
pub fn args_to_sink<S: Sink, T: Serialize + ?Sized>(sink: S, args: &T) -> Result<S, WriteError> {
    serialize(sink, args, Place::Args)
}

fn serialize<S: Sink, T: Serialize + ?Sized>(
    sink: S,
    value: &T,
    place: Place<'_>,
) -> Result<S, WriteError> {
    let mut writer = Writer::with_sink(sink);
    value.serialize(Serializer {
        writer: &mut writer,
        place,
    })?;
    writer.finish()
}

/// Where a value goes. Keys wait for their values, because a pair is left out when its value is nil.
enum Place<'k> {
    Value,
    /// Behind this key.
    Field(&'static str),
    /// Behind this key, which is encoded already.
    Entry(&'k [u8]),
    /// The whole message.
    Args,
}

struct Serializer<'w, S> {
    writer: &'w mut Writer<S>,
    place: Place<'w>,
}

impl<'w, S: Sink> Serializer<'w, S> {
    /// Writes the key, if one waits; then the value may follow.
    fn open(self) -> Result<&'w mut Writer<S>, WriteError> {
        match self.place {
            Place::Value | Place::Args => {}
            Place::Field(name) => self.writer.string(name)?,
            Place::Entry(key) => self.writer.encoded_key(key)?,
        }
        Ok(self.writer)
    }

    fn nil(self) -> Result<(), WriteError> {
        match self.place {
            Place::Value | Place::Args => self.writer.nil(),
            Place::Field(_) | Place::Entry(_) => Ok(()),
        }
    }

    fn array(self, len: usize) -> Result<Array<'w, S>, WriteError> {
        if let Place::Args = self.place {
            return Ok(Array::Args(self.writer));
        }
        let writer = self.open()?;
        writer.begin_table(len)?;
        Ok(Array::Counted {
            writer,
            left: len,
            close: 1,
        })
    }

    /// The outer table of an enum variant with content.
    fn variant(self, name: &'static str) -> Result<&'w mut Writer<S>, WriteError> {
        let writer = self.open()?;
        writer.begin_table(0)?;
        writer.string(name)?;
        Ok(writer)
    }
}

macro_rules! serialize_integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), WriteError> {
            let out_of_range = |_| WriteError::OutOfRange { found: value.to_string() };
            let integer = i64::try_from(value).map_err(out_of_range)?;
            self.open()?.integer(integer)
        }
    )*};
}

impl<'w, S: Sink> ser::Serializer for Serializer<'w, S> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Array<'w, S>;
    type SerializeTuple = Array<'w, S>;
    type SerializeTupleStruct = Array<'w, S>;
    type SerializeTupleVariant = Array<'w, S>;
    type SerializeMap = Pairs<'w, S>;
    type SerializeStruct = Pairs<'w, S>;
    type SerializeStructVariant = Pairs<'w, S>;

    serialize_integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );

    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        self.open()?.boolean(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), WriteError> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), WriteError> {
        self.open()?.number(value)
    }

    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        self.open()?.string(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), WriteError> {
        self.open()?.string(value)
    }

    fn serialize_none(self) -> Result<(), WriteError> {
        self.nil()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), WriteError> {
        if let Place::Args = self.place {
            Ok(())
        } else {
            self.nil()
        }
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), WriteError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), WriteError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        let writer = self.variant(variant)?;
        value.serialize(Serializer {
            writer: &mut *writer,
            place: Place::Value,
        })?;
        writer.end_table()
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Array<'w, S>, WriteError> {
        match (len, &self.place) {
            (Some(len), _) => self.array(len),
            (None, Place::Args) => self.array(0),
            (None, _) => {
                let writer = self.open()?;
                let values = Box::new(writer.for_array()?);
                Ok(Array::Uncounted { writer, values })
            }
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Array<'w, S>, WriteError> {
        self.array(len)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        len: usize,
    ) -> Result<Array<'w, S>, WriteError> {
        self.array(len)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Array<'w, S>, WriteError> {
        let writer = self.variant(variant)?;
        writer.begin_table(len)?;
        Ok(Array::Counted {
            writer,
            left: len,
            close: 2,
        })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Pairs<'w, S>, WriteError> {
        let writer = self.open()?;
        writer.begin_table(0)?;
        Ok(Pairs {
            writer,
            key: Vec::new(),
            close: 1,
        })
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Pairs<'w, S>, WriteError> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Pairs<'w, S>, WriteError> {
        let writer = self.variant(variant)?;
        writer.begin_table(0)?;
        Ok(Pairs {
            writer,
            key: Vec::new(),
            close: 2,
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Elements on their way into an array or a message. `close` counts the tables to end.
enum Array<'w, S> {
    Args(&'w mut Writer<S>),
    Counted {
        writer: &'w mut Writer<S>,
        left: usize,
        close: u8,
    },
    Uncounted {
        writer: &'w mut Writer<S>,
        values: Box<Writer>,
    },
}

impl<S: Sink> Array<'_, S> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        let place = Place::Value;
        match self {
            Self::Args(writer) => value.serialize(Serializer { writer, place }),
            Self::Counted { writer, left, .. } => {
                let reason = "its array has more values than was said";
                *left = left
                    .checked_sub(1)
                    .ok_or(WriteError::Unbalanced { reason })?;
                value.serialize(Serializer { writer, place })
            }
            Self::Uncounted { values, .. } => value.serialize(Serializer {
                writer: values,
                place,
            }),
        }
    }

    fn close(self) -> Result<(), WriteError> {
        match self {
            Self::Args(_) => Ok(()),
            Self::Counted { writer, close, .. } => close_tables(writer, close),
            Self::Uncounted { writer, values } => writer.encoded_array(&values),
        }
    }
}

/// Pairs on their way into a table.
struct Pairs<'w, S> {
    writer: &'w mut Writer<S>,
    /// The encoded key of the entry whose value comes next.
    key: Vec<u8>,
    close: u8,
}

impl<S: Sink> Pairs<'_, S> {
    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        value.serialize(Serializer {
            writer: self.writer,
            place: Place::Field(name),
        })
    }
}

fn close_tables<S: Sink>(writer: &mut Writer<S>, count: u8) -> Result<(), WriteError> {
    (0..count).try_for_each(|_| writer.end_table())
}

impl<S: Sink> ser::SerializeMap for Pairs<'_, S> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        let mut part = self.writer.for_key();
        key.serialize(Serializer {
            writer: &mut part,
            place: Place::Value,
        })?;
        self.key = part.into_part();
        match self.key.first() {
            Some(&tag) if crate::tag::split(tag).0 == crate::tag::TABLE => {
                Err(WriteError::BadKey { found: "a table" })
            }
            _ => Ok(()),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        value.serialize(Serializer {
            writer: self.writer,
            place: Place::Entry(&self.key),
        })
    }

    fn end(self) -> Result<(), WriteError> {
        close_tables(self.writer, self.close)
    }
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl<S: Sink> ser::$trait for Pairs<'_, S> {
            type Ok = ();
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), WriteError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), WriteError> {
                close_tables(self.writer, self.close)
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

macro_rules! elements {
    ($($trait:ident: $method:ident),*) => {$(
        impl<S: Sink> ser::$trait for Array<'_, S> {
            type Ok = ();
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
                self.element(value)
            }

            fn end(self) -> Result<(), WriteError> {
                self.close()
            }
        }
    )*};
}
elements!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);
