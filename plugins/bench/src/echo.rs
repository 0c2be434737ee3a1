//! An echo service behind a gate: `bench_echo ADDRESS CLIENTS`.

use skynet_gate_wire::{Framing, Notice};
use skynet_service::{
    Buffer, Context, Error, Handle, KIND_CLIENT, KIND_TEXT, RawMessage, RawService, Result,
};

/// Launches a gate with 2-byte framing and sends every packet of its clients back to them.
pub(crate) struct Echo {
    gate: Handle,
}

impl RawService for Echo {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let (address, clients) = args.trim().split_once(' ').ok_or_else(|| {
            Error::msg(format_args!(
                "found {args:?}, wanted an address and a number of clients"
            ))
        })?;
        let gate = cx.launch_now(&format!("gate S {} {address} 0 {clients}", cx.handle()))?;
        Ok(Self { gate })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_CLIENT => self.answer(cx, message),
            KIND_TEXT => self.notice(cx, message.bytes()),
            _ => Ok(()),
        }
    }
}

impl Echo {
    /// The packet, framed, with the client's id behind it: what a gate writes.
    fn answer(&self, cx: &Context, message: &RawMessage<'_>) -> Result<()> {
        let packet = message.bytes();
        let header = Framing::Length2.encode_header(packet.len())?;
        let mut answer = Buffer::with_capacity(header.len() + packet.len() + size_of::<i32>());
        answer.extend_from_slice(&header);
        answer.extend_from_slice(packet);
        answer.extend_from_slice(&message.session().to_le_bytes());
        cx.send(self.gate, KIND_CLIENT, answer)?;
        Ok(())
    }

    /// Takes over every new client.
    fn notice(&self, cx: &Context, text: &[u8]) -> Result<()> {
        if let Notice::Open { id, .. } = Notice::parse(text)? {
            let this = cx.handle();
            cx.send(
                self.gate,
                KIND_TEXT,
                format!("forward {id} {this} {this}").as_bytes(),
            )?;
            cx.send(self.gate, KIND_TEXT, format!("start {id}").as_bytes())?;
        }
        Ok(())
    }
}
