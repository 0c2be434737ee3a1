//! Rust values and tuples as messages, without serde: `skynet.pack(…)`.

use std::collections::{BTreeMap, HashMap};

use crate::{Measure, Sink, Table, TableRef, Value, ValueRef, WriteError, Writer};

/// Something that is written as exactly one value.
///
/// Integers are integers, floats are floats (also 1.0), `Option` is nil or its content, strings and
/// slices of `u8` are strings, other slices are arrays, maps are tables.
pub trait Pack {
    /// Writes the value.
    ///
    /// # Errors
    /// Those of [`Writer`].
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError>;

    /// Writes a slice of such values as one value: a table, except that bytes make a string.
    ///
    /// # Errors
    /// Those of [`Writer`].
    fn pack_slice<S: Sink>(slice: &[Self], writer: &mut Writer<S>) -> Result<(), WriteError>
    where
        Self: Sized,
    {
        writer.begin_table(slice.len())?;
        slice.iter().try_for_each(|value| value.pack(writer))?;
        writer.end_table()
    }
}

/// The values of a message: a tuple of up to 12 values, or a slice of one type.
pub trait PackArgs {
    /// Writes the values one after the other.
    ///
    /// # Errors
    /// Those of [`Writer`].
    fn pack_args<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError>;
}

/// Writes a message into a new vector.
///
/// ```
/// let message = skynet_seri::pack(&("GET", "a", 1, true))?;
/// assert_eq!(message, b"\x1cGET\x0ca\x0a\x01\x09");
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
///
/// # Errors
/// When tables are nested too deeply, a key is nil or NaN, an integer does not fit, or the message gets too long.
pub fn pack<A: PackArgs + ?Sized>(args: &A) -> Result<Vec<u8>, WriteError> {
    pack_into(Vec::new(), args)
}

/// Writes a message into `sink` and gives it back.
///
/// # Errors
/// As for [`pack()`], and when the sink is full.
pub fn pack_into<S: Sink, A: PackArgs + ?Sized>(sink: S, args: &A) -> Result<S, WriteError> {
    let mut writer = Writer::with_sink(sink);
    args.pack_args(&mut writer)?;
    writer.finish()
}

/// The length in bytes of the message that [`pack()`] would make.
///
/// # Errors
/// As for [`pack()`].
pub fn packed_len<A: PackArgs + ?Sized>(args: &A) -> Result<usize, WriteError> {
    Ok(pack_into(Measure::default(), args)?.len())
}

/// Writes a message of the given values: `pack!("GET", "a", 1)` is `pack(&("GET", "a", 1))` for any number of values.
///
/// ```
/// assert_eq!(skynet_seri::pack!()?, b"");
/// assert_eq!(skynet_seri::pack!("H", 1)?, b"\x0cH\x0a\x01");
/// # Ok::<(), skynet_seri::WriteError>(())
/// ```
#[macro_export]
macro_rules! pack {
    ($($value:expr),* $(,)?) => {
        (|| -> ::core::result::Result<::std::vec::Vec<u8>, $crate::WriteError> {
            #[allow(unused_mut)]
            let mut writer = $crate::Writer::new();
            $($crate::Pack::pack(&$value, &mut writer)?;)*
            writer.finish()
        })()
    };
}

macro_rules! pack_args {
    ($($name:ident),*) => {
        impl<$($name: Pack),*> PackArgs for ($($name,)*) {
            #[allow(non_snake_case)]
            fn pack_args<Z: Sink>(&self, _writer: &mut Writer<Z>) -> Result<(), WriteError> {
                let ($($name,)*) = self;
                $($name.pack(_writer)?;)*
                Ok(())
            }
        }
    };
}
crate::tuples::for_each_tuple!(pack_args);

impl<T: Pack> PackArgs for [T] {
    fn pack_args<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        self.iter().try_for_each(|value| value.pack(writer))
    }
}

impl<T: Pack> PackArgs for Vec<T> {
    fn pack_args<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        self.as_slice().pack_args(writer)
    }
}

impl<T: Pack + ?Sized> Pack for &T {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        (**self).pack(writer)
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        match self {
            Some(value) => value.pack(writer),
            None => writer.nil(),
        }
    }
}

impl<T: Pack> Pack for [T] {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        T::pack_slice(self, writer)
    }
}

impl<T: Pack, const N: usize> Pack for [T; N] {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        T::pack_slice(self, writer)
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        T::pack_slice(self, writer)
    }
}

impl<K: Pack, V: Pack> Pack for BTreeMap<K, V> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        pack_pairs(self.iter(), writer)
    }
}

impl<K: Pack, V: Pack, H> Pack for HashMap<K, V, H> {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        pack_pairs(self.iter(), writer)
    }
}

fn pack_pairs<K: Pack, V: Pack, S: Sink>(
    mut pairs: impl Iterator<Item = (K, V)>,
    writer: &mut Writer<S>,
) -> Result<(), WriteError> {
    writer.begin_table(0)?;
    pairs.try_for_each(|(key, value)| {
        key.pack(writer)?;
        value.pack(writer)
    })?;
    writer.end_table()
}

impl Pack for u8 {
    fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        writer.integer(i64::from(*self))
    }

    fn pack_slice<S: Sink>(slice: &[u8], writer: &mut Writer<S>) -> Result<(), WriteError> {
        writer.string(slice)
    }
}

macro_rules! pack_integer {
    ($($type:ty),*) => {$(
        impl Pack for $type {
            fn pack<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
                let out_of_range = |_| WriteError::OutOfRange { found: self.to_string() };
                writer.integer(i64::try_from(*self).map_err(out_of_range)?)
            }
        }
    )*};
}
pack_integer!(i8, i16, i32, i64, isize, u16, u32, u64, usize);

macro_rules! pack_as {
    ($($type:ty: |$value:ident, $writer:ident| $write:expr;)*) => {$(
        impl Pack for $type {
            fn pack<S: Sink>(&self, $writer: &mut Writer<S>) -> Result<(), WriteError> {
                let $value = self;
                $write
            }
        }
    )*};
}
pack_as! {
    bool: |value, writer| writer.boolean(*value);
    f32: |value, writer| writer.number(f64::from(*value));
    f64: |value, writer| writer.number(*value);
    str: |value, writer| writer.string(value);
    String: |value, writer| writer.string(value);
    (): |_value, writer| writer.nil();
    Value: |value, writer| value.write(writer);
    Table: |value, writer| value.write(writer);
    ValueRef<'_>: |value, writer| match value {
        ValueRef::Nil => writer.nil(),
        ValueRef::Boolean(value) => writer.boolean(*value),
        ValueRef::Integer(value) => writer.integer(*value),
        ValueRef::Number(value) => writer.number(*value),
        ValueRef::Pointer(value) => writer.pointer(*value),
        ValueRef::String(bytes) => writer.string(bytes),
        ValueRef::Table(table) => table.pack(writer),
    };
    TableRef<'_>: |value, writer| {
        writer.begin_table(value.array_len())?;
        value.array().try_for_each(|value| value.pack(writer))?;
        value.pairs().try_for_each(|(key, value)| {
            key.pack(writer)?;
            value.pack(writer)
        })?;
        writer.end_table()
    };
}
