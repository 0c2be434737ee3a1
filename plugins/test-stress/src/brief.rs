//! A service that hardly lives: `test_stress_brief FAIL|PANIC|EXIT|STAY`.

use skynet_service::{Context, RawMessage, RawService, Result, bail};

/// Its slot in the handle table is soon another's.
pub(crate) struct Brief;

impl RawService for Brief {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        match args.trim() {
            "FAIL" => bail!("a start that fails"),
            "EXIT" => cx.exit(),
            _ => {}
        }
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, _message: &mut RawMessage<'_>) -> Result<()> {
        cx.exit();
        Ok(())
    }
}
