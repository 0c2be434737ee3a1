//! Messages as Rust values and tuples, without serde: `skynet.unpack(…)`.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::{Reader, TableRef, UnpackError, Value, ValueRef};

/// Something that is made of one value. `&str`, `&[u8]`, [`ValueRef`] and [`TableRef`] stay in the message.
///
/// As in Lua an integral float passes for an integer and any integer for a float; nothing else is converted.
pub trait Unpack<'a>: Sized {
    /// Makes it.
    ///
    /// # Errors
    /// [`UnpackError::Mismatch`] when the value is something else.
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError>;

    /// Makes a vector of such values of one value: of a table's array part, or of a string for bytes.
    ///
    /// # Errors
    /// [`UnpackError::Mismatch`] when the value, or a value in it, is something else.
    fn unpack_vec(value: ValueRef<'a>) -> Result<Vec<Self>, UnpackError> {
        TableRef::unpack(value)?.array().map(Self::unpack).collect()
    }
}

/// The values of a message as a tuple of up to 12 types.
///
/// Values that the message does not have are nil, so that trailing `Option`s may be left out.
pub trait UnpackArgs<'a>: Sized {
    /// Takes as many values as it needs from the reader.
    ///
    /// # Errors
    /// When the bytes are not valid or a value is something else.
    fn unpack_args(reader: &mut Reader<'a>) -> Result<Self, UnpackError>;
}

/// Reads a message as a tuple. Further values are checked and ignored, as a Lua function ignores them.
///
/// ```
/// let (command, key, limit) = skynet_seri::unpack::<(&str, String, Option<i64>)>(b"\x1cGET\x0ca")?;
/// assert_eq!((command, key.as_str(), limit), ("GET", "a", None));
/// # Ok::<(), skynet_seri::UnpackError>(())
/// ```
///
/// # Errors
/// When the bytes are no valid message, exceed the default limits, or a value is something else.
pub fn unpack<'a, A: UnpackArgs<'a>>(bytes: &'a [u8]) -> Result<A, UnpackError> {
    let (args, rest) = unpack_prefix(bytes)?;
    for value in rest {
        value?;
    }
    Ok(args)
}

/// Reads the first values of a message as a tuple and leaves the others in the reader.
///
/// # Errors
/// As for [`unpack`].
pub fn unpack_prefix<'a, A: UnpackArgs<'a>>(
    bytes: &'a [u8],
) -> Result<(A, Reader<'a>), UnpackError> {
    let mut reader = Reader::new(bytes);
    let args = A::unpack_args(&mut reader)?;
    Ok((args, reader))
}

macro_rules! unpack_args {
    ($($name:ident),*) => {
        impl<'a, $($name: Unpack<'a>),*> UnpackArgs<'a> for ($($name,)*) {
            #[allow(unused_assignments, unused_mut, unused_variables)]
            fn unpack_args(reader: &mut Reader<'a>) -> Result<Self, UnpackError> {
                let mut position = 0;
                Ok(($({
                    position += 1;
                    let value = reader.next().transpose()?.unwrap_or(ValueRef::Nil);
                    $name::unpack(value).map_err(|error| error.at(position))?
                },)*))
            }
        }
    };
}
crate::tuples::for_each_tuple!(unpack_args);

impl<'a, T: Unpack<'a>> UnpackArgs<'a> for Vec<T> {
    fn unpack_args(reader: &mut Reader<'a>) -> Result<Self, UnpackError> {
        let values = reader.enumerate();
        values
            .map(|(index, value)| T::unpack(value?).map_err(|error| error.at(index + 1)))
            .collect()
    }
}

impl<'a, T: Unpack<'a>> Unpack<'a> for Option<T> {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        if value == ValueRef::Nil {
            Ok(None)
        } else {
            T::unpack(value).map(Some)
        }
    }
}

impl<'a, T: Unpack<'a>> Unpack<'a> for Vec<T> {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        T::unpack_vec(value)
    }
}

impl<'a, K: Unpack<'a> + Ord, V: Unpack<'a>> Unpack<'a> for BTreeMap<K, V> {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        unpack_entries(value)
    }
}

impl<'a, K, V, H> Unpack<'a> for HashMap<K, V, H>
where
    K: Unpack<'a> + Eq + Hash,
    V: Unpack<'a>,
    H: BuildHasher + Default,
{
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        unpack_entries(value)
    }
}

fn unpack_entries<'a, K, V, M>(value: ValueRef<'a>) -> Result<M, UnpackError>
where
    K: Unpack<'a>,
    V: Unpack<'a>,
    M: FromIterator<(K, V)>,
{
    let entries = TableRef::unpack(value)?.entries();
    // A hole in the array part is no entry.
    let entries = entries.filter(|(_, value)| *value != ValueRef::Nil);
    entries
        .map(|(key, value)| Ok((K::unpack(key)?, V::unpack(value)?)))
        .collect()
}

impl<'a> Unpack<'a> for u8 {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        unpack_integer(value, "an integer for u8")
    }

    fn unpack_vec(value: ValueRef<'a>) -> Result<Vec<u8>, UnpackError> {
        <&[u8]>::unpack(value).map(<[u8]>::to_vec)
    }
}

fn unpack_integer<T: TryFrom<i64>>(
    value: ValueRef<'_>,
    wanted: &'static str,
) -> Result<T, UnpackError> {
    let integer = value
        .as_integer()
        .ok_or_else(|| UnpackError::mismatch(wanted, value.kind()))?;
    T::try_from(integer).map_err(|_| UnpackError::mismatch(wanted, integer.to_string()))
}

macro_rules! unpack_integers {
    ($($type:ty),*) => {$(
        impl<'a> Unpack<'a> for $type {
            fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
                unpack_integer(value, concat!("an integer for ", stringify!($type)))
            }
        }
    )*};
}
unpack_integers!(i8, i16, i32, i64, isize, u16, u32, u64, usize);

macro_rules! unpack_as {
    ($($type:ty: $wanted:literal, |$value:ident| $some:expr;)*) => {$(
        impl<'a> Unpack<'a> for $type {
            fn unpack($value: ValueRef<'a>) -> Result<Self, UnpackError> {
                $some.ok_or_else(|| UnpackError::mismatch($wanted, $value.kind()))
            }
        }
    )*};
}
unpack_as! {
    bool: "a boolean", |value| if let ValueRef::Boolean(value) = value { Some(value) } else { None };
    f64: "a number", |value| match value {
        ValueRef::Number(number) => Some(number),
        ValueRef::Integer(integer) => Some(integer as f64),
        _ => None,
    };
    (): "nil", |value| (value == ValueRef::Nil).then_some(());
    &'a [u8]: "a string", |value| value.as_bytes();
    TableRef<'a>: "a table", |value| value.as_table();
    crate::Table: "a table", |value| value.as_table().map(|table| table.to_table());
    ValueRef<'a>: "a value", |value| Some(value);
    Value: "a value", |value| Some(value.to_value());
}

impl<'a> Unpack<'a> for &'a str {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        let bytes = <&[u8]>::unpack(value)?;
        std::str::from_utf8(bytes)
            .map_err(|error| UnpackError::mismatch("a string in UTF-8", error.to_string()))
    }
}

impl<'a> Unpack<'a> for String {
    fn unpack(value: ValueRef<'a>) -> Result<Self, UnpackError> {
        <&str>::unpack(value).map(str::to_owned)
    }
}
