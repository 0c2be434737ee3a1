//! What this node answers.

use skynet_cluster_wire as wire;
use skynet_service::{Context, KIND_ERROR, RawMessage, Reason, log};

use super::Agent;
use crate::bytes::Bytes;
use crate::outbox::{Body, Head};

/// What comes before the body of an answer.
#[derive(Debug)]
pub(super) struct ResponseHead {
    session: u32,
}

impl Head for ResponseHead {
    const SINGLE_MAX: usize = wire::RESPONSE_SINGLE_MAX;

    #[inline]
    fn single(&self, out: &mut Bytes, body: &[u8]) {
        written(wire::ok(out, self.session, body));
    }

    fn begin(&self, out: &mut Bytes, total: usize) {
        // Longer ones are answered with an error.
        wire::response_begin(out, self.session, u32::try_from(total).unwrap_or(u32::MAX));
    }

    fn part(&self, out: &mut Bytes, bytes: &[u8], last: bool) {
        written(wire::response_part(out, self.session, bytes, last));
    }
}

/// The lengths were looked at before: this tells of a mistake of our own.
fn written(written: Result<(), wire::Unwritable>) {
    if let Err(error) = written {
        log::error!("an answer was not written: {error}");
    }
}

impl Agent {
    /// A service has answered.
    #[inline]
    pub(super) fn on_answer(&mut self, cx: &Context, message: &mut RawMessage<'_>) {
        let Some(session) = self.calls.remove(&message.session()) else {
            return;
        };
        if self.output.outbox.bytes() >= self.settings.queue_bytes {
            return self.give_up(cx, session, message);
        }
        if message.kind() == KIND_ERROR {
            let text = String::from_utf8_lossy(message.bytes()).into_owned();
            let reason = message.reason();
            return self.fail(cx, session, reason, &text);
        }
        let len = message.bytes().len();
        if len <= wire::RESPONSE_SINGLE_MAX {
            self.output
                .outbox
                .frames(|out| written(wire::ok(out, session, message.bytes())));
        } else if u32::try_from(len).is_ok() {
            let body = Body::new(message.keep_buffer(), 0);
            self.output
                .outbox
                .push(session.into(), ResponseHead { session }, body);
        } else {
            let text = format!("an answer of {len} bytes is too large for any node");
            return self.fail(cx, session, Reason::TOO_LARGE, &text);
        }
        self.mark(cx);
    }

    /// So much waits to be written already that no answer is added, but for a few words. The other end is not read
    /// either, so that there is an end to them.
    #[cold]
    fn give_up(&mut self, cx: &Context, session: u32, message: &RawMessage<'_>) {
        let text = format!(
            "an answer of {} bytes is given up: {} bytes of others wait, cluster_queue_bytes is {}",
            message.bytes().len(),
            self.output.outbox.bytes(),
            self.settings.queue_bytes
        );
        let reason = match message.kind() {
            KIND_ERROR => message.reason(),
            _ => Reason::REFUSED,
        };
        self.complain(cx, || text.clone());
        self.fail(cx, session, reason, &text);
    }

    /// Answers that a request has done what it was to do.
    pub(super) fn succeed(&mut self, cx: &Context, session: u32, body: &[u8]) {
        self.output
            .outbox
            .frames(|out| written(wire::ok(out, session, body)));
        self.mark(cx);
    }

    /// Answers with an error.
    pub(super) fn fail(&mut self, cx: &Context, session: u32, reason: Reason, text: &str) {
        let is_ours = self.is_ours;
        self.output.outbox.frames(|out| {
            if is_ours {
                wire::reason(out, session, reason.0, text.as_bytes());
            } else if text.is_empty() {
                wire::error(out, session, reason.to_string().as_bytes());
            } else {
                wire::error(out, session, text.as_bytes());
            }
        });
        self.mark(cx);
    }
}
