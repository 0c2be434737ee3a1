//! What the master of a harbor network and its nodes (its *slaves*) say to each other, as pure functions of bytes: no
//! I/O, no clock, no unsafe.
//!
//! A packet is one byte of length and that many bytes of values in the encoding of `skynet.pack`; the first value is a
//! text that says what it is. [`Decoder`] cuts a connection's bytes into packets, [`ToMaster`] and [`FromMaster`] are
//! what they say.
//!
//! ```
//! use skynet_master_wire::{Decoder, ToMaster};
//! let mut decoder = Decoder::default();
//! let mut chunk = &b"\x07\x0cQ\x24ECHO\x07"[..];
//! let packet = decoder.next(&mut chunk).unwrap();
//! assert_eq!(ToMaster::parse(packet)?, ToMaster::Query { name: "ECHO".to_owned() });
//! assert_eq!(decoder.next(&mut chunk), None);
//! # Ok::<(), skynet_master_wire::PacketError>(())
//! ```
//!
//! # What is Skynet's and what is ours
//! `H`, `R` and `Q` of a slave, `W`, `C`, `N` and `D` of the master are Skynet's. Ours say more, in places where an
//! unmodified node ignores it without a trace: a fourth value of `H` ([`Extension`]), further values of `W`, `C`, `N`
//! and `D` (the first of them [`MARK`]), and packets of other types, which go only to a peer that has shown by its
//! `H` or `W` that it knows them. What is not understood behind the values that Skynet knows is ignored, so that it
//! can be said by a later version.
//!
//! # Beats
//! `B, number` goes both ways, and whoever gets one that is not the answer to its own sends it back. A beat of a slave
//! has an even number, a probe of the master an odd one ([`is_probe`]), so that the two cannot be confused.

#![forbid(unsafe_code)]

mod decoder;
mod extension;
mod from_master;
mod name;
mod packet;
mod to_master;

pub use decoder::Decoder;
pub use extension::{Extension, Life, MARK, NodeKind, Welcome};
pub use from_master::{FromMaster, NameFlag};
pub use name::{MAX_NAME, NameError, check_name};
pub use packet::{MAX_ADDRESS, MAX_PACKET, PacketError};
pub use to_master::ToMaster;

/// Whether a beat is a probe of the master (odd) and not a slave's own (even).
#[must_use]
pub const fn is_probe(number: i64) -> bool {
    number & 1 == 1
}
