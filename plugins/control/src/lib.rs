//! Service `control`: the human way into a node. It listens on the Unix socket `control.sock` in the node's run folder,
//! which only the node's owner can use; `skynet ctl` is the client.
//!
//! A client sends one line of words and gets a line `ok` or `error`, followed by text, and the end of the stream:
//! `list`, `stat [ADDRESS]`, `kill ADDRESS`, `launch MODULE [ARGS...]`, `log-level [LEVEL]`, `sockets`, `node`,
//! `signal ADDRESS [NUMBER]`, `stop`.
//!
//! Clients are served by threads that block; what they ask is handed to the service, which does it in its own turns.

mod carry_out;
mod clients;
mod door;
mod inbox;
mod line;
mod request;
mod values;

use std::path::Path;
use std::sync::Arc;

use carry_out::carry_out;
use door::Door;
use inbox::{Inbox, Job};
use skynet_service::{Context, Error, Message, OnPanic, Result, ResultExt as _, Service, export};

struct Control {
    door: Door,
    inbox: Arc<Inbox>,
}

impl Service for Control {
    // It has no state that a request could leave half changed.
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        // First of all: a second one would take the socket away from the first.
        cx.register(".control")?;
        let folder = cx
            .env("rundir")
            .ok_or_else(|| Error::msg("the node has no run folder"))?;
        let (door, listener) = Door::open(Path::new(&folder))?;
        let inbox = Arc::new(Inbox::default());
        if let Err(error) = clients::listen(listener, Arc::clone(&inbox)) {
            door.close();
            return Err(error).context("no thread for the control socket");
        }
        Ok(Self { door, inbox })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        loop {
            match self.inbox.take().await {
                Job::Ask(request, reply) => {
                    let own = cx.clone();
                    cx.spawn(async move {
                        let answer = carry_out(&own, request).await;
                        // A client that has gone does not wait.
                        drop(reply.send(answer));
                    });
                }
                Job::Stop => cx.abort()?,
            }
        }
    }

    async fn handle(&self, _cx: &Context, message: Message) -> Result<()> {
        Err(Error::unsupported(format_args!(
            "the control service takes no messages, found kind {}: use its socket",
            message.kind()
        )))
    }

    fn on_stop(&self, _cx: &Context) {
        self.inbox.close();
        self.door.close();
    }
}

export!(control: Control);
