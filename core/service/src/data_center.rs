//! The tree of values that a network shares.

use std::time::Duration;

use skynet_seri::{Pack, PackArgs, Sink, Unpack, WriteError, Writer};

use crate::request::{Limit, ask, first};
use crate::{Context, Reply, RequestError};

/// The global name of the service that keeps it.
const NAME: &str = "DATACENTER";

impl Context {
    /// The tree of values that the network shares; in a single node, that the node's services share.
    #[must_use]
    pub fn data_center(&self) -> DataCenter<'_> {
        DataCenter {
            cx: self,
            limit: None,
        }
    }
}

/// The tree of values that a network shares; see [`Context::data_center`]. *Own turn.*
///
/// A path is a tuple of keys, or a slice of them: texts, numbers and booleans. What is found there is a value, or a table
/// of what is below. All functions ask the service `datacenter` in the standalone node, wherever they are called.
///
/// ```
/// # use skynet_service::{Context, Result};
/// async fn count_visit(cx: &Context, room: &str) -> Result<i64> {
///     let visits: Option<i64> = cx.data_center().get(&("rooms", room, "visits")).await?;
///     let visits = visits.unwrap_or(0) + 1;
///     cx.data_center().set(&("rooms", room, "visits"), &visits).await?;
///     Ok(visits)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DataCenter<'cx> {
    cx: &'cx Context,
    limit: Option<Duration>,
}

impl DataCenter<'_> {
    /// The same, of which each request fails after `timeout`, with an error that [is one](RequestError::is_timeout).
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            limit: Some(timeout),
            ..self
        }
    }

    async fn ask(
        &self,
        values: &(impl PackArgs + Sync),
        default: Limit,
    ) -> Result<Reply, RequestError> {
        ask(
            self.cx,
            NAME,
            values,
            self.limit.map_or(default, Limit::Within),
        )
        .await
    }

    /// What is at a path. `None`: nothing.
    ///
    /// # Errors
    /// The request failed, the path leads through a value, or what is there is no `T`.
    pub async fn get<T: for<'a> Unpack<'a>>(
        &self,
        path: &(impl PackArgs + Sync + ?Sized),
    ) -> Result<Option<T>, RequestError> {
        let request = Request("QUERY", path, None::<()>);
        first(&self.ask(&request, Limit::Usual).await?)
    }

    /// Puts a value, or a table of what is below, at a path. `None` takes away what is there.
    ///
    /// # Errors
    /// The request failed, the path leads through a value, or the tree has no more room.
    pub async fn set(
        &self,
        path: &(impl PackArgs + Sync + ?Sized),
        value: &(impl Pack + Sync + ?Sized),
    ) -> Result<(), RequestError> {
        let request = Request("UPDATE", path, Some(value));
        self.ask(&request, Limit::Usual).await?;
        Ok(())
    }

    /// As [`set`](Self::set); returns what was there. `None`: nothing.
    ///
    /// # Errors
    /// As [`set`](Self::set), or what was there is no `T`: then the new value is there all the same.
    pub async fn update<T: for<'a> Unpack<'a>>(
        &self,
        path: &(impl PackArgs + Sync + ?Sized),
        value: &(impl Pack + Sync + ?Sized),
    ) -> Result<Option<T>, RequestError> {
        let request = Request("UPDATE", path, Some(value));
        first(&self.ask(&request, Limit::Usual).await?)
    }

    /// What is at a path, as soon as something is. Waits as long as it takes, whatever the node's `call_timeout` is.
    ///
    /// # Errors
    /// The request failed, the path leads through a value or to a branch that others wait in, or what is there is no `T`.
    pub async fn wait<T: for<'a> Unpack<'a>>(
        &self,
        path: &(impl PackArgs + Sync + ?Sized),
    ) -> Result<T, RequestError> {
        let request = Request("WAIT", path, None::<()>);
        let answer = self.ask(&request, Limit::None).await?;
        let (value,) = answer.unpack::<(T,)>()?;
        Ok(value)
    }
}

/// A command, the keys of a path, and perhaps a value.
struct Request<'a, P: ?Sized, V>(&'static str, &'a P, Option<V>);

impl<P: PackArgs + ?Sized, V: Pack> PackArgs for Request<'_, P, V> {
    fn pack_args<S: Sink>(&self, writer: &mut Writer<S>) -> Result<(), WriteError> {
        let Self(command, path, value) = self;
        command.pack(writer)?;
        path.pack_args(writer)?;
        match value {
            Some(value) => value.pack(writer),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
