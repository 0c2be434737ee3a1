//! Service `launcher`: the node's first service after the log. It starts what every node has (see `bootstrap`) and then
//! the services of the configuration's `start`, each when the one before is ready; if one fails, the node ends. It goes on
//! as `.launcher`, launching what others ask for and keeping track of it.
//!
//! Requests are of kind `KIND_LUA`:
//!
//! | request | answer |
//! |---|---|
//! | `LAUNCH module argument…` | the handle, when the service is ready |
//! | `LIST` | a table: `":0000000a"` to what was launched |
//! | `STAT` | a table: `":0000000a"` to a table of figures |
//! | `KILL address` | a table: the handle to what was launched |

mod bootstrap;
mod protocol;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use protocol::{Address, Request};
use skynet_seri::Value;
use skynet_service::{
    Context, Error, Exit, Handle, KIND_LUA, LaunchError, Local, Message, OnPanic, Reason, Result,
    Service, export, log,
};

#[derive(Default)]
struct Launcher {
    running: Local<BTreeMap<Handle, Launched>>,
}

/// A service that the launcher has launched and that runs.
#[derive(Clone)]
struct Launched {
    line: String,
    /// One of the configuration's.
    is_start: bool,
}

impl Service for Launcher {
    // Every change of its state is one step.
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".launcher")?;
        Ok(Self::default())
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        for line in bootstrap::lines(|key| cx.env(key)) {
            if let Err(error) = self.launch(cx, &line, true).await {
                let reason = format!("a start service failed: {error}");
                log::error!("{reason}");
                cx.command("ABORT", &reason)?;
                return Ok(());
            }
        }
        let name = cx.env("name").unwrap_or_default();
        log::info!("node {name} is ready");
        cx.command("READY", "")?;
        Ok(())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "the launcher takes lua messages, found kind {}",
                message.kind()
            )));
        }
        let answer = match Request::parse(message.bytes())? {
            Request::List => self.list(),
            Request::Stat => self.stat(cx).await,
            Request::Kill(address) => self.kill(cx, &address)?,
            Request::Launch(line) => {
                let handle = self.launch(cx, &line, false).await?;
                Value::Integer(i64::from(handle.0))
            }
        };
        cx.reply(&message, skynet_seri::encode(&[answer])?)?;
        Ok(())
    }

    async fn on_exit(&self, _cx: &Context, exit: Exit) -> Result<()> {
        let launched = self.running.with(|running| running.remove(&exit.handle));
        let Some(launched) = launched else {
            return Ok(());
        };
        if launched.is_start && exit.reason != Reason::NONE {
            let separator = if exit.text.is_empty() { "" } else { ": " };
            log::warn!(
                "start service {} ({}) has ended: {}{separator}{}",
                exit.handle,
                launched.line,
                exit.reason,
                exit.text
            );
        }
        Ok(())
    }
}

impl Launcher {
    async fn launch(
        &self,
        cx: &Context,
        line: &str,
        is_start: bool,
    ) -> std::result::Result<Handle, LaunchError> {
        let handle = cx.launch(line).await?;
        let launched = Launched {
            line: line.to_owned(),
            is_start,
        };
        self.running
            .with(|running| running.insert(handle, launched));
        // Told at once if it has ended meanwhile.
        cx.monitor(handle);
        Ok(handle)
    }

    fn running(&self) -> Vec<(Handle, Launched)> {
        self.running.with(|running| {
            running
                .iter()
                .map(|(handle, launched)| (*handle, launched.clone()))
                .collect()
        })
    }

    fn list(&self) -> Value {
        let running = self.running().into_iter();
        protocol::by_handle(running.map(|(handle, launched)| (handle, Value::from(launched.line))))
    }

    async fn stat(&self, cx: &Context) -> Value {
        /// Services whose figures are gathered in one go.
        const BATCH: usize = 256;
        let mut figures = Vec::new();
        for (count, (handle, _)) in self.running().into_iter().enumerate() {
            if count % BATCH == BATCH - 1 {
                cx.yield_now().await;
            }
            // One that has just ended has none.
            if let Ok(Some(text)) = cx.command("STAT", &format!("all {handle}")) {
                figures.push((handle, protocol::figures(&text)));
            }
        }
        protocol::by_handle(figures.into_iter())
    }

    fn kill(&self, cx: &Context, address: &Address) -> Result<Value> {
        let handle = match address {
            Address::Handle(handle) => *handle,
            Address::Name(name) => cx
                .query(name)
                .ok_or_else(|| Error::refused(format_args!("no service is called {name}")))?,
        };
        cx.kill(handle)?;
        // It ends because somebody wants it to: nothing to warn of.
        let line = self.running.with(|running| running.remove(&handle));
        let line = line.map_or_else(String::new, |launched| launched.line);
        Ok(protocol::by_handle(std::iter::once((
            handle,
            Value::from(line),
        ))))
    }
}

export!(launcher: Launcher);
