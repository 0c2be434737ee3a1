//! Does and suffers what it is told: `test_net [NAME [TAG]]`, where the name is a local one (`.net` if there is none) and
//! `-` none at all.
//!
//! Told by the scenario, as text; each answers when it is done:
//!
//! | request | does |
//! |---|---|
//! | `SELF` | its handle |
//! | `LUA DESTINATION MILLISECONDS WORD…` | a call with values; 0 milliseconds: no time-out |
//! | `POST DESTINATION WORD…` | the same as a message that wants no answer |
//! | `CALL DESTINATION MILLISECONDS TEXT` | a call with a text |
//! | `SEND DESTINATION TEXT` | a message with a text |
//! | `TOKENS DESTINATION COUNT AT-ONCE TEXT` | so many calls, each with a number that its answer must end with |
//! | `BLOCK DESTINATION BYTES SEED` | a call with one large payload, whose length is the answer |
//! | `FETCH DESTINATION BYTES SEED` | a call whose answer is large |
//! | `SDK WORD…` | what the SDK offers of a network, see `sdk.rs` |
//! | `LAST KIND` | the last message of that kind: source, session and body in hex |
//! | `STRAYS` | how many messages came that were for another life |
//!
//! And told by others: `HOLD` (not answered until `RELEASE`), `FAIL TEXT`, `PASS DESTINATION …` (passed on; who gets it
//! so answers), `LIFE TAG` (counted when the tag is not its own), `GIVE BYTES SEED`; everything else is answered with its
//! own bytes. Values: `ECHO …` is answered with the rest, `FAIL` with an error, others with nothing.

use std::collections::HashMap;
use std::time::Duration;

use skynet_service::{
    Buffer, Call, CallError, Context, Error, KIND_LUA, KIND_TEXT, Local, Message, Result, Service,
    bail,
};

use crate::pattern::{self, KIND_BLOCK};
use crate::{sdk, values};

/// See the module.
pub(crate) struct Net {
    tag: String,
    held: Local<Vec<Message>>,
    strays: Local<u64>,
    last: Local<HashMap<u32, String>>,
}

impl Service for Net {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let mut words = args.split_whitespace();
        match words.next().unwrap_or(".net") {
            "-" => {}
            name => cx.register(name)?,
        }
        Ok(Self {
            tag: words.next().unwrap_or_default().to_owned(),
            held: Local::default(),
            strays: Local::default(),
            last: Local::default(),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        self.note(&message);
        match message.kind() {
            KIND_TEXT => self.text(cx, message).await,
            KIND_LUA => lua(cx, &message),
            KIND_BLOCK => block(cx, &message),
            _ => Ok(()),
        }
    }
}

impl Net {
    fn note(&self, message: &Message) {
        // What is large is not looked at.
        let shown = &message.bytes()[..message.bytes().len().min(64)];
        let body: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        let (source, session) = (message.source(), message.session());
        let line = format!("{source} {session} {body}");
        self.last.with(|last| last.insert(message.kind(), line));
    }

