//! What the SDK makes of the manager's answers.

use std::time::Duration;

use skynet_service::{Error, Message, Reason, Service};

use super::*;

/// Asks as it is told, and answers with what it got.
struct Client;

impl Service for Client {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let limit = Duration::from_secs(1);
        let (command, line) = message.text()?.split_once(' ').unwrap();
        let outcome = match command {
            "unique" => cx.unique(line).await,
            "query" => cx.query_service_timeout(line, limit).await,
            "global" => cx.global_unique(line).await,
            _ => cx.query_global_service_timeout(line, limit).await,
        };
        let text = outcome.map_or_else(
            |error| format!("{} {}", error.is_timeout(), Error::from(error)),
            |handle| handle.to_string(),
        );
        Ok(cx.reply(&message, &text)?)
    }
}

/// What a client gets that has been told to do this.
fn begin(fixture: &mut Fixture, client: Handle, order: &str) -> Pending {
    let pending = fixture.node.begin_call(client, KIND_TEXT, order);
    fixture.node.run();
    pending.unwrap()
}

fn outcome(fixture: &mut Fixture, pending: &Pending) -> Option<String> {
    let reply = fixture.node.finish_call(pending)?.unwrap();
    Some(reply.text().unwrap().to_owned())
}

#[test]
fn the_sdk_and_the_manager_mean_the_same() {
    let mut fixture = Fixture::own(&[]);
    let client = fixture.node.launch::<Client>("").unwrap();
    for (launch, query) in [("unique", "query"), ("global", "query_global")] {
        let waits = begin(&mut fixture, client, &format!("{query} db"));
        let launches = begin(&mut fixture, client, &format!("{launch} db 1 x"));
        let request = fixture.asked_launcher();
        let line = decode(&request.payload).unwrap();
        assert_eq!(line, ["LAUNCH", "db", "1", "x"].map(Value::from));
        let db = fixture.launch(&request).to_string();
        assert_eq!(outcome(&mut fixture, &launches), Some(db.clone()));
        assert_eq!(outcome(&mut fixture, &waits), Some(db.clone()));
        let again = begin(&mut fixture, client, &format!("{query} db"));
        assert_eq!(outcome(&mut fixture, &again), Some(db));

        let launches = begin(&mut fixture, client, &format!("{launch} broken"));
        let request = fixture.asked_launcher();
        fixture
            .node
            .fail(&request, Reason::FAILED, "the moon is full");
        let told = outcome(&mut fixture, &launches).unwrap();
        assert!(
            told.starts_with("false") && told.contains("the moon is full"),
            "{told}"
        );

        let waits = begin(&mut fixture, client, &format!("{query} nobody"));
        fixture.node.advance(Duration::from_secs(1));
        let told = outcome(&mut fixture, &waits).unwrap();
        assert!(told.starts_with("true"), "{told}");
    }
}
