//! Requests, by number, until they are answered.

use std::collections::HashMap;

use skynet_service::{RawMessage, Reason, Responder, log};

use crate::membership::Answer;
use crate::waiting::Ticket;

/// The duties to answer.
#[derive(Default)]
pub(crate) struct Responders {
    last: Ticket,
    owed: HashMap<Ticket, Responder>,
}

impl Responders {
    /// Takes a request. One that wants no answer has a number, too.
    pub(crate) fn take(&mut self, message: &mut RawMessage<'_>) -> Ticket {
        self.last += 1;
        if let Some(responder) = message.keep().take_responder() {
            self.owed.insert(self.last, responder);
        }
        self.last
    }

    /// Whether a request has not been answered.
    pub(crate) fn has(&self, ticket: Ticket) -> bool {
        self.owed.contains_key(&ticket)
    }

    pub(crate) fn reply(&mut self, ticket: Ticket, answer: &Answer) {
        let Some(responder) = self.owed.remove(&ticket) else {
            return;
        };
        let sent = match answer.encode() {
            Ok(values) => responder.reply(values).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            log::warn!("an answer: {error}");
        }
    }

    /// Answers with an error. Where no answer is wanted, the log is told.
    pub(crate) fn refuse(&mut self, ticket: Ticket, reason: Reason, text: &str) {
        match self.owed.remove(&ticket) {
            Some(responder) => responder.reply_error(reason, text),
            None => log::warn!("{text}"),
        }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        if let Some(responder) = self.owed.remove(&ticket) {
            responder.set_answered();
        }
    }
}
