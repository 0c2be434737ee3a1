//! Many requests.
//!
//! | request | does |
//! |---|---|
//! | `CALLS NODE SERVICE COUNT LIMIT WORD…` | so many calls at once, and what became of them |
//! | `FLOOD NODE SERVICE COUNT BYTES` | as many with so large bodies, one turn after the other, without waiting for answers |
//! | `TOKENS NODE SERVICE COUNT CALLERS` | so many calls, so many at a time, each with an answer of its own |
//! | `PING NODE SERVICE COUNT PAUSE` | small calls one after the other, with pauses of milliseconds: their round trips |
//! | `FLOW NODE SERVICE COUNT CALLERS BYTES` | calls with so large bodies and answers, so many at a time |
//! | `RUN NODE SERVICE STREAM FIRST COUNT MOST KINDS` | numbered messages of up to so many bytes, see `streams.rs` |

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use skynet_service::seri::{Table, Value, encode};
use skynet_service::{Call, Context, Error, KIND_LUA, Reason, Result, bail};

use crate::remote;
use crate::streams::{made, mixed};

/// Messages of a stream between two looks at what else there is to do.
const BATCH: i64 = 64;
/// Calls of a stream that may be open: what waits is bounded.
const OPEN: usize = 256;
/// How often a node is asked at last that is not there now, and how long to wait in between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(20);

/// Does it, and tells what came of it.
pub(crate) async fn run(cx: &Context, words: &[&str]) -> Result<String> {
    match words {
        ["CALLS", node, service, count, limit, rest @ ..] => {
            let body = crate::values::pack(rest.iter().copied())?;
            let request = remote::request("req", service, body)?;
            calls(cx, node, request, count.parse()?, limit.parse()?).await
        }
        ["FLOOD", node, service, count, bytes] => {
            flood(cx, node, service, count.parse()?, bytes.parse()?).await
        }
        ["TOKENS", node, service, count, callers] => {
            tokens(cx, node, service, count.parse()?, callers.parse()?).await
        }
        ["PING", node, service, count, pause] => {
            ping(cx, node, service, count.parse()?, pause.parse()?).await
        }
        ["FLOW", node, service, count, callers, bytes] => {
            let bytes = bytes.parse()?;
            flow(cx, node, service, count.parse()?, callers.parse()?, bytes).await
        }
        ["RUN", node, service, stream, first, count, most, kinds] => {
            let run = Run {
                stream,
                first: first.parse()?,
                count: count.parse()?,
                most: most.parse()?,
                kinds,
            };
            run.play(cx, node, service).await
        }
        _ => Err(Error::unsupported(words.join(" "))),
    }
}

async fn calls(
    cx: &Context,
    node: &str,
    request: Vec<u8>,
    count: u64,
    limit: u64,
) -> Result<String> {
    let sender = remote::sender(cx, node).await?;
    let begin = Instant::now();
    let open: Vec<_> = (0..count)
        .map(|_| remote::call(cx, sender, request.clone(), limit))
        .collect();
    Ok(ends(begin, open).await)
}

async fn flood(
    cx: &Context,
    node: &str,
    service: &str,
    count: u64,
    bytes: usize,
) -> Result<String> {
    let sender = remote::sender(cx, node).await?;
    let request = remote::request("req", service, made(bytes, 7))?;
    let begin = Instant::now();
    let mut open = Vec::new();
    for _ in 0..count {
        open.push(remote::call(cx, sender, request.clone(), 0));
        // What lies in the sender's mailbox is not what is measured.
        cx.sleep(Duration::from_millis(1)).await;
    }
    Ok(ends(begin, open).await)
}

/// What became of calls.
async fn ends(begin: Instant, open: Vec<Call<'_>>) -> String {
    let (mut replies, mut reasons, mut first) = (0_u64, BTreeMap::new(), String::new());
    for call in open {
        match call.await {
            Ok(_) => replies += 1,
            Err(error) => {
                *reasons.entry(error.reason().0).or_insert(0_u64) += 1;
                if first.is_empty() {
                    first = error.to_string();
                }
            }
        }
    }
    let errors: u64 = reasons.values().sum();
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(reason, count)| format!("{reason}:{count}"))
        .collect();
    format!(
        "replies={replies} errors={errors} ms={} reasons={} text={first}",
        begin.elapsed().as_millis(),
        reasons.join(",")
    )
}

