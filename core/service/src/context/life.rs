//! Launching, ending, watching.

use skynet_abi as abi;

use super::node::into_text;
use crate::call::Call;
use crate::watch::Watch;
use crate::{Context, Handle, HostError, LaunchError, Peer, Reason, host};

impl Context {
    /// Launches `module args…` and waits until it has started. *Own turn.*
    ///
    /// # Errors
    /// There is no such module, or its start failed.
    pub async fn launch(&self, line: &str) -> Result<Handle, LaunchError> {
        let launched = self.begin_launch(line)?;
        if launched.status == abi::STATUS_OK {
            return Ok(Handle(launched.handle));
        }
        let peer = Peer {
            name: Some(line.into()),
            handle: None,
        };
        match Call::open(self, Ok(launched.session), peer, None).await {
            Ok(reply) if launched.handle == 0 => reply
                .text()
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| failure(line, "the node did not say its handle".to_owned())),
            Ok(_) => Ok(Handle(launched.handle)),
            Err(crate::CallError::Failed { reason, text, .. }) if text.is_empty() => {
                Err(failure(line, reason.to_string()))
            }
            Err(crate::CallError::Failed { text, .. }) => Err(failure(line, text)),
            Err(error) => Err(failure(line, error.to_string())),
        }
    }

    /// Launches `module args…` without waiting until it has started. *Own turn.*
    ///
    /// # Errors
    /// There is no such module, or its start failed at once.
    pub fn launch_now(&self, line: &str) -> Result<Handle, LaunchError> {
        // The answer of a service that goes on starting belongs to no open call, and is dropped when it comes.
        self.begin_launch(line)
            .map(|launched| Handle(launched.handle))
    }

    fn begin_launch(&self, line: &str) -> Result<host::Launched, LaunchError> {
        let mut launched = host::launch(self.token(), line);
        match launched.status {
            abi::STATUS_OK | abi::STATUS_PENDING => Ok(launched),
            status => Err(LaunchError {
                line: line.to_owned(),
                status,
                text: launched.error.take().map(into_text).unwrap_or_default(),
            }),
        }
    }

    /// Ends this service when its turn ends. Tasks that wait are dropped. *Own turn.*
    pub fn exit(&self) {
        self.exit_with(Reason::NONE, "");
    }

    /// Ends this service when its turn ends. Reason and text go to those who watch it or wait on it, the caller of the
    /// current request among them if that is not answered. *Own turn.*
    pub fn exit_with(&self, reason: Reason, text: &str) {
        let status = host::exit(self.token(), reason.0, text);
        if status == abi::STATUS_OK {
            self.shared().set_exits();
        } else {
            log::error!("exit of {}: {}", self.handle(), abi::status_text(status));
        }
    }

    /// For raw services, in their `start`: the service goes on starting after `start` has returned, for example until
    /// it knows whether it can listen. Its launcher waits until it is [`ready`](Self::ready), or ends: reason and text
    /// of [`exit_with`](Self::exit_with) are then the launcher's error. Messages are delivered meanwhile. Elsewhere it
    /// does nothing.
    pub fn start_later(&self) {
        self.shared().start_later();
    }

    /// The service that was to [start later](Self::start_later) has started. Does nothing if it has already.
    /// *Own turn.*
    pub fn ready(&self) {
        if self.shared().started() {
            let status = host::ready(self.token());
            if status != abi::STATUS_OK {
                log::error!("start of {}: {}", self.handle(), abi::status_text(status));
            }
        }
    }

    /// Resolves when a service ends, at once if it already has. *Own turn.*
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn watch(&self, handle: Handle) -> Watch<'_> {
        let (watch, first) = Watch::new(self, handle);
        if first {
            self.ask_to_watch(handle);
        }
        watch
    }

    /// Has [`Service::on_exit`](crate::Service::on_exit) called when a service ends, at once if it already has.
    /// *Own turn.*
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn monitor(&self, handle: Handle) {
        let first = self
            .shared()
            .tasks()
            .watches
            .with(|watches| watches.get().monitor(handle.0));
        if first {
            self.ask_to_watch(handle);
        }
    }

    /// Takes [`monitor`](Self::monitor) back. *Own turn.*
    ///
    /// # Panics
    /// Outside the service's own turn.
    pub fn unmonitor(&self, handle: Handle) {
        let last = self
            .shared()
            .tasks()
            .watches
            .with(|watches| watches.get().unmonitor(handle.0));
        if last {
            host::unwatch(self.token(), handle.0);
        }
    }

    fn ask_to_watch(&self, handle: Handle) {
        let status = host::watch(self.token(), handle.0);
        if status != abi::STATUS_OK {
            log::error!(
                "watch of {handle} by {}: {}",
                self.handle(),
                abi::status_text(status)
            );
        }
    }

    /// For raw services: a `KIND_EXIT` message comes when a service ends. *Any thread.*
    ///
    /// # Errors
    /// The node refuses.
    pub fn watch_raw(&self, handle: Handle) -> Result<(), HostError> {
        host::ok(host::watch(self.token(), handle.0))
            .map_err(|status| HostError::new(format_args!("watch {handle}"), status))
    }

    /// Takes [`watch_raw`](Self::watch_raw) back. *Any thread.*
    ///
    /// # Errors
    /// The node refuses.
    pub fn unwatch_raw(&self, handle: Handle) -> Result<(), HostError> {
        host::ok(host::unwatch(self.token(), handle.0))
            .map_err(|status| HostError::new(format_args!("unwatch {handle}"), status))
    }

    /// Bounds this service's mailbox; 0 takes the bound away. At the bound, sends and calls to it are refused.
    /// *Own turn.*
    ///
    /// # Errors
    /// The node refuses.
    pub fn set_mailbox_limit(&self, messages: u64) -> Result<(), HostError> {
        host::ok(host::set_option(
            self.token(),
            abi::OPTION_MAILBOX_LIMIT,
            messages,
        ))
        .map_err(|status| {
            HostError::new(
                format_args!("limit the mailbox to {messages} messages"),
                status,
            )
        })
    }

    /// Runs something that blocks, such as reading a file: other services of this worker go on elsewhere meanwhile.
    /// This service itself waits. *Own turn.*
    pub fn blocking<R>(&self, f: impl FnOnce() -> R) -> R {
        struct End(abi::Context);
        impl Drop for End {
            fn drop(&mut self) {
                host::blocking_end(self.0);
            }
        }
        let begun = host::blocking_begin(self.token()) == abi::STATUS_OK;
        let _end = begun.then(|| End(self.token()));
        f()
    }

    /// Has `f` called for each signal (the text command `SIGNAL`): on any thread, also while this service is in a
    /// turn, so that a loop can be told to stop. Only the first call of this counts; returns whether it did.
    pub fn on_signal(&self, f: impl Fn(i32) + Send + Sync + 'static) -> bool {
        self.shared().on_signal.set(Box::new(f)).is_ok()
    }

    /// Puts a `KIND_WAKE` message with `value` into the service's own mailbox, for raw services whose threads have
    /// something ready. Returns false when the service has ended. *Any thread.*
    pub fn wake(&self, value: u64) -> bool {
        host::wake(self.token(), value) == abi::STATUS_OK
    }
}

fn failure(line: &str, text: String) -> LaunchError {
    LaunchError {
        line: line.to_owned(),
        status: abi::STATUS_FAILED,
        text,
    }
}
