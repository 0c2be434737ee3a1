//! What a gate says and hears, as pure functions of bytes: no I/O, no clock, no unsafe.
//!
//! * [`Framing`] cuts a connection's bytes into packets: a [`Decoder`] per connection,
//!   [`Framing::encode`] the other way.
//! * [`Launch`] is the argument text a gate is launched with.
//! * [`Command`] is what others tell a gate as text, [`Notice`] what a gate tells its watchdog.
//! * [`split_client_write`] and [`append_client_id`] are for packets that services send to clients
//!   through a gate.
//!
//! ```
//! use skynet_gate_wire::{Decoder, Framing};
//! let mut decoder = Decoder::new(Framing::Length2, 1024);
//! let mut chunk = &b"\x00\x05hello\x00"[..];
//! assert_eq!(decoder.decode(&mut chunk)?, Some(&b"hello"[..]));
//! assert_eq!(decoder.decode(&mut chunk)?, None);
//! let mut chunk = &b"\x01!"[..];
//! assert_eq!(decoder.decode(&mut chunk)?, Some(&b"!"[..]));
//! # Ok::<(), skynet_gate_wire::DecodeError>(())
//! ```
//!
//! Differences from Skynet's C gate, all deliberate:
//!
//! * a packet that is too large is refused when its header is read, not after it was buffered; a
//!   4-byte length of 2^31 or more is such a packet instead of a connection that stalls;
//! * commands are whole words, where the C gate takes any abbreviation;
//! * lines and raw chunks are framings too, and the launch text may go on with `key=value` options;
//! * client addresses in notices are never cut, however long.

#![forbid(unsafe_code)]

mod address;
mod client;
mod command;
mod decoder;
mod framing;
mod launch;
mod notice;
mod word;

pub use address::{Address, AddressError};
pub use client::{ClientWriteError, append_client_id, split_client_write};
pub use command::{Command, CommandError};
pub use decoder::{DecodeError, Decoder};
pub use framing::{EncodeError, Framing, FramingError, Header};
pub use launch::{DEFAULT_CLIENT_TAG, Launch, LaunchError, Listen};
pub use notice::{Notice, NoticeError};
