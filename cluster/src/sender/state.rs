//! What a sender says of itself.

use skynet_seri::{Table, Value, pack};
use skynet_service::{Context, RawMessage, Result};

use super::Sender;
use super::link::State;
use crate::table::Address;

impl Sender {
    /// Tells how the connection is.
    pub(super) fn on_state(&self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let state = match self.state {
            State::Up => "up",
            State::Dialling | State::Greeting => "connecting",
            State::Down => "down",
        };
        let address = match &self.address {
            Some(address) => Value::string(Address::text(address)),
            None => Value::Boolean(false),
        };
        let count = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let values = [
            ("address", address),
            ("state", Value::string(state)),
            (
                "ours",
                Value::Boolean(self.state == State::Up && self.is_ours),
            ),
            ("pending", count(self.pending.len() as u64)),
            ("waiting", count(self.waiting.len() as u64)),
            (
                "queued",
                count((self.waiting_bytes + self.output.outbox.bytes()) as u64),
            ),
            ("sent", count(self.counts.sent)),
            ("answered", count(self.counts.answered)),
            ("dropped", count(self.counts.dropped)),
            ("connects", count(self.counts.connects)),
        ];
        let table = Table {
            array: Vec::new(),
            pairs: values
                .into_iter()
                .map(|(key, value)| (Value::string(key), value))
                .collect(),
        };
        Ok(cx.reply(message, pack!(Value::Table(Box::new(table)))?)?)
    }
}
