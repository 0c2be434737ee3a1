//! What a watchdog is told of connections, in the two forms.

use std::io::Write as _;

use skynet_gate_wire::Notice;
use skynet_seri::{Sink, SinkFull, WriteError, Writer};
use skynet_service::{Buffer, Context, Handle, KIND_LUA, KIND_TEXT, Outgoing, SendError, log};

/// How a gate speaks to its watchdog, which the launch decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Texts, as the C gate. Empty packets are skipped.
    Text,
    /// Values in the lua protocol, as the Lua gate. Empty packets are delivered.
    Lua,
}

/// What happened to a connection, apart from data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News<'a> {
    /// It was accepted.
    Open {
        /// The client's address and port.
        address: &'a str,
    },
    /// It ended.
    Close,
    /// It failed, or the gate closed it, and why.
    Error {
        /// Why.
        text: &'a str,
    },
    /// So much waits to be sent.
    Warning {
        /// In KiB; 0 when it has been sent.
        kib: u64,
    },
}

impl Form {
    /// Tells the watchdog what happened to a connection. That it has ended is no news: its exit is on its way.
    pub(crate) fn tell(self, cx: &Context, watchdog: Handle, id: u32, news: News<'_>) {
        let Some(message) = self.message(id, news) else {
            return;
        };
        let outcome = match message {
            Ok(text) => cx.send(watchdog, self.kind(), text),
            Err(error) => return log::error!("news of client {id} cannot be written: {error}"),
        };
        match outcome {
            Err(error) if !error.is_gone() => log::warn!("news of client {id}: {error}"),
            _ => {}
        }
    }

    /// Passes a packet to the watchdog.
    ///
    /// # Errors
    /// The watchdog has ended or its mailbox is full.
    pub(crate) fn tell_data(
        self,
        cx: &Context,
        watchdog: Handle,
        id: u32,
        payload: &[u8],
    ) -> Result<(), SendError> {
        match self {
            Self::Text => {
                // A number has at most ten digits.
                let mut text = Buffer::with_capacity(16 + payload.len());
                // Writing to a buffer cannot fail.
                let _ = write!(text, "{id} data ");
                text.extend_from_slice(payload);
                cx.send_message(Outgoing::new(watchdog, KIND_TEXT, text).session(id.cast_signed()))
            }
            Self::Lua => match values(id, "data", |values| values.string(payload), payload.len()) {
                Ok(values) => cx.send(watchdog, KIND_LUA, values),
                Err(error) => {
                    log::error!("a packet of client {id} cannot be written: {error}");
                    Ok(())
                }
            },
        }
    }

    const fn kind(self) -> u32 {
        match self {
            Self::Text => KIND_TEXT,
            Self::Lua => KIND_LUA,
        }
    }

    /// The message; `None`: this form has none for it.
    fn message(self, id: u32, news: News<'_>) -> Option<Result<Buffer, WriteError>> {
        let text = |notice: Notice<'_>| Some(Ok(Buffer::from(&*notice.to_bytes())));
        match (self, news) {
            (Self::Text, News::Open { address }) => text(Notice::Open { id, address }),
            (Self::Text, News::Close | News::Error { .. }) => text(Notice::Close { id }),
            (Self::Text, News::Warning { .. }) => None,
            (Self::Lua, News::Open { address }) => {
                Some(values(id, "open", |v| v.string(address), address.len()))
            }
            (Self::Lua, News::Close) => Some(values(id, "close", |_| Ok(()), 0)),
            (Self::Lua, News::Error { text }) => {
                Some(values(id, "error", |v| v.string(text), text.len()))
            }
            (Self::Lua, News::Warning { kib }) => {
                let kib = i64::try_from(kib).unwrap_or(i64::MAX);
                Some(values(id, "warning", |v| v.integer(kib), 9))
            }
        }
    }
}

/// `"socket", event, id` and what `more` writes, which is about `len` bytes.
fn values(
    id: u32,
    event: &str,
    more: impl FnOnce(&mut Writer<IntoBuffer>) -> Result<(), WriteError>,
    len: usize,
) -> Result<Buffer, WriteError> {
    let mut values = Writer::with_sink(IntoBuffer(Buffer::with_capacity(32 + len)));
    values.string("socket")?;
    values.string(event)?;
    values.integer(id.into())?;
    more(&mut values)?;
    values.finish().map(|IntoBuffer(buffer)| buffer)
}

/// Writes where the message will be sent from.
struct IntoBuffer(Buffer);

impl Sink for IntoBuffer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkFull> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
