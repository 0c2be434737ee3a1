//! Commands as texts, those of the C gate.

use skynet_gate_wire::Command;
use skynet_service::{Context, Error, RawMessage, Result, log};

use crate::gate::{Gate, find};
use crate::notify::News;

impl Gate {
    /// A text came. Commands for clients that have left meanwhile are nothing unusual, and do nothing.
    pub(crate) fn on_text(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let source = message.source();
        let command = Command::parse(message.bytes())
            .map_err(|error| Error::refused(format_args!("{error} (from {source})")))?;
        let found = match command {
            Command::Kick { id } => {
                let found = self.connections.get(id).is_some();
                self.end(cx, id, News::Close);
                found
            }
            Command::Start { id } => self.start_reading(cx, id),
            Command::Forward { id, agent, client } => self.forward(cx, id, agent, client),
            Command::Close => self.stop_listening(cx),
            Command::Broker(ref address) => {
                let broker = find(cx, address)?;
                self.set_broker(cx, broker);
                true
            }
        };
        if !found {
            log::debug!("{command} from {source}: there is no such client or listener");
        }
        // The C gate answers nobody, but who calls is not left waiting.
        Ok(cx.reply(message, ())?)
    }
}
