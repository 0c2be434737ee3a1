//! The side of those who ask.

use std::fmt::Display;
use std::time::Duration;

use skynet_service::{
    Buffer, ClusterError, ClusterService, Context, Error, KIND_LUA, Message, Reply, Result, Service,
};

/// What is asked for.
const KEY: &str = "greeting";
/// How long to wait before the next try while the node is not there.
const PAUSE: Duration = Duration::from_millis(200);
/// How often to look whether it still is.
const PERIOD: Duration = Duration::from_secs(1);

/// Calls the database of another node.
pub(crate) struct Client {
    node: String,
}

impl Service for Client {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        let node = crate::node(args).to_owned();
        Ok(Self { node })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let look = Look {
            cx,
            node: &self.node,
        };
        look.wait().await;
        look.by_every_name().await?;
        look.without_an_answer().await;
        look.at_what_is_not_there().await;
        log::info!("that was all; from now on only what changes is told");
        look.watch().await
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        Err(Error::unsupported(format_args!(
            "found a message of kind {}; a client asks, and answers nothing",
            message.kind()
        )))
    }
}

/// A look at the database.
struct Look<'cx> {
    cx: &'cx Context,
    node: &'cx str,
}

impl Look<'_> {
    /// Waits until the node can be reached.
    async fn wait(&self) {
        let mut is_told = false;
        while let Err(error) = self.get("@simpledb").await {
            if !is_told {
                log::info!("waiting for node {}: {}", self.node, Error::from(error));
                is_told = true;
            }
            self.cx.sleep(PAUSE).await;
        }
    }

    async fn by_every_name(&self) -> Result<()> {
        let cluster = self.cx.cluster();
        let node = self.node;
        let set = cluster.call(node, "@simpledb", &("SET", KEY, "hello, cluster"));
        set.await?;
        log::info!("node {node} knows {KEY:?} now; this is what each kind of name gets:");
        self.tell(
            "\"@simpledb\", a name for other nodes",
            self.get("@simpledb"),
        )
        .await;
        self.tell("\".simpledb\", a local name there", self.get(".simpledb"))
            .await;
        self.tell("\"SIMPLEDB\", a global name there", self.get("SIMPLEDB"))
            .await;
        match cluster.query(node, "simpledb").await {
            Ok(handle) => {
                let what = format!("{handle}, the handle that a query has found");
                self.tell(&what, self.get(handle)).await;
            }
            Err(error) => log::error!("a query of simpledb: {}", Error::from(error)),
        }
        match cluster.proxy(node, "@simpledb").await {
            Ok(proxy) => {
                let request = Buffer::pack(&("GET", KEY))?;
                let what = format!("{proxy}, a proxy in this node");
                self.tell(&what, self.cx.call(proxy, KIND_LUA, request))
                    .await;
            }
            Err(error) => log::error!("a proxy: {}", Error::from(error)),
        }
        Ok(())
    }

    async fn without_an_answer(&self) {
        let cluster = self.cx.cluster();
        let values = ("SET", "visits", 1);
        let sent = cluster.send(self.node, "@simpledb", &values).await;
        done("a message that was handed over to the connection", sent);
        let sent = cluster.send_acked(self.node, "@simpledb", &values).await;
        done("a message that the mailbox there has taken", sent);
    }

    async fn at_what_is_not_there(&self) {
        log::info!("and this is what cannot be:");
        self.tell("a name that nobody has", self.get("@nobody"))
            .await;
        self.tell(
            "a service that is not open to others",
            self.get(".launcher"),
        )
        .await;
        let nowhere = self.cx.cluster();
        let values = ("GET", KEY);
        self.tell(
            "a node that is not known",
            nowhere.call("nowhere", "@simpledb", &values),
        )
        .await;
    }

    /// Tells when the node goes, and when it is back.
    async fn watch(&self) -> Result<()> {
        let mut ticks = self.cx.interval(PERIOD);
        let mut was_there = true;
        loop {
            ticks.tick().await;
            let found = self.get("@simpledb").await;
            match &found {
                Ok(_) if !was_there => log::info!("node {} is back", self.node),
                Err(error) if was_there => {
                    log::warn!("node {} does not answer: {error}", self.node)
                }
                _ => {}
            }
            was_there = found.is_ok();
        }
    }

    async fn get<'a>(
        &self,
        service: impl Into<ClusterService<'a>> + Send,
    ) -> Result<Reply, ClusterError> {
        let cluster = self.cx.cluster();
        cluster.call(self.node, service, &("GET", KEY)).await
    }

    /// Waits for an answer, and tells it.
    async fn tell<E: Display>(&self, what: &str, call: impl Future<Output = Result<Reply, E>>) {
        let begin = self.cx.now();
        let outcome = call.await;
        let time = (self.cx.now() - begin).as_secs_f64() * 1e3;
        match outcome {
            Ok(reply) => match reply.unpack::<(Option<&str>,)>() {
                Ok((value,)) => log::info!("  {what}: {value:?} ({time:.1} ms)"),
                Err(error) => log::error!("  {what}: {error}"),
            },
            Err(error) => log::info!("  {what}: {error} ({time:.1} ms)"),
        }
    }
}

