//! A watchdog: `test_watchdog text|lua FRAMING ADDRESS MAX [option=value…]`.
//!
//! It launches a gate in the named form, with an agent and a broker, reads each client at once, and logs what the gate
//! tells it (`open ID ADDRESS`, `close ID`, `error ID TEXT`, `warning ID KIB`). Clients order:
//!
//! | packet | does |
//! |---|---|
//! | `!id` | answers the client's id |
//! | `!forward` | gives the client to the agent, in the name of :00001234 |
//! | `!broker` | gives all clients to the broker |
//! | `!kick ID` | closes a client |
//! | `!close` | stops listening |
//! | `!text TEXT` | sends the gate a text command as it is |
//! | `!flood COUNT` | writes so many KiB to the client, in pieces |
//!
//! Everything else is answered with a `w` in front; an order with `done` when it was carried out.

use skynet_gate_wire::{Framing, Notice};
use skynet_seri::{Table, Value, pack, unpack};
use skynet_service::{
    Context, Error, Handle, KIND_CLIENT, KIND_LUA, KIND_TEXT, Message, Result, Service, bail, log,
};

use crate::answer::answer;

/// In whose name the agent gets packets.
const CLIENT: u32 = 0x1234;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Lua,
}

pub(crate) struct Watchdog {
    form: Form,
    framing: Framing,
    gate: Handle,
    agent: Handle,
    broker: Handle,
}

impl Service for Watchdog {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let mut words = args.split_whitespace();
        let mut word = || {
            let missing = Error::msg("wanted text|lua FRAMING ADDRESS MAX");
            words.next().ok_or(missing)
        };
        let form = match word()? {
            "text" => Form::Text,
            "lua" => Form::Lua,
            other => bail!("form {other:?}: wanted text or lua"),
        };
        let framing: Framing = word()?.parse()?;
        let (address, max) = (word()?, word()?);
        let options: Vec<&str> = words.collect();
        let gate = match form {
            Form::Text => {
                let watchdog = cx.handle();
                let options = options.join(" ");
                let line = format!("gate {framing} {watchdog} {address} 0 {max} {options}");
                cx.launch(&line).await?
            }
            Form::Lua => {
                let gate = cx.launch("gate").await?;
                open(cx, gate, framing, address, max, &options).await?;
                gate
            }
        };
        let launch = |mark| cx.launch_now(&format!("test_agent {mark} {gate} {framing}"));
        let (agent, broker) = (launch("a")?, launch("b")?);
        Ok(Self {
            form,
            framing,
            gate,
            agent,
            broker,
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        match (self.form, message.kind()) {
            (Form::Text, KIND_TEXT) => self.on_notice(cx, &message).await,
            (Form::Lua, KIND_LUA) => self.on_values(cx, &message).await,
            (_, kind) => bail!("message of kind {kind} for a watchdog"),
        }
    }
}

/// Has a gate listen, with the options as they come: numbers and truth values as what they are.
async fn open(
    cx: &Context,
    gate: Handle,
    framing: Framing,
    address: &str,
    max: &str,
    options: &[&str],
) -> Result<()> {
    let mut table = Table::default();
    let mut set = |key: &str, value: Value| table.pairs.push((Value::from(key), value));
    set("address", Value::from(address));
    set("framing", Value::from(framing.to_string()));
    set("maxclient", Value::from(max.parse::<i64>()?));
    for option in options {
        let (key, value) = option
            .split_once('=')
            .ok_or(Error::msg("wanted key=value"))?;
        let number = value.parse().map(Value::Number).ok();
        let truth = value.parse().map(Value::Boolean).ok();
        let value = number
            .or(truth)
            .ok_or(Error::msg("wanted a number, true or false"))?;
        set(key, value);
    }
    let request = skynet_seri::encode(&[Value::from("open"), Value::from(table)])?;
    let reply = cx.call(gate, KIND_LUA, request).await?;
    let (host, port) = unpack::<(&str, u16)>(reply.bytes())?;
    log::info!("the gate listens on {host} {port}");
    Ok(())
}

impl Watchdog {
    async fn on_notice(&self, cx: &Context, message: &Message) -> Result<()> {
        match Notice::parse(message.bytes())? {
            Notice::Open { id, address } => {
                log::info!("open {id} {address}");
                self.text(cx, &format!("start {id}"))
            }
            Notice::Data { id, payload } => {
                if message.session() != id.cast_signed() {
                    bail!("data of {id} with session {}", message.session());
                }
                self.on_packet(cx, id, payload).await
            }
            Notice::Close { id } => {
                log::info!("close {id}");
                Ok(())
            }
        }
    }

