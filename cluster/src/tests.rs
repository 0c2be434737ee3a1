//! The modules together: a fake node whose cluster is the node itself, asked through the SDK.

use std::time::Duration;

use skynet_service::testing::Node;
use skynet_service::{
    Buffer, ClusterError, Context, Handle, KIND_LUA, KIND_TEXT, Message, Result, Service,
};

use crate::agent::Agent;
use crate::clusterd::Clusterd;
use crate::file::ClusterFile;
use crate::proxy::ClusterProxy;
use crate::sender::Sender;

/// Answers a text with its handle, and values with themselves.
struct Echo;

impl Service for Echo {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        Ok(cx.reply(&message, message.bytes())?)
    }
}

/// Does what a line of words says, and answers how that went.
struct Asker;

impl Service for Asker {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let outcome = match ask(cx, message.text()?).await {
            Ok(outcome) => outcome,
            Err(error) => format!("{:?}: {error}", error.reason()),
        };
        Ok(cx.reply(&message, &outcome)?)
    }
}

async fn ask(cx: &Context, line: &str) -> Result<String, ClusterError> {
    let cluster = cx.cluster();
    let words: Vec<&str> = line.split(' ').collect();
    let handle = |word: &str| word.parse::<Handle>().expect("a handle");
    Ok(match words[..] {
        ["open", place] => format!("{:?}", cluster.open(place).await?),
        ["register", name, who] => format!("{:?}", cluster.register(name, handle(who)).await?),
        ["unregister", name] => format!("{:?}", cluster.unregister(name).await?),
        ["export", name] => format!("{:?}", cluster.export(name).await?),
        ["query", node, name] => cluster.query(node, name).await?.to_string(),
        ["proxy", node, service] => cluster.proxy(node, service).await?.to_string(),
        ["send", node, service] => format!("{:?}", cluster.send(node, service, &("hi",)).await?),
        ["acked", node, service] => {
            format!("{:?}", cluster.send_acked(node, service, &("hi",)).await?)
        }
        ["call", node, service] => {
            let answer = match service.parse::<Handle>() {
                Ok(handle) => cluster.call(node, handle, &("hi", 1)).await?,
                Err(_) => cluster.call(node, service, &("hi", 1)).await?,
            };
            let (text, number) = answer.unpack::<(&str, i64)>().expect("as it was sent");
            format!("{text} {number}")
        }
        ["down"] => {
            let nodes = std::collections::BTreeMap::from([("me", false)]);
            format!("{:?}", cluster.update(&nodes).await?)
        }
        ["nodes"] => {
            let nodes = cluster.nodes().await?;
            let nodes = nodes
                .iter()
                .map(|one| format!("{} {:?}", one.name, one.state));
            nodes.collect::<Vec<_>>().join(", ")
        }
        _ => unreachable!("{line}"),
    })
}

struct World {
    node: Node,
    asker: Handle,
    echo: Handle,
}

fn world(env: &[(&str, &str)]) -> World {
    let mut node = Node::new();
    let nodes = "me = \"127.0.0.1:2528\"\nlate = false";
    for (key, value) in [("cluster_nodes", nodes)].iter().chain(env) {
        node.set_env(key, value);
    }
    node.module::<ClusterFile>("clusterfile");
    node.raw_module::<Sender>("clustersender");
    node.raw_module::<ClusterProxy>("clusterproxy");
    node.raw_module::<Agent>("clusteragent");
    node.launch::<Clusterd>("").unwrap();
    let echo = node.launch::<Echo>("").unwrap();
    let asker = node.launch::<Asker>("").unwrap();
    node.register(echo, ".echo");
    let mut world = World { node, asker, echo };
    assert_eq!(world.ask("open me"), "(\"127.0.0.1\", 2528)");
    world
}

impl World {
    fn ask(&mut self, line: &str) -> String {
        let call = self.node.begin_call(self.asker, KIND_TEXT, line).unwrap();
        self.node.run();
        for _ in 0..100 {
            if let Some(answer) = self.node.finish_call(&call) {
                return answer.unwrap().text().unwrap().to_owned();
            }
            self.node.advance(Duration::from_millis(100));
        }
        panic!("{line}: no answer in 10 s");
    }