    async fn text(&self, cx: &Context, message: Message) -> Result<()> {
        let text = message.text()?.to_owned();
        let words: Vec<_> = text.split(' ').collect();
        let answer = match words.as_slice() {
            ["SELF"] => cx.handle().to_string(),
            ["LUA", to, limit, rest @ ..] => {
                let request = values::pack(rest.iter().copied())?;
                let reply = call(cx, to, KIND_LUA, request, limit)?
                    .await
                    .map_err(passed_on)?;
                values::unpack(reply.bytes())?
            }
            ["POST", to, rest @ ..] => {
                cx.send(*to, KIND_LUA, values::pack(rest.iter().copied())?)?;
                String::new()
            }
            ["CALL", to, limit, rest @ ..] => {
                let request = rest.join(" ").into_bytes();
                let reply = call(cx, to, KIND_TEXT, request, limit)?
                    .await
                    .map_err(passed_on)?;
                reply.text()?.to_owned()
            }
            ["SEND", to, rest @ ..] => {
                cx.send(*to, KIND_TEXT, rest.join(" ").into_bytes())?;
                String::new()
            }
            ["TOKENS", to, count, at_once, rest @ ..] => {
                tokens(cx, to, count.parse()?, at_once.parse()?, &rest.join(" ")).await?
            }
            ["BLOCK", to, len, seed] => send_block(cx, to, len.parse()?, seed.parse()?).await?,
            ["FETCH", to, len, seed] => fetch(cx, to, len.parse()?, seed.parse()?).await?,
            ["GIVE", len, seed] => {
                let block = made(len.parse()?, seed.parse()?);
                return Ok(cx.reply(&message, block)?);
            }
            ["SDK", rest @ ..] => sdk::run(cx, rest).await?,
            ["LAST", kind] => {
                let kind = kind.parse()?;
                self.last
                    .with(|last| last.get(&kind).cloned().unwrap_or_default())
            }
            ["STRAYS"] => self.strays.get().to_string(),
            ["HELD"] => self.held.with(|held| held.len()).to_string(),
            ["HOLD"] => {
                self.held.with(|held| held.push(message));
                return Ok(());
            }
            ["RELEASE"] => {
                let held = self.held.with(std::mem::take);
                for message in &held {
                    cx.reply(message, "released")?;
                }
                held.len().to_string()
            }
            ["FAIL", rest @ ..] => bail!("{}", rest.join(" ")),
            // A call from another node is in its caller's name as well: the flag of a redirect says nothing.
            ["PASS", to, ..] if *to != cx.handle().to_string() => {
                let to = (*to).to_owned();
                return Ok(cx.redirect(message, &to)?);
            }
            ["LIFE", tag] => {
                if *tag != self.tag {
                    self.strays.with(|strays| *strays += 1);
                }
                self.tag.clone()
            }
            _ => text.clone(),
        };
        Ok(cx.reply(&message, answer.as_str())?)
    }
}

fn lua(cx: &Context, message: &Message) -> Result<()> {
    let values = skynet_service::seri::decode(message.bytes())?;
    let answer = match values.split_first() {
        Some((command, rest)) if command.as_str() == Some("ECHO") => rest,
        Some((command, _)) if command.as_str() == Some("FAIL") => bail!("as was wished"),
        _ => &[],
    };
    Ok(cx.reply(message, skynet_service::seri::encode(answer)?)?)
}

/// The same error, with its reason, for whoever asked for the call.
fn passed_on(error: CallError) -> Error {
    let reason = error.reason();
    Error::from(error).with_reason(reason)
}

fn call<'a>(
    cx: &'a Context,
    to: &str,
    kind: u32,
    request: Vec<u8>,
    milliseconds: &str,
) -> Result<Call<'a>> {
    Ok(match milliseconds.parse()? {
        0 => cx.call(to, kind, request),
        time => cx.call_timeout(to, kind, request, Duration::from_millis(time)),
    })
}

/// Calls, several at once, one after the other in each of the rows.
async fn tokens(cx: &Context, to: &str, count: u64, at_once: u64, text: &str) -> Result<String> {
    let mut rows = Vec::new();
    let (mut right, mut failed, mut wrong) = (0_u64, 0_u64, 0_u64);
    let mut first = String::new();
    let mut next = 0;
    while next < count || !rows.is_empty() {
        while next < count && (rows.len() as u64) < at_once {
            let request = format!("{text} {next}");
            rows.push((next, cx.call(to, KIND_TEXT, request.into_bytes())));
            next += 1;
        }
        let (number, call) = rows.remove(0);
        match call.await {
            Ok(reply) if reply.text()?.ends_with(&format!(" {number}")) => right += 1,
            Ok(reply) => {
                wrong += 1;
                first = format!("{number} was answered with {}", reply.text()?);
            }
            Err(error) => {
                failed += 1;
                if first.is_empty() {
                    first = error.to_string();
                }
            }
        }
    }
    Ok(format!(
        "right={right} failed={failed} wrong={wrong} first={first}"
    ))
}

/// A block with its seed in front.
fn made(len: usize, seed: u64) -> Buffer {
    let mut buffer = Buffer::with_capacity(len);
    let mut bytes = vec![0; len];
    pattern::fill(seed, &mut bytes);
    let head = len.min(8);
    bytes[..head].copy_from_slice(&seed.to_le_bytes()[..head]);
    buffer.extend_from_slice(&bytes);
    buffer
}

fn is_right(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk() else {
        return false;
    };
    *made(bytes.len(), u64::from_le_bytes(*head)) == *bytes
}

fn block(cx: &Context, message: &Message) -> Result<()> {
    if !is_right(message.bytes()) {
        bail!("{} bytes are not what was sent", message.bytes().len());
    }
    let len = message.bytes().len().to_string();
    Ok(cx.reply(message, len.as_str())?)
}

async fn send_block(cx: &Context, to: &str, len: usize, seed: u64) -> Result<String> {
    let reply = cx
        .call(to, KIND_BLOCK, made(len, seed))
        .await
        .map_err(passed_on)?;
    Ok(reply.text()?.to_owned())
}

async fn fetch(cx: &Context, to: &str, len: usize, seed: u64) -> Result<String> {
    let request = format!("GIVE {len} {seed}");
    let reply = cx.call(to, KIND_TEXT, request.into_bytes()).await?;
    if reply.bytes().len() != len || !is_right(reply.bytes()) {
        bail!("{} bytes are not what was sent", reply.bytes().len());
    }
    Ok(reply.bytes().len().to_string())
}
