//! Requests that wait for a value.

use std::ops::Bound;

use skynet_seri::Value;
use skynet_service::{Context, Error, Message, Reason, Responder, Result, Waiters};

use crate::key::{Key, show_path};
use crate::tree::Tree;

/// Who waits for which path.
pub(crate) struct Waits {
    waiters: Waiters<Vec<Key>>,
}

impl Waits {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiters: Waiters::new(limit),
        }
    }

    /// Has a request wait for a path at which nothing is.
    ///
    /// # Errors
    /// Too many wait, or somebody waits for what is above or below: both cannot come.
    pub(crate) fn add(&self, cx: &Context, path: Vec<Key>, request: &Message) -> Result<()> {
        let mut above = (1..path.len()).map(|keys| path[..keys].to_vec());
        if let Some(above) = above.find(|above| self.waiters.count(above) > 0) {
            return Err(Error::refused(format_args!(
                "somebody waits for {} as a value, so that nothing can be awaited below it",
                show_path(&above)
            )));
        }
        if let Some(below) = self.first_from(Bound::Excluded(path.clone()), &path) {
            return Err(Error::refused(format_args!(
                "{} is a branch: somebody waits for {}",
                show_path(&path),
                show_path(&below)
            )));
        }
        self.waiters.add(cx, path, request)
    }

    /// Something has changed at a path: those who waited for what is there now get it, and those for whom it can come no
    /// more an error.
    pub(crate) fn wake(&self, tree: &Tree, path: &[Key]) {
        if matches!(tree.get(path), Ok(Some(_))) {
            self.refuse_above(path);
        }
        let mut next = self.first_from(Bound::Included(path.to_vec()), path);
        while let Some(waited) = next {
            self.wake_one(tree, &waited);
            next = self.first_from(Bound::Excluded(waited), path);
        }
    }

    /// What is above a value is a branch, and will not be a value.
    fn refuse_above(&self, path: &[Key]) {
        for above in (1..path.len()).map(|keys| path[..keys].to_vec()) {
            for waiter in self.waiters.take(&above) {
                let text = format!("{} is a branch now, not a value", show_path(&above));
                waiter.reply_error(Reason::REFUSED, &text);
            }
        }
    }

    fn wake_one(&self, tree: &Tree, path: &Vec<Key>) {
        match tree.get(path) {
            Ok(None) => {}
            Ok(Some(node)) => {
                let value = node.to_value();
                for waiter in self.waiters.take(path) {
                    answer(waiter, &value);
                }
            }
            Err(error) => {
                for waiter in self.waiters.take(path) {
                    waiter.reply_error(error.reason(), &error.to_string());
                }
            }
        }
    }

    /// The first path from `from` on, at or below `path`, that somebody waits for.
    fn first_from(&self, from: Bound<Vec<Key>>, path: &[Key]) -> Option<Vec<Key>> {
        let first = self.waiters.first_key((from, Bound::Unbounded))?;
        first.starts_with(path).then_some(first)
    }
}

fn answer(waiter: Responder, value: &Value) {
    let packed = skynet_seri::encode(std::slice::from_ref(value));
    let sent = packed.map(|packed| waiter.reply(packed));
    match sent {
        Ok(Ok(())) => {}
        Ok(Err(error)) => skynet_service::log::warn!("{error}"),
        // The waiter went with the closure: it has got an error.
        Err(error) => skynet_service::log::warn!("an awaited value cannot be packed: {error}"),
    }
}
