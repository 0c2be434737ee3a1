//! Lets outside TCP clients in, cuts their bytes into packets and forwards these to services.
//!
//! A gate has one *watchdog*, which is told of each client and decides what becomes of it, and any number of *agents*,
//! which get the packets of the clients that the watchdog gave them. A *broker* gets the packets of all. Packets go to
//! the broker, else to the agent, else to the watchdog. A client is not read before somebody says so.
//!
//! # Two forms
//! `gate <S|L|line|raw> <watchdog> <listen> <client_tag> <max> [option=value…]` speaks texts as Skynet's C gate:
//! commands `start`, `forward`, `broker`, `kick`, `close`; notices `<id> open <id> <ip:port>:0`, `<id> data <packet>`,
//! `<id> close`. A gate launched without words is told `open` in the lua protocol, as Skynet's Lua gate, and takes
//! `forward`, `accept`, `kick`, `close`; notices are `"socket", "open" | "data" | "close" | "error" | "warning", id, …`.
//! The words of the launch decide the form of notices; commands are understood in both. Packets of kind client that
//! services send to the gate, with the client's id in four little-endian bytes behind them, are written as they are.
//! `docs/gate.md` is the reference.
//!
//! # How a packet goes
//! `gate.rs` sorts messages by kind. A read of the node arrives as one message: `inbound.rs` cuts it and passes packets
//! on, the usual single packet in the very buffer that it came in. `connections.rs` knows the clients and whom each agent
//! serves, `listener.rs` lets them in, `notify.rs` writes to the watchdog, `text.rs` and `lua.rs` read commands, `idle.rs`
//! finds those that have fallen silent.
//!
//! # Where it differs from Skynet's gates, on purpose
//! * Without a host it listens on 127.0.0.1, not on every address.
//! * A packet that is too large closes its connection when its header is read, before anything of it is buffered:
//!   64 KiB unless `max_packet` says otherwise, at most 16 MiB.
//! * A client that does not read is closed when 1 MiB waits for it (`output_limit`).
//! * `idle_timeout` closes clients that have sent nothing for so long; off unless asked for.
//! * Small writes are sent at once unless `nodelay=false`.
//! * Exactly `max` clients are let in (the Lua gate takes one fewer), and commands are whole words.
//! * When an agent ends, its clients are closed. So are all that are read when the broker ends.
//! * When the watchdog ends, the gate stops listening and closes the clients that neither an agent nor a broker serves.
//!   The others go on. A gate in text form ends with the last of them; one in lua form can be opened again.
//! * A client whose receiver refuses a packet because its mailbox is full is closed: it is the client who sends faster
//!   than it is served, and a stream with a hole is worth nothing.
//! * What the gate closes by itself is an `error` with its reason in lua form, and a `close` in text form.

mod connections;
mod gate;
mod idle;
mod inbound;
mod listener;
mod lua;
mod notify;
mod settings;
#[cfg(test)]
mod tests;
mod text;

use gate::Gate;

skynet_service::export!(raw gate: Gate);
