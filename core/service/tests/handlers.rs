//! Requests that end in unusual places.

use std::future::Future;
use std::time::Duration;

use skynet_service::testing::Node;
use skynet_service::{
    CallError, Context, KIND_TEXT, Local, Message, OnPanic, Reason, Reply, Result, Service,
};

fn reason(outcome: Result<Reply, CallError>) -> Reason {
    match outcome {
        Err(CallError::Failed { reason, .. }) => reason,
        outcome => panic!("{outcome:?}"),
    }
}

/// Panics before it has made its future.
struct Hasty;

impl Service for Hasty {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    fn handle(&self, cx: &Context, message: Message) -> impl Future<Output = Result<()>> + Send {
        assert_eq!(message.bytes(), b"slowly", "too fast");
        async move { Ok(cx.reply(&message, "well done")?) }
    }
}

#[test]
fn a_handler_may_panic_before_its_future_is_made() {
    let mut node = Node::new();
    let hasty = node.launch::<Hasty>("").expect("it starts");
    assert_eq!(
        reason(node.call(hasty, KIND_TEXT, "at once")),
        Reason::PANICKED
    );
    let answer = node.call(hasty, KIND_TEXT, "slowly").expect("it lives");
    assert_eq!(answer.bytes(), b"well done");
    assert_eq!(node.logs().len(), 1);
}

/// Keeps its requests, and drops them in the service's own task, the last thing that this does.
#[derive(Default)]
struct Hoarder {
    kept: Local<Vec<Message>>,
}

impl Service for Hoarder {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self::default())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        cx.sleep(Duration::from_secs(1)).await;
        self.kept.set(Vec::new());
        Ok(())
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        self.kept.with(|kept| kept.push(message));
        Ok(())
    }
}

#[test]
fn what_the_services_own_task_drops_is_answered() {
    let mut node = Node::new();
    let hoarder = node.launch::<Hoarder>("").expect("it starts");
    let waiting = ["one", "two"].map(|text| {
        let call = node.begin_call(hoarder, KIND_TEXT, text);
        call.expect("it lives")
    });
    node.run();
    assert!(node.finish_call(&waiting[0]).is_none());
    node.advance(Duration::from_secs(1));
    for call in &waiting {
        let outcome = node.finish_call(call).expect("an answer has come");
        assert_eq!(reason(outcome), Reason::DROPPED);
    }
    assert!(node.is_alive(hoarder));
}
