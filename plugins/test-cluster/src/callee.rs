//! What a service does with values that others send it:
//!
//! | values | does |
//! |---|---|
//! | `"ECHO", …` | answers with the rest |
//! | `"FAIL", text` | answers with an error |
//! | `"HOLD"` | answers when it is told `RELEASE` |
//! | `"SOURCE"` | answers with the source of the message |
//! | `"TRACE"` | answers with the trace of the message |
//! | `"PASS", node, service, …` | asks another node for the rest, with the same trace, and answers with its answer |
//! | `"NUMBER", …`, `"CHECK", …` | see `streams.rs` |
//! | others | answers with the same bytes |

use skynet_service::seri::Value;
use skynet_service::{Buffer, Context, Local, Message, Result, bail};

use crate::streams::Streams;

/// What the service remembers of what came.
#[derive(Default)]
pub(crate) struct Callee {
    held: Local<Vec<Message>>,
    streams: Local<Streams>,
    /// The last values and their number, but for those of streams.
    last: Local<(u64, String)>,
}

impl Callee {
    /// A message with values. Gives it back when it is to be passed on.
    pub(crate) fn take(&self, cx: &Context, message: Message) -> Result<Option<Message>> {
        let known = skynet_service::seri::unpack_prefix::<(&str,)>(message.bytes());
        if let Ok((("PASS",), _)) = known {
            return Ok(Some(message));
        }
        self.answer(cx, message).map(|()| None)
    }

    fn answer(&self, cx: &Context, message: Message) -> Result<()> {
        let known = skynet_service::seri::unpack_prefix::<(&str,)>(message.bytes());
        let command = known.ok().map_or("", |((command,), _)| command);
        if let "NUMBER" | "CHECK" = command {
            let answer = self
                .streams
                .with(|streams| streams.take(command, message.bytes()))?;
            return answer_with(cx, &message, &[answer]);
        }
        self.note(&message);
        match command {
            "ECHO" => {
                let values = skynet_service::seri::decode(message.bytes())?;
                answer_with(cx, &message, &values[1..])
            }
            "FAIL" => {
                let (_, text) = message.unpack::<(&str, &str)>()?;
                bail!("{text}")
            }
            "HOLD" => {
                self.held.with(|held| held.push(message));
                Ok(())
            }
            "SOURCE" => {
                let source = Value::string(message.source().to_string());
                answer_with(cx, &message, &[source])
            }
            "TRACE" => {
                let trace = Value::string(format!("{:x}", message.trace()));
                answer_with(cx, &message, &[trace])
            }
            _ => mirror(cx, message),
        }
    }

    fn note(&self, message: &Message) {
        // What is large is not looked at.
        let shown = &message.bytes()[..message.bytes().len().min(200)];
        let text = crate::values::unpack(shown).unwrap_or_else(|_| format!("{shown:02x?}"));
        self.last
            .with(|(count, last)| (*count, *last) = (*count + 1, text));
    }

    /// How many messages with values came, and the last of them.
    pub(crate) fn last(&self) -> String {
        self.last.with(|(count, text)| format!("{count} {text}"))
    }

    /// How many calls are held.
    pub(crate) fn held(&self) -> usize {
        self.held.with(|held| held.len())
    }

    /// Answers those that are held; returns how many.
    pub(crate) fn release(&self, cx: &Context) -> Result<usize> {
        let held = self.held.with(std::mem::take);
        for message in &held {
            answer_with(cx, message, &[Value::string("released")])?;
        }
        Ok(held.len())
    }

    /// What came of a stream.
    pub(crate) fn seen(&self, stream: &str) -> String {
        self.streams.with(|streams| streams.seen(stream))
    }
}

fn mirror(cx: &Context, message: Message) -> Result<()> {
    if !message.is_owed() {
        return Ok(());
    }
    let bytes = Buffer::from(message.bytes());
    Ok(cx.reply(&message, bytes)?)
}

fn answer_with(cx: &Context, message: &Message, values: &[Value]) -> Result<()> {
    if message.is_owed() {
        cx.reply(message, skynet_service::seri::encode(values)?)?;
    }
    Ok(())
}
