//! A service as the entries of the plugin see it.

use crate::message;
use crate::shared::Shared;
use crate::turn::Turn;
use crate::{Context, Error, RawMessage, RawService, Reason, host};

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turned {
    /// Well.
    Well,
    /// The service is over: it has said why.
    Over,
}

/// How the start of a service ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Started {
    /// It runs.
    Running,
    /// It goes on starting.
    Pending,
    /// It failed, and has said why.
    Failed,
}

/// What the entries run: an executor, or a raw service.
pub(crate) trait Runner: Send {
    /// Starts the service.
    fn start(&mut self, turn: &Turn, args: &str) -> Started;
    /// Handles one message.
    fn deliver(&mut self, turn: &Turn, message: &mut RawMessage<'_>) -> Turned;
    /// The last turn: drops all tasks, then the service.
    fn stop(&mut self, turn: &Turn);
}

/// Runs a raw service.
struct Raw<G> {
    cx: Context,
    service: Option<G>,
}

/// Makes the runner of a raw service.
pub(crate) fn raw<G: RawService>(cx: Context) -> Box<impl Runner> {
    Box::new(Raw::<G> { cx, service: None })
}

impl<G> Raw<G> {
    /// The handler has failed: the caller learns why, or the log if no answer is due.
    #[cold]
    fn failed(&self, turn: &Turn, message: &RawMessage<'_>, error: Error) {
        let (reason, text) = (error.reason(), error.to_string());
        // The error may hold the message, which is dropped unanswered here.
        drop(error);
        let orphan = message.orphan();
        let own = Some((orphan, reason, text.as_str()));
        let kept = message::reject_orphans_and(self.cx.shared(), turn, own);
        if message.is_owed() {
            message::reject(self.cx.token(), orphan, reason, &text);
        } else if !kept {
            log::error!("{text}");
        }
    }
}

impl<G: RawService> Runner for Raw<G> {
    fn start(&mut self, turn: &Turn, args: &str) -> Started {
        match G::start(&self.cx, args) {
            Ok(service) => {
                self.service = Some(service);
                message::reject_orphans(self.cx.shared(), turn);
                if self.cx.shared().starts_later() {
                    return Started::Pending;
                }
                Started::Running
            }
            Err(error) => {
                host::exit(self.cx.token(), error.reason().0, &error.to_string());
                Started::Failed
            }
        }
    }

    #[inline]
    fn deliver(&mut self, turn: &Turn, message: &mut RawMessage<'_>) -> Turned {
        if message.kind() == skynet_abi::KIND_WAKE && message.value() == Shared::WAKE {
            self.cx.shared().collect_remote(turn);
            return Turned::Well;
        }
        let Some(service) = &mut self.service else {
            return Turned::Over;
        };
        match service.on_message(&self.cx, message) {
            Ok(()) if message.is_owed() && !self.cx.shared().exits() => {
                message::reject(self.cx.token(), message.orphan(), Reason::DROPPED, "");
            }
            Ok(()) => {}
            Err(error) => self.failed(turn, message, error),
        }
        message::reject_orphans(self.cx.shared(), turn);
        Turned::Well
    }

    fn stop(&mut self, turn: &Turn) {
        // By reference: a service that panics here must not be dropped while the panic unwinds, which may panic too.
        if let Some(service) = &mut self.service {
            service.on_stop(&self.cx);
        }
        drop(self.service.take());
        self.cx.shared().close();
        drop(turn.take_orphans());
    }
}
