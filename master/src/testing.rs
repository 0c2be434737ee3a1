//! What tests of several modules need.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_seri::{pack, unpack};
use skynet_service::testing::Node;
use skynet_service::{Context, Handle, KIND_LUA, KIND_TEXT, RawMessage, RawService, Result};

/// In the place of the harbor: remembers what it is told, answers what has to be answered, and says what the test
/// wants it to say.
pub(crate) struct FakeHarbor {
    boss: Handle,
    told: Vec<Vec<u8>>,
}

impl RawService for FakeHarbor {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        let boss = args.split(' ').next().unwrap_or_default().parse()?;
        let told = Vec::new();
        Ok(Self { boss, told })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if message.kind() == KIND_TEXT {
            // The test: it wants to know, or it wants something to be said.
            if message.is_call() {
                let told = std::mem::take(&mut self.told);
                return Ok(cx.reply(message, pack(&(told,))?)?);
            }
            return Ok(cx.send(self.boss, KIND_LUA, message.bytes())?);
        }
        let bytes = message.bytes().to_vec();
        let (word,) = unpack::<(&str,)>(&bytes)?;
        match word {
            "listen" => {
                let (_, address) = unpack::<(&str, String)>(&bytes)?;
                if address == "taken" {
                    return Err(skynet_service::Error::msg("the address is taken"));
                }
                cx.reply(message, pack!("127.0.0.1:4711")?)?;
            }
            "identity" => cx.reply(&mut *message, ())?,
            "nodes" => cx.reply(&mut *message, pack!("all of them")?)?,
            _ => {}
        }
        if !matches!(word, "listen" | "nodes") {
            self.told.push(bytes);
        }
        Ok(())
    }
}

/// What a fake harbor was told since the last time.
pub(crate) fn told(node: &mut Node, harbor: Handle) -> Vec<Vec<u8>> {
    let reply = node.call(harbor, KIND_TEXT, "").unwrap();
    unpack::<(Vec<Vec<u8>>,)>(reply.bytes()).unwrap().0
}

/// Has a fake harbor say something to its slave.
pub(crate) fn say(node: &mut Node, harbor: Handle, message: Vec<u8>) {
    node.send(harbor, KIND_TEXT, message).unwrap();
    node.run();
}
