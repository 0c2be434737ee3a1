//! Services of which there is one, per node or per network.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use skynet_seri::Value;

use crate::request::{Limit, ask};
use crate::{Context, Handle, Reply, RequestError};

/// The service that launches and knows them, on every node.
const SERVICE_MGR: &str = ".service";

/// There is no such service.
#[derive(Debug)]
#[non_exhaustive]
pub enum UniqueError {
    /// It was not launched.
    NotLaunched {
        /// Its module and arguments.
        line: Box<str>,
        /// Why not.
        reason: String,
    },
    /// The request failed.
    Request(RequestError),
}

impl UniqueError {
    /// Whether the time was up before it was there.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_timeout())
    }
}

impl fmt::Display for UniqueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLaunched { line, reason } => write!(f, "no service {line:?}: {reason}"),
            Self::Request(error) => error.fmt(f),
        }
    }
}

impl StdError for UniqueError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NotLaunched { .. } => None,
            Self::Request(error) => error.source(),
        }
    }
}

impl From<RequestError> for UniqueError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl Context {
    /// The only service of this node with this module, launched as `module arguments…` if there is none. However many
    /// ask at once, it is launched once; if that fails all of them are told, and the next one tries again. It is known by
    /// its module: the arguments count for whoever comes first. *Own turn.*
    ///
    /// # Errors
    /// It was not launched, or the request failed.
    pub async fn unique(&self, line: &str) -> Result<Handle, UniqueError> {
        self.only("LAUNCH", line, Limit::None).await
    }

    /// As [`unique`](Self::unique), at most for `timeout`. The launch goes on when the time is up.
    ///
    /// # Errors
    /// As [`unique`](Self::unique), or the time is up.
    pub async fn unique_timeout(
        &self,
        line: &str,
        timeout: Duration,
    ) -> Result<Handle, UniqueError> {
        self.only("LAUNCH", line, Limit::Within(timeout)).await
    }

    /// As [`unique`](Self::unique), for the only service of the whole network: it runs in the standalone node. *Own turn.*
    ///
    /// # Errors
    /// As [`unique`](Self::unique).
    pub async fn global_unique(&self, line: &str) -> Result<Handle, UniqueError> {
        self.only("GLAUNCH", line, Limit::None).await
    }

    /// As [`global_unique`](Self::global_unique), at most for `timeout`. The launch goes on when the time is up.
    ///
    /// # Errors
    /// As [`global_unique`](Self::global_unique), or the time is up.
    pub async fn global_unique_timeout(
        &self,
        line: &str,
        timeout: Duration,
    ) -> Result<Handle, UniqueError> {
        self.only("GLAUNCH", line, Limit::Within(timeout)).await
    }

    /// The only service of this node with this module; waits until somebody has it launched. *Own turn.*
    ///
    /// # Errors
    /// Its launch was tried and failed, or the request failed.
    pub async fn query_service(&self, name: &str) -> Result<Handle, UniqueError> {
        self.only("QUERY", name, Limit::None).await
    }

    /// As [`query_service`](Self::query_service), at most for `timeout`.
    ///
    /// # Errors
    /// As [`query_service`](Self::query_service), or the time is up.
    pub async fn query_service_timeout(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<Handle, UniqueError> {
        self.only("QUERY", name, Limit::Within(timeout)).await
    }

    /// As [`query_service`](Self::query_service), for the only service of the whole network. *Own turn.*
    ///
    /// # Errors
    /// As [`query_service`](Self::query_service).
    pub async fn query_global_service(&self, name: &str) -> Result<Handle, UniqueError> {
        self.only("GQUERY", name, Limit::None).await
    }

    /// As [`query_global_service`](Self::query_global_service), at most for `timeout`.
    ///
    /// # Errors
    /// As [`query_service`](Self::query_service), or the time is up.
    pub async fn query_global_service_timeout(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<Handle, UniqueError> {
        self.only("GQUERY", name, Limit::Within(timeout)).await
    }

    async fn only(&self, command: &str, line: &str, limit: Limit) -> Result<Handle, UniqueError> {
        // Each word is a value of its own: some modules take the first argument for a part of the name.
        let words: Vec<&str> = [command]
            .into_iter()
            .chain(line.split_whitespace())
            .collect();
        let answer = ask(self, SERVICE_MGR, &words, limit).await?;
        handle_in(&answer)?.map_err(|reason| UniqueError::NotLaunched {
            line: line.into(),
            reason,
        })
    }
}

/// A handle, or nil and the reason.
fn handle_in(answer: &Reply) -> Result<Result<Handle, String>, RequestError> {
    let (handle, reason) = answer.unpack::<(Option<u32>, Value)>()?;
    let handle = handle.filter(|handle| *handle != 0).map(Handle);
    Ok(handle.ok_or_else(|| reason.as_str().unwrap_or("no reason was given").to_owned()))
}

#[cfg(test)]
mod tests;
