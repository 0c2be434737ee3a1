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
//! # What a slave says
//!
//! | packet | values | meaning |
//! |---|---|---|
//! | `H` | id 1–255, address, *extension* | who the slave is; the first packet |
//! | `R` | name, handle, *true* | bind a global name; with `true` even if somebody else has it |
//! | `Q` | name | who has this name? |
//! | *`U`* | name | free this name |
//! | *`P`* | proof, 32 bytes | the answer to `A` |
//! | *`B`* | number | a beat, or a probe sent back |
//! | *`G`* | | goodbye: the node ends as it should |
//!
//! The extension is a string of 20 bytes: `sk1`, one byte of flags (1 the life was in the network before, 2 the master
//! leases the id, which may be 0 then, 4 the node has a secret), the epoch as u64 little-endian, 8 bytes of nonce. It is
//! left out when the packet would be too long for it; the node then counts as unmodified.
//!
//! # What the master says
//!
//! | packet | values | meaning |
//! |---|---|---|
//! | *`A`* | nonce, 16 bytes | prove that you know the secret |
//! | `W` | count, *`sk1`, id, epoch, proof* | the slave is in, and so many nodes dial it. The proof has 32 bytes, or none |
//! | *`L`* | id, address, epoch, kind, dials | one for each node that is there; `dials`: it is one of those that dial |
//! | `C` | id, address, *`sk1`, epoch, kind* | a node has joined: dial it |
//! | `N` | name, handle, *`sk1`, flag* | who has a name: 0 bound, 1 your registration is refused, 2 moved |
//! | `D` | id, *`sk1`, epoch, text* | a node is gone, and why |
//! | *`U`* | name | nobody has this name any more, or your registration is refused |
//! | *`E`* | text | you are refused, or no longer in; the connection ends |
//! | *`B`* | number | a probe, or a beat sent back |
//!
//! Epochs are integers with a sign here, of the same 64 bits; 0 is none. Kinds are 0 unknown, 1 unmodified, 2 ours. The
//! first packet is `W`, or `A` and then `W`. Our nodes then get an `L` for each node and an `N` for each name. How proofs
//! are made is in `skynet-harbor-wire`; that of a slave is about the id that it asked for.
//!
//! # What is Skynet's and what is ours
//! What stands in italics is ours. It is where an unmodified node ignores it without a trace: behind the values that
//! Skynet knows, or in packets that go only to a peer that has shown by its `H` or `W` that it knows them. What
//! is not understood behind the known values is ignored here, too, so that it can be said by a later version.
//!
//! # Beats
//! Whoever gets a `B` that is not the answer to its own sends it back. A beat of a slave has an even number, a probe of
//! the master an odd one ([`is_probe`]), so that the two cannot be confused. A probe is how the master finds out
//! whether a node lives whose id another one wants.

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
