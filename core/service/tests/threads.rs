//! Threads of a plugin's own.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use skynet_service::testing::Node;
use skynet_service::{Context, Handle, Message, Result, Service};

/// Has a thread do its work.
struct Foreman;

impl Service for Foreman {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let work = message.text()?.to_owned();
        let thread = std::thread::Builder::new().name("worker".to_owned());
        let worker = thread.spawn(move || panic!("no {work} today"))?;
        assert!(cx.blocking(|| worker.join()).is_err());
        Ok(cx.reply(&message, "it has thrown down its tools")?)
    }
}

#[test]
fn their_panics_are_in_the_log_and_harm_nobody() {
    let mut node = Node::new();
    let foreman = node.launch::<Foreman>("").unwrap();
    let answer = node.call(foreman, skynet_service::KIND_TEXT, "digging");
    assert_eq!(
        answer.unwrap().text().unwrap(),
        "it has thrown down its tools"
    );
    let logs = node.logs();
    let [record] = logs.as_slice() else {
        panic!("{logs:?}");
    };
    assert_eq!(record.handle, Handle::SYSTEM);
    let expected = "a thread (worker) panicked: no digging today (at ";
    assert!(record.text.starts_with(expected), "{record:?}");
    assert!(record.text.contains("threads.rs:"), "{record:?}");
}
