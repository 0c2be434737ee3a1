//! What comes on one connection, read by a thread, until the first thing that may not come.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use crate::say;

/// Things of one kind, in the order in which they came.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    whose: String,
    came: Receiver<Result<T>>,
}

impl<T: Send + 'static> Inbox<T> {
    /// Reads until `read` has nothing more or an error, which is found in its place.
    pub(super) fn start(
        whose: String,
        mut read: impl FnMut() -> Result<Option<T>> + Send + 'static,
    ) -> Result<Self> {
        let (out, came) = unbounded::<Result<T>>();
        // It ends with the connection, which its owner closes; or when nobody reads on.
        thread::Builder::new().name("stock".into()).spawn(move || {
            while let Some(thing) = read().transpose() {
                let is_last = thing.is_err();
                if out.send(thing).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { whose, came })
    }

    /// The next one.
    pub(super) fn next(&self, limit: Duration) -> Result<T> {
        match self.came.recv_timeout(limit) {
            Ok(thing) => thing.with_context(|| self.whose.clone()),
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "{}: nothing came within {}",
                    self.whose,
                    say::duration(limit)
                )
            }
            Err(RecvTimeoutError::Disconnected) => bail!("{}: it has ended", self.whose),
        }
    }

    /// What comes within this time, if anything; an error when it has ended.
    pub(super) fn wait(&self, time: Duration) -> Result<Option<T>> {
        match self.came.recv_timeout(time) {
            Ok(thing) => thing.map(Some).with_context(|| self.whose.clone()),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("{}: it has ended", self.whose),
        }
    }

    /// Waits for the end, before which nothing more may come.
    pub(super) fn end(&self, limit: Duration) -> Result<()>
    where
        T: std::fmt::Debug,
    {
        match self.came.recv_timeout(limit) {
            Err(RecvTimeoutError::Disconnected) => Ok(()),
            Ok(thing) => bail!("{}: {thing:?} came instead of the end", self.whose),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{}: not ended after {}", self.whose, say::duration(limit))
            }
        }
    }

    /// What has come by now, without waiting.
    pub(super) fn rest(&self) -> Result<Vec<T>> {
        let rest = self.came.try_iter().collect::<Result<_>>();
        rest.with_context(|| self.whose.clone())
    }
}
