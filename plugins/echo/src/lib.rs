//! Answers every message with its own bytes.
use skynet_service::{Context, Message, Result, Service, export};

struct Echo;

impl Service for Echo {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }
    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.reply(&message, message.bytes())?)
    }
}
export!(echo: Echo);

#[test]
fn echo_answers() {
    let mut node = skynet_service::testing::Node::new();
    let echo = node.launch::<Echo>("").unwrap();
    let reply = node.call(echo, skynet_service::KIND_TEXT, b"hi").unwrap();
    assert_eq!(reply.bytes(), b"hi");
}
