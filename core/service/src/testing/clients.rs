//! Outside clients that tests play.

use crate::testing::Node;

/// A TCP client that the test plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client(i32);

impl Node {
    /// Connects a client to a service that listens on `address`, and runs until the node is idle. `None` if nobody
    /// listens there, or the connection was closed at once.
    pub fn connect(&mut self, address: &str) -> Option<Client> {
        let id = {
            let mut state = self.state();
            let (id, events) = state.network.connect(0, address);
            state.push_events(events);
            id
        };
        self.run();
        self.state().network.is_connected(id).then_some(Client(id))
    }

    /// Has a client write, and runs until the node is idle. Returns false when the connection is closed.
    pub fn client_write(&mut self, client: Client, bytes: &[u8]) -> bool {
        let written = {
            let mut state = self.state();
            match state.network.write(client.0, bytes) {
                Ok(events) => {
                    state.push_events(events);
                    true
                }
                Err(_) => false,
            }
        };
        self.run();
        written
    }

    /// Takes what a client has received.
    pub fn client_read(&mut self, client: Client) -> Vec<u8> {
        self.state().network.take_received(client.0)
    }

    /// Has a client stop or begin to read, and runs until the node is idle.
    pub fn client_stall(&mut self, client: Client, stalled: bool) {
        {
            let mut state = self.state();
            let events = state.network.stall(client.0, stalled);
            state.push_events(events);
        }
        self.run();
    }

    /// Has a client close its connection, and runs until the node is idle.
    pub fn client_close(&mut self, client: Client) {
        {
            let mut state = self.state();
            let events = state.network.close(client.0).unwrap_or_default();
            state.push_events(events);
        }
        self.run();
    }

    /// Whether the service has closed a client's connection.
    #[must_use]
    pub fn client_is_closed(&self, client: Client) -> bool {
        self.state().network.is_ended(client.0)
    }

    /// Whether the service has paused reading from a client.
    #[must_use]
    pub fn client_is_paused(&self, client: Client) -> bool {
        let state = self.state();
        state
            .network
            .other_end(client.0)
            .is_some_and(|other| state.network.is_paused(other))
    }

    /// An option (`SOCKET_OPTION_*`) that the service has set on a client's connection.
    #[must_use]
    pub fn client_option(&self, client: Client, option: u32) -> Option<u64> {
        let state = self.state();
        let other = state.network.other_end(client.0)?;
        state.network.option(other, option)
    }
}