/// Calls, several at once, one after the other in each of the rows.
async fn tokens(
    cx: &Context,
    node: &str,
    service: &str,
    count: i64,
    callers: usize,
) -> Result<String> {
    let sender = remote::sender(cx, node).await?;
    let mut open = VecDeque::new();
    let (mut right, mut failed, mut wrong) = (0_u64, 0_u64, 0_u64);
    let (mut first, mut next) = (String::new(), 0);
    while next < count || !open.is_empty() {
        while next < count && open.len() < callers {
            let body = encode(&[Value::string("ECHO"), Value::Integer(next)])?;
            let request = remote::request("req", service, body)?;
            open.push_back((next, remote::call(cx, sender, request, 0)));
            next += 1;
        }
        let Some((number, call)) = open.pop_front() else {
            break;
        };
        match call.await {
            Ok(reply) if reply.unpack::<(i64,)>().ok() == Some((number,)) => right += 1,
            Ok(_) => wrong += 1,
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

async fn ping(cx: &Context, node: &str, service: &str, count: usize, pause: u64) -> Result<String> {
    let sender = remote::sender(cx, node).await?;
    let request = remote::request("req", service, encode(&[Value::string("ECHO")])?)?;
    let (mut times, mut failed) = (Vec::new(), 0);
    for _ in 0..count {
        let begin = Instant::now();
        match remote::call(cx, sender, request.clone(), 0).await {
            Ok(_) => times.push(begin.elapsed()),
            Err(_) => failed += 1,
        }
        if pause > 0 {
            cx.sleep(Duration::from_millis(pause)).await;
        }
    }
    times.sort_unstable();
    let at = |hundredth: usize| {
        let index = (times.len() * hundredth / 100).min(times.len().saturating_sub(1));
        times.get(index).copied().unwrap_or_default().as_micros()
    };
    let (p50, p99, max) = (at(50), at(99), at(100));
    let count = times.len();
    Ok(format!(
        "count={count} failed={failed} p50={p50} p99={p99} max={max} late={max}"
    ))
}

async fn flow(
    cx: &Context,
    node: &str,
    service: &str,
    count: u64,
    callers: usize,
    bytes: usize,
) -> Result<String> {
    let sender = remote::sender(cx, node).await?;
    let body = encode(&[Value::String(made(bytes, 7))])?;
    let request = remote::request("req", service, body.clone())?;
    let mut open = VecDeque::new();
    let (mut sent, mut right) = (0, 0);
    while sent < count || !open.is_empty() {
        while sent < count && open.len() < callers {
            open.push_back(remote::call(cx, sender, request.clone(), 0));
            sent += 1;
        }
        let Some(call) = open.pop_front() else { break };
        let reply = call.await.map_err(remote::passed_on)?;
        right += u64::from(reply.bytes() == body);
    }
    Ok(format!("right={right} wrong={}", sent - right))
}

/// Numbered messages from one service to another.
struct Run<'a> {
    stream: &'a str,
    first: i64,
    count: i64,
    most: usize,
    /// In turn: `p`ush without an answer, `c`all, `a`cknowledged push.
    kinds: &'a str,
}

impl Run<'_> {
    /// Sends all of them in order, while the answers come in. Tells how many were answered, and how many of those the
    /// other end does not know.
    async fn play(&self, cx: &Context, node: &str, service: &str) -> Result<String> {
        let sender = remote::sender(cx, node).await?;
        let (mut open, mut answered, mut failed) = (VecDeque::new(), Vec::new(), 0_u64);
        let (mut refused, mut first) = (0_u64, String::new());
        let kinds = self.kinds.as_bytes();
        for number in self.first..self.first + self.count {
            let body = self.body(number)?;
            match kinds[number.cast_unsigned() as usize % kinds.len()] {
                b'p' => {
                    let request = remote::request("push", service, body)?;
                    refused += u64::from(cx.send(sender, KIND_LUA, request).is_err());
                }
                kind => {
                    let what = if kind == b'c' { "req" } else { "ack" };
                    let request = remote::request(what, service, body)?;
                    open.push_back((number, remote::call(cx, sender, request, 0)));
                }
            }
            let most = if number == self.first + self.count - 1 {
                0
            } else {
                OPEN
            };
            while open.len() > most {
                let Some((number, call)) = open.pop_front() else {
                    break;
                };
                match call.await {
                    Ok(_) => answered.push(Value::Integer(number)),
                    Err(error) => {
                        failed += 1;
                        if first.is_empty() {
                            first = error.to_string();
                        }
                    }
                }
            }
            if number % BATCH == 0 {
                cx.yield_now().await;
            }
        }
        let count = answered.len();
        let lost = match self.lost(cx, node, service, answered).await {
            Ok(lost) => lost.to_string(),
            Err(error) => return Err(error.context("the answers could not be checked")),
        };
        Ok(format!(
            "answered={count} lost={lost} failed={failed} refused={refused} first={first}"
        ))
    }

    fn body(&self, number: i64) -> Result<Vec<u8>> {
        let seed = mixed(number.cast_unsigned()) as usize;
        let len = match number % 16 {
            // Around and far above what fits into one frame.
            0 => seed % self.most,
            8 => (32_700 + seed % 100).min(self.most),
            _ => seed % 256,
        };
        let values = [
            Value::string("NUMBER"),
            Value::string(self.stream),
            Value::Integer(number),
            Value::String(made(len, number.cast_unsigned())),
        ];
        Ok(encode(&values)?)
    }

    /// How many of these the other end does not know.
    async fn lost(
        &self,
        cx: &Context,
        node: &str,
        service: &str,
        numbers: Vec<Value>,
    ) -> Result<i64> {
        let table = Table {
            array: numbers,
            ..Table::default()
        };
        let values = [
            Value::string("CHECK"),
            Value::string(self.stream),
            Value::Table(Box::new(table)),
        ];
        let request = remote::request("req", service, encode(&values)?)?;
        let sender = remote::sender(cx, node).await?;
        for _ in 0..TRIES {
            match remote::call(cx, sender, request.clone(), 0).await {
                Ok(reply) => return Ok(reply.unpack::<(i64,)>()?.0),
                // Cut again.
                Err(error) if error.reason() == Reason::NODE_LOST => cx.sleep(PAUSE).await,
                Err(error) => return Err(remote::passed_on(error)),
            }
        }
        bail!("the node was not there for {TRIES} times {PAUSE:?}")
    }
}
