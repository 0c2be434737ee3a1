//! What two nodes of a cluster say to each other on a connection, as pure functions of bytes: no I/O, no clock, no
//! unsafe. This page is the reference of every byte.
//!
//! * [`Framer`] cuts what a peer sends into frames, [`Request::parse`] and [`Response::parse`] read them.
//! * [`small_request`], [`begin`], [`part`], [`trace`] and [`deadline`] write what a client sends; [`ok`], [`error`],
//!   [`response_begin`], [`response_part`] and [`reason`] what a server answers.
//! * [`Reassembler`] puts messages together that came in parts.
//! * [`Probe`], [`ServerHello`] and [`Handshake`] are how two of our nodes recognise each other and prove that they know
//!   the same [`Secret`].
//!
//! ```
//! use skynet_cluster_wire::{Address, Framer, Request, small_request};
//! let mut stream = Vec::new();
//! small_request(&mut stream, Address::Name(b"@svc"), 1, false, b"\x14re\x0a\x01")?;
//! let (mut framer, mut chunk) = (Framer::new(), &stream[..]);
//! let frame = framer.next(&mut chunk)?.expect("a whole frame");
//! let Request::Small { address, session, body, .. } = Request::parse(frame)? else { panic!("a small one") };
//! assert_eq!((address, session, body), (Address::Name(b"@svc"), 1, &b"\x14re\x0a\x01"[..]));
//! assert!(framer.next(&mut chunk)?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Frames
//!
//! ```text
//! [length u16 BE] [payload]
//! ```
//!
//! One connection carries requests in one direction and the responses to them in the other. All numbers within a
//! payload are little-endian; `address` is a handle (u32), or with bit `0x80` in the type a length (u8, 1 to 255)
//! and so many bytes of a name.
//!
//! # Requests
//!
//! | type | after the type | meaning |
//! |---|---|---|
//! | `00` `80` | address, session u32, body | a request; with session 0 a push, which nobody answers |
//! | `01` `81` | address, session u32, total u32 | a call begins whose body comes in parts |
//! | `41` `c1` | the same | the same of a push |
//! | `02` | session u32, bytes | a part, more follow |
//! | `03` | session u32, bytes | the last part |
//! | `04` | tag | the trace tag of the next request |
//!
//! A body of up to [`REQUEST_SINGLE_MAX`] bytes goes in one frame, a larger one in parts of [`PART`] bytes. Sessions
//! of a connection count from 1 ([`next_session`]).
//!
//! Only to a peer that was recognised:
//!
//! | type | after the type | meaning |
//! |---|---|---|
//! | `20` `a0` | address, session u32 (not 0), body | a push that is answered when the destination's mailbox took it |
//! | `21` `a1` | address, session u32 (not 0), total u32 | the same, whose body comes in parts |
//! | `05` | milliseconds u32 | what is left of the time for the next request |
//!
//! # Responses
//!
//! | bytes | meaning |
//! |---|---|
//! | session u32, `00`, text | the call failed; at most [`TEXT_MAX`] bytes of text |
//! | session u32, `01`, body | its answer, of at most [`RESPONSE_SINGLE_MAX`] bytes |
//! | session u32, `02`, total u32 | a longer answer begins |
//! | session u32, `03`, bytes | a part of it, more follow |
//! | session u32, `04`, bytes | its last part |
//!
//! Only to a peer that was recognised:
//!
//! | bytes | meaning |
//! |---|---|
//! | session u32, `05`, reason u32, text | the call failed, and why: a `REASON_*` number of the ABI |
//!
//! An acknowledged push is answered with `01` and no body, or with `05`.
//!
//! # Recognition
//!
//! A request of type `00` to handle 0 asks for the handle that a name stands for: its body is one packed string, and so
//! is the answer one packed integer, or an error. Names that begin with a 0 byte are ours ([`is_probe`]); an
//! unmodified server has no such name and says so. All of them use the session [`SESSION_PROBE`]:
//!
//! | bytes of the string | sent by |
//! |---|---|
//! | `\0SKYNET`, `01`, `01`, nonce (16), heartbeat in milliseconds u32, flags u8 | client, first: HELLO |
//! | the same, flags `01`: a proof is wanted; with a secret proof (32) behind it | server, answers HELLO |
//! | `\0SKYNET`, `01`, `02`, proof (32) | client: PROOF |
//! | `\0SKYNET`, `01`, `02` | server, answers PROOF |
//! | `\0SKYNET`, `01`, `03`, stamp u64 | client: BEAT; the server answers with the same |
//!
//! The first `01` is the version of these extensions. Flags that are not defined are ignored.
//!
//! ```text
//! proof = HMAC-SHA256(secret, "skynet cluster\0" | role of the prover: 'c' client, 's' server
//!     | client's nonce | server's nonce | 32 bytes that the TLS session exports; nothing without TLS)
//! ```

#![forbid(unsafe_code)]

mod address;
mod fields;
mod framer;
mod malformed;
mod probe;
mod proof;
mod reassembly;
mod request;
mod response;
mod sink;
mod write;

pub use address::{Address, NAME_MAX};
pub use framer::{FrameTooLong, Framer, HEADER, MAX_FRAME};
pub use malformed::Malformed;
pub use probe::{
    Beat, ClientHello, FLAG_PROOF, Packed, Probe, ProbeError, Proof, ServerHello, is_probe,
    proof_taken,
};
pub use proof::{Handshake, Role};
pub use reassembly::{Limits, Reassembler, Refused, Wrong};
pub use request::{
    Kind, PART, REQUEST_SINGLE_MAX, Request, SESSION_PROBE, TRACE_MAX, begin, deadline,
    next_session, part, small_request, trace,
};
pub use response::{
    RESPONSE_SINGLE_MAX, Response, TEXT_MAX, error, ok, reason, response_begin, response_part,
};
pub use sink::Sink;
pub use skynet_proof::{MAX_SECRET, MIN_SECRET, Secret, SecretError};
pub use write::Unwritable;
