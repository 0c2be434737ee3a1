//! What services ask.

use std::time::Duration;

use skynet_master_wire::{NodeKind, ToMaster, check_name};
use skynet_service::Reason;

use super::names::taken;
use super::{Action, Answer, Early, Membership};
use crate::request::Request;
use crate::waiting::{Key, Ticket};

/// How long the master may take for its word on a name.
const PATIENCE: Duration = Duration::from_secs(5);

impl Membership {
    /// A service asks for something. `until` is when it does not wait any longer, if that is known.
    pub(crate) fn request(
        &mut self,
        ticket: Ticket,
        caller: u32,
        until: Option<Duration>,
        request: Request,
        now: Duration,
    ) {
        self.now = now;
        if self.waiting.is_full() || self.early.len() >= 1024 {
            let text = "too many requests wait already".to_owned();
            return self.refuse(ticket, Reason::REFUSED, text);
        }
        if !self.has_joined() {
            // There is no telling yet who is there and which handles the services have.
            return self.early.push(Early {
                ticket,
                caller,
                until,
                request,
            });
        }
        let outcome = match request {
            Request::Register { name, handle } => self.register(name, handle, false),
            Request::Move { name, handle } => self.register(name, handle, true),
            Request::Unregister(name) => self.unregister(name),
            Request::QueryName(name) => self.query_name(name),
            Request::Link(id) if self.is_up(id) => Ok(Outcome::Wait(Key::Down(id))),
            Request::Connect(id) if !self.is_up(id) && self.me != Some(id) => {
                Ok(Outcome::Wait(Key::Up(id)))
            }
            Request::LinkMaster if self.link.is_up() => Ok(Outcome::Wait(Key::MasterLost)),
            Request::Link(_) | Request::Connect(_) | Request::LinkMaster | Request::Nodes => {
                Ok(Outcome::Answer(Answer::Nothing))
            }
            Request::Master => Ok(Outcome::Answer(self.master())),
        };
        match outcome {
            Ok(Outcome::Answer(answer)) => self.actions.push(Action::Reply(ticket, answer)),
            Ok(Outcome::Wait(key)) => {
                let until = match key {
                    Key::Registered(_) | Key::Unregistered(_) => {
                        let limit = self.now + PATIENCE;
                        Some(until.map_or(limit, |until| until.min(limit)))
                    }
                    _ => until,
                };
                self.waiting.add(ticket, key, caller, until);
            }
            Err((reason, text)) => self.refuse(ticket, reason, text),
        }
    }

    fn register(&mut self, name: String, handle: u32, moves: bool) -> Result<Outcome, Refusal> {
        check_name(&name).map_err(|error| (Reason::REFUSED, error.to_string()))?;
        let handle = self.full(handle);
        if moves {
            self.needs_our_master("moves no names")?;
        } else {
            let holder = self.names.get(&name).or(self.names.claimed(&name));
            if let Some(holder) = holder.filter(|holder| *holder != handle) {
                return Err((Reason::REFUSED, taken(&name, holder)));
            }
        }
        if self.names.get(&name) == Some(handle) && self.names.claimed(&name).is_none() {
            return Ok(Outcome::Answer(Answer::True));
        }
        let has_our_master = self.link.is_up() && self.link.is_ours();
        if !has_our_master {
            // Nobody can say no now, and here it is known at once.
            self.bind(&name, handle);
        }
        if self.link.is_up() && !has_our_master {
            self.say(ToMaster::Register {
                name,
                handle,
                moves,
            });
            return Ok(Outcome::Answer(Answer::True));
        }
        self.claim(name.clone(), handle, moves);
        Ok(Outcome::Wait(Key::Registered(name)))
    }

    fn unregister(&mut self, name: String) -> Result<Outcome, Refusal> {
        check_name(&name).map_err(|error| (Reason::REFUSED, error.to_string()))?;
        self.needs_our_master("forgets no names")?;
        self.say(ToMaster::Unregister { name: name.clone() });
        Ok(Outcome::Wait(Key::Unregistered(name)))
    }

    fn needs_our_master(&self, lack: &str) -> Result<(), Refusal> {
        let master = &self.rules.master;
        if !self.link.is_up() {
            let text = format!("the master at {master} is away");
            return Err((Reason::REFUSED, text));
        }
        if !self.link.is_ours() {
            let text = format!("the unmodified master at {master} {lack}");
            return Err((Reason::UNSUPPORTED, text));
        }
        Ok(())
    }

    fn query_name(&mut self, name: String) -> Result<Outcome, Refusal> {
        if let Some(handle) = self.names.get(&name) {
            return Ok(Outcome::Answer(Answer::Handle(handle)));
        }
        check_name(&name).map_err(|error| (Reason::REFUSED, error.to_string()))?;
        self.ask(name.clone());
        Ok(Outcome::Wait(Key::Name(name)))
    }

    fn master(&self) -> Answer {
        Answer::Master {
            address: self.rules.master.clone(),
            state: if self.link.is_up() { "up" } else { "away" },
            kind: self.link.kind,
        }
    }

    /// A caller has ended.
    pub(crate) fn caller_ended(&mut self, caller: u32) {
        let early = self.early.extract_if(.., |early| early.caller == caller);
        let early: Vec<_> = early.map(|early| early.ticket).collect();
        let gone = self.waiting.take_of(|other| other == caller);
        let gone = early.into_iter().chain(gone);
        self.actions.extend(gone.map(Action::Forget));
    }

    /// The time of some requests is up.
    pub(super) fn end_late_requests(&mut self, now: Duration) {
        for (ticket, key) in self.waiting.take_late(now) {
            self.actions.push(match key {
                Key::Registered(name) => {
                    let text = format!(
                        "the master has not answered; the global name {name:?} is kept, and registered when it does"
                    );
                    Action::Refuse(ticket, Reason::TIMED_OUT, text)
                }
                Key::Unregistered(_) => {
                    let text = "the master has not answered".to_owned();
                    Action::Refuse(ticket, Reason::TIMED_OUT, text)
                }
                // The caller has given up.
                _ => Action::Forget(ticket),
            });
        }
    }

    pub(super) fn reply_nothing(&mut self, ticket: Ticket) {
        self.actions.push(Action::Reply(ticket, Answer::Nothing));
    }

    fn refuse(&mut self, ticket: Ticket, reason: Reason, text: String) {
        self.actions.push(Action::Refuse(ticket, reason, text));
    }
}

/// What becomes of a request.
enum Outcome {
    Answer(Answer),
    Wait(Key),
}

type Refusal = (Reason, String);

impl Answer {
    /// As the values of a message.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, skynet_seri::WriteError> {
        match self {
            Self::Nothing => Ok(Vec::new()),
            Self::True => skynet_seri::pack(&(true,)),
            Self::Handle(handle) => skynet_seri::pack(&(*handle,)),
            Self::Master {
                address,
                state,
                kind,
            } => {
                let kind = match kind {
                    NodeKind::Unknown => "unknown",
                    NodeKind::Unmodified => "unmodified",
                    NodeKind::Ours => "ours",
                };
                let pairs = [
                    ("address", address.as_str()),
                    ("state", state),
                    ("kind", kind),
                ];
                let pairs = std::collections::BTreeMap::from(pairs);
                skynet_seri::pack(&(pairs,))
            }
        }
    }
}