fn done(what: &str, sent: Result<(), ClusterError>) {
    match sent {
        Ok(()) => log::info!("  {what}"),
        Err(error) => log::error!("  {what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use skynet_seri::{pack, unpack};
    use skynet_service::testing::{Node, Received};
    use skynet_service::{Handle, Reason};

    use super::*;

    /// Answers what the client asks of the node `db`, until it asks nothing more. `nowhere` has waited then.
    fn serve(node: &mut Node, db: Handle, is_there: impl Fn(&str) -> bool) {
        loop {
            let requests = node.received(db);
            if requests.is_empty() {
                return;
            }
            for request in &requests {
                answer(node, request, &is_there);
            }
        }
    }

    fn answer(node: &mut Node, request: &Received, is_there: impl Fn(&str) -> bool) {
        if let Ok(("query", _)) = unpack::<(&str, &str)>(&request.payload) {
            return node.answer(request, pack!(10).expect("short"));
        }
        let by_name = unpack::<(&str, &str, &[u8])>(&request.payload);
        let service = by_name
            .as_ref()
            .map_or(":0000000a", |(_, service, _)| *service);
        if is_there(service) {
            let value = pack!("hello").expect("short");
            return node.answer(request, value);
        }
        node.fail(request, Reason::UNKNOWN, "nobody has it");
    }

    fn told(node: &Node) -> Vec<String> {
        let logs = node.logs().into_iter();
        logs.map(|record| record.text).collect()
    }

    #[test]
    fn it_tells_what_it_sees() {
        let mut node = Node::new();
        let db = node.cluster_node("db");
        node.launch::<Client>("").expect("it starts");
        serve(&mut node, db, |service| service != "@nobody");
        let told = told(&node);
        for line in [
            "  \"@simpledb\", a name for other nodes: Some(\"hello\") (0.0 ms)",
            "  \"SIMPLEDB\", a global name there: Some(\"hello\") (0.0 ms)",
            "  :0000000a, the handle that a query has found: Some(\"hello\") (0.0 ms)",
            "  a message that was handed over to the connection",
            "  a message that the mailbox there has taken",
            "  a name that nobody has: request to @nobody of cluster node db failed: no such service: nobody has it (0.0 ms)",
            "that was all; from now on only what changes is told",
        ] {
            assert!(
                told.iter().any(|told| told == line),
                "{line:?} is not in {told:#?}"
            );
        }
        let nowhere = "  a node that is not known: cluster node nowhere is not known";
        assert!(
            told.iter().any(|told| told.starts_with(nowhere)),
            "{told:#?}"
        );
    }

    #[test]
    fn it_tells_when_the_node_goes_and_comes() {
        let mut node = Node::new();
        let db = node.cluster_node("db");
        node.launch::<Client>("").expect("it starts");
        serve(&mut node, db, |_| false);
        assert!(
            told(&node)[0].starts_with("waiting for node db: "),
            "{:?}",
            told(&node)
        );
        node.advance(PERIOD);
        serve(&mut node, db, |_| true);
        for (is_there, news) in [
            (true, None),
            (false, Some("node db does not answer: ")),
            (false, None),
            (true, Some("node db is back")),
            (true, None),
        ] {
            let before = told(&node).len();
            node.advance(PERIOD);
            serve(&mut node, db, |_| is_there);
            let told = &told(&node)[before..];
            assert_eq!(told.len(), usize::from(news.is_some()), "{told:#?}");
            let news = news.unwrap_or_default();
            assert!(told.iter().all(|line| line.starts_with(news)), "{told:#?}");
        }
    }
}
