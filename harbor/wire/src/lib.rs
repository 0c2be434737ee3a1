//! What two nodes of a network say to each other on the connection between them, as pure functions of bytes: no I/O,
//! no clock, no unsafe. This page is the reference of every byte.
//!
//! * [`Parser`] cuts what a peer sends into [`Frame`]s; [`append_stock`], [`append_data`], [`data_head`] and
//!   [`Control::write`] are the other way.
//! * [`Hello`] and [`Go`] are how two of our nodes recognise each other, [`Link`] proves that they know the same
//!   [`Secret`], and [`MasterLink`] does the same between a node and the master.
//! * [`Reassembler`] makes messages of fragments.
//!
//! ```
//! use skynet_harbor_wire::{Cookie, Flags, Format, Frame, MAX_EXTENDED_FRAME, Parser, append_data};
//! let cookie = Cookie { source: 0x0700_0010, kind: 10, destination: 9, session: 5 };
//! let mut stream = Vec::new();
//! append_data(&mut stream, Flags::CALL, None, None, cookie, b"hello")?;
//! let mut parser = Parser::<Vec<u8>>::new(Format::Extended, MAX_EXTENDED_FRAME);
//! let mut chunk = &stream[..];
//! let Some(Frame::Data(data)) = parser.next(&mut chunk)? else { panic!("a message") };
//! assert_eq!((data.flags, data.cookie, data.body.as_slice()), (Flags::CALL, cookie, &b"hello"[..]));
//! assert!(parser.next(&mut chunk)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The stock format
//!
//! Each end sends one byte, its harbor id. After it come frames, as every Skynet node writes them:
//!
//! ```text
//! [length u32 BE, first byte 0] [body] [source u32 BE] [type u8] [destination u24 BE] [session i32 BE]
//! ```
//!
//! The length counts what follows it; the last twelve bytes are the [`Cookie`]. So a body has at most [`MAX_BODY`]
//! bytes. A source has its harbor byte, a destination has none. A session of 0 wants no answer; an answer has type 1,
//! an error type 7, both the session of the call.
//!
//! # The greeting of our nodes
//!
//! Two stock frames that an unmodified node takes for an error, sent to its logger, which ignores it: type 7, source
//! `id << 24`, destination 1, session `0x7ffffffe`. Numbers in their bodies are little-endian.
//!
//! HELLO, at most 306 bytes of body:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | `SKY1` |
//! | 1 | version, 1; another one is refused |
//! | 1 | flags: 1 keeps listening, 2 has a secret; others are refused |
//! | 4 | heartbeat in milliseconds |
//! | 8 | epoch: the sender's life, not 0 |
//! | 8 | the life of the peer that it was last linked with, 0 for none |
//! | 8 | how many data frames of that life it has received |
//! | 16 | nonce |
//! | 1 | length of the address |
//! | … | address: UTF-8 without control characters |
//!
//! GO: `SKYG`, with a secret followed by 32 bytes of proof:
//!
//! ```text
//! HMAC-SHA256(secret, "skynet harbor\0" | role of the prover: 'd' dialer, 'a' acceptor
//!     | dialer's nonce | acceptor's nonce | dialer's id u8 | acceptor's id u8
//!     | dialer's epoch u64 | acceptor's epoch u64)
//! ```
//!
//! On the link to the master a proof is:
//!
//! ```text
//! HMAC-SHA256(secret, "skynet master\0" | role of the prover: 's' slave, 'm' master
//!     | slave's nonce, 8 bytes | master's nonce, 16 bytes | id u8 | epoch u64 | address)
//! ```
//!
//! # The extended format
//!
//! After its GO a node writes extended frames, in which the first byte of the length is flags:
//!
//! ```text
//! [flags u8] [length u24 BE] [extra, 16 bytes] [fragment, 12 bytes] [body] [cookie, 12 bytes]
//! [0x80]     [length u24 BE] [kind u8] [fields]
//! ```
//!
//! | flag | meaning |
//! |---|---|
//! | `0x01` CALL | the sender waits for an answer |
//! | `0x02` REDIRECTED | the source is not of the sender's node, or this answers a redirected request |
//! | `0x04` FRAGMENT | a part of a message: stream u32, total u32, offset u32, little-endian |
//! | `0x08` EXTRA | trace id u64, nanoseconds until the deadline u64 (0 for none), little-endian |
//! | `0x10` MOVED | no message, the body is empty: the call `session` of the destination is owed by the source |
//! | `0x20` REASON | of type 7: the body begins with a reason, u16 little-endian; text follows |
//! | `0x80` CONTROL | alone: kind 2 ACK (u64), 3 PING (u64), 4 PONG (u64), 6 GOODBYE; numbers little-endian |
//!
//! `0x40` is not defined, MOVED does not go with CALL, FRAGMENT or REASON: such a frame is refused, and so is any
//! length that does not fit. Data frames, each fragment one, are numbered from 1 for each pair of lives, not on the
//! wire but by counting; `ACK(n)` says that the first n lie in mailboxes.
//!
//! A body of more than 64 KiB ([`MAX_WHOLE`]) is sent as fragments of 32 KiB ([`FRAGMENT_BODY`]). Those of one
//! message come in order, from offset 0, with the same stream, total, cookie and flags; EXTRA counts in the first one
//! alone. A stream's number is free again after its last fragment.

#![forbid(unsafe_code)]

mod cookie;
mod error;
mod frame;
mod hello;
mod parser;
mod proof;
mod reassembly;
mod sink;

pub use cookie::{COOKIE, Cookie};
pub use error::FrameError;
pub use frame::{
    Control, Extra, FRAGMENT_BODY, Flags, Fragment, HEADER, Head, MAX_BODY, MAX_EXTENDED_FRAME,
    MAX_FRAME, MAX_WHOLE, TooLarge, append_data, append_stock, data_head, stock_header,
};
pub use hello::{Go, Hello, HelloError, MAX_HELLO_FRAME};
pub use parser::{Body, Data, Format, Frame, Parser, split_reason};
pub use proof::{Link, LinkRole, MasterLink, MasterRole};
pub use reassembly::{Assembled, Reassembler, ReassemblyError, Why};
pub use sink::Sink;
pub use skynet_proof::{MAX_SECRET, MIN_SECRET, Secret, SecretError};
