//! The value encoding of `skynet.pack`, exact to the byte.
//!
//! A message is a plain concatenation of values: nil, booleans, integers, floats, light userdata, strings of
//! any bytes, and tables. There is no header and no count; the empty message has no values. All fields
//! are little endian.
//!
//! Four ways in and out, from the simplest to the most exact:
//!
//! * tuples: [`pack()`] (also as the macro [`pack!`]) and [`unpack`];
//! * serde: [`to_bytes`], [`from_bytes`] for one value, [`args_to_bytes`], [`args_from_bytes`] for a list;
//! * owned values: [`encode`], [`decode`], [`Value`], [`Table`];
//! * one value at a time: [`Writer`] into any [`Sink`], [`Reader`] with [`ValueRef`]s that stay in the message.
//!
//! ```
//! let message = skynet_seri::pack!("SET", "answer", 42)?;
//! let (command, key, value) = skynet_seri::unpack::<(&str, &str, i64)>(&message)?;
//! assert_eq!((command, key, value), ("SET", "answer", 42));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading trusts nothing. Depth, number of values and bytes are bounded by [`Limits`]; a length that is
//! claimed but not there is an error before anything is allocated for it; no input panics.
//!
//! What Lua does is done here too: integral floats as table keys become integers, pairs with nil as value
//! have no effect, and the order of pairs means nothing to the receiver.
//!
//! Nothing here is shared or locked: all types are plain data and may go to any thread.

#![forbid(unsafe_code)]

mod cursor;
mod de;
mod error;
mod limits;
mod pack;
mod reader;
mod ser;
mod sink;
mod tag;
mod tuples;
mod unpack;
mod value;
mod writer;

pub use de::{args_from_bytes, from_bytes};
pub use error::{ReadError, SinkFull, UnpackError, WriteError};
pub use limits::{Limits, MAX_BYTES, MAX_READ_DEPTH, MAX_WRITE_DEPTH};
pub use pack::{Pack, PackArgs, pack, pack_into, packed_len};
pub use reader::{Reader, TableRef, ValueRef};
pub use ser::{args_to_bytes, args_to_sink, to_bytes, to_sink};
pub use sink::{Measure, Sink, SliceSink};
pub use unpack::{Unpack, UnpackArgs, unpack, unpack_prefix};
pub use value::{Table, Value, decode, decode_with, encode};
pub use writer::Writer;
