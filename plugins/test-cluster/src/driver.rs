//! Does and suffers what it is told: `test_cluster [NAME]`, where the name is a local one (`.cl` if there is none) and `-`
//! none at all.
//!
//! Told by the scenario, as text; each answers when it is done. A node is one of the cluster, a service what its sender
//! is told: `@name`, `.name`, `:handle` …; a limit is in milliseconds, and 0 none.
//!
//! | request | does |
//! |---|---|
//! | `SELF` | its handle |
//! | `CLUSTERD WORD…` | has `.clusterd` do something, by values |
//! | `LUA DESTINATION LIMIT WORD…` | calls any service with values |
//! | `POST DESTINATION WORD…` | the same as a message that wants no answer |
//! | `REQ NODE SERVICE LIMIT WORD…` | calls, by the sender |
//! | `PUSH`, `ACK NODE SERVICE LIMIT WORD…` | sends, by the sender, and waits until it is on its way, or in the mailbox |
//! | `TRACED TRACE NODE SERVICE WORD…` | as `REQ`, with a trace (hexadecimal) |
//! | `BODY NODE SERVICE BYTES SEED` | a call whose body has so many bytes; the answer must be the same |
//! | `SDK …` | the same and more by the SDK, see `sdk.rs` |
//! | `CALLS`, `TOKENS`, `PING`, `RUN` | many, see `load.rs` |
//! | `HELD`, `RELEASE`, `LAST`, `SEEN STREAM` | what it has suffered, see `callee.rs` |

use skynet_service::seri::Value;
use skynet_service::{
    Context, Handle, KIND_LUA, KIND_SNAX, KIND_TEXT, Message, Result, Service, bail,
};

use crate::callee::Callee;
use crate::{load, remote, sdk, streams, values};

/// See the module.
pub(crate) struct Driver {
    callee: Callee,
}

impl Service for Driver {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        match args.trim() {
            "" => cx.register(".cl")?,
            "-" => {}
            name => cx.register(name)?,
        }
        Ok(Self {
            callee: Callee::default(),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        match message.kind() {
            KIND_TEXT => {
                let text = message.text()?.to_owned();
                let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
                let answer = self.told(cx, &words).await?;
                Ok(cx.reply(&message, answer.as_str())?)
            }
            KIND_LUA | KIND_SNAX => match self.callee.take(cx, message)? {
                Some(message) => pass_on(cx, message).await,
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Driver {
    async fn told(&self, cx: &Context, words: &[&str]) -> Result<String> {
        Ok(match words {
            ["SELF"] => cx.handle().to_string(),
            ["CLUSTERD", rest @ ..] => {
                let request: Vec<_> = rest.iter().map(|word| values::value(word)).collect();
                values::unpack(remote::ask(cx, &request).await?.bytes())?
            }
            ["LUA", to, limit, rest @ ..] => {
                let request = values::pack(rest.iter().copied())?;
                let to = destination(cx, to)?;
                let reply = remote::call(cx, to, request, limit.parse()?).await;
                values::unpack(reply.map_err(remote::passed_on)?.bytes())?
            }
            ["POST", to, rest @ ..] => {
                let request = values::pack(rest.iter().copied())?;
                cx.send(destination(cx, to)?, KIND_LUA, request)?;
                String::new()
            }
            [
                what @ ("REQ" | "PUSH" | "ACK"),
                node,
                service,
                limit,
                rest @ ..,
            ] => {
                let body = values::pack(rest.iter().copied())?;
                let request = remote::request(&what.to_lowercase(), service, body)?;
                let sender = remote::sender(cx, node).await?;
                let reply = remote::call(cx, sender, request, limit.parse()?).await;
                values::unpack(reply.map_err(remote::passed_on)?.bytes())?
            }
            ["TRACED", trace, node, service, rest @ ..] => {
                let body = values::pack(rest.iter().copied())?;
                let request = remote::request("req", service, body)?;
                let sender = remote::sender(cx, node).await?;
                let trace = u64::from_str_radix(trace, 16)?;
                let reply = remote::traced(cx, sender, request, trace).await;
                values::unpack(reply.map_err(remote::passed_on)?.bytes())?
            }
            ["BODY", node, service, bytes, seed] => {
                body(cx, node, service, bytes.parse()?, seed.parse()?).await?
            }
            ["SDK", rest @ ..] => sdk::run(cx, rest).await?,
            ["HELD"] => self.callee.held().to_string(),
            ["RELEASE"] => self.callee.release(cx)?.to_string(),
            ["LAST"] => self.callee.last(),
            ["SEEN", stream] => self.callee.seen(stream),
            _ => load::run(cx, words).await?,
        })
    }
}

/// Asks another node for what is behind `"PASS", node, service`, with the same trace, and answers with its answer.
async fn pass_on(cx: &Context, message: Message) -> Result<()> {
    let values = skynet_service::seri::decode(message.bytes())?;
    let [_, node, service, rest @ ..] = values.as_slice() else {
        bail!("nowhere to pass it on to");
    };
    let (node, service) = (node.as_str(), service.as_str());
    let body = skynet_service::seri::encode(rest)?;
    let request = remote::request("req", service.unwrap_or_default(), body)?;
    let sender = remote::sender(cx, node.unwrap_or_default()).await?;
    let reply = remote::traced(cx, sender, request, message.trace()).await;
    Ok(cx.reply(&message, reply.map_err(remote::passed_on)?)?)
}

fn destination(cx: &Context, word: &str) -> Result<Handle> {
    match word.parse() {
        Ok(handle) => Ok(handle),
        Err(_) => match cx.query(word) {
            Some(handle) => Ok(handle),
            None => bail!("nobody is called {word}"),
        },
    }
}

/// A call whose arguments take exactly so many bytes, and whose answer must be the same.
async fn body(cx: &Context, node: &str, service: &str, len: usize, seed: u64) -> Result<String> {
    let body = exactly(len, seed)?;
    let request = remote::request("req", service, body.clone())?;
    let sender = remote::sender(cx, node).await?;
    let reply = remote::call(cx, sender, request, 0).await;
    let reply = reply.map_err(remote::passed_on)?;
    let same = reply.bytes().iter().zip(&body).take_while(|(a, b)| a == b);
    let same = same.count();
    if same != len || reply.bytes().len() != len {
        bail!(
            "{} bytes came back for {len}, of which the first {same} are the same",
            reply.bytes().len()
        );
    }
    Ok(len.to_string())
}

/// Values of so many bytes: a text that is as long as there is room for.
fn exactly(len: usize, seed: u64) -> Result<Vec<u8>> {
    if len == 0 {
        return Ok(Vec::new());
    }
    for head in [1, 2, 3, 5] {
        let text = streams::made(len.saturating_sub(head), seed);
        let body = skynet_service::seri::encode(&[Value::String(text)])?;
        if body.len() == len {
            return Ok(body);
        }
    }
    bail!("no text takes {len} bytes")
}
