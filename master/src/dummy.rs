//! Module `dummy`: the place of the slave in a node without a network. Global names work within the node; there are no
//! other nodes.

use std::collections::BTreeMap;

use skynet_master_wire::check_name;
use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_LUA, Local, Message, OnPanic, Result, Service,
    Waiters, log,
};

use crate::membership::{Answer, FromHarbor, ToHarbor, taken};
use crate::request::Request;

/// Requests that may wait for names.
const MAX_WAITING: usize = 65_536;
/// What Skynet says to who wants to connect.
const NO_CONNECT: &str = "Can't connect to other harbor in single node mode";

/// Keeps the global names of a node without a network.
pub(crate) struct Dummy {
    harbor: Handle,
    names: Local<BTreeMap<String, u32>>,
    waiting: Waiters<String>,
}

impl Service for Dummy {
    // Every change of its state is one step.
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".cslave")?;
        // It brings messages for names to who has them.
        let harbor = cx.launch(&format!("harbor {} single", cx.handle())).await?;
        cx.monitor(harbor);
        Ok(Self {
            harbor,
            names: Local::default(),
            waiting: Waiters::new(MAX_WAITING),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "the slave takes lua messages, found kind {}",
                message.kind()
            )));
        }
        if message.source() == self.harbor && !message.is_call() {
            return self.on_harbor(cx, &message);
        }
        let answer = match Request::parse(message.bytes())? {
            Request::Register { name, handle } => self.register(cx, name, handle)?,
            Request::Move { name, handle } => self.bind(cx, &name, handle)?,
            Request::Unregister(name) => self.unbind(cx, name)?,
            Request::QueryName(name) if name.starts_with('.') => {
                let handle = cx.query(&name).map(|handle| handle.0);
                return Ok(cx.reply(&message, Buffer::pack(&(handle,))?)?);
            }
            Request::QueryName(name) => match self.holder(&name) {
                Some(handle) => Answer::Handle(handle),
                None => {
                    check(&name)?;
                    return self.waiting.add(cx, name, &message);
                }
            },
            Request::Link(_) => Answer::Nothing,
            Request::Nodes => return Ok(cx.reply(&message, no_nodes()?)?),
            Request::Connect(_) => return Err(Error::refused(NO_CONNECT)),
            Request::LinkMaster | Request::Master => {
                return Err(Error::refused("there is no master in single node mode"));
            }
        };
        Ok(cx.reply(&message, answer.encode()?)?)
    }

    async fn on_exit(&self, cx: &Context, exit: Exit) -> Result<()> {
        let text = format!("the harbor has ended: {} {}", exit.reason, exit.text);
        log::error!("{text}");
        cx.command("ABORT", text.trim_end())?;
        Ok(())
    }
}

impl Dummy {
    fn on_harbor(&self, cx: &Context, message: &Message) -> Result<()> {
        let Some(FromHarbor::Query { name }) = FromHarbor::parse(message.bytes())? else {
            return Ok(());
        };
        match self.holder(&name) {
            Some(handle) => self.tell_harbor(cx, &ToHarbor::Name { name, handle }),
            None => Ok(()),
        }
    }

    fn holder(&self, name: &str) -> Option<u32> {
        self.names.with(|names| names.get(name).copied())
    }

    fn register(&self, cx: &Context, name: String, handle: u32) -> Result<Answer> {
        match self.holder(&name) {
            Some(holder) if holder != handle => Err(Error::refused(taken(&name, holder))),
            _ => self.bind(cx, &name, handle),
        }
    }

    fn bind(&self, cx: &Context, name: &str, handle: u32) -> Result<Answer> {
        check(name)?;
        let name = name.to_owned();
        self.names.with(|names| names.insert(name.clone(), handle));
        for waiter in self.waiting.take(&name) {
            waiter.reply(Answer::Handle(handle).encode()?)?;
        }
        self.tell_harbor(cx, &ToHarbor::Name { name, handle })?;
        Ok(Answer::True)
    }

    fn unbind(&self, cx: &Context, name: String) -> Result<Answer> {
        check(&name)?;
        if self.names.with(|names| names.remove(&name)).is_some() {
            self.tell_harbor(cx, &ToHarbor::Unname { name })?;
        }
        Ok(Answer::True)
    }

    fn tell_harbor(&self, cx: &Context, message: &ToHarbor) -> Result<()> {
        Ok(cx.send(self.harbor, KIND_LUA, message.encode()?)?)
    }
}

fn check(name: &str) -> Result<()> {
    check_name(name).map_err(Error::refused)
}

/// An empty table.
fn no_nodes() -> Result<Buffer> {
    let none: &[u32] = &[];
    Ok(Buffer::pack(&(none,))?)
}

#[cfg(test)]
mod tests;
