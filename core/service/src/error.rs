//! What can go wrong.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use skynet_abi as abi;

use crate::{Buffer, Peer, Reason};

/// What handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of a handler: anything that is a `std::error::Error`, by `?`.
///
/// When a request's handler fails, its caller gets an error reply with this error's text (its sources included) and
/// [`reason`](Self::reason).
pub struct Error {
    inner: Box<dyn StdError + Send + Sync>,
    reason: Reason,
}

impl Error {
    /// An error that is a text.
    pub fn msg(text: impl fmt::Display) -> Self {
        Self {
            inner: text.to_string().into(),
            reason: Reason::FAILED,
        }
    }

    /// The request is not one that this service grants, and why.
    pub fn refused(text: impl fmt::Display) -> Self {
        Self::msg(text).with_reason(Reason::REFUSED)
    }

    /// The request is of a kind, or a command, that this service does not know.
    pub fn unsupported(text: impl fmt::Display) -> Self {
        Self::msg(text).with_reason(Reason::UNSUPPORTED)
    }

    /// The same error with another reason for the caller.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = reason;
        self
    }

    /// The same error, introduced by `text`.
    #[must_use]
    pub fn context(self, text: impl fmt::Display) -> Self {
        let reason = self.reason;
        Self::msg(format_args!("{text}: {self}")).with_reason(reason)
    }

    /// The reason that the caller gets; `FAILED` if nothing else was said.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The error inside, if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.inner.downcast_ref()
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self {
            inner: Box::new(error),
            reason: Reason::FAILED,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)?;
        let mut source = self.inner.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Adds a text in front of errors: `file.read().context("config")?`.
pub trait ResultExt<T> {
    /// The error, introduced by `text`.
    ///
    /// # Errors
    /// The former error.
    fn context(self, text: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> ResultExt<T> for std::result::Result<T, E> {
    fn context(self, text: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(text))
    }
}

/// Returns an [`Error`](crate::Error) made of a format string from the current function.
#[macro_export]
macro_rules! bail {
    ($($argument:tt)*) => { return ::core::result::Result::Err($crate::Error::msg(::core::format_args!($($argument)*))) };
}

/// A function of the node said no.
#[derive(Clone, PartialEq, Eq)]
pub struct HostError {
    /// What was tried, and on what.
    what: Box<str>,
    status: i32,
}

impl HostError {
    pub(crate) fn new(what: impl fmt::Display, status: i32) -> Self {
        Self {
            what: what.to_string().into(),
            status,
        }
    }

    /// The `STATUS_*` of the ABI.
    #[must_use]
    pub const fn status(&self) -> i32 {
        self.status
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, abi::status_text(self.status))
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for HostError {}

/// A message was not sent. If its payload was a [`Buffer`], it comes back with this.
pub struct SendError {
    pub(crate) peer: Peer,
    pub(crate) status: i32,
    pub(crate) buffer: Option<Buffer>,
}

impl SendError {
    /// Whom it was for.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The `STATUS_*` of the ABI: `STATUS_DEAD`, `STATUS_NOT_FOUND`, `STATUS_FULL`, `STATUS_NODE_LOST`, ….
    #[must_use]
    pub const fn status(&self) -> i32 {
        self.status
    }

    /// Whether the mailbox, or the queue to its node, was full, so that it may work later.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.status == abi::STATUS_FULL
    }

    /// Whether there is no such service (any more).
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.status, abi::STATUS_DEAD | abi::STATUS_NOT_FOUND)
    }

    /// Whether its node is lost, or nobody holds that node's id.
    #[must_use]
    pub const fn is_node_lost(&self) -> bool {
        self.status == abi::STATUS_NODE_LOST
    }

    /// The buffer that was not sent, if one was handed over.
    #[must_use]
    pub fn into_buffer(self) -> Option<Buffer> {
        self.buffer
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message to {} not sent: {}",
            self.peer,
            send_status_text(self.status)
        )
    }
}

pub(crate) const fn send_status_text(status: i32) -> &'static str {
    match status {
        abi::STATUS_DEAD => "no such service, or it has ended",
        abi::STATUS_NOT_FOUND => "no service has this name",
        abi::STATUS_FULL => "its mailbox, or the queue to its node, is full",
        status => abi::status_text(status),
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for SendError {}

/// A call did not end with a reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The request was not sent.
    NotSent(SendError),
    /// The callee, or the node for it, answered with an error.
    Failed {
        /// Whom was called.
        callee: Peer,
        /// Why it failed.
        reason: Reason,
        /// What the callee said about it; may be empty.
        text: String,
        /// The time-out of the call, if it had one.
        timeout: Option<Duration>,
    },
}

impl CallError {
    /// Why, in terms of an error reply.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Failed { reason, .. } => *reason,
            Self::NotSent(error) => match error.status {
                abi::STATUS_DEAD | abi::STATUS_NOT_FOUND => Reason::UNKNOWN,
                abi::STATUS_TOO_LARGE => Reason::TOO_LARGE,
                abi::STATUS_NODE_LOST => Reason::NODE_LOST,
                _ => Reason::REFUSED,
            },
        }
    }

    /// Whether the deadline passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.reason() == Reason::TIMED_OUT
    }

    /// Whom was called.
    #[must_use]
    pub const fn callee(&self) -> &Peer {
        match self {
            Self::NotSent(error) => &error.peer,
            Self::Failed { callee, .. } => callee,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => write!(
                f,
                "call to {} failed: {}",
                error.peer,
                send_status_text(error.status)
            ),
            Self::Failed {
                callee,
                reason,
                text,
                timeout,
            } => {
                write!(f, "call to {callee} failed: {reason}")?;
                if let (&Reason::TIMED_OUT, Some(timeout)) = (reason, timeout) {
                    write!(f, " after {}", Seconds(*timeout))?;
                }
                if !text.is_empty() {
                    write!(f, ": {text}")?;
                }
                Ok(())
            }
        }
    }
}

impl StdError for CallError {}

/// A duration for people: `2 s`, `1.5 s`, `250 ms`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{} s", self.0.as_secs_f64())
        }
    }
}

/// A service was not launched.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LaunchError {
    /// The module and arguments.
    pub line: String,
    /// The `STATUS_*` of the ABI, or the end of its start.
    pub status: i32,
    /// What the node or the service said about it; may be empty.
    pub text: String,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "launch of \"{}\" failed: ", self.line)?;
        if self.text.is_empty() {
            f.write_str(abi::status_text(self.status))
        } else {
            f.write_str(&self.text)
        }
    }
}

impl StdError for LaunchError {}

/// A text command was not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CommandError {
    /// The command and its parameter.
    pub command: String,
    /// The `STATUS_*` of the ABI.
    pub status: i32,
    /// What the node said about it; may be empty.
    pub text: String,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command \"{}\" failed: ", self.command)?;
        if self.text.is_empty() {
            f.write_str(abi::status_text(self.status))
        } else {
            f.write_str(&self.text)
        }
    }
}

impl StdError for CommandError {}
