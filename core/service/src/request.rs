//! Requests to the services that a network has in common, as `skynet.pack` values.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use skynet_abi::KIND_LUA;
use skynet_seri::{PackArgs, Unpack, UnpackError, WriteError};

use crate::{Buffer, CallError, Context, Reply};

/// A service that all nodes have, or the network has in common, did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequestError {
    /// The request cannot be written.
    Write(WriteError),
    /// It was not answered, or with an error.
    Call(CallError),
    /// The answer is something else than what was asked for.
    Answer(UnpackError),
}

impl RequestError {
    /// Whether the time was up before the answer came.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_timeout())
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(_) => f.write_str("the request cannot be written"),
            Self::Call(error) => error.fmt(f),
            Self::Answer(_) => f.write_str("the answer is not what was asked for"),
        }
    }
}

impl StdError for RequestError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Write(error) => Some(error),
            Self::Call(error) => error.source(),
            Self::Answer(error) => Some(error),
        }
    }
}

impl From<UnpackError> for RequestError {
    fn from(error: UnpackError) -> Self {
        Self::Answer(error)
    }
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// As long as the node is configured for calls.
    Usual,
    /// Until it comes.
    None,
    /// So long.
    Within(Duration),
}

/// As good as for ever: a hundred years. A call without a time-out of its own gets the node's.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Asks the service with this name.
pub(crate) async fn ask(
    cx: &Context,
    name: &str,
    values: &(impl PackArgs + Sync + ?Sized),
    limit: Limit,
) -> Result<Reply, RequestError> {
    let request = Buffer::pack(values).map_err(RequestError::Write)?;
    let call = match limit {
        Limit::Usual => cx.call(name, KIND_LUA, request),
        Limit::None => cx.call_timeout(name, KIND_LUA, request, FOR_EVER),
        Limit::Within(time) => cx.call_timeout(name, KIND_LUA, request, time),
    };
    call.await.map_err(RequestError::Call)
}

/// The first value of an answer; none and nil are the same.
pub(crate) fn first<T: for<'a> Unpack<'a>>(answer: &Reply) -> Result<Option<T>, RequestError> {
    let (value,) = answer.unpack::<(Option<T>,)>()?;
    Ok(value)
}
