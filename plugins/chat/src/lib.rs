//! A chat server: what a node of plugins looks like when it does something for people.
//!
//! ```text
//!   nc 127.0.0.1 8888 ──► gate ──lines──► agent ──join, say, …──► room
//!                          ▲                 │ ▲                   │
//!                          └──lines──────────┘ └──one line to all──┘
//!                   gate ──open, close──► chat ──launches──► agent
//! ```
//!
//! * `chat` is the gate's watchdog: it launches the gate, the room services and one agent for each client, and knows
//!   who has which nick.
//! * `room` is a service of a pool. A room lives in one of them, picked by its name, and whatever is said in it passes
//!   through that service's mailbox: that is why all members see the same order.
//! * `agent` is one client: it reads the client's lines, and shows it what the rooms tell.
//!
//! Sockets, framing and clients that do not read are the gate's business. Whatever ends, the rest goes on: an agent
//! takes its client with it and nobody else; a room service is replaced, and the agents enter its rooms again.
//!
//! In a network the nodes may share their rooms (`homes`): then agents of all nodes talk to the same room services.
//!
//! The parts without services are plain values: `line` and `text` read what clients write, `queue` and `bucket`
//! keep their pace, `hall` knows who is in which room, `desk` who is in the chat, `protocol` and `gate` are the
//! messages.

mod agent;
mod bucket;
mod chat;
mod desk;
mod gate;
mod hall;
mod homes;
mod line;
mod protocol;
mod queue;
mod room;
mod settings;
#[cfg(test)]
mod tests;
mod text;

skynet_service::export! {
    chat: chat::Chat,
    room: room::Room,
    agent: agent::Agent,
}
