//! Module `clusterproxy`: a service of this node that stands for one of another node.
//!
//! Launched by `clusterd` as `clusterproxy SENDER CLUSTERD NODE SERVICE`. Whatever it is sent in the lua or snax protocol
//! goes on to the sender, with the source and the session of whoever sent it: the answer comes to them directly, and no
//! call is open here. A sender that has ended is gone round by way of `clusterd`, until that has a new one.

use skynet_seri::WriteError;
use skynet_service::{
    Buffer, CallError, Context, Error, Handle, KIND_ERROR, KIND_EXIT, KIND_LUA, KIND_RESPONSE,
    KIND_SNAX, Outgoing, RawMessage, RawService, Reason, Result, SendError, log,
};

/// Stands for a service of another node.
pub(crate) struct ClusterProxy {
    clusterd: Handle,
    node: String,
    service: Remote,
    way: Way,
}

/// How the other node knows the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Remote {
    Handle(Handle),
    /// `@name`, `.name` or a global name.
    Name(String),
}

impl Remote {
    /// The word of a launch line: `:0000000a` is a handle.
    pub(crate) fn parse(word: &str) -> Self {
        word.parse()
            .map_or_else(|_| Self::Name(word.to_owned()), Self::Handle)
    }
}

/// Which way messages go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// To the sender.
    Direct(Handle),
    /// To clusterd, as the sender has ended.
    Around {
        /// The question for a new one, if it is open.
        question: Option<i32>,
        /// Whether messages went this way since it was asked. They must not be overtaken.
        used: bool,
    },
}

impl RawService for ClusterProxy {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<&str> = args.split_whitespace().collect();
        let [sender, clusterd, node, service] = words[..] else {
            return Err(Error::refused(format_args!(
                "found {args:?}, wanted SENDER CLUSTERD NODE SERVICE: clusterd launches proxies"
            )));
        };
        let clusterd = clusterd.parse()?;
        cx.watch_raw(clusterd)?;
        Ok(Self {
            clusterd,
            node: node.to_owned(),
            service: Remote::parse(service),
            way: Way::Direct(sender.parse()?),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_LUA | KIND_SNAX => self.pass_on(cx, message),
            KIND_RESPONSE | KIND_ERROR => {
                self.on_answer(cx, message);
                Ok(())
            }
            KIND_EXIT => {
                if message.source() == self.clusterd {
                    cx.exit_with(Reason::DEAD, "clusterd has ended");
                }
                Ok(())
            }
            kind => Err(Error::unsupported(format_args!(
                "message of kind {kind} for a cluster proxy: it takes lua and snax"
            ))),
        }
    }
}

impl ClusterProxy {
    fn pass_on(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let command = if message.is_call() { "req" } else { "push" };
        if let Way::Direct(sender) = self.way {
            let request = self.request(command, message.bytes())?;
            match send(cx, sender, message, request) {
                Err(error) if error.is_gone() => {
                    self.way = Way::Around {
                        question: None,
                        used: false,
                    };
                }
                sent => return sent.map_err(refused),
            }
        }
        let request = self.request_around(command, message.bytes())?;
        send(cx, self.clusterd, message, request).map_err(refused)?;
        if let Way::Around { question, used } = &mut self.way {
            *used = true;
            if question.is_none() {
                self.ask(cx);
            }
        }
        Ok(())
    }

    /// The message for the sender.
    fn request(&self, command: &str, body: &[u8]) -> Result<Buffer, WriteError> {
        match &self.service {
            Remote::Handle(handle) => Buffer::pack(&(command, handle.0, body)),
            Remote::Name(name) => Buffer::pack(&(command, name.as_str(), body)),
        }
    }

    /// The message for clusterd.
    fn request_around(&self, command: &str, body: &[u8]) -> Result<Buffer, WriteError> {
        let node = self.node.as_str();
        match &self.service {
            Remote::Handle(handle) => Buffer::pack(&(command, node, handle.0, body)),
            Remote::Name(name) => Buffer::pack(&(command, node, name.as_str(), body)),
        }
    }

    /// Asks for the new sender.
    fn ask(&mut self, cx: &Context) {
        let asked = Buffer::pack(&("sender", self.node.as_str()))
            .map_err(Error::from)
            .and_then(|question| {
                Ok(cx.call_raw(Outgoing::new(self.clusterd, KIND_LUA, question))?)
            });
        match asked {
            Ok(session) => {
                self.way = Way::Around {
                    question: Some(session),
                    used: false,
                };
            }
            Err(error) => log::debug!("no question for the sender of {}: {error}", self.node),
        }
    }

    fn on_answer(&mut self, cx: &Context, answer: &RawMessage<'_>) {
        let Way::Around { question, used } = self.way else {
            return;
        };
        if question != Some(answer.session()) {
            return;
        }
        let sender = (answer.kind() == KIND_RESPONSE)
            .then(|| answer.unpack::<(u32,)>().ok())
            .flatten();
        match sender {
            // What went round since the question may still be on its way: asked again behind it.
            Some(_) if used => self.ask(cx),
            Some((sender,)) => self.way = Way::Direct(Handle(sender)),
            // The next message asks again.
            None => {
                self.way = Way::Around {
                    question: None,
                    used,
                };
            }
        }
    }
}

/// Sends in the name of whoever sent the message, who gets the answer.
fn send(
    cx: &Context,
    to: Handle,
    message: &mut RawMessage<'_>,
    request: Buffer,
) -> Result<(), SendError> {
    let mut outgoing = Outgoing::new(to, KIND_LUA, request)
        .source(message.source())
        .session(message.session())
        .trace(message.trace())
        .deadline(message.deadline());
    if message.is_call() {
        outgoing = outgoing.call_flag();
    }
    cx.send_message(outgoing)?;
    message.set_answered();
    Ok(())
}

/// The error of whoever sent what cannot be passed on.
fn refused(error: SendError) -> Error {
    let error = CallError::NotSent(error);
    let reason = error.reason();
    Error::from(error).with_reason(reason)
}

#[cfg(test)]
mod tests;
