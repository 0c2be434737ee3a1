//! How a request gets to the sender of a node.

use skynet_service::{
    Buffer, CallError, Context, Error, Handle, KIND_LUA, Message, Outgoing, Reason, Result,
    SendError, log,
};

use super::nodes::Found;
use super::request::Wanted;
use super::running::Role;
use super::{Clusterd, answer};
use crate::table::Whereabouts;

/// The most proxies.
const MOST_PROXIES: usize = 65_536;

impl Clusterd {
    /// Does what is wanted of a node, at once or when it is known.
    pub(super) fn route(
        &self,
        cx: &Context,
        node: String,
        wanted: Wanted,
        message: Message,
    ) -> Result<()> {
        let is_known = self
            .state
            .with(|state| state.nodes.find(&node) != Found::Unknown);
        if is_known {
            return self.serve(cx, &node, &wanted, &message);
        }
        self.hold(cx, node, wanted, message)
    }

    /// Does what is wanted of a node that is known.
    pub(super) fn serve(
        &self,
        cx: &Context,
        node: &str,
        wanted: &Wanted,
        message: &Message,
    ) -> Result<()> {
        match wanted {
            Wanted::Sender => {
                let sender = self.sender(cx, node)?;
                answer(cx, message, &(sender.0,))
            }
            Wanted::Proxy(service) => {
                let proxy = self.proxy(cx, node, service)?;
                answer(cx, message, &(proxy.0,))
            }
            Wanted::Pass(command, place) => self.pass(cx, node, command, *place, message),
        }
    }

    /// The sender of a node, launched if there is none.
    fn sender(&self, cx: &Context, node: &str) -> Result<Handle> {
        let (address, running) = self.state.with(|state| {
            let address = match state.nodes.find(node) {
                Found::At(address) => Ok(address.text().to_owned()),
                Found::Down => Err(down(node)),
                Found::Unknown => Err(unknown(node, "")),
            };
            (address, state.running.sender(node))
        });
        let address = address?;
        if let Some(running) = running {
            return Ok(running);
        }
        let sender = cx.launch_now(&format!("clustersender {node} {}", cx.handle()))?;
        self.state
            .with(|state| state.running.began(Role::Sender(node.to_owned()), sender));
        cx.monitor(sender);
        let moved = Buffer::pack(&("changenode", address.as_str()))?;
        cx.send(sender, KIND_LUA, moved)?;
        Ok(sender)
    }

    /// A running sender learns where its node is now.
    pub(super) fn move_sender(&self, cx: &Context, node: &str, to: &Whereabouts) {
        let Some(sender) = self.state.with(|state| state.running.sender(node)) else {
            return;
        };
        let moved = match to {
            Whereabouts::At(address) => Buffer::pack(&("changenode", address.text())),
            Whereabouts::Down => Buffer::pack(&("changenode", false)),
        };
        let sent = moved
            .map_err(Error::from)
            .and_then(|moved| Ok(cx.send(sender, KIND_LUA, moved)?));
        if let Err(error) = sent {
            // It has ended; its successor will know.
            log::debug!("the sender of {node} does not learn where that is: {error}");
        }
    }

    fn proxy(&self, cx: &Context, node: &str, service: &str) -> Result<Handle> {
        let sender = self.sender(cx, node)?;
        let (known, count) = self.state.with(|state| {
            let running = &state.running;
            (running.proxy(node, service), running.proxies())
        });
        if let Some(known) = known {
            return Ok(known);
        }
        if count >= MOST_PROXIES {
            return Err(Error::refused(format_args!(
                "no proxy of {service} of cluster node {node}: there are {MOST_PROXIES} already"
            )));
        }
        let line = format!("clusterproxy {sender} {} {node} {service}", cx.handle());
        let proxy = cx.launch_now(&line)?;
        let role = Role::Proxy(node.to_owned(), service.to_owned());
        self.state.with(|state| state.running.began(role, proxy));
        cx.monitor(proxy);
        Ok(proxy)
    }

    /// Gives a request to the sender, in the name of whoever made it, who gets the answer.
    fn pass(
        &self,
        cx: &Context,
        node: &str,
        command: &str,
        place: usize,
        message: &Message,
    ) -> Result<()> {
        let sender = self.sender(cx, node)?;
        let sent = match hand_over(cx, sender, command, place, message)? {
            // Its end was not told yet.
            Err(error) if error.is_gone() => {
                self.state.with(|state| state.running.ended(sender));
                let sender = self.sender(cx, node)?;
                hand_over(cx, sender, command, place, message)?
            }
            sent => sent,
        };
        sent.map_err(|error| {
            let error = CallError::NotSent(error);
            let reason = error.reason();
            Error::from(error).with_reason(reason)
        })
    }
}

/// Sends the command with the values that begin at `place`.
fn hand_over(
    cx: &Context,
    sender: Handle,
    command: &str,
    place: usize,
    message: &Message,
) -> Result<Result<(), SendError>> {
    let values = message.bytes().get(place..).unwrap_or_default();
    let mut request = Buffer::with_capacity(command.len() + 8 + values.len());
    request = skynet_seri::pack_into(request, &(command,))?;
    request.extend_from_slice(values);
    let mut outgoing = Outgoing::new(sender, KIND_LUA, request)
        .source(message.source())
        .session(message.session())
        .trace(message.trace())
        .deadline(message.deadline());
    if message.is_owed() {
        outgoing = outgoing.call_flag();
    }
    let sent = cx.send_message(outgoing);
    if sent.is_ok() {
        message.set_answered();
    }
    Ok(sent)
}

/// The error of a node that is down.
pub(super) fn down(node: &str) -> Error {
    let text = format_args!("cluster node {node} is down: its address is false");
    Error::msg(text).with_reason(Reason::NODE_LOST)
}

/// The error of a node that nobody knows.
pub(super) fn unknown(node: &str, why: &str) -> Error {
    let text = format_args!("cluster node {node} is not known{why}");
    Error::msg(text).with_reason(Reason::UNKNOWN)
}
