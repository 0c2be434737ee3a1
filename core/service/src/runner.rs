//! A service as the entries of the plugin see it.

use crate::message;
use crate::shared::Shared;
use crate::turn::{self, Orphan};
use crate::{Context, RawMessage, RawService, Reason, host};

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
    fn start(&mut self, args: &str) -> Started;
    /// Handles one message.
    fn deliver(&mut self, message: &mut RawMessage<'_>) -> Turned;
    /// The last turn: drops all tasks, then the service.
    fn stop(&mut self);
}

/// Runs a raw service.
struct Raw<G> {
    cx: Context,
    service: Option<G>,
}

/// Makes the runner of a raw service.
pub(crate) fn raw<G: RawService>(cx: Context) -> Box<dyn Runner> {
    Box::new(Raw::<G> { cx, service: None })
}

impl<G: RawService> Runner for Raw<G> {
    fn start(&mut self, args: &str) -> Started {
        match G::start(&self.cx, args) {
            Ok(service) => {
                self.service = Some(service);
                message::reject_orphans(self.cx.shared(), None);
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
    fn deliver(&mut self, message: &mut RawMessage<'_>) -> Turned {
        if message.kind() == skynet_abi::KIND_WAKE && message.value() == Shared::WAKE {
            self.cx.shared().collect_remote();
            return Turned::Well;
        }
        let Some(service) = &mut self.service else {
            return Turned::Over;
        };
        let outcome = service.on_message(&self.cx, message);
        let orphan = Orphan {
            caller: message.source().0,
            session: message.session(),
        };
        match outcome {
            Ok(()) if message.is_owed() && !self.cx.shared().exits() => {
                message::reject(self.cx.token(), orphan, Reason::DROPPED, "");
            }
            Ok(()) => {}
            Err(error) => {
                let (reason, text) = (error.reason(), error.to_string());
                drop(error);
                let kept = message::reject_orphans(self.cx.shared(), Some((orphan, reason, &text)));
                if message.is_owed() {
                    message::reject(self.cx.token(), orphan, reason, &text);
                } else if !kept {
                    log::error!("{text}");
                }
            }
        }
        message::reject_orphans(self.cx.shared(), None);
        Turned::Well
    }

    fn stop(&mut self) {
        // By reference: a service that panics here must not be dropped while the panic unwinds, which may panic too.
        if let Some(service) = &mut self.service {
            service.on_stop(&self.cx);
        }
        drop(self.service.take());
        self.cx.shared().close();
        drop(turn::take_orphans());
    }
}
