//! Both ends of a connection between unmodified nodes of a cluster, played by hand.
//!
//! [`ClusterClient`] asks a server of ours, [`ClusterServer`] is asked by a client of ours. Each has a judge of every byte
//! that comes: what an unmodified node would not send fails. The one thing that a server may see besides is a question for
//! a name that begins with a 0 byte, first of all and now and then later; it says that it knows nobody of that name, as an
//! unmodified one does.

mod client;
mod frame;
mod requests;
mod responses;
mod server;
pub(crate) mod vectors;

pub(crate) use client::ClusterClient;
pub(crate) use frame::{answer, parts, with_session};
pub(crate) use requests::{Request, Whom};
pub(crate) use server::{ClusterServer, Served};

/// The session of questions for names that begin with a 0 byte.
const PROBE: u32 = 0x7fff_ffff;
/// What an unmodified server says to a question for a name that nobody has.
pub(crate) const NOT_FOUND: &[u8] = b"name not found";
/// Bytes of every part but the last one.
const PART: usize = 0x8000;
