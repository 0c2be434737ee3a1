//! A stand-in for the gate: passes on to `.street` what a gate would do.

use skynet_seri::{TableRef, pack, unpack, unpack_prefix};
use skynet_service::{
    Context, KIND_CLIENT, KIND_LUA, Outgoing, RawMessage, RawService, Result, bail,
};

/// The kind of what is written to clients; the session is the socket.
pub(super) const TO_CLIENT: u32 = 100;

/// The service.
#[derive(Debug)]
pub(super) struct StandIn;

impl RawService for StandIn {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_CLIENT {
            let Some((lines, socket)) = message.bytes().split_last_chunk() else {
                bail!("too short");
            };
            let session = i32::from_le_bytes(*socket);
            let line = Outgoing::new(".street", TO_CLIENT, lines).session(session);
            return Ok(cx.send_message(line)?);
        }
        let ((command,), _) = unpack_prefix::<(&str,)>(message.bytes())?;
        if command == "open" {
            let (_, options) = unpack::<(&str, TableRef<'_>)>(message.bytes())?;
            let option = |key| options.get(key);
            if option("address").and_then(|value| value.as_str()) == Some("nowhere") {
                bail!("there is no such place");
            }
            assert_eq!(
                option("framing").and_then(|value| value.as_str()),
                Some("line")
            );
            return Ok(cx.reply(message, pack(&("127.0.0.1", 8888))?)?);
        }
        let (command, socket, _, agent) =
            unpack::<(&str, i32, Option<u32>, Option<u32>)>(message.bytes())?;
        let done = pack(&(command, agent))?;
        cx.send_message(Outgoing::new(".street", KIND_LUA, done).session(socket))?;
        Ok(cx.reply(message, ())?)
    }
}
