//! An agent or broker: `test_agent MARK GATE FRAMING`. It answers `MARK`, the packet's source, a space and the packet.
//! `!die` ends it.

use skynet_gate_wire::Framing;
use skynet_service::{Context, Error, Handle, KIND_CLIENT, RawMessage, RawService, Result, bail};

use crate::answer::answer;

pub(crate) struct Agent {
    mark: String,
    gate: Handle,
    framing: Framing,
}

impl RawService for Agent {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let mut words = args.split_whitespace();
        let mut word = || words.next().ok_or(Error::msg("wanted MARK GATE FRAMING"));
        Ok(Self {
            mark: word()?.to_owned(),
            gate: word()?.parse()?,
            framing: word()?.parse()?,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() != KIND_CLIENT {
            bail!("message of kind {} for an agent", message.kind());
        }
        if message.bytes() == b"!die" {
            cx.exit();
            return Ok(());
        }
        let mark = format!("{}{} ", self.mark, message.source());
        let id = message.session().cast_unsigned();
        answer(cx, self.gate, self.framing, id, &mark, message.bytes())
    }
}
