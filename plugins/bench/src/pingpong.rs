//! Two services and one message: `pingpong MILLISECONDS`.

use std::time::Duration;

use skynet_service::{Context, Handle, KIND_TEXT, RawMessage, RawService, Result};

use crate::report::Meter;

/// Bytes of the message.
const SIZE: usize = 32;

/// Sends the message, and sends it again whenever it comes back.
pub(crate) struct Ping {
    pong: Handle,
    meter: Meter,
}

impl RawService for Ping {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let time = Duration::from_millis(args.trim().parse()?);
        let pong = cx.launch_now("bench_pong")?;
        cx.send(pong, KIND_TEXT, &[0; SIZE])?;
        Ok(Self {
            pong,
            meter: Meter::new("pingpong", time),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        // Its own and the one that answered it.
        if self.meter.count(2) {
            cx.send(self.pong, KIND_TEXT, message.bytes())?;
        }
        Ok(())
    }
}

/// Sends every message back. Each send allocates and copies, as between services that have something to say.
pub(crate) struct Pong;

impl RawService for Pong {
    fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        cx.send(message.source(), KIND_TEXT, message.bytes())?;
        Ok(())
    }
}
