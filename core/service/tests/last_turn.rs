//! Services that panic while they end.

use skynet_service::testing::Node;
use skynet_service::{Context, KIND_TEXT, Message, RawMessage, RawService, Result, Service};

/// Panics where its arguments say, in its last turn.
struct Sulker {
    stop: bool,
    drop: bool,
}

impl Sulker {
    fn new(args: &str) -> Self {
        Self {
            stop: args.contains("stop"),
            drop: args.contains("drop"),
        }
    }

    fn stop(&self) {
        assert!(!self.stop, "it will not stop");
    }
}

impl Drop for Sulker {
    fn drop(&mut self) {
        assert!(!self.drop, "it will not go");
    }
}

impl Service for Sulker {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self::new(args))
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.reply(&message, "still here")?)
    }

    fn on_stop(&self, _cx: &Context) {
        self.stop();
    }
}

impl RawService for Sulker {
    fn start(_cx: &Context, args: &str) -> Result<Self> {
        Ok(Self::new(args))
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        Ok(cx.reply(message, "still here")?)
    }

    fn on_stop(&mut self, _cx: &Context) {
        self.stop();
    }
}

#[test]
fn panics_of_the_last_turn_harm_nobody_else() {
    let check = |args: &str, panics: &[&str]| {
        let mut node = Node::new();
        let both = [
            node.launch::<Sulker>(args).expect("it starts"),
            node.launch_raw::<Sulker>(args).expect("it starts"),
        ];
        let other = node.launch::<Sulker>("").expect("it starts");
        for service in both {
            node.kill(service);
            assert!(!node.is_alive(service), "{args}");
        }
        let answer = node.call(other, KIND_TEXT, "").expect("it lives");
        assert_eq!(answer.bytes(), b"still here", "{args}");
        let logs = node.logs();
        let texts = logs.iter().map(|record| record.text.as_str());
        let expected = panics.iter().chain(panics);
        assert_eq!(logs.len(), 2 * panics.len(), "{args}: {logs:?}");
        for (text, expected) in texts.zip(expected) {
            assert!(text.contains(expected), "{args}: {text}");
        }
    };
    check("", &[]);
    check("stop", &["it will not stop"]);
    check("drop", &["it will not go"]);
    // What has panicked once is not touched again.
    check("stop drop", &["it will not stop"]);
}
