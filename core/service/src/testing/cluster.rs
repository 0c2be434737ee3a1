//! Other nodes of a cluster.

use skynet_abi::KIND_LUA;

use crate::testing::Node;
use crate::{Buffer, Context, Error, Handle, Message, Reason, Result, Service};

/// Under this, and the name of a node, the environment has who is its sender.
const SENDER: &str = "testing.cluster.";
const CLUSTERD: &str = ".clusterd";

impl Node {
    /// Makes another node of the cluster known under a name. What services ask of it comes to the returned
    /// [peer](Node::peer), for the test to answer: `("req", service, body)` for a call, `"push"` or `"ack"` in its place for
    /// a message that needs no answer (an empty answer says that it is done), and `("query", name)`.
    ///
    /// ```
    /// use skynet_service::testing::Node;
    /// use skynet_service::{Context, KIND_LUA, Message, Result, Service, seri};
    ///
    /// struct Front;
    /// impl Service for Front {
    ///     async fn start(_cx: &Context, _args: &str) -> Result<Self> { Ok(Self) }
    ///     async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
    ///         let answer = cx.cluster().call_bytes("db", "@store", message.bytes()).await?;
    ///         Ok(cx.reply(&message, answer)?)
    ///     }
    /// }
    ///
    /// let mut node = Node::new();
    /// let db = node.cluster_node("db");
    /// let front = node.launch::<Front>("")?;
    /// let call = node.begin_call(front, KIND_LUA, seri::pack!("GET", "x")?)?;
    /// node.run();
    ///
    /// let request = node.received(db).remove(0);
    /// let (kind, service, body) = seri::unpack::<(&str, &str, &[u8])>(&request.payload)?;
    /// assert_eq!((kind, service), ("req", "@store"));
    /// assert_eq!(seri::unpack::<(&str, &str)>(body)?, ("GET", "x"));
    /// node.answer(&request, seri::pack!(7)?);
    /// assert_eq!(node.finish_call(&call).unwrap()?.unpack::<(i64,)>()?, (7,));
    /// # Ok::<(), skynet_service::Error>(())
    /// ```
    pub fn cluster_node(&mut self, name: &str) -> Handle {
        if self.query(CLUSTERD).is_none() {
            let clusterd = self.launch::<Clusterd>("");
            let clusterd = clusterd.unwrap_or_else(|error| panic!("the fake clusterd: {error}"));
            self.register(clusterd, CLUSTERD);
        }
        let sender = self.peer();
        self.set_env(&format!("{SENDER}{name}"), &sender.to_string());
        sender
    }
}

/// Knows the nodes that the test has made known, and no others.
struct Clusterd;

impl Service for Clusterd {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let asked = message.unpack::<(&str, &str)>();
        let (KIND_LUA, Ok(("sender", node))) = (message.kind(), asked) else {
            return Err(Error::unsupported(
                "the fake clusterd knows the command sender",
            ));
        };
        let sender = cx.env(&format!("{SENDER}{node}")).ok_or_else(|| {
            Error::msg("the test has not made it known").with_reason(Reason::UNKNOWN)
        })?;
        let sender: Handle = sender.parse()?;
        Ok(cx.reply(&message, Buffer::pack(&(sender.0,))?)?)
    }
}
