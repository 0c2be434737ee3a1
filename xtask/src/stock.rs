//! Unmodified Skynet nodes, played by hand: what they send are literal bytes as they were captured, and whatever comes
//! from ours must be what such a node expects, but for the few places where it ignores more.
//!
//! Nothing here uses the product's own encoders: this is the other opinion. [`StockMaster`] keeps a network as the
//! original does, by itself; [`StockSlave`] is moved step by step by a scenario. What ours may add:
//!
//! * to `H` a fourth value, of 20 bytes;
//! * values behind those of `W`, `C`, `N` and `D`;
//! * one frame for the logger, as the first one, unless it is known that nobody would understand it.
//!
//! Nodes of a cluster are in [`cluster`], which also says what ours may ask of them.

pub(crate) mod cluster;
mod frame;
mod inbox;
mod judge;
pub(crate) mod link;
mod master;
mod packet;
mod peer;
mod slave;
mod stand;
pub(crate) mod vectors;

pub(crate) use frame::{Frame, frame};
pub(crate) use master::StockMaster;
pub(crate) use packet::{Value, packet};
pub(crate) use peer::{Hello, Peer};
pub(crate) use slave::StockSlave;
pub(crate) use stand::{Args as StandArgs, run as stand};
