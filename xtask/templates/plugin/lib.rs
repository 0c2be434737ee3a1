//! Service `{{name}}`: answers every message with its own bytes.

use skynet_service::{Context, Message, Result, Service, export};

struct {{Name}};

impl Service for {{Name}} {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.reply(&message, message.bytes())?)
    }
}

export!({{name}}: {{Name}});

#[cfg(test)]
mod tests {
    use skynet_service::{KIND_TEXT, testing};

    use super::*;

    #[test]
    fn it_answers() -> Result<()> {
        let mut node = testing::Node::new();
        let service = node.launch::<{{Name}}>("")?;
        assert_eq!(node.call(service, KIND_TEXT, b"hello")?.bytes(), b"hello");
        Ok(())
    }
}
