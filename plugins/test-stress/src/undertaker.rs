//! The exit monitor: hears of the end of every service of the node, of each once.

use skynet_service::{Context, KIND_EXIT, RawMessage, RawService, Result};

use crate::figures;
use crate::graves;
use crate::promises::violation;

/// Ids of one node.
const IDS: usize = 1 << 24;

/// See the module.
pub(crate) struct Undertaker {
    /// A bit for each id that has ended. The run is too short for one to be used again.
    ended: Vec<u64>,
}

impl RawService for Undertaker {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".undertaker")?;
        cx.command("MONITOR", &cx.handle().to_string())?;
        Ok(Self {
            ended: vec![0; IDS / 64],
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() != KIND_EXIT {
            return Ok(());
        }
        figures::ENDS.count();
        let handle = message.source();
        let id = handle.0 as usize % IDS;
        let (word, bit) = (id / 64, 1 << (id % 64));
        if self.ended[word] & bit != 0 {
            violation(
                cx,
                "ends",
                handle.0,
                format_args!("the exit monitor was told twice of the end of {handle}"),
            );
        }
        self.ended[word] |= bit;
        graves::check(cx, handle);
        Ok(())
    }
}
