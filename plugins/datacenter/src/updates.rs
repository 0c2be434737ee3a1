//! Changes of the tree, and when they are told.
//!
//! With a file, changes that come together are written down together, and answered then. If that fails they are taken
//! back, and answered with an error.

use skynet_seri::Value;
use skynet_service::{Context, KIND_SYSTEM, Local, Message, Reason, Responder, Result, log};

use crate::DataCenter;
use crate::key::Key;
use crate::store::{Store, Write};
use crate::tree::{Change, Node};

/// The kind of message with which the service reminds itself to write.
pub(crate) const WRITE: u32 = KIND_SYSTEM;

/// Bytes that wait to be written down, at most.
const BATCH: usize = 4 << 20;

/// What is not written down yet.
pub(crate) struct Updates {
    store: Option<Store>,
    pending: Local<Pending>,
}

#[derive(Default)]
struct Pending {
    updates: Vec<Update>,
    bytes: usize,
}

struct Update {
    path: Vec<Key>,
    change: Change,
    write: Write,
    answer: Vec<u8>,
    caller: Option<Responder>,
}

impl Updates {
    pub(crate) fn new(store: Option<Store>) -> Self {
        Self {
            store,
            pending: Local::default(),
        }
    }
}

impl DataCenter {
    pub(crate) fn update(
        &self,
        cx: &Context,
        message: &Message,
        path: Vec<Key>,
        new: Option<Node>,
    ) -> Result<()> {
        let is_set = new.is_some();
        let change = self.tree.with(|tree| tree.set(&path, new))?;
        let answer = answer(change.old.as_ref(), is_set)?;
        if self.updates.store.is_none() {
            self.tree.with(|tree| self.waits.wake(tree, &path));
            return Ok(cx.reply(message, answer)?);
        }
        let write = match self.write_of(&path, &change) {
            Ok(write) => write,
            Err(error) => {
                self.tree.with(|tree| tree.undo(&path, change));
                return Err(error);
            }
        };
        let (is_first, is_enough) = self.updates.pending.with(|pending| {
            pending.bytes += write.len();
            pending.updates.push(Update {
                path,
                change,
                write,
                answer,
                caller: message.take_responder(),
            });
            (pending.updates.len() == 1, pending.bytes >= BATCH)
        });
        // The message to itself goes behind what else lies in the mailbox, which comes along.
        if is_enough || is_first && cx.send(cx.handle(), WRITE, "").is_err() {
            self.commit(cx);
        }
        Ok(())
    }

    fn write_of(&self, path: &[Key], change: &Change) -> Result<Write> {
        self.tree
            .with(|tree| Write::of(tree, path, change.old.as_ref()))
    }

    /// Writes down what is pending, and tells everybody.
    pub(crate) fn commit(&self, cx: &Context) {
        let updates = self.updates.pending.take().updates;
        let Some(store) = &self.updates.store else {
            return;
        };
        if updates.is_empty() {
            return;
        }
        let writes = || updates.iter().map(|update| &update.write);
        match cx.blocking(|| store.commit(writes())) {
            Ok(()) => self.tell(updates),
            Err(error) => {
                log::error!("{error}");
                self.take_back(updates, &error.to_string());
            }
        }
    }

    fn tell(&self, updates: Vec<Update>) {
        for update in updates {
            self.tree.with(|tree| self.waits.wake(tree, &update.path));
            let sent = update.caller.map(|caller| caller.reply(update.answer));
            if let Some(Err(error)) = sent {
                log::warn!("{error}");
            }
        }
    }

    fn take_back(&self, updates: Vec<Update>, reason: &str) {
        for update in updates.into_iter().rev() {
            self.tree
                .with(|tree| tree.undo(&update.path, update.change));
            if let Some(caller) = update.caller {
                caller.reply_error(Reason::FAILED, reason);
            }
        }
    }
}

/// What was there before. Of nothing, after something was set, there is no value at all: so it is in Skynet.
fn answer(old: Option<&Node>, is_set: bool) -> Result<Vec<u8>> {
    let values = match old {
        Some(node) => vec![node.to_value()],
        None if is_set => Vec::new(),
        None => vec![Value::Nil],
    };
    Ok(skynet_seri::encode(&values)?)
}
