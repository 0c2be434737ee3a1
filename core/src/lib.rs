//! The runtime of a node: services from plugins, their mailboxes, and the workers that run them.
//!
//! A message's way, from `send` to `deliver`:
//!
//! ```text
//!   plugin ── host.send ──► host.rs      checks what the plugin gave
//!                           send.rs      whom it reaches, who owes whom an answer
//!                           registry.rs  handle -> service, without locks
//!                           mailbox.rs   one atomic word admits, counts and schedules
//!                           scheduler.rs run queues; who is woken: sleepers.rs
//!                           worker.rs    takes the service from a queue
//!                           turn.rs      delivers a budget of messages
//!   plugin ◄─ deliver ──────
//! ```
//! `launch.rs` and `end.rs` are the two ends of a service's life, `runtime.rs` and `shutdown.rs` those of the node's.

mod accounting;
mod buffer;
mod call;
mod clock;
mod command;
pub mod config;
pub mod crash;
mod current;
pub mod daemon;
mod end;
pub mod env;
mod fence;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod hash;
mod host;
mod journal;
mod launch;
pub mod limits;
pub mod loader;
mod mailbox;
pub mod memory;
mod monitor;
mod names;
mod node;
mod pages;
mod park;
mod peers;
mod registry;
mod resolver;
pub mod runtime;
mod scheduler;
mod send;
mod service;
mod shutdown;
pub mod signals;
mod sleepers;
mod slot;
mod socket;
mod timer;
mod timers;
mod trace;
mod turn;
mod worker;
