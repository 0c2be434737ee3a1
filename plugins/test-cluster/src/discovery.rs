//! Knows where the nodes of a cluster are: `test_discovery [NAME=ADDRESS…] CLUSTERD`, called `.discovery`.
//!
//! | told, as text | does |
//! |---|---|
//! | `SET NAME=ADDRESS…` | these are where they are now; clusterd is told |
//! | `NEXT NAME=ADDRESS…` | the same, but clusterd has to ask (`reload`) |
//! | `WANTED` | the names that were asked for and are unknown |

use skynet_service::seri::{Table, Value, encode, unpack_prefix};
use skynet_service::{Context, Error, Handle, KIND_LUA, Local, Message, Result, Service};

use crate::values;

/// See the module.
pub(crate) struct Discovery {
    clusterd: Handle,
    nodes: Local<Table>,
    wanted: Local<Vec<String>>,
}

impl Service for Discovery {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        cx.register(".discovery")?;
        let mut words: Vec<_> = args.split_whitespace().collect();
        let clusterd = words.pop().unwrap_or_default().parse()?;
        let this = Self {
            clusterd,
            nodes: Local::default(),
            wanted: Local::default(),
        };
        this.set(&words);
        Ok(this)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            let text = message.text()?.to_owned();
            let answer = self.told(cx, &text)?;
            return Ok(cx.reply(&message, answer.as_str())?);
        }
        let ((command,), _) = unpack_prefix::<(&str,)>(message.bytes())?;
        match command {
            "nodes" | "reload" => Ok(cx.reply(&message, encode(&[self.table()])?)?),
            "wanted" => {
                let (_, name) = message.unpack::<(&str, &str)>()?;
                self.wanted.with(|wanted| wanted.push(name.to_owned()));
                Ok(())
            }
            _ => Err(Error::unsupported(command)),
        }
    }
}

impl Discovery {
    fn told(&self, cx: &Context, text: &str) -> Result<String> {
        let words: Vec<_> = text.split(' ').collect();
        match words.as_slice() {
            ["SET", nodes @ ..] => {
                self.set(nodes);
                let update = encode(&[Value::string("update"), self.table()])?;
                cx.send(self.clusterd, KIND_LUA, update)?;
                Ok(String::new())
            }
            ["NEXT", nodes @ ..] => {
                self.set(nodes);
                Ok(String::new())
            }
            ["WANTED"] => Ok(self.wanted.with(|wanted| wanted.join(" "))),
            _ => Err(Error::unsupported(text)),
        }
    }

    fn set(&self, nodes: &[&str]) {
        let pairs = nodes.iter().filter_map(|node| node.split_once('='));
        let pairs = pairs.map(|(name, word)| (Value::string(name), values::value(word)));
        self.nodes.with(|table| table.pairs = pairs.collect());
    }

    fn table(&self) -> Value {
        Value::Table(Box::new(self.nodes.with(|table| table.clone())))
    }
}