    async fn on_values(&self, cx: &Context, message: &Message) -> Result<()> {
        let (protocol, event, id, value) =
            unpack::<(&str, &str, u32, Option<Value>)>(message.bytes())?;
        if protocol != "socket" || message.session() != 0 {
            bail!("{protocol} with session {}", message.session());
        }
        let value = value.unwrap_or(Value::Nil);
        let text = value.as_str().unwrap_or_default();
        match event {
            "data" => {
                let payload = value.as_bytes().ok_or(Error::msg("data without bytes"))?;
                return self.on_packet(cx, id, payload).await;
            }
            "open" => {
                log::info!("open {id} {text}");
                self.call(cx, pack!("accept", id)?).await?;
            }
            "close" => log::info!("close {id}"),
            "error" => log::info!("error {id} {text}"),
            "warning" => {
                let kib = value
                    .as_integer()
                    .ok_or(Error::msg("a warning without a number"))?;
                log::info!("warning {id} {kib}");
            }
            other => bail!("event {other:?}"),
        }
        Ok(())
    }

    async fn on_packet(&self, cx: &Context, id: u32, packet: &[u8]) -> Result<()> {
        let order = packet.strip_prefix(b"!").map(str::from_utf8);
        let Some(Ok(order)) = order else {
            return answer(cx, self.gate, self.framing, id, "w", packet);
        };
        let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
        match (word, self.form) {
            ("id", _) => {
                let text = id.to_string();
                return answer(cx, self.gate, self.framing, id, "", text.as_bytes());
            }
            ("forward", Form::Text) => {
                let agent = self.agent;
                self.text(cx, &format!("forward {id} {agent} {}", Handle(CLIENT)))?;
            }
            ("forward", Form::Lua) => {
                self.call(cx, pack!("forward", id, CLIENT, self.agent.0)?)
                    .await?;
            }
            ("kick", Form::Lua) => {
                let other: u32 = rest.parse()?;
                self.call(cx, pack!("kick", other)?).await?;
            }
            ("close", Form::Lua) => self.call(cx, pack!("close")?).await?,
            ("kick", Form::Text) => self.text(cx, &format!("kick {rest}"))?,
            ("close", Form::Text) => self.text(cx, "close")?,
            ("broker", _) => self.text(cx, &format!("broker {}", self.broker))?,
            ("text", _) => self.text(cx, rest)?,
            ("flood", _) => {
                for _ in 0..rest.parse::<u32>()? {
                    let mut piece = vec![b'.'; 1024];
                    skynet_gate_wire::append_client_id(&mut piece, id);
                    cx.send(self.gate, KIND_CLIENT, piece)?;
                }
                return Ok(());
            }
            _ => bail!("order {order:?}"),
        }
        answer(cx, self.gate, self.framing, id, "done", b"")
    }

    fn text(&self, cx: &Context, command: &str) -> Result<()> {
        Ok(cx.send(self.gate, KIND_TEXT, command)?)
    }

    async fn call(&self, cx: &Context, request: Vec<u8>) -> Result<()> {
        cx.call(self.gate, KIND_LUA, request).await?;
        Ok(())
    }
}
