//! Why a network did not do what it was asked.

use std::error::Error as StdError;
use std::fmt;

use crate::{CallError, Handle, Reason, RequestError};

/// The harbor network did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum HarborError {
    /// Another service has the global name.
    Taken {
        /// The name.
        name: Box<str>,
        /// Who has it.
        holder: Handle,
    },
    /// The request failed; the text says why.
    Request(RequestError),
}

impl HarborError {
    /// Whether the time was up before it was done.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_timeout())
    }

    /// Why a name was not registered. Whoever refuses it because it is taken says by whom, at the end.
    pub(super) fn of_registration(name: &str, error: RequestError) -> Self {
        if let RequestError::Call(CallError::Failed {
            reason: Reason::REFUSED,
            text,
            ..
        }) = &error
            && let Some((_, holder)) = text.rsplit_once(" taken by ")
            && let Ok(holder) = holder.parse()
        {
            let name = name.into();
            return Self::Taken { name, holder };
        }
        Self::Request(error)
    }
}

impl fmt::Display for HarborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { name, holder } => {
                write!(f, "the global name {name:?} is taken by {holder}")
            }
            Self::Request(error) => error.fmt(f),
        }
    }
}

impl StdError for HarborError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Taken { .. } => None,
            Self::Request(error) => error.source(),
        }
    }
}

impl From<RequestError> for HarborError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}