    fn refused(&mut self, line: &str, part: &str) {
        let outcome = self.ask(line);
        assert!(outcome.contains(part), "{line}: {outcome}");
    }
}

#[test]
fn services_are_called_by_every_kind_of_name() {
    let mut world = world(&[]);
    let echo = world.echo;
    world.refused("call me .echo", "cluster_expose");
    world.refused("call me @echo", "no such service");
    assert_eq!(world.ask(&format!("register echo {echo}")), "()");
    assert_eq!(world.ask("call me @echo"), "hi 1");
    assert_eq!(world.ask("query me echo"), echo.to_string());
    assert_eq!(world.ask(&format!("call me {echo}")), "hi 1");
    assert_eq!(world.ask("export .echo"), "()");
    assert_eq!(world.ask("call me .echo"), "hi 1");
    assert_eq!(world.ask("send me @echo"), "()");
    assert_eq!(world.ask("acked me @echo"), "()");
    assert_eq!(world.ask("unregister echo"), "()");
    world.refused("call me @echo", "nobody has registered @echo");
    world.refused(&format!("call me {echo}"), "cluster_expose");
}

#[test]
fn all_is_exposed_if_that_is_wanted() {
    let mut world = world(&[("cluster_expose", "all")]);
    let echo = world.echo;
    assert_eq!(world.ask("call me .echo"), "hi 1");
    assert_eq!(world.ask(&format!("call me {echo}")), "hi 1");
}

#[test]
fn a_secret_that_both_ends_know_changes_nothing() {
    let mut world = world(&[("cluster_secret", "a secret of the cluster")]);
    let echo = world.echo;
    assert_eq!(world.ask(&format!("register echo {echo}")), "()");
    assert_eq!(world.ask("call me @echo"), "hi 1");
}

#[cfg(feature = "tls")]
#[test]
fn services_are_called_through_tls() {
    let pki = crate::tls::tests::pki::Pki::new();
    let paths = ["server", "server-key", "ca"].map(|name| pki.path(name));
    let [cert, key, ca] = paths.each_ref().map(|path| path.to_str().unwrap());
    for clients in ["false", "true"] {
        let mut world = world(&[
            ("cluster_nodes", "me = \"tls://127.0.0.1:2528\""),
            ("cluster_secret", "a secret of the cluster"),
            ("cluster_tls_cert", cert),
            ("cluster_tls_key", key),
            ("cluster_tls_ca", ca),
            ("cluster_tls_clients", clients),
        ]);
        let echo = world.echo;
        assert_eq!(world.ask(&format!("register echo {echo}")), "()");
        assert_eq!(world.ask("call me @echo"), "hi 1");
    }
}

#[test]
fn proxies_stand_for_services() {
    let mut world = world(&[]);
    let echo = world.echo;
    world.ask(&format!("register echo {echo}"));
    let proxy: Handle = world.ask("proxy me @echo").parse().unwrap();
    let values = Buffer::pack(&("through", 7)).unwrap();
    let answer = world.node.call(proxy, KIND_LUA, values).unwrap();
    assert_eq!(answer.unpack::<(&str, i64)>().unwrap(), ("through", 7));
}

#[test]
fn a_node_that_is_down_is_not_called_any_more() {
    let mut world = world(&[("cluster_expose", "all")]);
    assert_eq!(world.ask("nodes"), "late Down, me Idle");
    assert_eq!(world.ask("call me .echo"), "hi 1");
    assert_eq!(world.ask("nodes"), "late Down, me Up");
    assert_eq!(world.ask("down"), "()");
    world.refused("call me .echo", "down");
    assert_eq!(world.ask("nodes"), "late Down, me Down");
    world.refused("call late .echo", "cluster node late is down");
    world.refused("call nobody .echo", "cluster node nobody is not known");
}
