//! Runs text commands on request, and tells what messages it receives: what scenarios look through.
//!
//! `test_commands [name]` takes the name `.name`, and says so in the log when it is released. Requests are texts:
//!
//! | request | answer |
//! |---|---|
//! | `RUN COMMAND parameter` | `ok result`, `null`, or `error status text`; `\n` in the parameter is a line feed |
//! | `SEEN count` | once so many other messages have come: a line `kind source session reason text` for each |
//! | `FORGET` | `ok`; what was seen is forgotten |
//! | `LOG level text` | `ok`; the text goes to the log |
//! | `LOGS count` | `ok`; so many lines go to the log in one turn |
//! | `PACKED address word…` | the words, packed, go to the service; its values, or `error reason text` |
//! | `SPIN` | does not leave its turn until it is signalled; `signalled number` |
//! | `SIGNALS` | the numbers of the signals that came |

mod show;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use skynet_seri::{Value, decode, encode};
use skynet_service::{
    Context, Error, KIND_ERROR, KIND_LUA, KIND_RESPONSE, KIND_TEXT, Message, Outgoing, RawMessage,
    RawService, Result, bail, export, log,
};

/// How long `SPIN` goes on when no signal comes.
const SPIN_MOST: Duration = Duration::from_secs(20);

struct Commands {
    name: String,
    /// A line for each message that was no request.
    seen: Vec<String>,
    /// The request that waits for so many lines.
    waiting: Option<(usize, Message)>,
    /// Requests that wait for the answer of somebody else, by the session of that.
    asked: HashMap<i32, Message>,
    signals: Arc<Mutex<Vec<i32>>>,
}

impl RawService for Commands {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        if !args.is_empty() {
            cx.register(&format!(".{args}"))?;
        }
        let signals = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&signals);
        cx.on_signal(move |number| lock(&theirs).push(number));
        Ok(Self {
            name: args.to_owned(),
            seen: Vec::new(),
            waiting: None,
            asked: HashMap::new(),
            signals,
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let is_answer = matches!(message.kind(), KIND_RESPONSE | KIND_ERROR);
        if message.kind() == KIND_TEXT && message.is_call() {
            return self.request(cx, message);
        }
        if is_answer && let Some(request) = self.asked.remove(&message.session()) {
            return Ok(cx.reply(&request, packed_answer(message)?)?);
        }
        self.seen.push(format!(
            "{} {} {} {} {}",
            message.kind(),
            message.source(),
            message.session(),
            message.reason().0,
            String::from_utf8_lossy(message.bytes())
        ));
        self.tell(cx)
    }

    fn on_stop(&mut self, _cx: &Context) {
        log::info!("released {}", self.name);
    }
}

fn lock(signals: &Mutex<Vec<i32>>) -> std::sync::MutexGuard<'_, Vec<i32>> {
    signals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commands {
    fn request(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let text = message.text()?.to_owned();
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let answer = match word {
            "RUN" => run(cx, rest),
            "SEEN" => {
                self.waiting = Some((rest.parse()?, message.keep()));
                return self.tell(cx);
            }
            "FORGET" => {
                self.seen.clear();
                "ok".to_owned()
            }
            "LOG" => {
                let (level, text) = rest.split_once(' ').unwrap_or((rest, ""));
                log::log!(level.parse()?, "{}", unescape(text));
                "ok".to_owned()
            }
            "LOGS" => {
                for number in 0..rest.parse::<u64>()? {
                    log::info!("line {number}");
                }
                "ok".to_owned()
            }
            "PACKED" => {
                let session = ask(cx, rest)?;
                self.asked.insert(session, message.keep());
                return Ok(());
            }
            "SPIN" => self.spin()?,
            "SIGNALS" => format!("{:?}", lock(&self.signals)),
            _ => bail!("no request: {text:?}"),
        };
        Ok(cx.reply(message, answer)?)
    }

    /// Answers the request that waits, if there is enough to tell.
    fn tell(&mut self, cx: &Context) -> Result<()> {
        let enough = |(count, _): &mut (usize, Message)| self.seen.len() >= *count;
        match self.waiting.take_if(enough) {
            Some((_, request)) => Ok(cx.reply(&request, self.seen.join("\n"))?),
            None => Ok(()),
        }
    }

    fn spin(&self) -> Result<String> {
        let before = lock(&self.signals).len();
        let begin = Instant::now();
        loop {
            if let Some(number) = lock(&self.signals).get(before) {
                return Ok(format!("signalled {number}"));
            }
            if begin.elapsed() > SPIN_MOST {
                bail!("no signal came");
            }
            thread::yield_now();
        }
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn run(cx: &Context, line: &str) -> String {
    let (command, parameter) = line.split_once(' ').unwrap_or((line, ""));
    match cx.command(command, &unescape(parameter)) {
        Ok(Some(text)) => format!("ok {text}"),
        Ok(None) => "null".to_owned(),
        Err(error) => format!("error {} {}", error.status, error.text),
    }
}

/// Sends the words as strings; returns the session of the answer.
fn ask(cx: &Context, line: &str) -> Result<i32> {
    let mut words = line.split(' ');
    let address = words.next().unwrap_or_default();
    let values: Vec<Value> = words.map(Value::from).collect();
    Ok(cx.call_raw(Outgoing::new(address, KIND_LUA, encode(&values)?))?)
}

fn packed_answer(message: &RawMessage<'_>) -> Result<String> {
    if message.kind() == KIND_ERROR {
        let text = message.text().map_err(Error::from)?;
        return Ok(format!("error {} {text}", message.reason().0));
    }
    let mut text = String::new();
    for value in decode(message.bytes())? {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{}", show::Shown(&value));
    }
    Ok(text)
}

export!(raw test_commands: Commands);
