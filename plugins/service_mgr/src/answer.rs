//! What those who ask for a service are told.

use skynet_seri::Value;
use skynet_service::{CallError, Handle, Message, Reason, Reply, Responder, Result, log};

/// The end of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The service.
    Handle(Handle),
    /// It was not launched: nil and the reason.
    Refused(String),
    /// Whoever knows could not be asked: an error.
    Failed(Reason, String),
}

impl Answer {
    /// What the launcher has said.
    pub(crate) fn of_launcher(answer: Result<Reply, CallError>) -> Self {
        match answer {
            Ok(reply) => Self::of_values(reply.bytes()),
            Err(CallError::Failed { text, .. }) if !text.is_empty() => Self::Refused(text),
            Err(error) => Self::Refused(error.to_string()),
        }
    }

    /// What another service manager has said.
    pub(crate) fn of_manager(answer: Result<Reply, CallError>) -> Self {
        match answer {
            Ok(reply) => Self::of_values(reply.bytes()),
            Err(error) => Self::Failed(error.reason(), error.to_string()),
        }
    }

    fn of_values(bytes: &[u8]) -> Self {
        let values = match skynet_seri::decode(bytes) {
            Ok(values) => values,
            Err(error) => return Self::Refused(error.to_string()),
        };
        let handle = values.first().and_then(Value::as_integer);
        let handle = handle.and_then(|handle| u32::try_from(handle).ok());
        if let Some(handle) = handle.filter(|handle| *handle != 0) {
            return Self::Handle(Handle(handle));
        }
        let reason = values.get(1).and_then(Value::as_str);
        Self::Refused(reason.unwrap_or("no reason was given").to_owned())
    }

    /// Answers a request.
    pub(crate) fn give(&self, request: &Message) {
        if let Some(waiter) = request.take_responder() {
            self.give_to(waiter);
        }
    }

    /// Answers somebody who has waited.
    pub(crate) fn give_to(&self, waiter: Responder) {
        let values = match self {
            Self::Handle(handle) => vec![Value::Integer(i64::from(handle.0))],
            Self::Refused(reason) => vec![Value::Nil, Value::from(reason.as_str())],
            Self::Failed(reason, text) => return waiter.reply_error(*reason, text),
        };
        match skynet_seri::encode(&values) {
            Ok(payload) => {
                if let Err(error) = waiter.reply(payload) {
                    log::warn!("{error}");
                }
            }
            Err(error) => waiter.reply_error(Reason::FAILED, &error.to_string()),
        }
    }
}

/// Whether a call failed because whom it was for is no more.
pub(crate) fn is_gone(error: &CallError) -> bool {
    const GONE: [Reason; 4] = [
        Reason::DEAD,
        Reason::KILLED,
        Reason::UNKNOWN,
        Reason::NODE_LOST,
    ];
    GONE.contains(&error.reason())
}

#[cfg(test)]
mod tests {
    use skynet_seri::pack;

    use super::*;

    #[test]
    fn answers_of_managers_are_read() {
        let check = |bytes: &[u8], expected: Answer| {
            assert_eq!(Answer::of_values(bytes), expected);
        };
        let refused = |reason: &str| Answer::Refused(reason.to_owned());
        check(
            &pack!(0x0100_0009).unwrap(),
            Answer::Handle(Handle(0x0100_0009)),
        );
        let none: Option<i64> = None;
        check(&pack!(none, "no moon").unwrap(), refused("no moon"));
        check(&[], refused("no reason was given"));
        check(&pack!(0).unwrap(), refused("no reason was given"));
        check(&pack!(-1).unwrap(), refused("no reason was given"));
        check(&pack!("text").unwrap(), refused("no reason was given"));
    }
}
