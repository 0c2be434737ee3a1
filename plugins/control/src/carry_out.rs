//! Requests are carried out: by the node's text commands, and by the launcher.

use std::fmt::Write as _;
use std::time::Duration;

use skynet_service::{CallError, Context, Error, Handle, KIND_LUA, KIND_TEXT, Result};

use crate::line::Answer;
use crate::request::Request;
use crate::values;

/// How long a called service may take; the person waits no longer either.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a global name may be unknown: the person may have mistyped it.
const NAME_PATIENCE: Duration = Duration::from_secs(2);
/// Services whose figures are gathered in one go.
const BATCH: usize = 256;

/// Does what is asked.
pub(crate) async fn carry_out(cx: &Context, request: Request) -> Answer {
    let result = match request {
        Request::List => list(cx),
        Request::Stat(None) => stat_all(cx).await,
        Request::Stat(Some(address)) => stat_one(cx, &address),
        Request::Kill(address) => command(cx, "KILL", &address),
        Request::Launch(line) => launch(cx, &line).await,
        Request::LogLevel(level) => command(cx, "LOGLEVEL", &level.unwrap_or_default()),
        Request::Sockets => command(cx, "SOCKETS", ""),
        Request::Node => command(cx, "NODE", ""),
        Request::Signal { address, number } => {
            command(cx, "SIGNAL", &format!("{address} {number}"))
        }
        Request::Call { address, text } => call(cx, &address, &text).await,
        Request::Lua { address, values } => values::call(cx, &address, &values).await,
        Request::Stop => cx.abort().map(|()| String::new()).map_err(Error::from),
    };
    result.map_err(|error| error.to_string())
}

/// A text command; without a result it answers with an empty text.
fn command(cx: &Context, name: &str, parameter: &str) -> Result<String> {
    match cx.command(name, parameter) {
        Ok(text) => Ok(text.unwrap_or_default()),
        // What went wrong, without the words that the person has just typed.
        Err(error) if !error.text.is_empty() => Err(Error::msg(error.text)),
        Err(error) => Err(error.into()),
    }
}

/// One service of the node.
struct Row {
    handle: Handle,
    names: String,
    line: String,
}

fn rows(cx: &Context) -> Result<Vec<Row>> {
    let list = command(cx, "LIST", "")?;
    list.lines().map(row).collect()
}

fn row(line: &str) -> Result<Row> {
    let mut fields = line.splitn(3, '\t');
    let mut next = || fields.next().unwrap_or_default();
    let handle = next().parse()?;
    let names = match next() {
        "" => "-",
        names => names,
    };
    Ok(Row {
        handle,
        names: names.to_owned(),
        line: next().to_owned(),
    })
}

fn list(cx: &Context) -> Result<String> {
    let rows = rows(cx)?;
    let width = rows.iter().map(|row| row.names.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{} {:width$} {}", row.handle, row.names, row.line);
    }
    Ok(text)
}

/// One line a service.
async fn stat_all(cx: &Context) -> Result<String> {
    let mut text = String::new();
    for (count, row) in rows(cx)?.into_iter().enumerate() {
        if count % BATCH == BATCH - 1 {
            cx.yield_now().await;
        }
        // One that has just ended has no figures.
        if let Ok(figures) = figures(cx, row.handle) {
            push_figures(&mut text, &row, &figures);
        }
    }
    Ok(text)
}

fn stat_one(cx: &Context, address: &str) -> Result<String> {
    let handle = resolve(cx, address)?;
    let figures = figures(cx, handle)?;
    let mut text = String::new();
    for row in rows(cx)?.iter().filter(|row| row.handle == handle) {
        push_figures(&mut text, row, &figures);
    }
    Ok(text)
}

fn figures(cx: &Context, handle: Handle) -> Result<String> {
    command(cx, "STAT", &format!("all {handle}"))
}

fn push_figures(text: &mut String, row: &Row, figures: &str) {
    let _ = writeln!(text, "{} {figures} {} {}", row.handle, row.names, row.line);
}

pub(crate) fn resolve(cx: &Context, address: &str) -> Result<Handle> {
    if address.starts_with('.') {
        return cx
            .query(address)
            .ok_or_else(|| Error::msg(format_args!("no service is called {address}")));
    }
    Ok(address.parse()?)
}

/// As [`resolve`], for calls, which may also go to a global name of the network.
pub(crate) async fn resolve_callee(cx: &Context, address: &str) -> Result<Handle> {
    if address.starts_with(['.', ':']) {
        return resolve(cx, address);
    }
    let found = cx
        .harbor()
        .query_name_timeout(address, NAME_PATIENCE)
        .await?;
    found.ok_or_else(|| {
        Error::msg(format_args!(
            "no service of the network is called {address}"
        ))
    })
}

/// Launches by way of the launcher, which keeps track of what it has launched; answers with the handle.
async fn launch(cx: &Context, line: &str) -> Result<String> {
    let handle = match cx.query(".launcher") {
        Some(launcher) => {
            let request = skynet_seri::pack!("LAUNCH", line)?;
            let reply = cx.call(launcher, KIND_LUA, request).await.map_err(told)?;
            let (handle,) = skynet_seri::unpack::<(u32,)>(&reply)?;
            Handle(handle)
        }
        None => cx.launch(line).await?,
    };
    Ok(format!("{handle}\n"))
}

/// Calls a service with a text; answers with its reply, or with its bytes where that is no text.
async fn call(cx: &Context, address: &str, text: &str) -> Result<String> {
    let callee = resolve_callee(cx, address).await?;
    let reply = cx.call_timeout(callee, KIND_TEXT, text, PATIENCE).await?;
    Ok(match reply.text() {
        Ok(text) => format!("{text}\n"),
        Err(_) => format!("{:02x?}\n", reply.bytes()),
    })
}

/// What the callee said, if it said something.
pub(crate) fn told(error: CallError) -> Error {
    match error {
        CallError::Failed { text, .. } if !text.is_empty() => Error::msg(text),
        error => error.into(),
    }
}
