//! What stands behind a gate in scenarios: a watchdog and an agent, driven by what clients send.
//!
//! Each answers a packet with its own mark in front, so that a client sees who got it: `w` the watchdog, `a` the agent,
//! `b` the broker. A long packet is answered with its length and a checksum. Packets that begin with `!` are orders to
//! the watchdog; `watchdog.rs` lists them.

mod agent;
mod answer;
mod watchdog;

use skynet_service::export;

export! {
    test_watchdog: watchdog::Watchdog,
    raw test_agent: agent::Agent,
}
